//! The cheapest way where costs depend on distances: A* from both ends, as Pijls and Post's "new bidirectional A*" does it.
//!
//! Each side goes on from the token through which a way costs the least as far as it knows: what it costs to come there, and
//! from there at least, by the distance. A token is gone on from once, by the side that is first; and left alone where no
//! way through it can be cheaper than one that is known. That is so if the floor of the way is as high, or if it is as high
//! with what the other side knows: that it has not come there by `least`, the lowest floor of those it may still go on from.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Route, Way};
use crate::batch::Work;
use crate::cancel::Pace;
use crate::cost::{Cost, Floor, Rows, unrounded};
use crate::error::Result;
use crate::index::adjacency::Hop;
use crate::ops::{Via, View};

/// What a token that was reached takes, and its place in the queues.
const REACHED_BYTES: usize = 128;
/// Tokens reached between two looks at what memory there is.
const CHUNK: usize = 1 << 12;

/// How one side came to a token.
#[derive(Clone, Copy)]
struct Reached {
    /// Infinite where it has not.
    cost: f64,
    before: u32,
    connection: u32,
}

/// A token as both sides see it: first that from the start, then that from the end.
#[derive(Clone, Copy)]
struct Seen {
    reached: [Reached; 2],
    /// What a way costs at least from here on.
    rest: [f64; 2],
    /// Whether a side has gone on from here, or none needs to.
    done: bool,
}

/// A search from both ends.
struct Search<'a, 'c> {
    view: &'a View,
    via: &'a Via,
    route: &'a Route<'a>,
    cost: &'a Cost<'c>,
    floors: [Floor; 2],
    seen: HashMap<u32, Seen, foldhash::fast::RandomState>,
    /// Floors of the ways through the tokens that each side may go on from: bits are in order, as none is negative.
    queues: [BinaryHeap<Reverse<(u64, u32)>>; 2],
    /// The cheapest way so far, and a token of it that both sides have come to.
    best: Option<(f64, u32)>,
    hops: Vec<Hop>,
    pace: Pace<'a>,
}

/// The cheapest way, the start first; none if there is none.
pub(super) fn astar(
    view: &View,
    (from, to): (u32, u32),
    via: &Via,
    route: &Route<'_>,
    (cost, [ahead, behind]): (&Cost<'_>, [Floor; 2]),
    work: &mut Work,
) -> Result<Option<Way>> {
    let (seen, queues, pace) = (HashMap::default(), [BinaryHeap::new(), BinaryHeap::new()], view.cancel.pace());
    let floors = [ahead, behind];
    let mut search = Search { view, via, route, cost, floors, seen, queues, best: None, hops: Vec::new(), pace };
    search.reach(0, from, Reached { cost: 0.0, before: from, connection: u32::MAX });
    search.reach(1, to, Reached { cost: 0.0, before: to, connection: u32::MAX });
    let mut held = 0;
    while let (Some(ahead), Some(behind)) = (search.least(0), search.least(1)) {
        if search.is_hopeless(ahead) || search.is_hopeless(behind) {
            break;
        }
        let side = usize::from(search.queues[0].len() > search.queues[1].len());
        search.advance(side, [behind, ahead][side], work)?;
        if search.seen.len() >= held + CHUNK {
            view.memory.take((search.seen.len() - held) * REACHED_BYTES)?;
            held = search.seen.len();
        }
    }
    Ok(search.best.map(|(_, row)| search.way(row)))
}

impl Search<'_, '_> {
    /// The lowest floor of the ways through the tokens that a side may go on from.
    fn least(&mut self, side: usize) -> Option<f64> {
        while let Some(Reverse((floor, row))) = self.queues[side].peek() {
            if self.seen.get(row).is_some_and(|seen| !seen.done) {
                return Some(f64::from_bits(*floor));
            }
            self.queues[side].pop();
        }
        None
    }

    /// Whether no way with this floor is cheaper than the best one.
    fn is_hopeless(&self, floor: f64) -> bool {
        self.best.is_some_and(|(best, _)| unrounded(floor, self.view.snapshot.tokens.extent()) >= best)
    }

    /// Go on from the token with the lowest floor; `least` is that of the other side.
    fn advance(&mut self, side: usize, least: f64, work: &mut Work) -> Result<()> {
        let Some(Reverse((floor, row))) = self.queues[side].pop() else { return Ok(()) };
        let Some(seen) = self.seen.get_mut(&row) else { return Ok(()) };
        seen.done = true;
        let (so_far, covered) = (seen.reached[side].cost, seen.rest[1 - side]);
        // The other side's way here costs `covered` at least, and `least` with what it takes from here to the end.
        if self.is_hopeless(f64::from_bits(floor))
            || self.best.is_some_and(|(best, _)| {
                unrounded(so_far + least, self.view.snapshot.tokens.extent()) - covered >= best
            })
        {
            return Ok(());
        }
        let direction = if side == 0 { self.route.direction } else { self.route.direction.reversed() };
        let (via, before, mut hops) = (self.via, work.edges_examined, std::mem::take(&mut self.hops));
        hops.clear();
        self.view.snapshot.adjacency.hops(&self.view.snapshot, row, direction, |hop| {
            work.edges_examined += 1;
            if via.contains(hop.kind) {
                hops.push(hop);
            }
        });
        for hop in &hops {
            let (from, to) = if side == 0 { (row, hop.token) } else { (hop.token, row) };
            let cost = so_far + self.cost.of(Rows { from, to, connection: hop.connection })?;
            self.reach(side, hop.token, Reached { cost, before: row, connection: hop.connection });
        }
        self.hops = hops;
        self.pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1))
    }

    /// Keep how a side came to a token if that is cheaper than before.
    fn reach(&mut self, side: usize, row: u32, now: Reached) {
        let seen = self.seen.entry(row).or_insert_with(|| {
            let (none, point) = (u32::MAX, self.view.snapshot.coords(row));
            let never = Reached { cost: f64::INFINITY, before: none, connection: none };
            let rest = [self.floors[0].from(&point), self.floors[1].from(&point)];
            Seen { reached: [never; 2], rest, done: false }
        });
        if seen.done || now.cost >= seen.reached[side].cost {
            return;
        }
        seen.reached[side] = now;
        self.queues[side].push(Reverse(((now.cost + seen.rest[side]).to_bits(), row)));
        let other = &seen.reached[1 - side];
        if other.before != u32::MAX && self.best.is_none_or(|(best, _)| now.cost + other.cost < best) {
            self.best = Some((now.cost + other.cost, row));
        }
    }

    /// The way through a token that both sides have come to.
    fn way(&self, meeting: u32) -> Way {
        let mut way = self.back(0, meeting);
        way.reverse();
        // Behind the meeting point each connection leads away from its row: it belongs to the row after.
        way.extend(self.back(1, meeting).windows(2).map(|pair| (pair[1].0, pair[0].1)));
        way
    }

    /// The way of one side from a token back to where it began: (row, connection that led to it).
    fn back(&self, side: usize, mut row: u32) -> Way {
        let mut way = Vec::new();
        while let Some(seen) = self.seen.get(&row) {
            let reached = &seen.reached[side];
            way.push((row, reached.connection));
            if reached.before == row {
                break;
            }
            row = reached.before;
        }
        way
    }
}
