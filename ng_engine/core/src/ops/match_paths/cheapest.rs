//! So many paths from a token to every token that a pattern's last can be, by cost or by hops: Dijkstra's search over the
//! pairs of a token and how far the pattern has been walked, each of which is settled that many times.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::error::{Error, Result};
use crate::ops::match_paths::fewest::most_ends;
use crate::ops::match_paths::found::Found;
use crate::ops::match_paths::trail::{At, END, NONE, Trails};

/// What a visit and its place in the queue take.
const VISIT_BYTES: usize = 64;
/// Visits between two looks at what memory there is.
const TAKEN: usize = 1 << 10;

/// A path as far as it has come.
#[derive(Clone, Copy)]
struct Visit {
    parent: u32,
    row: u32,
    connection: u32,
    step: usize,
    /// Hops of the step.
    count: u32,
    /// Hops in all.
    hops: u32,
    cost: f64,
}

/// Costs by their bits, which are in order as no cost is negative; then hops, then the order in which they were found.
type Queue = BinaryHeap<Reverse<(u64, u32, u32)>>;

struct Search<'a, 'b> {
    trails: &'a mut Trails<'b>,
    root: At,
    by_cost: bool,
    visits: Vec<Visit>,
    queue: Queue,
}

/// At most `k` paths to each last token.
pub(super) fn paths(trails: &mut Trails<'_>, starts: &[u32], k: usize, by_cost: bool, found: &mut Found) -> Result<()> {
    for row in starts {
        trails.clear();
        let root = trails.begin(*row)?;
        Search { trails: &mut *trails, root, by_cost, visits: Vec::new(), queue: Queue::new() }.run(k, found)?;
    }
    Ok(())
}

impl Search<'_, '_> {
    fn run(&mut self, k: usize, found: &mut Found) -> Result<()> {
        let steps = self.trails.ready.steps.len();
        let mut missing = most_ends(self.trails).map_or(usize::MAX, |ends| ends.saturating_mul(k));
        let mut settled: HashMap<(u32, usize, u32), usize, foldhash::fast::RandomState> = HashMap::default();
        let mut hops = Vec::new();
        let (row, parent, connection) = (self.root.row, NONE, END);
        self.visit(Visit { parent, row, connection, step: 0, count: 0, hops: 0, cost: 0.0 })?;
        while let Some(Reverse((_, _, number))) = self.queue.pop() {
            let visit = self.visits[number as usize];
            let Visit { row, step, count, .. } = visit;
            let times = settled.entry((row, step, self.counted(step, count))).or_default();
            if *times == k {
                continue;
            }
            *times += 1;
            if step == steps {
                let at = self.path(number)?;
                found.add(self.trails, at)?;
                missing -= 1;
                if missing == 0 {
                    break;
                }
                continue;
            }
            let edge = self.trails.edge(step);
            if !edge.is_single() && count >= edge.low && self.trails.arrives(step, self.root, row) {
                self.visit(Visit { parent: number, connection: END, step: step + 1, count: 0, ..visit })?;
            }
            if edge.high.is_some_and(|high| count >= high) {
                continue;
            }
            self.trails.hops(step, row, &mut hops)?;
            for hop in &hops {
                let (step, count) = if edge.is_single() { (step + 1, 0) } else { (step, count + 1) };
                if edge.is_single() && !self.trails.arrives(step - 1, self.root, hop.token) {
                    continue;
                }
                let cost = visit.cost + self.price(visit, hop.token, hop.connection)?;
                let (parent, row, connection, hops) = (number, hop.token, hop.connection, visit.hops + 1);
                self.visit(Visit { parent, row, connection, step, count, hops, cost })?;
            }
        }
        Ok(())
    }

    /// Without an upper bound all counts beyond the lower one are the same.
    fn counted(&self, step: usize, count: u32) -> u32 {
        if step == self.trails.ready.steps.len() {
            return 0;
        }
        let edge = self.trails.edge(step);
        if edge.high.is_none() { count.min(edge.low) } else { count }
    }

    fn price(&self, visit: Visit, to: u32, connection: u32) -> Result<f64> {
        if !self.by_cost {
            return Ok(1.0);
        }
        let step = self.trails.ready.steps[visit.step];
        let (from, to) = if step.forward { (visit.row, to) } else { (to, visit.row) };
        self.trails.price(step.edge, from, connection, to)
    }

    fn visit(&mut self, visit: Visit) -> Result<()> {
        if self.visits.len().is_multiple_of(TAKEN) {
            self.trails.ready.view.memory.take(TAKEN * VISIT_BYTES)?;
        }
        let number = u32::try_from(self.visits.len()).ok().filter(|number| *number != NONE);
        let number =
            number.ok_or_else(|| Error::limit_exceeded("the pattern has more than 2^32 paths in the making"))?;
        self.queue.push(Reverse((visit.cost.to_bits(), visit.hops, number)));
        self.visits.push(visit);
        Ok(())
    }

    /// The path of a visit.
    fn path(&mut self, number: u32) -> Result<At> {
        let before = |number: &u32| Some(self.visits[*number as usize].parent).filter(|parent| *parent != NONE);
        let chain: Vec<u32> = std::iter::successors(Some(number), before).collect();
        self.trails.clear();
        self.root = self.trails.begin(self.root.row)?;
        let mut at = self.root;
        // The last of them is where it begins.
        for number in chain.iter().rev().skip(1) {
            let Visit { parent, row, connection, .. } = self.visits[*number as usize];
            at = match connection {
                END => self.trails.end(at, self.visits[parent as usize].count)?,
                _ => self.trails.go_to(at, row, connection)?,
            };
        }
        Ok(at)
    }
}
