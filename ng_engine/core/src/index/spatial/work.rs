//! Counters of what a search did, and what ends it early.

use crate::cancel::Cancel;

/// Nodes between two looks: each takes about a microsecond.
const NODES: u32 = 64;
/// Rows between two looks.
const ROWS: u64 = 1024;

/// What searches have done so far; one value may go through several of them.
#[derive(Clone, Debug, Default)]
pub struct Work<'a> {
    /// Rows whose position was looked at.
    pub rows_examined: u64,
    /// Leaves scanned.
    pub leaves_visited: u64,
    /// Leaves of the trees searched.
    pub leaves_total: u64,
    cancel: Option<&'a Cancel>,
    polls: u32,
    stopped: bool,
}

impl<'a> Work<'a> {
    /// Counters whose searches end early once `cancel` says so.
    pub fn cancelled_by(cancel: &'a Cancel) -> Self {
        Self { cancel: Some(cancel).filter(|cancel| !cancel.is_never()), ..Self::default() }
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

    /// Counts a node; true once the search has to end.
    #[inline]
    pub(super) fn poll(&mut self) -> bool {
        if self.polls.is_multiple_of(NODES) {
            self.look();
        }
        self.polls = self.polls.wrapping_add(1);
        self.stopped
    }

    /// The same for a stride of some thousand rows.
    pub(super) fn stride(&mut self) -> bool {
        self.look();
        self.stopped
    }

    /// The same for a row that is looked at by itself.
    #[inline]
    pub(crate) fn row(&mut self) -> bool {
        self.rows_examined += 1;
        if self.rows_examined.is_multiple_of(ROWS) {
            self.look();
        }
        self.stopped
    }

    #[cold]
    fn look(&mut self) {
        self.stopped |= self.cancel.is_some_and(|cancel| cancel.poll().is_err());
    }
}
