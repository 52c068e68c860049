//! The nearest few, told apart in f32 as far as that goes.
//!
//! An exact distance for each improvement would put its latency, and the guesses the CPU makes meanwhile, on
//! the critical path. So the sieve ranks by `K` alone and keeps whatever might belong; the exact distances
//! and ids of those come last.

use super::Tree;
use super::kernel::Probe;
use super::search::{Harvest, Id, Passes};
use super::topk::{Hit, TopK};
use crate::metric::{Metric, Point};

/// So many are held back at the most: a million equal points must not all be.
const GRAINS: usize = 1024;

/// A row which passed the filter and may belong to the answer.
struct Grain {
    sum: f32,
    row: u32,
    leaf: u32,
    lane: u32,
}

pub(super) struct Sieve<'a, 'p, 'i> {
    tree: &'a Tree,
    metric: &'a Metric,
    query: &'a Point,
    top: &'a mut TopK,
    passes: &'a mut Passes<'p>,
    id: &'a mut Id<'i>,
    bar: f32,
    /// For each of the best so far, ascending: what a row's `K` must exceed for the row to be further away
    /// for certain.
    bars: Vec<f32>,
    grains: Vec<Grain>,
}

impl<'a, 'p, 'i> Sieve<'a, 'p, 'i> {
    pub(super) fn new(
        tree: &'a Tree,
        metric: &'a Metric,
        query: &'a Point,
        probe: &Probe,
        top: &'a mut TopK,
        passes: &'a mut Passes<'p>,
        id: &'a mut Id<'i>,
    ) -> Self {
        let bar = probe.bar(top.limit());
        let mut bars = Vec::with_capacity(top.k());
        bars.extend(top.small().iter().map(|hit| probe.bar(hit.distance)));
        Self { tree, metric, query, top, passes, id, bar, bars, grains: Vec::with_capacity(64) }
    }

    /// Puts what has remained into the answer.
    pub(super) fn finish(mut self) {
        self.settle();
    }

    fn settle(&mut self) {
        for grain in self.grains.drain(..).filter(|grain| grain.sum <= self.bar) {
            let point = self.tree.point(grain.leaf as usize, grain.lane as usize);
            let distance = self.metric.distance(self.query, &point);
            if distance <= self.top.limit() {
                self.top.push(Hit { distance, id: (self.id)(grain.row), row: grain.row });
            }
        }
    }
}

impl Harvest for Sieve<'_, '_, '_> {
    #[inline(always)]
    fn bar(&self) -> f32 {
        self.bar
    }

    #[inline]
    fn take(&mut self, sum: f32, leaf: usize, lane: usize) {
        let row = self.tree.rows[leaf][lane];
        if !(self.passes)(row) {
            return;
        }
        if self.grains.len() == GRAINS {
            self.settle();
        }
        self.grains.push(Grain { sum, row, leaf: leaf as u32, lane: lane as u32 });
        let bar = Probe::bar_beyond(sum);
        if self.bars.len() < self.top.k() {
            self.bars.push(bar);
        } else if self.bars.last().is_none_or(|worst| bar >= *worst) {
            return;
        }
        let mut place = self.bars.len() - 1;
        while place > 0 && bar < self.bars[place - 1] {
            self.bars[place] = self.bars[place - 1];
            place -= 1;
        }
        self.bars[place] = bar;
        if self.bars.len() == self.top.k() {
            self.bar = self.bar.min(self.bars[self.bars.len() - 1]);
        }
    }
}
