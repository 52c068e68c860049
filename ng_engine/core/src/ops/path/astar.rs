//! The cheapest way where costs depend on distances: from the start, by what a way through a token costs at least.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Route, Way};
use crate::batch::Work;
use crate::cost::{Cost, Floor, Rows, unrounded};
use crate::error::Result;
use crate::ops::{Via, View};

/// What a token that was reached takes, and its place in the queue.
const REACHED_BYTES: usize = 64;
/// Tokens reached between two looks at what memory there is.
const CHUNK: usize = 1 << 12;

/// How a token was reached: at which cost, from where, along which connection.
#[derive(Clone, Copy)]
struct Reached {
    cost: f64,
    /// What a way from here costs at least.
    floor: f64,
    before: u32,
    connection: u32,
}

/// The cheapest way, the start first; none if there is none.
pub(super) fn astar(
    view: &View,
    (from, to): (u32, u32),
    via: &Via,
    route: &Route<'_>,
    (cost, floor): (&Cost<'_>, &Floor),
    work: &mut Work,
) -> Result<Option<Way>> {
    let (snapshot, mut pace) = (&*view.snapshot, view.cancel.pace());
    let start = Reached { cost: 0.0, floor: floor.from(&snapshot.coords(from)), before: from, connection: u32::MAX };
    let mut reached: HashMap<u32, Reached, foldhash::fast::RandomState> = [(from, start)].into_iter().collect();
    // By what a way through the token costs at least, and what it costs up to there: bits are in order as none is negative.
    let mut queue = BinaryHeap::from([Reverse((start.floor.to_bits(), 0u64, from))]);
    let (mut best, mut held, mut hops) = (None, 0, Vec::new());
    while let Some(Reverse((least, so_far, row))) = queue.pop() {
        if best.is_some_and(|best| unrounded(f64::from_bits(least), snapshot.tokens.extent()) >= best) {
            break;
        }
        let so_far = f64::from_bits(so_far);
        if row == to {
            best = Some(best.map_or(so_far, |best: f64| best.min(so_far)));
        }
        if row == to || reached.get(&row).is_some_and(|known| known.cost < so_far) {
            continue;
        }
        let before = work.edges_examined;
        hops.clear();
        snapshot.adjacency.hops(snapshot, row, route.direction, |hop| {
            work.edges_examined += 1;
            if via.contains(hop.kind) {
                hops.push(hop);
            }
        });
        for hop in &hops {
            let total = so_far + cost.of(Rows { from: row, to: hop.token, connection: hop.connection })?;
            let known = reached.get(&hop.token).copied();
            if known.is_none_or(|known| total < known.cost) {
                let floor = known.map_or_else(|| floor.from(&snapshot.coords(hop.token)), |known| known.floor);
                let now = Reached { cost: total, floor, before: row, connection: hop.connection };
                reached.insert(hop.token, now);
                queue.push(Reverse(((total + floor).to_bits(), total.to_bits(), hop.token)));
            }
        }
        pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1))?;
        if queue.len() >= held + CHUNK {
            view.memory.take((queue.len() - held) * REACHED_BYTES)?;
            held = queue.len();
        }
    }
    Ok(best.map(|_| way(&reached, from, to)))
}

fn way(reached: &HashMap<u32, Reached, foldhash::fast::RandomState>, from: u32, to: u32) -> Way {
    let (mut way, mut row) = (Vec::new(), to);
    while let Some(known) = reached.get(&row) {
        way.push((row, known.connection));
        if row == from {
            break;
        }
        row = known.before;
    }
    way.reverse();
    way
}
