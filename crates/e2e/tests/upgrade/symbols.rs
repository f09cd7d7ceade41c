use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::released::scripts;
use crate::support::{Session, cluster};

/// Every C function that a script ever named. A retired one keeps its line, and stays exported:
/// databases of an older version name it, and so do old scripts, which run before an update.
const KEPT: &str = include_str!("symbols.txt");

/// The functions that the installed library offers to PostgreSQL.
fn exported() -> BTreeSet<String> {
    let library = cluster().install().config.pkglib.join("aws_lambda.so");
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| Some(line.split(" T ").nth(1)?.to_owned())).collect()
}

/// The C functions that the scripts of `aws_lambda` name, released ones included.
fn named_by_scripts() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in [scripts("aws_lambda"), scripts("aws_lambda").join("released")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let text = fs::read_to_string(path).unwrap();
                let after = text.split("'MODULE_PATHNAME', '").skip(1);
                names.extend(after.map(|rest| rest.split('\'').next().unwrap().to_owned()));
            }
        }
    }
    names
}

#[test]
fn the_library_exports_the_kept_functions_and_no_others() {
    let kept: BTreeSet<String> = KEPT.lines().map(str::to_owned).collect();
    let exported = exported();
    let ours = exported.iter().filter(|name| name.starts_with("aws_lambda_"));
    assert_eq!(ours.cloned().collect::<BTreeSet<_>>(), kept);
    for name in &kept {
        let record = format!("pg_finfo_{name}");
        assert!(exported.contains(&record), "{record}: PostgreSQL would refuse {name}");
    }
    let unknown: Vec<_> = named_by_scripts().into_iter().filter(|it| !kept.contains(it)).collect();
    assert!(unknown.is_empty(), "named by a script, and not in symbols.txt: {unknown:?}");
}

/// The server itself finds each of them, by the statement that scripts make.
#[test]
fn the_server_finds_every_kept_function() {
    let mut session = Session::new();
    for name in KEPT.lines() {
        session.run(&format!(
            "CREATE OR REPLACE FUNCTION found(internal) RETURNS internal LANGUAGE c STRICT
             AS '$libdir/aws_lambda', '{name}'"
        ));
    }
}
