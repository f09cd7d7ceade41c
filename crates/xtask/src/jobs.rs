//! Several things done at the same time: each is told of when it begins, and what it said is shown when
//! it ends.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::Result;

use crate::progress::Several;

/// One of several things to do.
pub trait Job: Send {
    /// What has come of it.
    type Outcome: Send;

    /// What the user knows it by.
    fn name(&self) -> &str;

    /// Does it. Besides the outcome gives what to show on the standard output.
    ///
    /// # Errors
    /// It could not be done at all: nothing more is begun.
    fn run(&self) -> Result<(Self::Outcome, String)>;
}

/// Does all jobs in their order, up to `at_once` at a time, and gives them with their outcomes in the
/// order of their ends.
///
/// # Errors
/// The first that one of them had; those that ran beside it have ended.
pub fn run<J: Job>(jobs: Vec<J>, at_once: usize) -> Result<Vec<(J, J::Outcome)>> {
    let progress = Several::of(jobs.len());
    let waiting = Mutex::new(VecDeque::from(jobs));
    let next = || waiting.lock().ok()?.pop_front();
    let ended = Mutex::new(Vec::new());
    let work = || {
        while let Some(job) = next() {
            progress.begin(job.name());
            let begin = Instant::now();
            let done =
                job.run().inspect_err(|_| drop(waiting.lock().map(|mut all| all.clear())))?;
            let (outcome, shown) = done;
            progress.end(job.name(), begin.elapsed(), &shown);
            if let Ok(mut ended) = ended.lock() {
                ended.push((job, outcome));
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Result<()>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        // All of them, before the first error is given.
        let results: Vec<_> = workers.into_iter().map(join).collect();
        results.into_iter().collect::<Result<()>>()
    })?;
    Ok(ended.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::{Result, bail};

    use super::{Job, run};

    struct Counted<'a> {
        number: usize,
        begun: &'a AtomicUsize,
    }

    impl Job for Counted<'_> {
        type Outcome = usize;

        fn name(&self) -> &str {
            "counted"
        }

        fn run(&self) -> Result<(usize, String)> {
            self.begun.fetch_add(1, Ordering::Relaxed);
            if self.number == 2 {
                bail!("no two");
            }
            Ok((self.number * 10, String::new()))
        }
    }

    fn counted(numbers: [usize; 3], begun: &AtomicUsize) -> Vec<Counted<'_>> {
        numbers.into_iter().map(|number| Counted { number, begun }).collect()
    }

    #[test]
    fn every_job_is_done_once() {
        let begun = AtomicUsize::new(0);
        let mut outcomes: Vec<usize> =
            run(counted([1, 3, 4], &begun), 2).unwrap().into_iter().map(|(_, it)| it).collect();
        outcomes.sort_unstable();
        assert_eq!(outcomes, [10, 30, 40]);
        assert_eq!(begun.into_inner(), 3);
    }

    #[test]
    fn after_an_error_nothing_is_begun() {
        let begun = AtomicUsize::new(0);
        let error = run(counted([1, 2, 3], &begun), 1).err().unwrap();
        assert_eq!((error.to_string().as_str(), begun.into_inner()), ("no two", 2));
    }
}
