//! The settings file: what it sets, when it is read, and whom it must be closed to.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;

use e2e::{Brand, MariaDb};

use crate::support::{error, playground, value};

/// A server with a settings file of its own.
struct Configured {
    server: MariaDb,
    file: PathBuf,
}

impl Configured {
    fn new(text: &str) -> Self {
        let folder = tempfile::Builder::new().tempdir_in(playground().folder()).unwrap().keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let file = folder.join("lambda_udf.ini");
        let path = file.to_str().unwrap();
        let server = playground()
            .new_mariadb(Brand::MariaDb, |config| config.env("SQLAMBDA_UDF_FILE", path))
            .unwrap();
        let configured = Self { server, file };
        configured.write(text);
        configured
    }

    /// Writes the file as an administrator does: the server's user owns it, nobody else reads it.
    fn write(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
        fs::set_permissions(&self.file, Permissions::from_mode(0o600)).unwrap();
        let owner = fs::metadata(self.server.folder()).unwrap();
        chown(&self.file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    fn call(&self) -> String {
        value(&self.server, "SELECT lambda_sync('lambdaTest', '{\"name\": \"bob\"}');")
    }

    fn complaint(&self) -> String {
        error(&self.server, "SELECT lambda_sync('lambdaTest', '{}');").message
    }
}

const HELLO: &str = r#"{"Status": "OK", "name": "bob"}"#;

/// A change takes effect with the next statement.
#[test]
fn a_change_is_noticed() {
    let configured = Configured::new("");
    assert_eq!(configured.call(), HELLO);
    configured.write("[lambda_udf]\nendpoint = http://127.0.0.1:1\n");
    assert!(configured.complaint().contains("(http://127.0.0.1:1: Connection refused"));
    configured.write(&format!(
        "; a comment\n[lambda_udf]\nendpoint = {}\nregion = eu-central-1\n",
        playground().service().endpoint()
    ));
    assert_eq!(configured.call(), HELLO);
    // The region is that of the request's signature.
    let found = value(
        &configured.server,
        "SELECT lambda_sync('inspect', '{}') LIKE '%lambda:eu-central-1:%';",
    );
    assert_eq!(found, "1");
    configured.write("[lambda_udf]\nrequest_timeout_ms = 60\n");
    let said =
        error(&configured.server, "SELECT lambda_sync('sleeps', '{\"seconds\": 9}');").message;
    assert_eq!(said, "Lambda API returned error: Request timed out after 60 ms");
    // An option of the call wins.
    let sql = "SELECT lambda_invoke('sleeps', '{\"seconds\": 0.2}', '{\"request_timeout_ms\": 60000}') <> '';";
    assert_eq!(value(&configured.server, sql), "1");
}

/// Only what is listed may be called, however it is named.
#[test]
fn allowed_functions() {
    let configured =
        Configured::new("[lambda_udf]\nallowed_functions = lambdaTest, echo:$LATEST\n");
    assert_eq!(configured.call(), HELLO);
    assert_eq!(value(&configured.server, "SELECT lambda_sync('echo:$LATEST', '1');"), "1");
    for name in
        ["echo", "simple", "arn:aws:lambda:us-east-1:000000000000:function:simple", "lambdaTest:1"]
    {
        let error = error(&configured.server, &format!("SELECT lambda_sync('{name}', '1');"));
        assert_eq!((error.number, error.state.as_str()), (1227, "42000"));
        let expected = format!(
            "Access denied; \"{name}\" is not among the functions that may be called on this server"
        );
        assert_eq!(error.message, expected);
    }
}

/// An answer that is larger than the limit is not read.
#[test]
fn max_response_bytes() {
    let configured = Configured::new("[lambda_udf]\nmax_response_bytes = 100\n");
    assert_eq!(configured.call(), HELLO);
    let said = error(&configured.server, "SELECT lambda_sync('raw', '{\"bytes\": 101}');").message;
    assert!(said.contains("\"raw\" returned an answer of more than 100 bytes"), "{said}");
}

/// What cannot be used stops every call, and says where and why; a value is not repeated.
#[test]
fn mistakes() {
    let configured = Configured::new("");
    for (text, problem) in [
        ("[lambda_udf]\nregion = nowhere\n", "region is not a Region, such as us-east-1"),
        ("[lambda_udf]\nmax_attempts = 0\n", "max_attempts must be from 1 to 10"),
        ("[lambda_udf]\nrequest_timeout_ms = 1s\n", "request_timeout_ms must be from 1 to 900000"),
        ("[lambda_udf]\nretries = 5\n", "retries is no setting: region, endpoint, "),
        (
            "[lambda]\nregion = us-east-1\n",
            "unknown section [lambda]; all settings are in [lambda_udf]",
        ),
        ("region = us-east-1\n", "unknown section [none]; all settings are in [lambda_udf]"),
        ("[lambda_udf\n", "line 2: "),
        ("[lambda_udf]\nendpoint = http://user:hunter2@127.0.0.1\n", "endpoint "),
        ("[lambda_udf]\nallowed_functions = a b\n", "allowed_functions "),
    ] {
        configured.write(text);
        let said = configured.complaint();
        let begins = format!(
            "Can't initialize function 'lambda_sync'; {}: {problem}",
            configured.file.display()
        );
        assert!(said.starts_with(&begins), "{said}\nand not\n{begins}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    fs::remove_file(&configured.file).unwrap();
    assert!(configured.complaint().ends_with("No such file or directory (os error 2)"));
}

/// It decides where requests signed with the server's credentials go.
#[test]
fn a_file_that_others_can_read_is_refused() {
    let configured = Configured::new("[lambda_udf]\nmax_attempts = 1\n");
    let uid = fs::metadata(configured.server.folder()).unwrap().uid();
    for mode in [0o604, 0o602, 0o660, 0o644, 0o666, 0o777] {
        fs::set_permissions(&configured.file, Permissions::from_mode(mode)).unwrap();
        let path = configured.file.display();
        let expected = format!(
            "Can't initialize function 'lambda_sync'; {path}: only the server's user may read and \
             write it. Run: chown {uid} {path}; chmod 600 {path}"
        );
        assert_eq!(configured.complaint(), expected, "{mode:o}");
    }
    // The server's own group may read what root wrote.
    for mode in [0o600, 0o400, 0o640, 0o440] {
        fs::set_permissions(&configured.file, Permissions::from_mode(mode)).unwrap();
        assert_eq!(configured.call(), HELLO, "{mode:o}");
    }
}
