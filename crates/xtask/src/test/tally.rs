//! What test programs print, counted.

use std::fmt;
use std::ops::AddAssign;

/// What the result lines of test programs add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
    /// The tests that failed.
    pub failures: Vec<String>,
    /// Those of `passed` that failed first.
    pub unsteady: Vec<String>,
}

impl Tally {
    /// Whether no test ran.
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed + self.ignored == 0
    }

    /// Adds what one line that a test program prints says.
    pub fn count(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
            self.ignored += number_before(result, " ignored");
        } else if let Some(name) = line.strip_prefix("test ")
            && let Some(name) = name.strip_suffix(" ... FAILED")
        {
            self.failures.push(name.to_owned());
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, ignored, .. } = self;
        write!(f, "{passed} passed, {failed} failed, {ignored} skipped")
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
        self.unsteady.extend(other.unsteady);
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn result_lines_add_up() {
        let mut tally = Tally::default();
        tally.count("test a::b ... ok");
        tally.count("test a::c ... FAILED");
        let rest = "0 measured; 0 filtered out; finished in 0.00s";
        tally.count(&format!("test result: FAILED. 1 passed; 1 failed; 2 ignored; {rest}"));
        tally.count(&format!("test result: ok. 10 passed; 0 failed; 0 ignored; {rest}"));
        let failures = vec!["a::c".to_owned()];
        assert_eq!(
            tally,
            Tally { passed: 11, failed: 1, ignored: 2, failures, ..Tally::default() }
        );
    }
}
