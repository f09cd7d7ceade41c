//! Which commands are run. A command that stands in neither table is a mistake of the file: it is
//! entered here, or its block is marked `no-run`.

/// What is run, by the beginning of the command.
const RUN: &[&str] = &[
    "echo",
    "true",
    "false",
    "cat",
    "psql",
    "mariadb",
    "createdb",
    "pg_dump",
    "pg_restore",
    "sqlambda",
    "printf",
    "until",
    "python3 -c",
];

/// What is not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo xtask", "builds, starts or ends what this test runs on, or takes minutes"),
    ("cargo run", "builds"),
    ("cargo build", "builds"),
    ("cargo test", "would run this test"),
    ("cargo install", "changes the user's machine"),
    ("git clone", "needs the network"),
    ("curl", "may need the network"),
    ("pip install", "changes the user's machine"),
    ("apt", "changes the user's machine"),
    ("sudo", "changes the user's machine"),
    ("docker", "not everybody has it"),
    ("aws", "not everybody has it"),
    ("export", "is for the reader's own shell"),
];

/// What becomes of a command.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Run,
    NotRun,
    Unknown,
}

pub(super) fn fate(command: &str) -> Fate {
    let begins = |with: &str| {
        command
            .strip_prefix(with)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    if NOT_RUN.iter().any(|(beginning, _reason)| begins(beginning)) {
        Fate::NotRun
    } else if RUN.iter().any(|beginning| begins(beginning)) {
        Fate::Run
    } else {
        Fate::Unknown
    }
}
