//! Has the library stay in the server for its life.
//!
//! `DROP FUNCTION` of the last function makes the server unload the library, under the I/O thread
//! and under the destructors of every session's thread. They could not be waited for there: the
//! loader holds its lock, which a thread that ends takes.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
