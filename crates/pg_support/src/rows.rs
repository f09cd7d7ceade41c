//! The rows that a function declared `RETURNS SETOF record` returns, all at once.

use pgrx::PgMemoryContexts;
use pgrx::pg_sys;

use crate::arguments::Arguments;
use crate::record::Record;

/// Hands all `rows` to PostgreSQL, as the result of the call whose arguments these are.
///
/// # Errors
/// Raises 0A000 where PostgreSQL takes no set.
#[must_use]
pub fn return_rows(call: &Arguments, rows: impl Iterator<Item = Record>) -> pg_sys::Datum {
    let call = call.call();
    // SAFETY: the call is live; its result information, if it is of that kind, is filled in as
    // PostgreSQL asks of functions that return a set at once: store and description live in the
    // memory of the query.
    let (store, columns) = unsafe {
        let info: *mut pg_sys::ReturnSetInfo = (*call).resultinfo.cast();
        let takes_set = pgrx::is_a(info.cast(), pg_sys::NodeTag::T_ReturnSetInfo)
            && (*info).allowedModes.cast_unsigned()
                & pg_sys::SetFunctionReturnMode::SFRM_Materialize
                != 0;
        if !takes_set {
            pgrx::ereport!(
                ERROR,
                pgrx::PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                "set-valued function called in context that cannot accept a set"
            );
        }
        let memory = (*(*info).econtext).ecxt_per_query_memory;
        PgMemoryContexts::For(memory).switch_to(|_| {
            let mut columns = std::ptr::null_mut();
            pg_sys::get_call_result_type(call, std::ptr::null_mut(), &raw mut columns);
            let store = pg_sys::tuplestore_begin_heap(true, false, pg_sys::work_mem);
            (*info).returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
            (*info).setResult = store;
            (*info).setDesc = columns;
            (store, columns)
        })
    };
    for row in rows {
        let (mut values, mut nulls) = row.into_columns();
        // SAFETY: the row has the columns of the declaration; the store copies them.
        unsafe {
            pg_sys::tuplestore_putvalues(store, columns, values.as_mut_ptr(), nulls.as_mut_ptr());
        }
    }
    pg_sys::Datum::from(0)
}
