//! The planner's part: another way to scan the same function, at the same cost.

use std::mem::size_of;

use pgrx::prelude::*;

use super::{Methods, NAME, execution, list, list_of};

static PATH: Methods<pg_sys::CustomPathMethods> = Methods(pg_sys::CustomPathMethods {
    CustomName: NAME.as_ptr(),
    PlanCustomPath: Some(plan),
    ReparameterizeCustomPathByChild: None,
});

static SCAN: Methods<pg_sys::CustomScanMethods> = Methods(pg_sys::CustomScanMethods {
    CustomName: NAME.as_ptr(),
    CreateCustomScanState: Some(execution::create),
});

/// Whether the scan is one that can be replaced.
///
/// Where rows are locked (`FOR UPDATE`, `UPDATE ... FROM`) PostgreSQL may have to look at a row of
/// its own scan again. A whole row under column names of the statement's own has to be renamed.
///
/// # Safety
/// A relation that is being planned, and its entry.
pub(super) unsafe fn can_replace(
    root: *mut pg_sys::PlannerInfo,
    relation: *mut pg_sys::RelOptInfo,
    entry: *mut pg_sys::RangeTblEntry,
) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        let [path] = list::<pg_sys::Path>((*relation).pathlist) else { return false };
        let renames = !(*entry).alias.is_null() && !(*(*entry).alias).colnames.is_null();
        let conditions = pg_sys::get_actual_clauses((*relation).baserestrictinfo);
        let whole_row = wants_whole_row(relation, conditions);
        (**path).pathtype == pg_sys::NodeTag::T_FunctionScan
            && (*root).rowMarks.is_null()
            && !(renames && whole_row)
    }
}

/// Whether the row as a whole is among what is asked of the relation.
///
/// # Safety
/// A relation that is being planned, and the expressions that it is filtered by.
unsafe fn wants_whole_row(
    relation: *mut pg_sys::RelOptInfo,
    conditions: *mut pg_sys::List,
) -> bool {
    // The set counts from below the first of the system's own columns.
    const WHOLE_ROW: i32 = -pg_sys::FirstLowInvalidHeapAttributeNumber;
    let mut columns = std::ptr::null_mut();
    // SAFETY: promised by the caller.
    unsafe {
        let (targets, index) = ((*(*relation).reltarget).exprs, (*relation).relid);
        pg_sys::pull_varattnos(targets.cast(), index, &raw mut columns);
        pg_sys::pull_varattnos(conditions.cast(), index, &raw mut columns);
        pg_sys::bms_is_member(WHOLE_ROW, columns)
    }
}

/// Puts our path in the place of the only one.
///
/// # Safety
/// The relation passed `can_replace`, and `call` is its function.
pub(super) unsafe fn replace(relation: *mut pg_sys::RelOptInfo, call: *mut pg_sys::FuncExpr) {
    // SAFETY: promised by the caller. The path is allocated in the planner's memory context.
    unsafe {
        let [old] = list::<pg_sys::Path>((*relation).pathlist) else { return };
        let path: *mut pg_sys::CustomPath = node(pg_sys::NodeTag::T_CustomPath);
        (*path).path = **old;
        (*path).path.type_ = pg_sys::NodeTag::T_CustomPath;
        (*path).path.pathtype = pg_sys::NodeTag::T_CustomScan;
        // Rows cost as they come: a LIMIT pays for its own.
        (*path).path.startup_cost = 0.0;
        (*path).flags = PROJECTS;
        (*path).custom_private = list_of(call.cast());
        (*path).methods = &raw const PATH.0;
        (*relation).pathlist = list_of(path.cast());
        if !(*relation).lateral_vars.is_null() {
            forbid_memoize(relation);
        }
    }
}

/// Each outer row has its own calls, also when it looks like an earlier one: PostgreSQL would keep
/// the rows of those (`Memoize`), which it decides by what the arguments depend on. A value that
/// has no hash, as json has none, stands in its way.
///
/// # Safety
/// A relation that is being planned.
unsafe fn forbid_memoize(relation: *mut pg_sys::RelOptInfo) {
    // SAFETY: promised by the caller; the list is only read to decide on that.
    unsafe {
        let obstacle = pg_sys::makeNullConst(pg_sys::JSONOID, -1, pg_sys::InvalidOid);
        let variables = pg_sys::list_copy((*relation).lateral_vars);
        (*relation).lateral_vars = pg_sys::lappend(variables, obstacle.cast());
    }
}

