//! Names for the differences between PostgreSQL's majors, so that a new major is added here and
//! not in lists of features all over the code.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(pre_pg15, pre_pg16, pre_pg17, pre_pg18)");
    let major = (13..=18).find(|n| std::env::var_os(format!("CARGO_FEATURE_PG{n}")).is_some());
    for newer in [15, 16, 17, 18] {
        if major.is_some_and(|major| major < newer) {
            println!("cargo::rustc-cfg=pre_pg{newer}");
        }
    }
}
