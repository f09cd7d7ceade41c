//! Where the executor sends a query's rows.

use std::cell::{Cell, OnceCell};
use std::ops::Deref;
use std::ptr::NonNull;

use pgrx::prelude::*;

use crate::query_json::RowJson;

/// Takes what one row gives; `false` when it wants no more.
type Take = dyn FnMut(Option<&[u8]>) -> bool;

/// PostgreSQL's receiver, followed by what is ours.
///
/// PostgreSQL reaches it through a pointer of its own while `fill` runs the query. Nobody may hold
/// it exclusively then, or the compiler takes for granted that nothing in it changes meanwhile:
/// what changes is in cells, and all references are shared ones.
#[repr(C)]
pub(crate) struct Receiver {
    callbacks: pg_sys::DestReceiver,
    json: OnceCell<RowJson>,
    /// Set while `fill` runs.
    take: Cell<Option<*mut Take>>,
    is_full: Cell<bool>,
}

/// A receiver at an address that it keeps.
pub(crate) struct OwnedReceiver(NonNull<Receiver>);

impl OwnedReceiver {
    pub(crate) fn new() -> Self {
        let callbacks = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(begin),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        let (json, take, is_full) = (OnceCell::new(), Cell::new(None), Cell::new(false));
        let receiver = Box::new(Receiver { callbacks, json, take, is_full });
        // A `Box` would claim to be the only way to the receiver.
        Self(NonNull::from(Box::leak(receiver)))
    }

    /// For PostgreSQL; valid as long as this is.
    pub(crate) fn as_dest(&self) -> *mut pg_sys::DestReceiver {
        self.0.as_ptr().cast()
    }
}

impl Deref for OwnedReceiver {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        // SAFETY: made of a box by `new`, and freed by no one but `drop`; PostgreSQL writes to
        // nothing in it, and `receive` to its cells.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for OwnedReceiver {
    fn drop(&mut self) {
        // SAFETY: made of a box by `new`, and PostgreSQL runs the query no more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Receiver {
    /// Sets, once, what makes JSON of rows.
    pub(crate) fn set_json(&self, json: RowJson) {
        let _ = self.json.set(json);
    }

    /// Runs `run`, which runs the query, with `take` as where its rows go. The result is whether
    /// `take` wanted no more; else the rows have ended.
    pub(crate) fn fill(
        &self,
        take: &mut dyn FnMut(Option<&[u8]>) -> bool,
        run: impl FnOnce(),
    ) -> bool {
        // SAFETY: only the lifetime is another: the pointer is not used after this function, which
        // forgets it, and which no error leaves with the query still running.
        let take: *mut Take =
            unsafe { std::mem::transmute(std::ptr::from_mut::<dyn FnMut(_) -> _>(take)) };
        self.take.set(Some(take));
        self.is_full.set(false);
        run();
        self.take.set(None);
        self.is_full.get()
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    receiver: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: PostgreSQL passes the receiver that it was given, the beginning of ours, and a slot
    // with a row of the query. `take` is set while the query runs.
    unsafe {
        let receiver = &*receiver.cast::<Receiver>();
        let (Some(json), Some(take)) = (receiver.json.get(), receiver.take.get()) else {
            return false;
        };
        let wants_more = json.read(slot, &mut *take);
        receiver.is_full.set(!wants_more);
        wants_more
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn begin(
    _receiver: *mut pg_sys::DestReceiver,
    _operation: i32,
    _columns: pg_sys::TupleDesc,
) {
}

#[pg_guard]
unsafe extern "C-unwind" fn end(_receiver: *mut pg_sys::DestReceiver) {}
