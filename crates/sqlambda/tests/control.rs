//! Functions made, changed and deleted through the API: scripts for boto3, whose every answer is
//! checked against botocore's model (`control/validator.py`), and the AWS CLI.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use support::tools::aws;
use support::{Service, function, repository, request};

/// Runs a script of `control/` with boto3.
#[track_caller]
fn script(service: &Service, name: &str, arguments: &[&str]) -> String {
    let path = repository().join("crates/sqlambda/tests/control").join(name);
    aws(service, "python", &[&[path.to_str().unwrap()], arguments].concat())
}

/// A service without a folder.
fn empty() -> Service {
    Service::start(&[], &[])
}

#[test]
fn the_whole_life_of_a_function() {
    script(&empty(), "life.py", &[]);
}

#[test]
fn what_hangs_on_a_function() {
    script(&empty(), "rest.py", &[]);
}

#[test]
fn requests_and_archives_that_are_refused() {
    let service = empty();
    script(&service, "refusals.py", &[]);
    assert!(!service.log().contains("hidden"), "a variable's value in the log");
}

#[test]
fn long_lists_come_in_pages() {
    script(&empty(), "pages.py", &[]);
}

/// What was answered is there after the service was killed, and after it was stopped.
#[test]
fn functions_survive_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let options = ["--state", state.to_str().unwrap()];
    let service = Service::start(&[], &options);
    script(&service, "survive.py", &["make"]);
    // Dropping it is a SIGKILL.
    drop(service);
    let mut service = Service::start(&[], &options);
    script(&service, "survive.py", &["check"]);
    let pid = nix::unistd::Pid::from_raw(service.pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    service.wait();
    // What is unpacked can be made again, as after a power cut.
    std::fs::remove_dir_all(state.join("unpacked")).unwrap();
    let service = Service::start(&[], &options);
    script(&service, "survive.py", &["check"]);

    let archives = || files(&state.join("code"));
    e2e::wait_until("the code of what was deleted goes", || archives().len() == 2);
    e2e::wait_until("so do its folders", || {
        let boots = files(&state.join("unpacked"));
        files(&boots[0]).len() == 2
    });
    for private in [state.clone(), state.join("functions.redb")] {
        let mode = private.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: variables are often secret", private.display());
    }
}

/// Killed in the middle of changes: what was answered is there and works, and nothing is half there.
#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let options = ["--state", state.to_str().unwrap()];
    let answered = folder.path().join("answered");
    let service = Service::start(&[], &options);
    let made = || std::fs::read_to_string(&answered).unwrap_or_default();
    std::thread::scope(|scope| {
        let churning = scope.spawn(|| script(&service, "churn.py", &[answered.to_str().unwrap()]));
        e2e::wait_until("functions are made", || made().lines().count() >= 10);
        let pid = nix::unistd::Pid::from_raw(service.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        churning.join().unwrap();
    });
    drop(service);
    let service = Service::start(&[], &options);
    script(&service, "churn.py", &[answered.to_str().unwrap(), "check"]);
}

/// A service that keeps nothing leaves nothing, also when it is killed.
#[test]
fn an_ephemeral_service_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(&[], &["--no-auth"], &[("TMPDIR", folder.path())]);
    assert_eq!(files(folder.path()).len(), 1);
    drop(service);
    e2e::wait_until("the guard removes it", || files(folder.path()).is_empty());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Two services on one state would overwrite each other.
#[test]
fn a_state_belongs_to_one_service() {
    let state = tempfile::tempdir().unwrap();
    let options = ["--state", state.path().to_str().unwrap()];
    let _service = Service::start(&[], &options);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sqlambda"))
        .args(["local", "--listen", "127.0.0.1:0"])
        .args(options)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("another sqlambda local uses"), "{said}");
}

const TELLS: &str = "import os\ndef lambda_handler(event, context): return os.environ.get('ONE')\n";

