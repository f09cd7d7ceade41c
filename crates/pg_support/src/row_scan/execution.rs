//! The executor's part: a row when one is asked for, and rows that were read before from a store.

use std::ffi::c_void;

use pgrx::prelude::*;

use super::plan::node;
use super::{Methods, NAME, list};
use crate::memory::Memory;

static EXECUTION: Methods<pg_sys::CustomExecMethods> = Methods(pg_sys::CustomExecMethods {
    CustomName: NAME.as_ptr(),
    BeginCustomScan: Some(begin),
    ExecCustomScan: Some(execute),
    EndCustomScan: Some(end),
    ReScanCustomScan: Some(rescan),
    MarkPosCustomScan: None,
    RestrPosCustomScan: None,
    EstimateDSMCustomScan: None,
    InitializeDSMCustomScan: None,
    ReInitializeDSMCustomScan: None,
    InitializeWorkerCustomScan: None,
    ShutdownCustomScan: None,
    ExplainCustomScan: Some(explain),
});

/// A running scan: PostgreSQL's part, followed by ours.
#[repr(C)]
struct Scan {
    node: pg_sys::CustomScanState,
    function: *mut pg_sys::SetExprState,
    /// In which the function runs. Its end is the function's own end, so that it is not the scan's,
    /// which ends with each rescan.
    expression: *mut pg_sys::ExprContext,
    /// For the arguments, which live as long as the rows.
    arguments: Memory,
    /// The function's rows.
    row: pg_sys::TupleDesc,
    /// Rows that were read, in case they are asked for again; null if they cannot be.
    store: *mut pg_sys::Tuplestorestate,
    stored: *mut pg_sys::TupleTableSlot,
    /// Whether the row as a whole is the last column.
    whole_row: bool,
    /// Whether the function has no more rows.
    has_ended: bool,
}

#[pg_guard]
pub(super) unsafe extern "C-unwind" fn create(_plan: *mut pg_sys::CustomScan) -> *mut pg_sys::Node {
    // SAFETY: PostgreSQL's part comes first, and zeroes stand for "not begun".
    unsafe {
        let scan: *mut Scan = node(pg_sys::NodeTag::T_CustomScanState);
        (*scan).node.methods = &raw const EXECUTION.0;
        scan.cast()
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn begin(
    scan: *mut pg_sys::CustomScanState,
    state: *mut pg_sys::EState,
    _flags: i32,
) {
    // SAFETY: a scan that `create` made, for a plan that `plan` made; the current memory context is
    // that of the query.
    unsafe {
        let scan = &mut *scan.cast::<Scan>();
        let plan = scan.node.ss.ps.plan.cast::<pg_sys::CustomScan>();
        let call = call_of(scan);
        let [once, whole_row] = list::<c_void>((*plan).custom_private) else { return };
        scan.whole_row = is_true(*whole_row);
        scan.row = pg_sys::get_expr_result_tupdesc(call.cast(), false);
        scan.expression = pg_sys::CreateExprContext(state);
        let parent = &raw mut scan.node.ss.ps;
        scan.function = pg_sys::ExecInitFunctionResultSet(call.cast(), scan.expression, parent);
        scan.arguments = Memory::create(pg_sys::CurrentMemoryContext, c"aws_lambda arguments");
        if !is_true(*once) {
            scan.store = pg_sys::tuplestore_begin_heap(false, false, pg_sys::work_mem);
            pg_sys::tuplestore_set_eflags(scan.store, pg_sys::EXEC_FLAG_REWIND.cast_signed());
            let columns = (*scan.node.ss.ss_ScanTupleSlot).tts_tupleDescriptor;
            let operations = &raw const pg_sys::TTSOpsMinimalTuple;
            scan.stored = pg_sys::MakeSingleTupleTableSlot(columns, operations);
        }
    }
}

/// `EXPLAIN` names the function.
#[pg_guard]
unsafe extern "C-unwind" fn explain(
    scan: *mut pg_sys::CustomScanState,
    _ancestors: *mut pg_sys::List,
    explanation: *mut pg_sys::ExplainState,
) {
    // SAFETY: a scan that has begun; the name is looked up in the catalogs, null if it is gone.
    unsafe {
        let name = pg_sys::get_func_name((*call_of(&*scan.cast::<Scan>())).funcid);
        if !name.is_null() {
            pg_sys::ExplainPropertyText(c"Function Name".as_ptr(), name, explanation);
        }
    }
}

/// An integer node of our own making. Their layout changed in 15.
///
/// # Safety
/// `node` was made by `makeInteger`.
unsafe fn is_true(node: *mut c_void) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        #[cfg(pre_pg15)]
        return (*node.cast::<pg_sys::Value>()).val.ival != 0;
        #[cfg(not(pre_pg15))]
        return (*node.cast::<pg_sys::Integer>()).ival != 0;
    }
}

