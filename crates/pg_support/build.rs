//! Names for the differences between PostgreSQL's majors, so that a new major is added here and
//! not in lists of features all over the code.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(pre_pg17)");
    let major = (13..=18).find(|n| std::env::var_os(format!("CARGO_FEATURE_PG{n}")).is_some());
    if major.is_some_and(|major| major < 17) {
        println!("cargo::rustc-cfg=pre_pg17");
    }
}
