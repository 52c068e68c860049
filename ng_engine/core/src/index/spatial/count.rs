//! How many rows lie within a distance, without saying which: of a box that lies within it whole, no point is looked at.

use super::Tree;
use super::exact::{box_lies_within, walk_exact};
use super::isa::Isa;
use super::kernel::{Group, LEAF, WIDE};
use super::search::{Harvest, Passes};
use super::work::Work;
use crate::metric::{Metric, Point};

/// A harvest of which only the number is kept.
struct Tally<'a, 'p> {
    tree: &'a Tree,
    metric: &'a Metric,
    query: &'a Point,
    radius: f64,
    bar: f32,
    /// Whether a row counts; every row does unless given.
    passes: Option<&'a mut Passes<'p>>,
    count: usize,
}

impl Harvest for Tally<'_, '_> {
    #[inline(always)]
    fn bar(&self) -> f32 {
        self.bar
    }

    #[inline(always)]
    fn take(&mut self, _: f32, leaf: usize, lane: usize) {
        if self.metric.distance(self.query, &self.tree.point(leaf, lane)) <= self.radius {
            self.count += match &mut self.passes {
                Some(passes) => usize::from(passes(self.tree.rows[leaf][lane])),
                None => 1,
            };
        }
    }

    #[inline]
    fn take_whole(&mut self, group: &Group, lane: usize, level: usize, node: usize, work: &mut Work<'_>) -> bool {
        // To ask every row below a large node would be long without a look at what may end the search.
        if self.passes.is_some() && level > 1 || !box_lies_within(self.metric, self.query, group, lane, self.radius) {
            return false;
        }
        let leaves = WIDE.pow(level as u32);
        let (first, end) = (node * leaves, ((node + 1) * leaves).min(self.tree.leaves()));
        let below = (end * LEAF).min(self.tree.len()) - first * LEAF;
        self.count += match &mut self.passes {
            Some(passes) => {
                work.rows_examined += below as u64;
                let rows = (first..end).flat_map(|leaf| &self.tree.rows[leaf][..self.tree.leaf_len(leaf)]);
                rows.filter(|row| passes(**row)).count()
            }
            None => below,
        };
        true
    }
}

impl Tree {
    /// How many rows are no further away than `radius`: of those that pass, if not all do.
    pub fn count_within(
        &self,
        metric: &Metric,
        query: &Point,
        radius: f64,
        passes: Option<&mut Passes<'_>>,
        work: &mut Work<'_>,
    ) -> usize {
        let Some(probe) = self.probe(metric, query) else {
            return self.count_exactly(metric, query, radius, passes, work);
        };
        let bar = probe.bar(radius);
        let mut tally = Tally { tree: self, metric, query, radius, bar, passes, count: 0 };
        self.walk(Isa::best(), &probe, &mut tally, work);
        tally.count
    }

    /// The same for magnitudes that f32 cannot hold.
    fn count_exactly(
        &self,
        metric: &Metric,
        query: &Point,
        radius: f64,
        mut passes: Option<&mut Passes<'_>>,
        work: &mut Work<'_>,
    ) -> usize {
        let mut count = 0;
        let mut offer = |_, row| {
            count += usize::from(passes.as_mut().is_none_or(|passes| passes(row)));
            radius
        };
        walk_exact(self, metric, query, radius, &mut offer, work);
        count
    }
}
