//! Counters of what a search did, and the flag that stops it.

use std::sync::atomic::{AtomicBool, Ordering};

/// What searches have done so far; one value may go through several of them.
#[derive(Clone, Debug, Default)]
pub struct Work<'a> {
    /// Rows whose position was looked at.
    pub rows_examined: u64,
    /// Leaves scanned.
    pub leaves_visited: u64,
    /// Leaves of the trees searched.
    pub leaves_total: u64,
    cancel: Option<&'a AtomicBool>,
    stopped: bool,
}

impl<'a> Work<'a> {
    /// Counters whose searches end early once `cancel` is set; it is looked at every few hundred rows.
    pub fn cancelled_by(cancel: &'a AtomicBool) -> Self {
        Self { cancel: Some(cancel), ..Self::default() }
    }

    /// Whether a search ended early: its answer is then incomplete and must be thrown away.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Adds the counts of another thread's searches.
    pub fn add(&mut self, other: &Work<'_>) {
        self.rows_examined += other.rows_examined;
        self.leaves_visited += other.leaves_visited;
        self.leaves_total += other.leaves_total;
        self.stopped |= other.stopped;
    }

    /// Looks at the flag; true once the search has to end.
    #[inline]
    pub(super) fn poll(&mut self) -> bool {
        if let Some(cancel) = self.cancel {
            self.stopped |= cancel.load(Ordering::Relaxed);
        }
        self.stopped
    }
}