/// A folder describes `$LATEST`: what the API changes there lasts until the next start; what hangs
/// on the function besides stays.
#[test]
fn functions_of_folders_are_like_any() {
    let folder = tempfile::tempdir().unwrap();
    let (functions, state) = (folder.path().join("functions"), folder.path().join("state"));
    let write = |one: &str, more: &str| {
        let variables = format!(r#""Environment": {{"Variables": {{"ONE": "{one}"}}}}"#);
        let json = format!(r#"{{"Description": "from a folder", {variables}{more}}}"#);
        function(&functions, "told", &[("lambda_function.py", TELLS), ("function.json", &json)]);
    };
    write("1", r#", "ReservedConcurrentExecutions": 5, "Aliases": {"own": "$LATEST"}"#);
    function(&functions, "gone", &[("lambda_function.py", TELLS)]);
    let alone = "def lambda_handler(event, context): return open('beside.txt').read()\n";
    std::fs::write(functions.join("alone.py"), alone).unwrap();
    std::fs::write(functions.join("beside.txt"), "beside").unwrap();
    let start = || {
        let options = ["--state", state.to_str().unwrap()];
        Service::start(std::slice::from_ref(&functions), &options)
    };

    let service = start();
    script(&service, "folders.py", &["1"]);
    assert!(service.log().contains("changed until the next start"), "{}", service.log());
    assert!(service.log().contains("deleted until the next start"), "{}", service.log());
    drop(service);

    write("3", "");
    script(&start(), "folders.py", &["2"]);

    std::fs::remove_dir_all(functions.join("gone")).unwrap();
    script(&start(), "folders.py", &["3"]);
}

/// The AWS CLI on the function `cli`.
struct Cli<'a>(&'a Service);

impl Cli<'_> {
    /// What a command prints; `query` says which part of the answer.
    #[track_caller]
    fn run(&self, command: &str, query: &str) -> String {
        let words = ["lambda"].into_iter().chain(command.split(' '));
        let named =
            ["--function-name", "cli"].into_iter().filter(|_| !command.contains("--resource"));
        let query = ["--output", "text", "--query", query];
        let arguments: Vec<&str> = words.chain(named).chain(query).collect();
        aws(self.0, "aws", &arguments).trim_end().to_owned()
    }

    /// The answer of a qualifier, and the version that gave it.
    fn invoke(&self, qualifier: &str) -> String {
        let command = format!("invoke --qualifier {qualifier} --payload [1] /dev/stdout");
        self.run(&command, "ExecutedVersion")
    }
}

#[test]
fn the_whole_life_of_a_function_with_the_aws_cli() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let service = empty();
    let package = |name: &str, code: &str| {
        std::fs::write(path("f.py"), format!("def handler(event, context): return {code}\n"))
            .unwrap();
        let pack = "import sys, zipfile\n\
                    zipfile.main(['-c', *sys.argv[1:]])";
        aws(&service, "python", &["-c", pack, &path(name), &path("f.py")]);
        format!("--zip-file fileb://{}", path(name))
    };
    let (one, two) = (package("one.zip", "event"), package("two.zip", "'two'"));
    let cli = Cli(&service);
    let role = "--role arn:aws:iam::000000000000:role/any";
    let create = "create-function --runtime python3.11 --handler f.handler --tags first=1";
    assert_eq!(cli.run(&format!("{create} {role} {one}"), "State"), "Pending");
    cli.run("wait function-active-v2", "@");
    assert_eq!(cli.invoke("$LATEST"), "[1]$LATEST");
    assert_eq!(cli.run("publish-version", "Version"), "1");
    cli.run(&format!("update-function-code {two}"), "@");
    cli.run("wait function-updated-v2", "@");
    assert_eq!(cli.run("publish-version", "Version"), "2");

    let alias = "create-alias --name live --function-version 1";
    let weights = "--routing-config AdditionalVersionWeights={2=1.0}";
    assert_eq!(cli.run(&format!("{alias} {weights}"), "Name"), "live");
    assert_eq!(cli.invoke("live"), "\"two\"2", "its whole weight is on version 2");
    cli.run("update-alias --name live --routing-config AdditionalVersionWeights={}", "@");
    assert_eq!((cli.invoke("live"), cli.invoke("2")), ("[1]1".into(), "\"two\"2".into()));

    let reserve = "put-function-concurrency --reserved-concurrent-executions 1";
    assert_eq!(cli.run(reserve, "ReservedConcurrentExecutions"), "1");
    let config = "put-function-event-invoke-config --maximum-retry-attempts 1";
    assert_eq!(cli.run(config, "MaximumRetryAttempts"), "1");
    let arn = "--resource arn:aws:lambda:us-east-1:000000000000:function:cli";
    cli.run(&format!("tag-resource {arn} --tags second=2"), "@");
    assert_eq!(cli.run(&format!("list-tags {arn}"), "Tags.[first,second]"), "1\t2");
    let allow = "add-permission --statement-id s --action lambda:InvokeFunction --principal *";
    assert!(cli.run(allow, "Statement").contains("\"Sid\":\"s\""));
    assert!(cli.run("get-policy", "Policy").contains("lambda:InvokeFunction"));
    cli.run("remove-permission --statement-id s", "@");
    let versions = cli.run("list-versions-by-function --page-size 1", "Versions[].Version");
    assert_eq!(versions.split_whitespace().collect::<Vec<_>>(), ["$LATEST", "1", "2"]);
    cli.run("delete-alias --name live", "@");
    cli.run("delete-function", "@");
    let listed = aws(&service, "aws", &["lambda", "list-functions", "--output", "text"]);
    assert_eq!(listed.trim(), "");
}

