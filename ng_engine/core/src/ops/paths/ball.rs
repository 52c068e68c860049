//! The tokens around one, by what a way from it or to it costs; grown as far as it is needed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::Walker;
use crate::error::Result;
use crate::index::adjacency::Hop;

/// What a token that was reached takes, and its place in the queue.
const REACHED_BYTES: usize = 48;
/// Tokens reached between two looks at what memory there is.
const CHUNK: usize = 1 << 12;

/// Dijkstra's search from one token, which can be gone on with.
pub(super) struct Ball {
    /// Row → its least cost so far, and whether that is final.
    reached: HashMap<u32, (f64, bool), foldhash::fast::RandomState>,
    /// Costs by their bits, which are in order as no cost is negative.
    queue: BinaryHeap<Reverse<(u64, u32)>>,
    /// Whether it holds the ways to the token, not those from it.
    backwards: bool,
    /// Connections looked at.
    pub(super) edges: u64,
    held: usize,
    hops: Vec<(Hop, f64)>,
}

impl Ball {
    pub(super) fn new(center: u32, backwards: bool) -> Self {
        Self {
            reached: [(center, (0.0, false))].into_iter().collect(),
            queue: [Reverse((0, center))].into_iter().collect(),
            backwards,
            edges: 0,
            held: 0,
            hops: Vec::new(),
        }
    }

    /// The least cost of the tokens that are not settled; `None` when all that can be reached are.
    pub(super) fn radius(&self) -> Option<f64> {
        self.queue.peek().map(|Reverse((cost, _))| f64::from_bits(*cost))
    }

    /// What a way between the center and a token costs at least; infinitely much if there is none.
    pub(super) fn floor(&self, row: u32) -> f64 {
        match self.reached.get(&row) {
            Some((cost, true)) => *cost,
            _ => self.radius().unwrap_or(f64::INFINITY),
        }
    }

    /// Settle the cheapest token: its row and cost.
    pub(super) fn grow(&mut self, walker: &mut Walker<'_>) -> Result<Option<(u32, f64)>> {
        let Some(Reverse((cost, row))) = self.queue.pop() else { return Ok(None) };
        let cost = f64::from_bits(cost);
        self.reached.insert(row, (cost, true));
        let mut hops = std::mem::take(&mut self.hops);
        let before = walker.work.edges_examined;
        walker.hops(row, self.backwards, &mut hops)?;
        self.edges += walker.work.edges_examined - before;
        for (hop, price) in &hops {
            let total = cost + price;
            let known = self.reached.get(&hop.token);
            if known.is_none_or(|(known, _)| total < *known) {
                self.reached.insert(hop.token, (total, false));
                self.queue.push(Reverse((total.to_bits(), hop.token)));
            }
        }
        self.hops = hops;
        if self.queue.len() + self.reached.len() >= self.held + CHUNK {
            walker.view.memory.take(CHUNK * REACHED_BYTES)?;
            self.held += CHUNK;
        }
        // What was reached more cheaply since waits in the queue a second time.
        while let Some(Reverse((_, row))) = self.queue.peek()
            && self.reached.get(row).is_some_and(|(_, settled)| *settled)
        {
            self.queue.pop();
        }
        Ok(Some((row, cost)))
    }
}

/// Grow both until no way can be cheaper than the cheapest through a token of both; whether there is a way at all.
pub(super) fn meet(walker: &mut Walker<'_>, ahead: &mut Ball, behind: &mut Ball) -> Result<bool> {
    let (mut best, most) = (None, walker.most_cost());
    while let (Some(a), Some(b)) = (ahead.radius(), behind.radius()) {
        if best.is_some_and(|best| a + b >= best) || a + b > most {
            break;
        }
        let (side, other) = if ahead.edges <= behind.edges { (&mut *ahead, &*behind) } else { (&mut *behind, &*ahead) };
        if let Some((row, cost)) = side.grow(walker)?
            && let Some((rest, _)) = other.reached.get(&row)
            && best.is_none_or(|best| cost + rest < best)
        {
            best = Some(cost + rest);
        }
    }
    Ok(best.is_some())
}
