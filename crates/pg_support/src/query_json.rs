//! A row of a query as JSON.

use pgrx::pg_sys;

use crate::arguments::with_json;
use crate::memory::Memory;

/// `to_json(anyelement)` and `to_jsonb(anyelement)`: numbers that never change (`pg_proc.dat`).
const TO_JSON: u32 = 3176;
const TO_JSONB: u32 = 3787;

/// How rows become JSON.
pub(crate) struct RowJson {
    /// The query's own. A row may come in a slot of another node, whose description has no number:
    /// `UNION ALL` passes on the slots of its parts.
    columns: pg_sys::TupleDesc,
    is_jsonb: bool,
    /// Whether the only column is the value; else the row is.
    is_column: bool,
    /// The conversion; `None` for a column that is of the wanted type already.
    convert: Option<*mut pg_sys::FmgrInfo>,
    scratch: Memory,
}

impl RowJson {
    /// For rows that `columns` describes. Runs with `memory` as the current context.
    pub(crate) fn new(columns: pg_sys::TupleDesc, is_jsonb: bool, memory: &Memory) -> Self {
        // SAFETY: the description of a running query, which lives as long as that. It gets a number
        // by which the conversion finds the columns' names.
        let (is_column, value) = unsafe {
            pg_sys::BlessTupleDesc(columns);
            let is_column = (*columns).natts == 1;
            (
                is_column,
                if is_column { pg_sys::SPI_gettypeid(columns, 1) } else { pg_sys::RECORDOID },
            )
        };
        let wanted = if is_jsonb { pg_sys::JSONBOID } else { pg_sys::JSONOID };
        let convert = (value != wanted).then(|| conversion(value, wanted, memory));
        Self { columns, is_jsonb, is_column, convert, scratch: memory.child(c"aws_lambda row") }
    }

    /// Hands the row in `slot` to `take`, `None` for a NULL.
    ///
    /// # Safety
    /// `slot` holds a row with the columns that `new` was told of.
    pub(crate) unsafe fn read<T>(
        &self,
        slot: *mut pg_sys::TupleTableSlot,
        take: impl FnOnce(Option<&[u8]>) -> T,
    ) -> T {
        let taken = self.scratch.run(|| {
            // SAFETY: promised by the caller.
            let Some(value) = (unsafe { self.value(slot) }) else { return take(None) };
            let json = match self.convert {
                None => value,
                // SAFETY: the conversion was looked up for values of this type.
                Some(convert) => unsafe {
                    pg_sys::FunctionCall1Coll(convert, pg_sys::InvalidOid, value)
                },
            };
            with_json(json, self.is_jsonb, |text| take(Some(text)))
        });
        self.scratch.reset();
        taken
    }

    /// # Safety
    /// As for `read`.
    unsafe fn value(&self, slot: *mut pg_sys::TupleTableSlot) -> Option<pg_sys::Datum> {
        // SAFETY: promised by the caller; the slot's arrays are filled for the columns that were
        // fetched, and the description lives as long as the query.
        unsafe {
            let count = (*self.columns).natts;
            if i32::from((*slot).tts_nvalid) < count {
                pg_sys::slot_getsomeattrs_int(slot, count);
            }
            if self.is_column {
                return (!*(*slot).tts_isnull).then(|| *(*slot).tts_values);
            }
            let (values, nulls) = ((*slot).tts_values, (*slot).tts_isnull);
            let row = pg_sys::heap_form_tuple(self.columns, values, nulls);
            Some(pg_sys::HeapTupleHeaderGetDatum((*row).t_data))
        }
    }
}

/// A call of `to_json` or `to_jsonb`, which ask their expression for the type of their argument.
fn conversion(value: pg_sys::Oid, wanted: pg_sys::Oid, memory: &Memory) -> *mut pg_sys::FmgrInfo {
    let function = if wanted == pg_sys::JSONBOID { TO_JSONB } else { TO_JSON };
    let function = pg_sys::Oid::from(function);
    memory.run(|| {
        // SAFETY: everything is allocated in `memory`, as long-lived as the query.
        unsafe {
            let info = pg_sys::palloc0(std::mem::size_of::<pg_sys::FmgrInfo>()).cast();
            pg_sys::fmgr_info(function, info);
            let argument = pg_sys::makeNullConst(value, -1, pg_sys::InvalidOid);
            let arguments = pg_sys::lappend(std::ptr::null_mut(), argument.cast());
            let call = pg_sys::makeFuncExpr(
                function,
                wanted,
                arguments,
                pg_sys::InvalidOid,
                pg_sys::InvalidOid,
                pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
            );
            (*info).fn_expr = call.cast();
            info
        }
    })
}
