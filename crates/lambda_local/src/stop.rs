//! The orderly stop: who is at work is counted, so that the last one can be waited for.

use tokio::sync::watch;

/// Counts what runs.
#[derive(Clone, Debug, Default)]
pub struct Tally(watch::Sender<usize>);

/// One that runs, until it is dropped.
#[derive(Debug)]
pub struct Running(Tally);

impl Tally {
    /// One more.
    pub fn begin(&self) -> Running {
        self.0.send_modify(|count| *count += 1);
        Running(self.clone())
    }

    /// How many run now.
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until none runs.
    pub async fn none(&self) {
        // The sender is held here, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// The wish to stop, which everyone can wait for.
#[derive(Clone, Debug, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Says it.
    pub fn wish(&self) {
        self.0.send_replace(true);
    }

    /// Waits for it.
    pub async fn wished(&self) {
        let _ = self.0.subscribe().wait_for(|wished| *wished).await;
    }

    /// Whether it was said.
    pub fn is_wished(&self) -> bool {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_one_that_ends_is_waited_for() {
        let tally = Tally::default();
        tally.none().await;
        let running = (tally.begin(), tally.begin());
        assert_eq!(tally.count(), 2);
        let waiting = tokio::spawn({
            let tally = tally.clone();
            async move { tally.none().await }
        });
        drop(running.0);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(running.1);
        waiting.await.unwrap();
    }
}