/// # Safety
/// A scan of a plan that `plan` made.
unsafe fn call_of(scan: &Scan) -> *mut pg_sys::FuncExpr {
    // SAFETY: promised by the caller.
    unsafe {
        let plan = scan.node.ss.ps.plan.cast::<pg_sys::CustomScan>();
        list::<pg_sys::FuncExpr>((*plan).custom_exprs)[0]
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn execute(
    scan: *mut pg_sys::CustomScanState,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: a scan that has begun. PostgreSQL applies conditions and computes expressions.
    unsafe { pg_sys::ExecScan(&raw mut (*scan).ss, Some(access), Some(recheck)) }
}

/// Where PostgreSQL looks at the rows of a statement anew because one of them was changed
/// meanwhile, this scan reads its own as ever: it is never one of those that have a locked row.
#[pg_guard]
unsafe extern "C-unwind" fn recheck(
    scan: *mut pg_sys::ScanState,
    _slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: as for `access`, which fills the slot that is asked about.
    unsafe { (*access(scan)).tts_flags & TTS_FLAG_EMPTY == 0 }
}

#[expect(clippy::cast_possible_truncation, reason = "a single low bit")]
const TTS_FLAG_EMPTY: u16 = pg_sys::TTS_FLAG_EMPTY as u16;

/// The next row, or an empty slot.
#[pg_guard]
unsafe extern "C-unwind" fn access(scan: *mut pg_sys::ScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: a scan that has begun.
    unsafe {
        let scan = &mut *scan.cast::<Scan>();
        let slot = scan.node.ss.ss_ScanTupleSlot;
        clear(slot);
        if scan.take_stored(slot) || !scan.take_new(slot) {
            return slot;
        }
        if !scan.store.is_null() {
            // The place of reading is behind the last row, and stays there.
            pg_sys::tuplestore_puttupleslot(scan.store, slot);
        }
        slot
    }
}

/// # Safety
/// A live slot.
unsafe fn clear(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: promised by the caller; every kind of slot can be cleared.
    unsafe {
        if let Some(clear) = (*(*slot).tts_ops).clear {
            pg_sys::ffi::pg_guard_ffi_boundary(|| clear(slot));
        }
    }
}

impl Scan {
    /// Fills the slot with a row that was read before the last rescan.
    ///
    /// # Safety
    /// The scan has begun; the slot is its own, and empty.
    unsafe fn take_stored(&mut self, slot: *mut pg_sys::TupleTableSlot) -> bool {
        // SAFETY: promised by the caller. The values stay where they are until the next row is
        // taken from the store.
        unsafe {
            if self.store.is_null()
                || pg_sys::tuplestore_ateof(self.store)
                || !pg_sys::tuplestore_gettupleslot(self.store, true, false, self.stored)
            {
                return false;
            }
            let columns = (*(*slot).tts_tupleDescriptor).natts;
            pg_sys::slot_getsomeattrs_int(self.stored, columns);
            let count = usize::try_from(columns).unwrap_or(0);
            (*self.stored).tts_values.copy_to_nonoverlapping((*slot).tts_values, count);
            (*self.stored).tts_isnull.copy_to_nonoverlapping((*slot).tts_isnull, count);
            pg_sys::ExecStoreVirtualTuple(slot);
            true
        }
    }

    /// Fills the slot with the function's next row.
    ///
    /// # Safety
    /// As for `take_stored`.
    unsafe fn take_new(&mut self, slot: *mut pg_sys::TupleTableSlot) -> bool {
        if self.has_ended {
            return false;
        }
        let (mut is_null, mut done) = (false, pg_sys::ExprDoneCond::ExprSingleResult);
        // SAFETY: promised by the caller. The row lives until the scan's next one.
        unsafe {
            let memory = (*self.node.ss.ps.ps_ExprContext).ecxt_per_tuple_memory;
            let row = Memory::borrowed(memory).run(|| {
                pg_sys::ExecMakeFunctionResultSet(
                    self.function,
                    self.expression,
                    self.arguments.as_raw(),
                    &raw mut is_null,
                    &raw mut done,
                )
            });
            if done == pg_sys::ExprDoneCond::ExprEndResult {
                self.has_ended = true;
                return false;
            }
            let header: pg_sys::HeapTupleHeader = row.cast_mut_ptr();
            let length = u32::try_from(pgrx::varsize(header.cast())).unwrap_or(0);
            let mut tuple =
                pg_sys::HeapTupleData { t_len: length, t_data: header, ..Default::default() };
            let (values, nulls) = ((*slot).tts_values, (*slot).tts_isnull);
            pg_sys::heap_deform_tuple(&raw mut tuple, self.row, values, nulls);
            if self.whole_row {
                let last = usize::try_from((*self.row).natts).unwrap_or(0);
                values.add(last).write(row);
                nulls.add(last).write(false);
            }
            pg_sys::ExecStoreVirtualTuple(slot);
            true
        }
    }

    /// Whether the function's arguments may have changed.
    ///
    /// # Safety
    /// The scan has begun.
    unsafe fn has_changed(&self) -> bool {
        // SAFETY: promised by the caller.
        unsafe {
            let changed = self.node.ss.ps.chgParam;
            if changed.is_null() {
                return false;
            }
            let call = call_of(self);
            #[cfg(feature = "pg13")]
            let depends = super::parameters::depends_on(call.cast(), changed);
            #[cfg(not(feature = "pg13"))]
            let depends = pg_sys::bms_overlap(pg_sys::pull_paramids(call.cast()), changed);
            depends || pg_sys::contain_subplans(call.cast())
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn rescan(scan: *mut pg_sys::CustomScanState) {
    // SAFETY: a scan that has begun.
    unsafe {
        let scan = &mut *scan.cast::<Scan>();
        if scan.store.is_null() || scan.has_changed() {
            // Ends the function, and with it what is in flight.
            pg_sys::ReScanExprContext(scan.expression);
            scan.arguments.reset();
            scan.has_ended = false;
            if !scan.store.is_null() {
                clear(scan.stored);
                pg_sys::tuplestore_clear(scan.store);
            }
        } else {
            clear(scan.stored);
            pg_sys::tuplestore_rescan(scan.store);
        }
        pg_sys::ExecScanReScan(&raw mut scan.node.ss);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end(scan: *mut pg_sys::CustomScanState) {
    // SAFETY: a scan that has begun, and ends now.
    unsafe {
        let scan = &mut *scan.cast::<Scan>();
        pg_sys::FreeExprContext(scan.expression, true);
        if !scan.store.is_null() {
            clear(scan.stored);
            pg_sys::ExecDropSingleTupleTableSlot(scan.stored);
            pg_sys::tuplestore_end(scan.store);
        }
    }
}
