//! The functions below the views, and `stat_reset`.

use std::time::Duration;

use lambda_core::statistics::{Counts, Function, InFlight};
use pg_support::encoding::for_report;
use pg_support::rows::return_rows;
use pg_support::session::Session;
use pg_support::{Arguments as SqlArguments, Record};
use pgrx::prelude::*;

use super::SHARED;
use crate::invoke::sql_functions;
use crate::report;

sql_functions! {
    /// `stat_invocations()`: one row for each role, database and function.
    aws_lambda_stat_invocations, pg_finfo_aws_lambda_stat_invocations => stat_invocations;
    /// `stat_activity()`: one row for each backend and function that has calls in flight.
    aws_lambda_stat_activity, pg_finfo_aws_lambda_stat_activity => stat_activity;
    /// `stat_reset()`: forgets the counts.
    aws_lambda_stat_reset, pg_finfo_aws_lambda_stat_reset => stat_reset;
}

fn stat_invocations(sql: &SqlArguments) -> pg_sys::Datum {
    let entries = shared(SHARED.is_available(), || SHARED.read(|shared| shared.table.entries()));
    let sees = sees_rows_of();
    let mine = entries.into_iter().filter(|entry| sees(entry.owner.map(|(user, _)| user)));
    return_rows(sql, mine.map(invocations_row))
}

fn stat_activity(sql: &SqlArguments) -> pg_sys::Datum {
    // Exclusively, because backends write their own slots under the shared lock.
    let calls =
        shared(SHARED.is_available(), || SHARED.write(|shared| shared.activity.in_flight()));
    let sees = sees_rows_of();
    let mine = calls.into_iter().filter(|call| sees(Some(call.user)));
    return_rows(sql, mine.map(activity_row))
}

/// EXECUTE on all functions of the schema is what Amazon's pages have DBAs grant, so that it cannot
/// be what decides who may delete everybody's counts.
fn stat_reset(_sql: &SqlArguments) -> pg_sys::Datum {
    if !Session::now().reads_all_statistics() {
        report::raise_reset_denied();
    }
    shared(SHARED.is_available(), || SHARED.write(|shared| shared.table.reset()));
    pg_sys::Datum::from(0)
}

/// What `body` finds in shared memory; an error where there is none.
fn shared<R>(is_available: bool, body: impl FnOnce() -> Option<R>) -> R {
    match is_available.then(body).flatten() {
        Some(found) => found,
        None => report::raise_no_statistics(),
    }
}

/// Whether the current role sees the rows of a role; those of nobody are for who sees all.
fn sees_rows_of() -> impl Fn(Option<u32>) -> bool {
    let session = Session::now();
    let sees_all = session.reads_all_statistics();
    move |owner| sees_all || owner.is_some_and(|owner| session.has_rights_of(owner))
}

fn invocations_row(entry: Counts) -> Record {
    let (user, database) = entry.owner.unzip();
    let row = function(Record::new().oid(user).oid(database), entry.function);
    let (error, error_at) = entry.last_error.unzip();
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 calls")]
    let mean = milliseconds(entry.total) / entry.calls.max(1) as f64;
    let (min, max) = (milliseconds(entry.min), milliseconds(entry.max));
    // The middle of a bucket may lie beyond what was measured.
    let percentile = |micros: f64| (micros / 1000.0).clamp(min, max.max(min));
    row.bigint(entry.calls)
        .bigint(entry.function_errors)
        .bigint(entry.service_errors)
        .bigint(entry.throttles)
        .bigint(entry.timeouts)
        .bigint(entry.cancels)
        .bigint(entry.retries)
        .bigint(entry.bytes_out)
        .bigint(entry.bytes_in)
        .double(milliseconds(entry.total))
        .double(mean)
        .double(min)
        .double(max)
        .double(percentile(entry.p50_us))
        .double(percentile(entry.p99_us))
        .text(error.map(|error| for_report(&error)).as_deref())
        .timestamptz(error_at)
        .timestamptz(Some(entry.since))
}

fn activity_row(call: InFlight) -> Record {
    let row = Record::new().int(call.pid).oid(Some(call.user)).oid(Some(call.database));
    function(row, Some(call.function)).int(call.calls.cast_signed()).timestamptz(Some(call.since))
}

fn function(row: Record, function: Option<Function>) -> Record {
    let Some(function) = function else { return row.text(None).text(None).text(None) };
    row.text(Some(&function.name))
        .text(function.qualifier.as_deref())
        .text(function.region.as_deref())
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of 100 days; more lose some of them")]
fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
