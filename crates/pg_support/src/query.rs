//! A query that the caller wrote, run as the caller and read as far as it is asked for.
//!
//! It behaves as PostgreSQL's own `query_to_xml`: what it may not do, because a query in a query
//! must change nothing, fails with the same errors. It is run by the executor itself rather than
//! through a named cursor: a cursor belongs to the (sub)transaction of its first row, and ends
//! before the statement around it does when that is a cursor too (`WITH HOLD`, `ROLLBACK TO`).

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::arguments::Arguments;
use crate::memory::Memory;
use crate::query_json::RowJson;
use crate::query_receiver::OwnedReceiver;
use crate::row_scan::list;

/// A query whose rows become JSON: its only column, or the whole row when it has several.
pub struct Query {
    running: *mut pg_sys::QueryDesc,
    receiver: OwnedReceiver,
    is_done: bool,
}

impl Query {
    /// Starts the query in the argument at `index`, a text; `None` for NULL. Its values become JSON
    /// as by `to_jsonb` if `is_jsonb`, and else as by `to_json`. What is allocated lives in
    /// `memory`.
    ///
    /// Raises PostgreSQL's own errors for a query that is wrong or not allowed.
    #[must_use]
    pub fn of(call: &Arguments, index: usize, is_jsonb: bool, memory: &Memory) -> Option<Self> {
        let text = call.datum(index)?;
        Some(memory.run(|| {
            // SAFETY: the argument is a text; the copy is NUL-terminated and lives in `memory`.
            let text = unsafe { CStr::from_ptr(pg_sys::text_to_cstring(text.cast_mut_ptr())) };
            let environment = environment(call);
            let plan = plan_last(text, environment);
            Self::start(plan, text, environment, is_jsonb, memory)
        }))
    }

    fn start(
        plan: *mut pg_sys::PlannedStmt,
        text: &CStr,
        environment: *mut pg_sys::QueryEnvironment,
        is_jsonb: bool,
        memory: &Memory,
    ) -> Self {
        let receiver = OwnedReceiver::new();
        // SAFETY: the plan and the text live in `memory`, as long as the query; the receiver
        // stays where it is and lives as long, and so does the environment of the statement around the query.
        // An SQL statement is being run, so there is a snapshot: the query sees what that statement
        // sees.
        let running = unsafe {
            let running = pg_sys::CreateQueryDesc(
                plan,
                text.as_ptr(),
                pg_sys::GetActiveSnapshot(),
                std::ptr::null_mut(),
                receiver.as_dest(),
                std::ptr::null_mut(),
                environment,
                0,
            );
            pg_sys::ExecutorStart(running, 0);
            running
        };
        // SAFETY: the query has been started, which sets the description of its rows.
        let columns = unsafe { (*running).tupDesc };
        receiver.set_json(RowJson::new(columns, is_jsonb, memory));
        Self { running, receiver, is_done: false }
    }

    /// Reads rows until `take` says that it wants no more, by `false`. `None` stands for NULL. The
    /// result is whether there may be more rows.
    pub fn read(&mut self, take: &mut dyn FnMut(Option<&[u8]>) -> bool) -> bool {
        if self.is_done {
            return false;
        }
        let full = self.receiver.fill(take, || {
            // SAFETY: the query was started and has not ended. It runs with the snapshot that it
            // was started with, as a cursor does.
            unsafe {
                pg_sys::PushActiveSnapshot((*self.running).snapshot);
                run(self.running);
                pg_sys::PopActiveSnapshot();
            }
        });
        self.is_done = !full;
        full
    }

    /// Ends the query while the statement goes on. One that is only dropped is cleaned up by the
    /// end of the transaction.
    pub fn close(self) {
        // SAFETY: the query was started, and nothing of it is used after this.
        unsafe {
            pg_sys::ExecutorFinish(self.running);
            pg_sys::ExecutorEnd(self.running);
            pg_sys::FreeQueryDesc(self.running);
        }
    }
}

/// Runs until the receiver wants no more or the rows end.
///
/// # Safety
/// The query was started and has not ended.
unsafe fn run(query: *mut pg_sys::QueryDesc) {
    const FORWARD: pg_sys::ScanDirection::Type = pg_sys::ScanDirection::ForwardScanDirection;
    // SAFETY: promised by the caller.
    unsafe {
        #[cfg(pre_pg18)]
        pg_sys::ExecutorRun(query, FORWARD, 0, false);
        #[cfg(not(pre_pg18))]
        pg_sys::ExecutorRun(query, FORWARD, 0);
    }
}