/// Every operation that the documentation names is called by a script whose answers are held against
/// the model.
#[test]
fn every_operation_is_held_against_the_model() {
    let folder = repository().join("crates/sqlambda/tests/control");
    let scripts: String =
        files(&folder).iter().map(|script| std::fs::read_to_string(script).unwrap()).collect();
    let documentation = std::fs::read_to_string(repository().join("docs/local.md")).unwrap();
    let table = documentation.split("| operations |").nth(1).unwrap().split("\n\n").next().unwrap();
    let words = table.split(|letter: char| !letter.is_ascii_alphanumeric());
    let operations: Vec<&str> = words.filter(|word| word.len() > 3 && is_name(word)).collect();
    assert!(operations.len() >= 29, "{operations:?}");
    // A family's common end is a variable in the scripts.
    let scripts = scripts.replace("\" + config", "function_event_invoke_config");
    for operation in operations {
        let method = snake_case(operation);
        assert!(scripts.contains(&method), "no script calls {method}");
    }
}

/// `GetFunction`, and not a word of a sentence.
fn is_name(word: &str) -> bool {
    word.starts_with(char::is_uppercase) && word[1..].contains(char::is_uppercase)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Nothing can be made, looked at or deleted without a signature.
#[test]
fn unsigned_requests_are_refused() {
    let service = empty();
    let paths = [
        ("POST", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/f"),
        ("PUT", "/2015-03-31/functions/f/code"),
        ("DELETE", "/2015-03-31/functions/f"),
        ("GET", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"),
        ("GET", "/2016-08-19/account-settings"),
        ("PUT", "/2017-10-31/functions/f/concurrency"),
        ("GET", "/_sqlambda/code/f/%24LATEST.zip"),
    ];
    for (method, path) in paths {
        let answer = request(&service.address, method, path, &[], b"{}");
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
    }
    // Who has no access key may not make the service hold a large body either.
    let large = vec![b' '; 7 << 20];
    let answer = request(&service.address, "POST", "/2015-03-31/functions", &[], &large);
    assert_eq!(answer.status, 413, "{}", answer.text());
}

/// An archive of just under 50 MB, the largest that AWS takes in a request.
#[test]
fn a_large_archive_is_taken() {
    let large = "from validator import *\nimport os\n\
        code = io.BytesIO()\n\
        with zipfile.ZipFile(code, 'w') as archive:\n\
        \x20   archive.writestr('f.py', 'def handler(event, context): return 7')\n\
        \x20   archive.writestr('data', os.urandom(49 << 20))\n\
        create('large', Code={'ZipFile': code.getvalue()})\n\
        assert invoke('large')[0] == 7\n\
        too_large = {'ZipFile': code.getvalue().ljust(52428801)}\n\
        refused('InvalidParameterValueException', 'Zipped size must be smaller than 52428800 bytes',\n\
        \x20       'create_function', FunctionName='larger', Role=ROLE, Runtime=RUNTIME,\n\
        \x20       Handler='f.handler', Code=too_large)\n";
    let folder = repository().join("crates/sqlambda/tests/control");
    let code = format!("import sys\nsys.path.insert(0, {:?})\n{large}", folder.to_str().unwrap());
    aws(&empty(), "python", &["-c", &code]);
}
