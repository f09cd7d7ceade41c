//! What a figure is.

use std::fmt;

use anyhow::Result;

use super::Bench;

/// One thing that is measured.
pub struct Figure {
    /// What is measured, such as `invoke_warm`: one word, to be given to `cargo xtask bench`.
    pub name: &'static str,
    /// What it is counted in, such as `us`.
    pub unit: &'static str,
    /// What is promised of it.
    pub target: Target,
    /// Measures it. The machine is the figure's alone while it runs.
    pub run: fn(&Bench) -> Result<f64>,
}

/// What is promised of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Less is better: a time, a size.
    AtMost(f64),
    /// More is better: a rate.
    AtLeast(f64),
    /// Nothing: it is shown to make sense of the others.
    None,
}

impl Target {
    /// Whether `value` keeps the promise.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
            Self::None => value.is_finite(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "<= {limit}"),
            Self::AtLeast(limit) => write!(f, ">= {limit}"),
            Self::None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_target_is_met_at_its_limit() {
        assert!(Target::AtMost(2.0).holds(2.0) && !Target::AtMost(2.0).holds(2.1));
        assert!(Target::AtLeast(2.0).holds(2.0) && !Target::AtLeast(2.0).holds(1.9));
        assert!(!Target::AtMost(2.0).holds(f64::NAN), "no measurement is no success");
    }
}
