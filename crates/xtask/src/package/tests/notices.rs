//! The licences and the bills of materials, against what cargo and CycloneDX say.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::Packages;
use crate::command::quietly;
use crate::package::notices::Notice;

fn notices(packages: &Packages) -> [(&'static str, &Notice); 3] {
    let notices = &packages.notices;
    [
        ("aws_lambda", &notices.extension),
        ("lambda_udf", &notices.udf),
        ("sqlambda", &notices.sqlambda),
    ]
}

/// `name version` of every crate of crates.io in a bill of materials.
fn foreign(notice: &Notice) -> BTreeSet<String> {
    let bill: serde_json::Value = serde_json::from_str(&notice.materials).unwrap();
    let components = bill["components"].as_array().unwrap().clone();
    let foreign = components.iter().filter(|component| component["purl"].is_string());
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    foreign.map(|it| format!("{} {}", text(&it["name"]), text(&it["version"]))).collect()
}

#[test]
fn every_crate_of_the_bill_has_its_licence_told() {
    let packages = Packages::made();
    for (package, notice) in notices(packages) {
        let crates = foreign(notice);
        assert!(crates.len() > 50, "{package}: {crates:?}");
        for name in crates {
            let begin = format!("{name} (");
            assert!(notice.licences.lines().any(|line| line.starts_with(&begin)), "{name}");
        }
    }
    let extension = foreign(&packages.notices.extension);
    let has = |name: &str| extension.iter().any(|it| it.starts_with(&format!("{name} ")));
    assert!(has("pgrx") && has("ring") && has("aws-sigv4"), "{extension:?}");
    // Of tests, of the build, and of the command alone.
    assert!(!has("postgres") && !has("bindgen") && !has("redb"), "{extension:?}");
}

#[test]
fn no_path_of_this_machine_is_told() {
    let packages = Packages::made();
    let private = super::built::private_paths(packages.playground.workspace()).unwrap();
    for (package, notice) in notices(packages) {
        for path in &private {
            assert!(!notice.licences.contains(path.as_str()), "{package}: {path}");
            assert!(!notice.materials.contains(path.as_str()), "{package}: {path}");
        }
    }
}

/// By CycloneDX's own library, which has the schema.
#[test]
fn the_bills_are_of_cyclonedx() {
    let requirements = ["cyclonedx-python-lib[json-validation]==11.12.0"];
    let venv =
        e2e::venv("cyclonedx-11.12.0", &requirements, &mut |line| eprintln!("{line}")).unwrap();
    let script = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
validator = JsonStrictValidator(SchemaVersion.V1_5)
for path in sys.argv[1:]:
    error = validator.validate_str(open(path).read())
    print(path, 'refused' if error else 'valid', str(error or '')[:200].replace('\\n', ' '))";
    let notices = notices(Packages::made()).map(|(name, notice)| (name, &*notice.materials));
    // What finds mistakes is seen to.
    let mistaken = notices[0].1.replacen("\"bom-ref\"", "\"bomref\"", 1);
    assert_ne!(mistaken, notices[0].1);
    let folder = tempfile::tempdir().unwrap();
    let mut python = Command::new(venv.join("python"));
    python.current_dir(&folder).args(["-c", script]);
    for (name, text) in notices.into_iter().chain([("mistaken", &*mistaken)]) {
        fs::write(folder.path().join(name), text).unwrap();
        python.arg(name);
    }
    let said = quietly(&mut python).unwrap();
    let expected = ["aws_lambda valid", "lambda_udf valid", "sqlambda valid", "mistaken refused"];
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    assert!(said.lines().zip(expected).all(|(line, begin)| line.starts_with(begin)), "{said}");
}
