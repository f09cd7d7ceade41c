//! How many executions may run: of one function, and of all that reserve none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{ACCOUNT_CONCURRENCY, UNRESERVED_CONCURRENCY};

/// Places for running executions. Whoever waits for one gets it in the order of asking.
#[derive(Debug)]
pub struct Places {
    semaphore: Arc<Semaphore>,
    limit: Mutex<Limit>,
}

#[derive(Debug)]
struct Limit {
    places: u32,
    /// Places that are taken and must not come back: the limit was lowered while they were in use.
    owed: u32,
}

/// A place; dropping it frees it.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    fn new(places: u32) -> Arc<Self> {
        let semaphore = Arc::new(Semaphore::new(places as usize));
        Arc::new(Self { semaphore, limit: Mutex::new(Limit { places, owed: 0 }) })
    }

    /// A place, if there is one now.
    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let permit = Arc::clone(&self.semaphore).try_acquire_owned().ok()?;
        Some(Place { places: Arc::clone(self), permit: Some(permit) })
    }

    /// A place, as soon as there is one.
    async fn take(self: &Arc<Self>) -> Option<Place> {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok()?;
        Some(Place { places: Arc::clone(self), permit: Some(permit) })
    }

    /// Makes them more or fewer. Executions that run go on.
    fn set(&self, places: u32) {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if places >= limit.places {
            let more = places - limit.places;
            let paid = more.min(limit.owed);
            limit.owed -= paid;
            self.semaphore.add_permits((more - paid) as usize);
        } else {
            let fewer = limit.places - places;
            let removed = self.semaphore.forget_permits(fewer as usize);
            limit.owed += fewer - u32::try_from(removed).unwrap_or(fewer);
        }
        limit.places = places;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut limit = self.places.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if limit.owed > 0
            && let Some(permit) = self.permit.take()
        {
            limit.owed -= 1;
            permit.forget();
        }
    }
}

/// The places that functions without a reservation share.
#[derive(Clone, Debug)]
pub struct Account(Arc<Places>);

impl Account {
    /// All places of the account.
    pub fn new() -> Self {
        Self(Places::new(ACCOUNT_CONCURRENCY))
    }

    /// So many places are reserved, by all functions together.
    pub fn set_reserved(&self, reserved: u32) {
        self.0.set(ACCOUNT_CONCURRENCY.saturating_sub(reserved));
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

/// There is no room for another execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Whether the function's own reservation is the limit, rather than the account's.
    pub reserved: bool,
}

/// The places of one function, which all its versions share.
#[derive(Debug)]
pub struct Concurrency {
    own: Arc<Places>,
    account: Account,
    reserved: AtomicBool,
    /// Whether a reservation of zero stops it.
    stopped: AtomicBool,
}

/// What an execution holds: a place of its function, and one of the account unless the function has
/// places reserved.
pub type Held = (Place, Option<Place>);

impl Concurrency {
    /// The places of a function with this reservation.
    pub fn new(account: Account, reserved: Option<u32>) -> Self {
        let own = Places::new(reserved.unwrap_or(UNRESERVED_CONCURRENCY));
        let flag = AtomicBool::new;
        let stopped = flag(reserved == Some(0));
        Self { own, account, reserved: flag(reserved.is_some()), stopped }
    }

    /// Changes the reservation.
    pub fn set_reserved(&self, reserved: Option<u32>) {
        self.own.set(reserved.unwrap_or(UNRESERVED_CONCURRENCY));
        self.reserved.store(reserved.is_some(), Ordering::SeqCst);
        self.stopped.store(reserved == Some(0), Ordering::SeqCst);
    }

    /// Room for an execution now.
    pub fn try_take(&self) -> Result<Held, Throttled> {
        let reserved = self.reserved.load(Ordering::SeqCst);
        let place = self.own.try_take().ok_or(Throttled { reserved })?;
        if reserved {
            return Ok((place, None));
        }
        let shared = self.account.0.try_take().ok_or(Throttled { reserved })?;
        Ok((place, Some(shared)))
    }

    /// Room for an execution as soon as there is some. Nothing when there never will be.
    pub async fn take(&self) -> Option<Held> {
        if self.stopped.load(Ordering::SeqCst) {
            return None;
        }
        let place = self.own.take().await?;
        if self.reserved.load(Ordering::SeqCst) {
            return Some((place, None));
        }
        let shared = self.account.0.take().await?;
        Some((place, Some(shared)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(places: &Arc<Places>) -> usize {
        std::iter::from_fn(|| places.try_take()).collect::<Vec<_>>().len()
    }

    #[test]
    fn a_lower_limit_holds_when_the_running_ones_end() {
        let places = Places::new(3);
        let running: Vec<Place> = (0..3).filter_map(|_| places.try_take()).collect();
        places.set(1);
        assert_eq!(free(&places), 0);
        drop(running);
        assert_eq!(free(&places), 1);
        places.set(2);
        assert_eq!(free(&places), 2);
    }

    #[test]
    fn raising_it_again_before_they_end_restores_all() {
        let places = Places::new(4);
        let running: Vec<Place> = (0..3).filter_map(|_| places.try_take()).collect();
        places.set(0);
        places.set(2);
        assert_eq!(free(&places), 0);
        places.set(4);
        assert_eq!(free(&places), 1);
        drop(running);
        assert_eq!(free(&places), 4);
    }

    #[test]
    fn a_reservation_is_taken_from_the_others() {
        let account = Account::new();
        account.set_reserved(ACCOUNT_CONCURRENCY - 1);
        let one = Concurrency::new(account.clone(), None);
        let two = Concurrency::new(account.clone(), None);
        let reserved = Concurrency::new(account, Some(1));
        let _held = one.try_take().unwrap();
        assert_eq!(two.try_take().unwrap_err(), Throttled { reserved: false });
        let _own = reserved.try_take().unwrap();
        assert_eq!(reserved.try_take().unwrap_err(), Throttled { reserved: true });
    }
}
