//! What is looked up when somebody asks.

use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::service::Service;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfEnvironments {
    function: String,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfOutcome {
    outcome: &'static str,
}

pub(super) fn register(registry: &mut Registry, service: &Service) {
    let info = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The program", info);
    let functions = gauge(service.functions().all().len() as u64);
    registry.register("functions", "Functions that can be called", functions);
    let connections = gauge(service.connections().count() as u64);
    registry.register("connections", "Open connections of clients", connections);
    register_environments(registry, service);
    register_events(registry, service);
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

fn register_environments(registry: &mut Registry, service: &Service) {
    let family = Family::<OfEnvironments, Gauge>::default();
    for (function, environments) in service.pools().environments() {
        for (state, count) in [
            ("starting", environments.starting),
            ("idle", environments.idle),
            ("busy", environments.busy),
        ] {
            let labels = OfEnvironments { function: function.clone(), state };
            family.get_or_create(&labels).set(i64::from(count));
        }
    }
    registry.register("environments", "Processes of functions", family);
}

/// The queue of events. Nothing when it cannot be read: a wrong number would be worse.
fn register_events(registry: &mut Registry, service: &Service) {
    let Ok(queue) = tokio::task::block_in_place(|| service.events().snapshot(1)) else { return };
    registry.register("events_queued", "Events that have not ended", gauge(queue.queued));
    registry.register("events_running", "Events that run", gauge(queue.running));
    let retrying = gauge(queue.retrying);
    registry.register("events_retrying", "Events whose next attempt is later", retrying);
    registry.register("dead_letters", "What no destination has taken", gauge(queue.dead_letters));
    let totals = &queue.totals;
    let family = Family::<OfOutcome, Counter>::default();
    for (outcome, count) in
        [("success", totals.succeeded), ("failed", totals.failed), ("expired", totals.expired)]
    {
        family.get_or_create(&OfOutcome { outcome }).inc_by(count);
    }
    registry.register("events", "Events that ended", family);
}

pub(super) fn register_process(registry: &mut Registry, service: &Service) {
    let started = service.started_at().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    registry.register_with_unit(
        "process_start_time",
        "When the service was started, since 1970",
        Unit::Seconds,
        ConstGauge::new(started.as_secs_f64()),
    );
}
