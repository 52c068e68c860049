//! The cheapest way from one token to another: from both ends, or from the start alone if hops are limited.

use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};

use super::{Route, Way};
use crate::batch::Work;
use crate::cost::{Cost, Rows};
use crate::error::Result;
use crate::index::adjacency::{Direction, Hop};
use crate::ops::{Via, View};

/// What a token that was reached takes, and its place in the queue.
const REACHED_BYTES: usize = 64;
/// Tokens reached between two looks at what memory there is.
const CHUNK: usize = 1 << 12;

/// A token to go on from: the cheapest comes first, of these the one with the fewest hops.
#[derive(Clone, Copy, PartialEq)]
struct Next {
    cost: f64,
    hops: u32,
    row: u32,
}

impl Eq for Next {}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cost.total_cmp(&other.cost).then(self.hops.cmp(&other.hops)).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How a token was reached: at which cost, from where, along which connection.
#[derive(Clone, Copy)]
struct Reached {
    cost: f64,
    before: u32,
    connection: u32,
    settled: bool,
}

/// One end of the search.
struct Side {
    reached: HashMap<u32, Reached, foldhash::fast::RandomState>,
    queue: BinaryHeap<Reverse<Next>>,
    direction: Direction,
    /// Whether it walks connections backwards, so that what it comes from is what the way reaches.
    backwards: bool,
    /// Those of the token under way.
    hops: Vec<Hop>,
}

impl Side {
    fn new(start: u32, direction: Direction, backwards: bool) -> Self {
        let first = Reached { cost: 0.0, before: start, connection: u32::MAX, settled: false };
        Self {
            reached: [(start, first)].into_iter().collect(),
            queue: [Reverse(Next { cost: 0.0, hops: 0, row: start })].into_iter().collect(),
            direction,
            backwards,
            hops: Vec::new(),
        }
    }

    /// The least cost of a token that is not settled yet.
    fn least(&mut self) -> Option<f64> {
        while let Some(Reverse(next)) = self.queue.peek() {
            if !self.reached[&next.row].settled {
                return Some(next.cost);
            }
            self.queue.pop();
        }
        None
    }

    /// Settle the cheapest token and reach those it is connected with; `goes_on` is told of each that got cheaper, and
    /// says whether a way through it may still be the cheapest.
    fn advance(
        &mut self,
        view: &View,
        via: &Via,
        cost: &Cost<'_>,
        work: &mut Work,
        mut goes_on: impl FnMut(u32, f64) -> bool,
    ) -> Result<()> {
        let Some(Reverse(from)) = self.queue.pop() else { return Ok(()) };
        if let Some(reached) = self.reached.get_mut(&from.row) {
            reached.settled = true;
        }
        let rows = |hop: &Hop| {
            let (left, reached) = if self.backwards { (hop.token, from.row) } else { (from.row, hop.token) };
            Rows { from: left, to: reached, connection: hop.connection }
        };
        let adjacency = &view.snapshot.adjacency;
        let next = self.queue.peek().map(|Reverse(next)| next.row);
        next.into_iter().for_each(|row| adjacency.fetch_place(row, self.direction));
        // All of them are asked for before the first is read.
        hops(view, from.row, self.direction, via, work, &mut self.hops);
        self.hops.iter().for_each(|hop| cost.fetch(rows(hop)));
        for hop in &self.hops {
            let total = from.cost + cost.of(rows(hop))?;
            let reached = Reached { cost: total, before: from.row, connection: hop.connection, settled: false };
            match self.reached.entry(hop.token) {
                Entry::Occupied(known) if known.get().cost <= total => continue,
                known => known.insert_entry(reached),
            };
            if goes_on(hop.token, total) {
                self.queue.push(Reverse(Next { cost: total, hops: from.hops + 1, row: hop.token }));
            }
        }
        next.into_iter().for_each(|row| adjacency.fetch_hops(row, self.direction, !via.is_all()));
        Ok(())
    }

    /// The way from `row` back to where the side began: (row, connection that led to it).
    fn back(&self, mut row: u32) -> Way {
        let mut way = Vec::new();
        while let Some(reached) = self.reached.get(&row) {
            way.push((row, reached.connection));
            if reached.before == row {
                break;
            }
            row = reached.before;
        }
        way
    }
}

/// The hops from a token that the way may use.
fn hops(view: &View, row: u32, direction: Direction, via: &Via, work: &mut Work, found: &mut Vec<Hop>) {
    found.clear();
    view.snapshot.adjacency.hops(&view.snapshot, row, direction, |hop| {
        work.edges_examined += 1;
        if via.contains(hop.kind) {
            found.push(hop);
        }
    });
}

