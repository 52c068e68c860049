//! Every way of the fewest hops.

use std::collections::HashMap;

use super::{Step, Walker, Way, make_room};
use crate::error::Result;
use crate::index::adjacency::Hop;

/// What a token that was reached takes.
const REACHED_BYTES: usize = 24;

type Levels = HashMap<u32, u32, foldhash::fast::RandomState>;

/// One side of the search: the hops to each row, and the rows of the last level.
struct Side {
    hops: Levels,
    level: Vec<u32>,
    depth: u32,
    backwards: bool,
}

impl Side {
    fn new(start: u32, backwards: bool) -> Self {
        Self { hops: [(start, 0)].into_iter().collect(), level: vec![start], depth: 0, backwards }
    }

    fn advance(&mut self, walker: &mut Walker<'_>, found: &mut Vec<(Hop, f64)>) -> Result<()> {
        self.depth += 1;
        let mut next = Vec::new();
        for row in std::mem::take(&mut self.level) {
            walker.hops(row, self.backwards, found)?;
            for (hop, _) in &*found {
                self.hops.entry(hop.token).or_insert_with(|| {
                    next.push(hop.token);
                    self.depth
                });
            }
        }
        walker.view.memory.take(next.len() * REACHED_BYTES)?;
        self.level = next;
        Ok(())
    }
}

/// Every way of the fewest hops, by the ids of their connections.
pub(super) fn every(walker: &mut Walker<'_>, (from, to): (u32, u32)) -> Result<Vec<Way>> {
    let (mut ahead, mut behind, mut found) = (Side::new(from, false), Side::new(to, true), Vec::new());
    let mut meeting: Vec<u32> = if from == to { vec![from] } else { Vec::new() };
    while meeting.is_empty() {
        let over = f64::from(ahead.depth) + f64::from(behind.depth) >= walker.most_cost();
        if over || ahead.level.is_empty() || behind.level.is_empty() {
            return Ok(Vec::new());
        }
        let (side, other) =
            if ahead.level.len() <= behind.level.len() { (&mut ahead, &behind) } else { (&mut behind, &ahead) };
        side.advance(walker, &mut found)?;
        // All that the two have in common lies in the last level of both.
        meeting.extend(side.level.iter().filter(|row| other.hops.contains_key(row)));
    }
    let hops = ahead.depth + behind.depth;
    let left = left(walker, hops, &ahead, behind.hops, meeting, &mut found)?;
    let onward = onward(walker, from, &left, &mut found)?;
    let ways = count(walker, &onward, from, hops)?;
    make_room(walker, 0, ways.saturating_mul(hops as usize + 1))?;
    walk(walker, &onward, from, hops, ways)
}

/// The hops that are left to go from the rows on such ways; of others too, which no such way comes to.
fn left(
    walker: &mut Walker<'_>,
    hops: u32,
    ahead: &Side,
    mut left: Levels,
    mut level: Vec<u32>,
    found: &mut Vec<(Hop, f64)>,
) -> Result<Levels> {
    for depth in (0..ahead.depth).rev() {
        let mut before = Vec::new();
        for row in level {
            walker.hops(row, true, found)?;
            for (hop, _) in &*found {
                if ahead.hops.get(&hop.token) == Some(&depth) {
                    left.entry(hop.token).or_insert_with(|| {
                        before.push(hop.token);
                        hops - depth
                    });
                }
            }
        }
        level = before;
    }
    Ok(left)
}

/// The steps by which such ways go on from a row, by the ids of their connections.
type Onward = HashMap<u32, Vec<Step>, foldhash::fast::RandomState>;

fn onward(walker: &mut Walker<'_>, from: u32, left: &Levels, found: &mut Vec<(Hop, f64)>) -> Result<Onward> {
    let (mut onward, mut level, mut cost) = (Onward::default(), vec![from], 0.0);
    while !level.is_empty() {
        let mut next = Vec::new();
        cost += 1.0;
        for row in level {
            if onward.contains_key(&row) {
                continue;
            }
            let to_go = left.get(&row).copied().unwrap_or(0);
            let mut steps = Vec::new();
            if to_go > 0 {
                walker.hops(row, false, found)?;
                let nearer = found.iter().filter(|(hop, _)| left.get(&hop.token) == Some(&(to_go - 1)));
                let step = |hop: &Hop| (hop.token, hop.connection, walker.id(hop.connection));
                steps.extend(nearer.map(|(hop, _)| step(hop)).map(|(row, connection, id)| Step {
                    row,
                    connection,
                    id,
                    cost,
                }));
            }
            walker.view.memory.take(size_of_val(&*steps) + REACHED_BYTES)?;
            steps.sort_unstable_by_key(|step| step.id);
            next.extend(steps.iter().map(|step| step.row));
            onward.insert(row, steps);
        }
        level = next;
    }
    Ok(onward)
}

/// How many ways there are; the largest number if there are more.
fn count(walker: &mut Walker<'_>, onward: &Onward, from: u32, hops: u32) -> Result<usize> {
    let mut ways: HashMap<u32, usize, foldhash::fast::RandomState> = [(from, 1)].into_iter().collect();
    for _ in 0..hops {
        let mut next = HashMap::default();
        for (row, count) in ways {
            walker.pace.tick()?;
            for step in onward.get(&row).into_iter().flatten() {
                let sum = next.entry(step.row).or_insert(0usize);
                *sum = sum.saturating_add(count);
            }
        }
        ways = next;
    }
    Ok(ways.into_values().fold(0, usize::saturating_add))
}

fn walk(walker: &mut Walker<'_>, onward: &Onward, from: u32, hops: u32, count: usize) -> Result<Vec<Way>> {
    let mut ways = Vec::with_capacity(count);
    let mut way = vec![Step { row: from, connection: u32::MAX, id: 0, cost: 0.0 }];
    // Of each step of the way, how many were tried instead of the next.
    let mut tried = vec![0];
    while let (Some(at), Some(next)) = (way.last(), tried.last_mut()) {
        walker.pace.tick()?;
        let step = onward.get(&at.row).and_then(|steps| steps.get(*next)).copied();
        *next += 1;
        if way.len() == hops as usize + 1 {
            ways.push(way.clone());
        }
        match step {
            Some(step) => {
                way.push(step);
                tried.push(0);
            }
            None => {
                way.pop();
                tried.pop();
            }
        }
    }
    Ok(ways)
}
