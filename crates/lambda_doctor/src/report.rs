//! What was found, as lines or as JSON.

use std::io::Write as _;
use std::process::ExitCode;

use nix::unistd::{Uid, User};
use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    Warning,
    Failed,
    Skipped,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) status: Status,
    pub(crate) message: String,
    /// What to change; empty where there is nothing to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) change: String,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, message: message.into(), change: String::new() }
    }

    pub(crate) fn warning(
        check: &'static str,
        message: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        let (message, change) = (message.into(), change.into());
        Self { check, status: Status::Warning, message, change }
    }

    pub(crate) fn failed(
        check: &'static str,
        message: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self { status: Status::Failed, ..Self::warning(check, message, change) }
    }

    pub(crate) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { status: Status::Skipped, ..Self::ok(check, why) }
    }
}

/// All findings. Lines are printed as they come: a check may take seconds.
#[derive(Serialize)]
pub(crate) struct Report {
    version: &'static str,
    user: String,
    environment: String,
    checks: Vec<Finding>,
    #[serde(skip)]
    json: bool,
}

impl Report {
    /// `environment_of` says whose environment it is, if not the shell's.
    pub(crate) fn begin(json: bool, environment_of: Option<String>) -> Self {
        let uid = Uid::effective();
        let user = User::from_uid(uid).ok().flatten().map_or(uid.to_string(), |user| user.name);
        let environment = environment_of.unwrap_or_else(|| "this shell".to_owned());
        let version = env!("CARGO_PKG_VERSION");
        let report = Self { version, user, environment, checks: Vec::new(), json };
        report.line(&format!(
            "sqlambda doctor {version}, as {}, with the environment of {}",
            report.user, report.environment
        ));
        report
    }

    pub(crate) fn add(&mut self, mut finding: Finding) {
        finding.message = printable(&finding.message);
        finding.change = printable(&finding.change);
        let status = format!("{:?}", finding.status).to_lowercase();
        self.line(&format!("{status:<8} {:<12} {}", finding.check, finding.message));
        if !finding.change.is_empty() {
            self.line(&format!("{:22}-> {}", "", finding.change));
        }
        self.checks.push(finding);
    }

    /// Whether a check was told already.
    pub(crate) fn has(&self, check: &str) -> bool {
        self.checks.iter().any(|finding| finding.check == check)
    }

    /// The last line, or the JSON object; and the exit code.
    pub(crate) fn end(self) -> ExitCode {
        let count = |status: Status| self.checks.iter().filter(|it| it.status == status).count();
        let (failed, warnings) = (count(Status::Failed), count(Status::Warning));
        if self.json {
            let text = serde_json::to_string_pretty(&self).unwrap_or_default();
            print_line(&text);
        } else if failed > 0 {
            self.line(&format!("{failed} failed, {} skipped", count(Status::Skipped)));
        } else if warnings > 0 {
            self.line(&format!("no check failed, {warnings} to look at"));
        } else {
            self.line("all is well");
        }
        ExitCode::from(u8::from(failed > 0))
    }

    fn line(&self, text: &str) {
        if !self.json {
            print_line(text);
        }
    }
}

/// Whoever reads may have gone, as `head` does: no reason to fail.
fn print_line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A line of its own without anything that a terminal obeys: a peer's words are in it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
