//! Who asks, and what that role may see.

use pgrx::pg_sys;

/// `pg_read_all_stats`, from PostgreSQL's `pg_authid.dat`; its name in C changed in 14.
const PG_READ_ALL_STATS: u32 = 3375;

/// This process, its role and its database now.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// The process.
    pub pid: i32,
    /// The role whose rights are in force: inside a `SECURITY DEFINER` function its owner.
    pub user: u32,
    /// The database.
    pub database: u32,
}

impl Session {
    /// The session of this process.
    #[must_use]
    pub fn now() -> Self {
        // SAFETY: variables of PostgreSQL that are set before any SQL runs, on the main thread.
        unsafe {
            Self {
                pid: pg_sys::MyProcPid,
                user: pg_sys::GetUserId().to_u32(),
                database: pg_sys::MyDatabaseId.to_u32(),
            }
        }
    }

    /// Whether the role sees the statistics of everybody, as in PostgreSQL's own views.
    #[must_use]
    pub fn reads_all_statistics(self) -> bool {
        self.has_rights_of(PG_READ_ALL_STATS)
    }

    /// Whether the role has the rights of `role`: it is the same, a member, or a superuser.
    #[must_use]
    pub fn has_rights_of(self, role: u32) -> bool {
        // SAFETY: looks memberships up, in a transaction; a role that is gone has no members.
        unsafe { pg_sys::has_privs_of_role(self.user.into(), role.into()) }
    }
}

/// The time now, as a `timestamptz`: microseconds since 2000.
#[must_use]
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// Calls `callback` when this backend exits, while shared memory is still there.
pub fn before_exit(callback: unsafe extern "C-unwind" fn(i32, pg_sys::Datum)) {
    // SAFETY: PostgreSQL keeps the function pointer, which is a constant of this library, and a
    // loaded library is never unloaded.
    unsafe { pg_sys::before_shmem_exit(Some(callback), pg_sys::Datum::from(0)) };
}
