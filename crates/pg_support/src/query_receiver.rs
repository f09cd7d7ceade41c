//! Where the executor sends a query's rows.

use pgrx::prelude::*;

use crate::query_json::RowJson;

/// Takes what one row gives; `false` when it wants no more.
type Take = dyn FnMut(Option<&[u8]>) -> bool;

/// PostgreSQL's receiver, followed by what is ours.
#[repr(C)]
pub(crate) struct Receiver {
    callbacks: pg_sys::DestReceiver,
    json: Option<RowJson>,
    /// Set while `fill` runs.
    take: Option<*mut Take>,
    is_full: bool,
}

impl Receiver {
    pub(crate) fn new() -> Box<Self> {
        let callbacks = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(begin),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        Box::new(Self { callbacks, json: None, take: None, is_full: false })
    }

    /// For PostgreSQL; valid as long as the box is.
    pub(crate) fn as_dest(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }

    pub(crate) fn set_json(&mut self, json: RowJson) {
        self.json = Some(json);
    }

    /// Runs `run`, which runs the query, with `take` as where its rows go. The result is whether
    /// `take` wanted no more; else the rows have ended.
    pub(crate) fn fill(
        &mut self,
        take: &mut dyn FnMut(Option<&[u8]>) -> bool,
        run: impl FnOnce(),
    ) -> bool {
        // SAFETY: only the lifetime is another: the pointer is not used after this function, which
        // forgets it, and which no error leaves with the query still running.
        let take: *mut Take =
            unsafe { std::mem::transmute(std::ptr::from_mut::<dyn FnMut(_) -> _>(take)) };
        self.take = Some(take);
        self.is_full = false;
        run();
        self.take = None;
        self.is_full
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
        let receiver = &mut *receiver.cast::<Receiver>();
        let (Some(json), Some(take)) = (&receiver.json, receiver.take) else { return false };
        let wants_more = json.read(slot, &mut *take);
        receiver.is_full = !wants_more;
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
