//! What is counted when an execution ends.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::invocations::{Begun, End, Status};

/// Functions with metrics of their own. Those that come later are counted together.
const FUNCTIONS: usize = 1_000;

/// The name that they are counted under; no function can have it.
const OTHERS: &str = "(others)";

/// Seconds, from a warm call to AWS's longest.
const BUCKETS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0,
    900.0,
];

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfFunction {
    function: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfInvocation {
    function: String,
    r#type: &'static str,
    status: &'static str,
}

type Histograms = Family<OfFunction, Histogram, fn() -> Histogram>;

/// Counts since the start of the service.
#[derive(Debug)]
pub(crate) struct Counts {
    invocations: Family<OfInvocation, Counter>,
    throttles: Family<OfFunction, Counter>,
    cold_starts: Family<OfFunction, Counter>,
    durations: Histograms,
    inits: Histograms,
    known: RwLock<HashSet<String>>,
}

impl Default for Counts {
    fn default() -> Self {
        let histograms = || Histograms::new_with_constructor(|| Histogram::new(BUCKETS));
        Self {
            invocations: Family::default(),
            throttles: Family::default(),
            cold_starts: Family::default(),
            durations: histograms(),
            inits: histograms(),
            known: RwLock::default(),
        }
    }
}

impl Counts {
    /// Counts an execution that has ended, or found no room.
    pub(crate) fn count(&self, begun: &Begun, end: &End) {
        let function = self.label(&begun.function);
        // As in AWS's metrics, a throttled call is no invocation.
        if end.status == Status::Throttled {
            self.throttles.get_or_create(&OfFunction { function }).inc();
            return;
        }
        let (r#type, status) = (begun.kind.name(), end.status.name());
        let labels = OfInvocation { function: function.clone(), r#type, status };
        self.invocations.get_or_create(&labels).inc();
        let of_function = OfFunction { function };
        let Some(usage) = end.usage else { return };
        self.durations.get_or_create(&of_function).observe(usage.duration.as_secs_f64());
        if usage.cold {
            self.cold_starts.get_or_create(&of_function).inc();
        }
        if let Some(init) = usage.init {
            self.inits.get_or_create(&of_function).observe(init.as_secs_f64());
        }
    }

    /// The function's name, unless there are too many of them: they are made at will, and each is a
    /// dozen time series.
    fn label(&self, name: &str) -> String {
        if self.known.read().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return name.to_owned();
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= FUNCTIONS {
            return OTHERS.to_owned();
        }
        known.insert(name.to_owned());
        name.to_owned()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "invocations",
            "Executions that ended, every attempt of an event among them",
            self.invocations.clone(),
        );
        registry.register(
            "throttles",
            "Calls that found no free concurrency",
            self.throttles.clone(),
        );
        registry.register(
            "cold_starts",
            "Executions that began with a new process",
            self.cold_starts.clone(),
        );
        let (seconds, durations) = (|| Unit::Seconds, self.durations.clone());
        registry.register_with_unit(
            "duration",
            "From the delivery of an event to its answer",
            seconds(),
            durations,
        );
        registry.register_with_unit(
            "init_duration",
            "From the start of a process to its first request for an event",
            seconds(),
            self.inits.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_beyond_the_limit_share_their_metrics() {
        let counts = Counts::default();
        for number in 0..FUNCTIONS {
            counts.label(&format!("f{number}"));
        }
        assert_eq!(counts.label("late"), OTHERS);
        assert_eq!(counts.label("f7"), "f7");
    }
}
