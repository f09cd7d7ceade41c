//! Whether an expression depends on one of some parameters: `pull_paramids`, which came with
//! PostgreSQL 14, for 13.

use std::ffi::c_void;

use pgrx::prelude::*;

type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;

unsafe extern "C-unwind" {
    /// Of `nodes/nodeFuncs.h`, which pgrx has no bindings for: calls the walker for each child of the
    /// node, until it says true.
    fn expression_tree_walker(
        node: *mut pg_sys::Node,
        walker: Walker,
        context: *mut c_void,
    ) -> bool;
}

/// # Safety
/// `expression` is a finished expression, `parameters` a set of numbers.
pub(super) unsafe fn depends_on(
    expression: *mut pg_sys::Node,
    parameters: *mut pg_sys::Bitmapset,
) -> bool {
    // SAFETY: promised by the caller.
    unsafe { walk(expression, parameters.cast()) }
}

#[pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut pg_sys::Node, parameters: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: a node of the expression and the set that `depends_on` was given, as PostgreSQL hands
    // both through. A node that says that it is a parameter is one.
    unsafe {
        if (*node).type_ == pg_sys::NodeTag::T_Param {
            let parameter = &*node.cast::<pg_sys::Param>();
            return parameter.paramkind == pg_sys::ParamKind::PARAM_EXEC
                && pg_sys::bms_is_member(parameter.paramid, parameters.cast());
        }
        // It fails for an expression that is nested too deeply.
        pg_sys::ffi::pg_guard_ffi_boundary(|| expression_tree_walker(node, walk, parameters))
    }
}