/// Before 15 every such scan is taken to compute expressions.
#[cfg(pre_pg15)]
const PROJECTS: u32 = 0;
#[cfg(not(pre_pg15))]
const PROJECTS: u32 = pg_sys::CUSTOMPATH_SUPPORT_PROJECTION;

/// From the path that was chosen to a plan.
#[pg_guard]
unsafe extern "C-unwind" fn plan(
    root: *mut pg_sys::PlannerInfo,
    relation: *mut pg_sys::RelOptInfo,
    path: *mut pg_sys::CustomPath,
    targets: *mut pg_sys::List,
    conditions: *mut pg_sys::List,
    _inputs: *mut pg_sys::List,
) -> *mut pg_sys::Plan {
    // SAFETY: PostgreSQL passes the relation and the path that `replace` made for it.
    unsafe {
        let conditions = pg_sys::extract_actual_clauses(conditions, false);
        let call = list::<pg_sys::FuncExpr>((*path).custom_private)[0];
        let index = (*relation).relid;
        let whole_row = wants_whole_row(relation, conditions);
        let scan: *mut pg_sys::CustomScan = node(pg_sys::NodeTag::T_CustomScan);
        (*scan).scan.plan.targetlist = targets;
        (*scan).scan.plan.qual = conditions;
        (*scan).flags = (*path).flags;
        (*scan).custom_exprs = list_of(pg_sys::copyObjectImpl(call.cast()));
        (*scan).custom_scan_tlist = columns(root, index, call, whole_row);
        let once = pg_sys::makeInteger(i32::from(is_read_once(root)));
        let whole_row = pg_sys::makeInteger(i32::from(whole_row));
        (*scan).custom_private = pg_sys::lappend(list_of(once.cast()), whole_row.cast());
        (*scan).methods = &raw const SCAN.0;
        scan.cast()
    }
}

/// Whether no row is ever asked for again: nothing else is in the FROM of the whole statement.
///
/// # Safety
/// A query that is being planned.
unsafe fn is_read_once(root: *mut pg_sys::PlannerInfo) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        (*root).query_level == 1
            && (*root).parent_root.is_null()
            && pg_sys::bms_membership((*root).all_baserels) == pg_sys::BMS_Membership::BMS_SINGLETON
    }
}

/// What the scan gives: the function's columns, and the whole row if it is wanted.
///
/// # Safety
/// `call` is the function of the relation numbered `index`.
unsafe fn columns(
    root: *mut pg_sys::PlannerInfo,
    index: pg_sys::Index,
    call: *mut pg_sys::FuncExpr,
    whole_row: bool,
) -> *mut pg_sys::List {
    // SAFETY: promised by the caller; the function returns rows, whose description is found by it.
    unsafe {
        let row = pg_sys::get_expr_result_tupdesc(call.cast(), false);
        let number = index.cast_signed();
        let mut columns = std::ptr::null_mut();
        for column in 1..=(*row).natts {
            let kind = pg_sys::SPI_gettypeid(row, column);
            let collation = pg_sys::get_typcollation(kind);
            let attribute = i16::try_from(column).unwrap_or(i16::MAX);
            let var = pg_sys::makeVar(variable(number), attribute, kind, -1, collation, 0);
            let entry = pg_sys::makeTargetEntry(var.cast(), attribute, std::ptr::null_mut(), false);
            columns = pg_sys::lappend(columns, entry.cast());
        }
        if whole_row {
            let entry = *(*root).simple_rte_array.add(index as usize);
            let var = pg_sys::makeWholeRowVar(entry, variable(number), 0, false);
            let place = i16::try_from((*row).natts + 1).unwrap_or(i16::MAX);
            let entry = pg_sys::makeTargetEntry(var.cast(), place, std::ptr::null_mut(), false);
            columns = pg_sys::lappend(columns, entry.cast());
        }
        columns
    }
}

/// A relation's number is signed from 15 on.
#[cfg(pre_pg15)]
fn variable(index: i32) -> pg_sys::Index {
    index.cast_unsigned()
}
#[cfg(not(pre_pg15))]
fn variable(index: i32) -> i32 {
    index
}

/// A new node, all zeroes but for its tag.
///
/// # Safety
/// `T` begins with the tag, and zeroes are a good value of it.
pub(super) unsafe fn node<T>(tag: pg_sys::NodeTag) -> *mut T {
    // SAFETY: promised by the caller; the memory is that of the current context.
    unsafe {
        let node = pg_sys::palloc0(size_of::<T>());
        node.cast::<pg_sys::NodeTag>().write(tag);
        node.cast()
    }
}
