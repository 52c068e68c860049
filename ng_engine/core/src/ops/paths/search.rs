//! The cheapest way that begins as told, goes on by none of some connections, and comes to no token twice.
//!
//! A* with the ball around the target as its floor. Of two ways to the same token the worse is dropped: that of the higher
//! cost, then of more hops, then of the later connections. So a way never comes back to where it has been, which would
//! take more hops and cost no less.
//!
//! Costs are rounded sums, so a floor keeps a little back ([`KEPT_BACK`]): a token is gone on from once, or again should it
//! be reached more cheaply after that. And what a way costs at least is taken for smaller by what its roundings can make
//! of it, so that the search ends no earlier than it may.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::ball::Ball;
use super::{Step, Walker, Way};
use crate::cost::{self, KEPT_BACK};
use crate::error::Result;
use crate::index::adjacency::Hop;

/// What a token that was reached takes, and its place in the queue.
const REACHED_BYTES: usize = 96;
/// Tokens reached between two looks at what memory there is.
const CHUNK: usize = 1 << 12;
/// No label.
const NONE: u32 = u32::MAX;

/// A token as one way came to it.
#[derive(Clone, Copy)]
struct Label {
    cost: f64,
    row: u32,
    connection: u32,
    /// The label of the token before.
    before: u32,
    hops: u32,
    /// Another label of the same token.
    other: u32,
    /// Whether a better one was found.
    dropped: bool,
}

/// The arrays of a search, used again by the next one.
#[derive(Default)]
pub(super) struct Search {
    labels: Vec<Label>,
    latest: HashMap<u32, u32, foldhash::fast::RandomState>,
    /// By floor and cost (their bits), hops, label.
    queue: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    hops: Vec<(Hop, f64)>,
    /// Labels that memory was taken for.
    held: usize,
    /// Connections looked at.
    pub(super) edges: u64,
}

/// What a search is for.
pub(super) struct Wanted<'a> {
    /// How the way begins.
    pub(super) prefix: &'a [Step],
    /// Connections by which it does not go on from there, in order.
    pub(super) barred: &'a [u32],
    /// Where it ends.
    pub(super) to: u32,
    /// What it may cost.
    pub(super) most: f64,
}

/// What a way costs at least whose floor this is. Hops are whole numbers, and never rounded.
pub(super) fn unrounded(walker: &Walker<'_>, floor: f64) -> f64 {
    walker.cost.map_or(floor, |_| cost::unrounded(floor, walker.view.snapshot.tokens.extent()))
}

/// What the rest of a way costs at least, told so that it falls along a hop by no more than the hop costs.
pub(super) fn rest(walker: &Walker<'_>, behind: &Ball, row: u32) -> f64 {
    let floor = behind.floor(row);
    walker.cost.map_or(floor, |_| floor * (1.0 - KEPT_BACK))
}

impl Search {
    /// The way that is wanted, if there is one.
    pub(super) fn run(&mut self, walker: &mut Walker<'_>, behind: &Ball, wanted: &Wanted<'_>) -> Result<Option<Way>> {
        self.labels.clear();
        self.latest.clear();
        self.queue.clear();
        for (step, number) in wanted.prefix.iter().zip(0u32..) {
            let before = number.checked_sub(1).unwrap_or(NONE);
            self.latest.insert(step.row, number);
            let (row, connection, cost) = (step.row, step.connection, step.cost);
            self.labels.push(Label { cost, row, connection, before, hops: number, other: NONE, dropped: false });
        }
        let spur = (self.labels.len() as u32).saturating_sub(1);
        let mut best = None;
        self.queue.push(Reverse((0, 0, 0, spur)));
        let mut hops = std::mem::take(&mut self.hops);
        while let Some(Reverse((floor, _, _, number))) = self.queue.pop() {
            let (floor, at) = (unrounded(walker, f64::from_bits(floor)), self.labels[number as usize]);
            if floor > wanted.most || best.is_some_and(|best: u32| floor > self.labels[best as usize].cost) {
                break;
            }
            if at.row == wanted.to {
                best = best.or(Some(number));
                continue;
            }
            if at.dropped || walker.most_hops().is_some_and(|most| at.hops >= most) {
                continue;
            }
            let before = walker.work.edges_examined;
            walker.hops(at.row, false, &mut hops)?;
            self.edges += walker.work.edges_examined - before;
            for (hop, price) in &hops {
                if number == spur && wanted.barred.binary_search(&hop.connection).is_ok() {
                    continue;
                }
                let cost = at.cost + price;
                let floor = cost + rest(walker, behind, hop.token);
                if unrounded(walker, floor) > wanted.most || floor == f64::INFINITY && cost < floor {
                    continue;
                }
                let label = Label {
                    cost,
                    row: hop.token,
                    connection: hop.connection,
                    before: number,
                    hops: at.hops + 1,
                    other: NONE,
                    dropped: false,
                };
                let Some(number) = self.admit(walker, label) else { continue };
                if hop.token != wanted.to {
                    self.queue.push(Reverse((floor.to_bits(), cost.to_bits(), label.hops, number)));
                } else if best.is_none_or(|best| {
                    let best = &self.labels[best as usize];
                    best.dropped || cost < best.cost
                }) {
                    best = Some(number);
                }
            }
            if self.labels.len() + self.queue.len() >= self.held + CHUNK {
                walker.view.memory.take(CHUNK * REACHED_BYTES)?;
                self.held += CHUNK;
            }
        }
        self.hops = hops;
        Ok(best.map(|number| self.way(walker, number)))
    }

    /// Keep a label unless its token has a better one; its number.
    fn admit(&mut self, walker: &Walker<'_>, mut label: Label) -> Option<u32> {
        // Where hops are limited, a dearer way with fewer hops may lead on where a cheaper one must end.
        let limited = walker.most_hops().is_some();
        label.other = self.latest.get(&label.row).copied().unwrap_or(NONE);
        let mut number = label.other;
        while let Some(known) = self.labels.get(number as usize).copied() {
            if !known.dropped {
                let same = (known.cost, known.hops) == (label.cost, label.hops);
                let (fewer, more) = (known.hops <= label.hops, known.hops >= label.hops);
                let better = known.cost < label.cost && (fewer || !limited) || known.cost == label.cost && fewer;
                let worse = known.cost > label.cost && (more || !limited) || known.cost == label.cost && more;
                if if same { !self.precedes(walker, &label, &known) } else { better } {
                    return None;
                }
                self.labels[number as usize].dropped = worse;
            }
            number = known.other;
        }
        let number = self.labels.len() as u32;
        self.latest.insert(label.row, number);
        self.labels.push(label);
        Some(number)
    }

    /// Whether the one came by earlier connections than the other, in as many hops.
    fn precedes(&self, walker: &Walker<'_>, one: &Label, other: &Label) -> bool {
        let (mut a, mut b, mut earlier) = (one, other, false);
        loop {
            if a.connection != b.connection {
                earlier = walker.id(a.connection) < walker.id(b.connection);
            }
            if a.before == b.before {
                return earlier;
            }
            match (self.labels.get(a.before as usize), self.labels.get(b.before as usize)) {
                (Some(before), Some(other)) => (a, b) = (before, other),
                _ => return earlier,
            }
        }
    }

    fn way(&self, walker: &Walker<'_>, mut number: u32) -> Way {
        let mut way = Vec::new();
        while let Some(label) = self.labels.get(number as usize) {
            let id = if label.connection == u32::MAX { 0 } else { walker.id(label.connection) };
            way.push(Step { row: label.row, connection: label.connection, id, cost: label.cost });
            number = label.before;
        }
        way.reverse();
        way
    }
}
