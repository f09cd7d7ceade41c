//! The figures, in the order in which they are measured and shown.

use super::figure::{Figure, Target};
use super::{calls, cancel, fresh, library, local, many, mariadb, memory};

/// Every figure on a database. All calls but those of the local service go to one echo endpoint, in
/// one run.
pub const FIGURES: &[Figure] = &[
    Figure { name: "warm_call_p50", unit: "us", target: Target::None, run: calls::warm },
    Figure {
        name: "unsigned_exchange_p50",
        unit: "us",
        target: Target::None,
        run: calls::unsigned,
    },
    Figure { name: "plpython_boto3_call_p50", unit: "us", target: Target::None, run: calls::peer },
    Figure {
        name: "warm_call_over_unsigned_exchange",
        unit: "ratio",
        target: Target::AtMost(2.5),
        run: calls::warm_over_unsigned,
    },
    Figure {
        name: "warm_call_over_plpython_boto3",
        unit: "ratio",
        target: Target::AtMost(0.12),
        run: calls::warm_over_peer,
    },
    Figure {
        name: "statistics_over_warm_call",
        unit: "ratio",
        target: Target::AtMost(0.01),
        run: calls::statistics_over_warm,
    },
    Figure {
        name: "first_call_above_select_1",
        unit: "ms",
        target: Target::AtMost(3.0),
        run: calls::first_call,
    },
    Figure {
        name: "cancel_latency_p99",
        unit: "ms",
        target: Target::AtMost(10.0),
        run: cancel::latency,
    },
    Figure {
        name: "8_sessions_calls_per_second",
        unit: "calls/s",
        target: Target::None,
        run: calls::sessions,
    },
    Figure {
        name: "8_sessions_over_plpython_boto3",
        unit: "ratio",
        target: Target::AtLeast(5.0),
        run: calls::sessions_over_peer,
    },
    Figure {
        name: "private_memory_after_10k_calls",
        unit: "MB",
        target: Target::AtMost(8.0),
        run: memory::after_10k,
    },
    Figure {
        name: "private_memory_after_1m_calls",
        unit: "MB",
        target: Target::AtMost(8.0),
        run: memory::after_1m,
    },
    Figure { name: "mariadb_warm_call_p50", unit: "us", target: Target::None, run: mariadb::warm },
    Figure {
        name: "mariadb_warm_call_over_unsigned_exchange",
        unit: "ratio",
        target: Target::AtMost(3.0),
        run: mariadb::warm_over_unsigned,
    },
    Figure {
        name: "mariadb_first_call_over_warm_call",
        unit: "ratio",
        target: Target::AtMost(1.25),
        run: mariadb::first_over_warm,
    },
    Figure {
        name: "many_calls_over_ideal",
        unit: "ratio",
        target: Target::AtMost(1.4),
        run: many::over_ideal,
    },
    Figure {
        name: "lateral_calls_over_many_calls",
        unit: "ratio",
        target: Target::AtLeast(35.0),
        run: many::over_lateral,
    },
    Figure {
        name: "many_rows_in_batches_per_second",
        unit: "rows/s",
        target: Target::AtLeast(300_000.0),
        run: many::batched_rows,
    },
    Figure {
        name: "many_single_calls_per_second",
        unit: "calls/s",
        target: Target::AtLeast(12_000.0),
        run: many::single_calls,
    },
    Figure {
        name: "many_memory_of_1m_rows",
        unit: "MB",
        target: Target::AtMost(2.0),
        run: many::memory,
    },
    Figure {
        name: "local_warm_python_p50",
        unit: "ms",
        target: Target::AtMost(2.0),
        run: local::sql::warm_python,
    },
    Figure {
        name: "local_cold_python_p50",
        unit: "ms",
        target: Target::AtMost(150.0),
        run: local::sql::cold_python,
    },
    Figure { name: "library_size", unit: "MB", target: Target::AtMost(8.0), run: library::size },
    Figure {
        name: "create_extension_p50",
        unit: "ms",
        target: Target::AtMost(50.0),
        run: library::create_extension,
    },
    Figure {
        name: "fresh_clone_to_demo",
        unit: "s",
        target: Target::AtMost(360.0),
        run: fresh::demo,
    },
];
