//! Walking the graph breadth first, a level at a time: what `neighbors` and `path` have in common.

use std::cell::RefCell;
use std::ops::ControlFlow::{self, Break, Continue};
use std::ops::Range;

use crate::batch::Work;
use crate::cancel::Pace;
use crate::error::Result;
use crate::index::adjacency::Direction;
use crate::ops::Via;
use crate::snapshot::Snapshot;

/// Tokens whose hops are asked for while those of another are visited.
const AHEAD: usize = 8;

thread_local! {
    /// A bit per token row, all clear between walks.
    static SPARE: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Which tokens were reached, each once, level after level.
pub(super) struct Walk<'a> {
    snapshot: &'a Snapshot,
    via: &'a Via,
    direction: Direction,
    /// A bit for each row that was reached.
    seen: Vec<u64>,
    /// The rows that were reached, in that order.
    order: Vec<u32>,
    /// Those of the last level.
    level: Range<usize>,
}

impl<'a> Walk<'a> {
    /// Begin at these rows.
    pub(super) fn new(snapshot: &'a Snapshot, via: &'a Via, direction: Direction, starts: &[u32]) -> Self {
        let mut seen = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let words = snapshot.tokens.extent() as usize / 64 + 1;
        if seen.len() < words {
            seen.resize(words, 0);
        }
        let mut walk = Self { snapshot, via, direction, seen, order: Vec::new(), level: 0..0 };
        for row in starts {
            if mark(&mut walk.seen, *row) {
                walk.order.push(*row);
            }
        }
        walk.level = 0..walk.order.len();
        walk
    }

    /// The rows that were reached, in that order; the starts are among them.
    pub(super) fn order(&self) -> &[u32] {
        &self.order
    }

    /// Those of the last level.
    pub(super) fn level(&self) -> Range<usize> {
        self.level.clone()
    }

    /// Whether a row was reached.
    pub(super) fn has(&self, row: u32) -> bool {
        self.seen[row as usize / 64] >> (row % 64) & 1 == 1
    }

    /// One hop further. `reached` is told of each new row, and where among [`Self::order`] the one is that leads to it;
    /// it may break off once what it looks for is found.
    pub(super) fn advance<B>(
        &mut self,
        pace: &mut Pace<'_>,
        work: &mut Work,
        mut reached: impl FnMut(u32, usize) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>> {
        let Self { snapshot, via, direction, .. } = *self;
        let adjacency = &snapshot.adjacency;
        let level = std::mem::replace(&mut self.level, self.order.len()..self.order.len());
        self.order[level.clone()].iter().take(2 * AHEAD).for_each(|row| adjacency.fetch_place(*row, direction));
        let kinds = !via.is_all();
        self.order[level.clone()].iter().take(AHEAD).for_each(|row| adjacency.fetch_hops(*row, direction, kinds));
        for at in level.clone() {
            if at + 2 * AHEAD < level.end {
                adjacency.fetch_place(self.order[at + 2 * AHEAD], direction);
            }
            if at + AHEAD < level.end {
                adjacency.fetch_hops(self.order[at + AHEAD], direction, kinds);
            }
            let mut edges = 0_u32;
            let done = adjacency.try_hops(snapshot, self.order[at], direction, |hop| {
                edges += 1;
                if via.contains(hop.kind) && mark(&mut self.seen, hop.token) {
                    self.order.push(hop.token);
                    reached(hop.token, at)
                } else {
                    Continue(())
                }
            });
            work.edges_examined += u64::from(edges);
            pace.ticks(edges.saturating_add(1))?;
            if let Break(found) = done {
                return Ok(Break(found));
            }
        }
        self.level.end = self.order.len();
        Ok(Continue(()))
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        // A panic loses the bits rather than leaving some set.
        if !std::thread::panicking() {
            self.order.iter().for_each(|row| self.seen[*row as usize / 64] = 0);
            let seen = std::mem::take(&mut self.seen);
            let _ = SPARE.try_with(|spare| spare.borrow_mut().push(seen));
        }
    }
}

/// Set a row's bit; whether it was not.
fn mark(seen: &mut [u64], row: u32) -> bool {
    let (word, bit) = (&mut seen[row as usize / 64], 1 << (row % 64));
    let new = *word & bit == 0;
    *word |= bit;
    new
}