/// The cheapest way, the start first; none if there is none.
pub(super) fn cheapest(
    view: &View,
    ends: (u32, u32),
    via: &Via,
    route: &Route<'_>,
    cost: &Cost<'_>,
    work: &mut Work,
) -> Result<Option<Way>> {
    match route.max_depth {
        None => from_both_ends(view, ends, via, route.direction, cost, work),
        Some(most) => with_few_hops(view, ends, via, route.direction, cost, most, work),
    }
}

fn from_both_ends(
    view: &View,
    (from, to): (u32, u32),
    via: &Via,
    direction: Direction,
    cost: &Cost<'_>,
    work: &mut Work,
) -> Result<Option<Way>> {
    let mut pace = view.cancel.pace();
    let (mut ahead, mut behind) = (Side::new(from, direction, false), Side::new(to, direction.reversed(), true));
    let mut best = (from == to).then_some((0.0, from));
    let mut held = 0;
    while let (Some(a), Some(b)) = (ahead.least(), behind.least()) {
        if best.is_some_and(|(least, _)| a + b >= least) {
            break;
        }
        // The side with fewer tokens to go on from: what has hubs on one side is searched from the other.
        let from_start = ahead.queue.len() <= behind.queue.len();
        let (side, other) = if from_start { (&mut ahead, &behind) } else { (&mut behind, &ahead) };
        let before = work.edges_examined;
        side.advance(view, via, cost, work, |row, cost| {
            if let Some(rest) = other.reached.get(&row)
                && best.is_none_or(|(least, _)| cost + rest.cost < least)
            {
                best = Some((cost + rest.cost, row));
            }
            best.is_none_or(|(least, _)| cost < least)
        })?;
        pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1))?;
        let reached = ahead.queue.len() + behind.queue.len();
        if reached >= held + CHUNK {
            view.memory.take((reached - held) * REACHED_BYTES)?;
            held = reached;
        }
    }
    Ok(best.map(|(_, row)| {
        let mut way = ahead.back(row);
        way.reverse();
        // Behind the meeting point each connection leads away from its row: it belongs to the row after.
        let tail = behind.back(row);
        way.extend(tail.windows(2).map(|pair| (pair[1].0, pair[0].1)));
        way
    }))
}

/// A token as one way reached it. Dearer ways with fewer hops are kept: they may lead on where cheaper ones must end.
#[derive(Clone, Copy)]
struct Step {
    row: u32,
    connection: u32,
    /// The step before, by number.
    before: u32,
}

fn with_few_hops(
    view: &View,
    (from, to): (u32, u32),
    via: &Via,
    direction: Direction,
    cost: &Cost<'_>,
    most: u32,
    work: &mut Work,
) -> Result<Option<Way>> {
    let mut pace = view.cancel.pace();
    let mut steps = vec![Step { row: from, connection: u32::MAX, before: u32::MAX }];
    // The fewest hops of the ways that came to a token so far, all of them cheaper than what is still queued.
    let mut fewest: HashMap<u32, u32, foldhash::fast::RandomState> = HashMap::default();
    let mut queue: BinaryHeap<Reverse<(Next, u32)>> = BinaryHeap::new();
    let mut found = Vec::new();
    queue.push(Reverse((Next { cost: 0.0, hops: 0, row: from }, 0)));
    while let Some(Reverse((at, number))) = queue.pop() {
        if at.row == to {
            let mut way = Vec::new();
            let mut number = number;
            while let Some(step) = steps.get(number as usize) {
                way.push((step.row, step.connection));
                number = step.before;
            }
            way.reverse();
            return Ok(Some(way));
        }
        if fewest.get(&at.row).is_some_and(|hops| *hops <= at.hops) {
            continue;
        }
        fewest.insert(at.row, at.hops);
        if at.hops == most {
            continue;
        }
        let before = work.edges_examined;
        hops(view, at.row, direction, via, work, &mut found);
        for hop in &found {
            if fewest.get(&hop.token).is_some_and(|hops| *hops <= at.hops + 1) {
                continue;
            }
            let total = at.cost + cost.of(Rows { from: at.row, to: hop.token, connection: hop.connection })?;
            queue.push(Reverse((Next { cost: total, hops: at.hops + 1, row: hop.token }, steps.len() as u32)));
            steps.push(Step { row: hop.token, connection: hop.connection, before: number });
            if steps.len() % CHUNK == 0 {
                view.memory.take(CHUNK * REACHED_BYTES)?;
            }
        }
        pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1))?;
    }
    Ok(None)
}