/// What the statement around the query knows beside the catalogs: the transition tables of a
/// trigger. Null if there is nothing, as outside of functions.
fn environment(call: &Arguments) -> *mut pg_sys::QueryEnvironment {
    // SAFETY: the call is live. What it returns to, if it is a node of that kind, belongs to the
    // executor's state of the statement, which says what it runs in.
    unsafe {
        let result: *mut pg_sys::ReturnSetInfo = (*call.call()).resultinfo.cast();
        let is_set = pgrx::is_a(result.cast(), pg_sys::NodeTag::T_ReturnSetInfo);
        let context = if is_set { (*result).econtext } else { std::ptr::null_mut() };
        let state = if context.is_null() { std::ptr::null_mut() } else { (*context).ecxt_estate };
        if state.is_null() { std::ptr::null_mut() } else { (*state).es_queryEnv }
    }
}

/// Runs every statement of `text` but the last, and plans that.
fn plan_last(text: &CStr, environment: *mut pg_sys::QueryEnvironment) -> *mut pg_sys::PlannedStmt {
    // SAFETY: the text is live; the parser allocates in the current memory context.
    let statements = unsafe { list::<pg_sys::RawStmt>(pg_sys::pg_parse_query(text.as_ptr())) };
    let Some((last, before)) = statements.split_last() else { raise_invalid() };
    for statement in before {
        // SAFETY: a list of raw statements, as the parser makes it.
        execute(&source(text, unsafe { &**statement }));
    }
    // SAFETY: as above.
    let statement = unsafe { &**last };
    // SAFETY: a node of a parsed statement.
    let is_select = unsafe { (*statement.stmt).type_ == pg_sys::NodeTag::T_SelectStmt };
    let planned = if is_select { plan(*last, text, environment) } else { None };
    planned.unwrap_or_else(|| {
        // Not a query: running it raises PostgreSQL's own error, or leaves nothing to read.
        execute(&source(text, statement));
        raise_invalid()
    })
}

/// The plan of a statement that gives rows and changes nothing; `None` for `SELECT INTO`.
fn plan(
    statement: *mut pg_sys::RawStmt,
    text: &CStr,
    environment: *mut pg_sys::QueryEnvironment,
) -> Option<*mut pg_sys::PlannedStmt> {
    // SAFETY: the statement was parsed from the text, which has no parameters. Rewriting a SELECT
    // gives one query.
    let (query, is_select) = unsafe {
        let query = *list::<pg_sys::Query>(analyze(statement, text, environment)).first()?;
        (query, (*query).commandType == pg_sys::CmdType::CMD_SELECT)
    };
    if !is_select {
        return None;
    }
    // SAFETY: the query was analysed just now, and is not used afterwards.
    let plan = unsafe { pg_sys::pg_plan_query(query, text.as_ptr(), 0, std::ptr::null_mut()) };
    // SAFETY: a finished plan; the name is a constant of PostgreSQL's.
    let (is_read_only, name) = unsafe {
        let name = pg_sys::GetCommandTagName(pg_sys::CreateCommandTag(plan.cast()));
        (pg_sys::CommandIsReadOnly(plan), CStr::from_ptr(name))
    };
    if !is_read_only {
        let name = name.to_string_lossy();
        raise(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            &format!("{name} is not allowed in a non-volatile function"),
        );
    }
    Some(plan)
}

/// # Safety
/// `statement` was parsed from `text`.
unsafe fn analyze(
    statement: *mut pg_sys::RawStmt,
    text: &CStr,
    environment: *mut pg_sys::QueryEnvironment,
) -> *mut pg_sys::List {
    let none = std::ptr::null_mut();
    // SAFETY: promised by the caller; there are no parameters.
    unsafe {
        #[cfg(pre_pg15)]
        return pg_sys::pg_analyze_and_rewrite(statement, text.as_ptr(), none, 0, environment);
        #[cfg(not(pre_pg15))]
        return pg_sys::pg_analyze_and_rewrite_fixedparams(
            statement,
            text.as_ptr(),
            none,
            0,
            environment,
        );
    }
}

/// Runs a statement whose result is of no interest, read-only.
fn execute(statement: &CStr) {
    // SAFETY: the text is live; what SPI allocates is freed by its end.
    let result = unsafe {
        pg_sys::SPI_connect();
        let result = pg_sys::SPI_execute(statement.as_ptr(), true, 0);
        pg_sys::SPI_finish();
        result
    };
    if result < 0 {
        raise_invalid();
    }
}

/// The text of one statement of several.
fn source(text: &CStr, statement: &pg_sys::RawStmt) -> CString {
    let start = usize::try_from(statement.stmt_location).unwrap_or(0);
    let rest = text.to_bytes().get(start..).unwrap_or_default();
    let length = usize::try_from(statement.stmt_len).unwrap_or(0);
    let statement = if length == 0 { rest } else { rest.get(..length).unwrap_or(rest) };
    // A part of a C string holds no NUL.
    CString::new(statement).unwrap_or_default()
}

/// What `query_to_xml` says of a text that is no query.
fn raise_invalid() -> ! {
    raise(PgSqlErrorCode::ERRCODE_DATA_EXCEPTION, "invalid query")
}

fn raise(code: PgSqlErrorCode, message: &str) -> ! {
    ErrorReport::new(code, message.to_owned(), pgrx::function_name!()).report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}
