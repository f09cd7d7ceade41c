//! Functions that return rows one at a time, as they are asked for.
//!
//! PostgreSQL keeps what such a function holds between rows until the last row, until the statement
//! wants no more (`LIMIT`, a closed cursor, a rescan), or until it fails. Each of the three ends
//! the source: [`Rows::close`] is called in the first two cases, and dropping is all that happens
//! in the third, where the transaction cleans up what PostgreSQL itself holds.

use std::ffi::c_void;

use pgrx::pg_sys::panic::{ErrorReport, pgrx_extern_c_guard};
use pgrx::prelude::*;

use crate::arguments::Arguments;
use crate::memory::{Memory, on_reset};
use crate::record::Columns;

/// Where a function's rows come from.
pub trait Rows {
    /// The next row, in the current memory context; `None` after the last one.
    fn next(&mut self, columns: &Columns) -> Option<pg_sys::Datum>;

    /// Ends it while the statement goes on.
    fn close(self);
}

/// One call of a set-returning C function: the next row, or the end. The first call of a set makes
/// the source; `Memory` lives as long as that.
///
/// # Safety
/// `call` is the call that is running, of a function that is declared to return a set of rows, and
/// which passes the same `R` each time.
pub unsafe fn next_row<R: Rows>(
    call: &Arguments,
    start: impl FnOnce(&Arguments, &Memory) -> R,
) -> pg_sys::Datum {
    // SAFETY: promised by the caller.
    let info = unsafe { &mut *call.call() };
    let result = result_info(info);
    // SAFETY: PostgreSQL sets the function's lookup information before a call.
    let function = unsafe { &mut *info.flinfo };
    if function.fn_extra.is_null() {
        function.fn_extra = State::<R>::create(call, function.fn_mcxt).cast();
    }
    // SAFETY: made above, by this call or an earlier one of the same function, and it lives as long
    // as `fn_mcxt`, which the lookup information is part of.
    let state = unsafe { &mut *function.fn_extra.cast::<State<R>>() };
    let mut open = match state.open.take() {
        Some(open) => open,
        None => state.begin(call, result.econtext, start),
    };
    // While the source works it is not part of the state: an error unwinds through here, and ends
    // it at once.
    let row = open.source.next(&state.columns);
    match row {
        Some(row) => {
            state.open = Some(open);
            result.isDone = pg_sys::ExprDoneCond::ExprMultipleResult;
            row
        }
        None => {
            state.forget(result.econtext);
            open.close();
            result.isDone = pg_sys::ExprDoneCond::ExprEndResult;
            info.isnull = true;
            pg_sys::Datum::from(0)
        }
    }
}

/// How the caller wants its rows; raises PostgreSQL's own error if it wants none.
fn result_info<'a>(info: &mut pg_sys::FunctionCallInfoBaseData) -> &'a mut pg_sys::ReturnSetInfo {
    let result = info.resultinfo.cast::<pg_sys::ReturnSetInfo>();
    // SAFETY: `resultinfo` is null or a node that says what it is.
    let accepts = unsafe {
        !result.is_null()
            && (*result).type_ == pg_sys::NodeTag::T_ReturnSetInfo
            && (*result).allowedModes & MODE_ROW_BY_ROW != 0
    };
    if !accepts {
        let message = "set-valued function called in context that cannot accept a set";
        let code = PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED;
        ErrorReport::new(code, message, pgrx::function_name!()).report(PgLogLevel::ERROR);
    }
    // SAFETY: checked above; it is the caller's own, and lives through this call.
    unsafe { &mut *result }
}

#[expect(clippy::cast_possible_wrap, reason = "a single low bit")]
const MODE_ROW_BY_ROW: i32 = pg_sys::SetFunctionReturnMode::SFRM_ValuePerCall as i32;

/// What a function keeps from row to row, and from set to set of one statement.
struct State<R: Rows> {
    columns: Columns,
    parent: pg_sys::MemoryContext,
    open: Option<Open<R>>,
}

struct Open<R> {
    source: R,
    memory: Memory,
}

impl<R: Rows> Open<R> {
    fn close(self) {
        self.source.close();
        self.memory.delete();
    }
}

impl<R: Rows> State<R> {
    fn create(call: &Arguments, parent: pg_sys::MemoryContext) -> *mut Self {
        let columns = Memory::borrowed(parent).run(|| Columns::of(call));
        let state = Box::into_raw(Box::new(Self { columns, parent, open: None }));
        // SAFETY: dropped once, by the reset of the context that holds the only pointer to it.
        unsafe { on_reset(parent, drop_it::<R>, state.cast()) };
        state
    }

    /// A set's first call. From now on the end of the expression's evaluation ends the source.
    fn begin(
        &mut self,
        call: &Arguments,
        expression: *mut pg_sys::ExprContext,
        start: impl FnOnce(&Arguments, &Memory) -> R,
    ) -> Open<R> {
        let memory = Memory::create(self.parent, c"aws_lambda rows");
        let source = start(call, &memory);
        // SAFETY: the expression context is the caller's and live. The state lives in the memory of
        // the same query, and the callback is taken back when the set has ended.
        unsafe {
            pg_sys::RegisterExprContextCallback(expression, Some(shut_down::<R>), self.as_datum());
        }
        Open { source, memory }
    }

    fn forget(&mut self, expression: *mut pg_sys::ExprContext) {
        // SAFETY: as in `begin`.
        unsafe {
            pg_sys::UnregisterExprContextCallback(
                expression,
                Some(shut_down::<R>),
                self.as_datum(),
            );
        }
    }

    fn as_datum(&mut self) -> pg_sys::Datum {
        pg_sys::Datum::from(std::ptr::from_mut(self))
    }
}

/// The statement wants no more rows of this set.
unsafe extern "C-unwind" fn shut_down<R: Rows>(state: pg_sys::Datum) {
    // SAFETY: the pointer that `begin` registered; the callback is only called while the query
    // whose memory holds the state is alive. The guard makes errors PostgreSQL's.
    unsafe {
        pgrx_extern_c_guard(|| {
            let state = &mut *state.cast_mut_ptr::<State<R>>();
            if let Some(open) = state.open.take() {
                open.close();
            }
        });
    }
}

/// The memory of the query goes. If a source is still open the statement has failed.
unsafe extern "C-unwind" fn drop_it<R: Rows>(state: *mut c_void) {
    // SAFETY: made by `create`, and this is the one call of the callback.
    unsafe { pgrx_extern_c_guard(|| drop(Box::from_raw(state.cast::<State<R>>()))) };
}
