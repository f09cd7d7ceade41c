//! The command line itself: what can be known without building or starting anything.

use std::io;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> io::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env_remove("PG_CONFIG").output()
}

#[test]
fn help_says_where_to_start() {
    let help = String::from_utf8(xtask(&["--help"]).unwrap().stdout).unwrap();
    for line in ["Usage: cargo xtask <COMMAND>", "Start here:", "cargo xtask demo"] {
        assert!(help.contains(line), "{line:?} is not in\n{help}");
    }
}

#[test]
fn a_wrong_pg_config_is_named() {
    let output = xtask(&["install", "--pg-config", "/nowhere/pg_config"]).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.starts_with("error: cannot run /nowhere/pg_config"), "{said}");
}

#[test]
fn examples_are_listed_and_a_wrong_one_is_named() {
    let output = xtask(&["example"]).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("  instrumentation      Instrumentation: a CloudWatch metric"), "{said}");
    let output = xtask(&["example", "nope"]).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.starts_with("error: there is no example \"nope\": there are external-data,"),
        "{said}"
    );
}

#[test]
fn a_major_that_is_none_is_told() {
    for arguments in [["pg", "12"], ["test", "--pg=15,99"], ["demo", "--pg=9"]] {
        let output = xtask(&arguments).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("13") && said.contains("18"), "{said}");
    }
}
