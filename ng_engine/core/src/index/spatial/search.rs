//! Search by distance: depth first, nearer children before farther ones, everything beyond the bar passed over.

use super::Tree;
use super::exact::walk_exact;
use super::isa::{AVX2, AVX512, Isa, PORTABLE, within16, within32};
use super::kernel::{EQUAL, FULL, Group, LEAF, Probe, REACH, ROUND, SOME, TAXI, WIDE};
use super::sieve::Sieve;
use super::topk::{Hit, TopK};
use super::work::Work;
use crate::metric::{Metric, Point};
use crate::prefetch::prefetch;

/// Takes a row at a distance within the limit, returns the limit from then on, which never grows.
pub(super) type Offer<'a> = dyn FnMut(f64, u32) -> f64 + 'a;

/// Says whether a row counts.
pub(super) type Passes<'a> = dyn FnMut(u32) -> bool + 'a;

/// Gives the id of a row which counts.
pub(super) type Id<'a> = dyn FnMut(u32) -> u64 + 'a;

/// Room for the siblings of every level of a tree of 2³² points.
pub(super) const STACK: usize = 8 * WIDE;

/// What becomes of the rows which f32 cannot exclude.
pub(super) trait Harvest {
    /// Rows and boxes beyond it are of no interest; it never grows.
    fn bar(&self) -> f32;

    /// Takes the row at a place of the tree, whose `K` is `sum`.
    fn take(&mut self, sum: f32, leaf: usize, lane: usize);

    /// Takes all rows below a box at once, if it can tell that by the box alone: lane of `group`, number `node` of its level.
    #[inline(always)]
    fn take_whole(&mut self, group: &Group, lane: usize, level: usize, node: usize, work: &mut Work<'_>) -> bool {
        let _ = (group, lane, level, node, work);
        false
    }
}

/// A harvest decided row by row: for a fixed radius, for circular axes, and for so many hits that keeping
/// them in order costs the most.
struct Direct<'a, 'o> {
    tree: &'a Tree,
    metric: &'a Metric,
    query: &'a Point,
    probe: &'a Probe,
    limit: f64,
    bar: f32,
    offer: &'a mut Offer<'o>,
}

impl Harvest for Direct<'_, '_> {
    #[inline(always)]
    fn bar(&self) -> f32 {
        self.bar
    }

    #[inline(always)]
    fn take(&mut self, _: f32, leaf: usize, lane: usize) {
        let distance = self.metric.distance(self.query, &self.tree.point(leaf, lane));
        if distance <= self.limit {
            let limit = (self.offer)(distance, self.tree.rows[leaf][lane]);
            if limit < self.limit {
                self.limit = limit;
                self.bar = self.probe.bar(limit);
            }
        }
    }
}

impl Tree {
    pub(super) fn search_nearest(
        &self,
        metric: &Metric,
        query: &Point,
        top: &mut TopK,
        passes: &mut Passes<'_>,
        id: &mut Id<'_>,
        work: &mut Work<'_>,
    ) {
        let limit = top.limit();
        match self.probe(metric, query).filter(|probe| top.is_small() && !matches!(probe.shape, ROUND | TAXI)) {
            Some(probe) if limit >= 0.0 => {
                let mut sieve = Sieve::new(self, metric, query, &probe, top, passes, id);
                self.walk(Isa::best(), &probe, &mut sieve, work);
                sieve.finish();
            }
            _ => {
                let mut offer = |distance, row| {
                    if passes(row) {
                        top.push(Hit { distance, id: id(row), row });
                    }
                    top.limit()
                };
                self.search(metric, query, limit, &mut offer, work);
            }
        }
    }

    /// Offers every row within the limit, as it then stands, of the query.
    pub(super) fn search(
        &self,
        metric: &Metric,
        query: &Point,
        limit: f64,
        offer: &mut Offer<'_>,
        work: &mut Work<'_>,
    ) {
        // False for a negative limit and for NaN.
        let possible = limit >= 0.0;
        match self.probe(metric, query) {
            _ if !possible => work.leaves_total += self.leaves.len() as u64,
            None => walk_exact(self, metric, query, limit, offer, work),
            Some(probe) => {
                let bar = probe.bar(limit);
                let mut direct = Direct { tree: self, metric, query, probe: &probe, limit, bar, offer };
                self.walk(Isa::best(), &probe, &mut direct, work);
            }
        }
    }

    /// The query for the f32 kernels, if they may be used.
    pub(super) fn probe(&self, metric: &Metric, query: &Point) -> Option<Probe> {
        if self.reach <= REACH { Probe::new(metric, query, self.reach) } else { None }
    }

    pub(super) fn walk(&self, isa: Isa, probe: &Probe, harvest: &mut impl Harvest, work: &mut Work<'_>) {
        work.leaves_total += self.leaves.len() as u64;
        if self.is_empty() {
            return;
        }
        match isa {
            Isa::Portable => walk_in_shape::<PORTABLE>(self, probe, harvest, work),
            // SAFETY: an `Isa` other than `Portable` only comes from `Isa::available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { walk_avx2(self, probe, harvest, work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { walk_avx512(self, probe, harvest, work) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn walk_avx2(tree: &Tree, probe: &Probe, harvest: &mut impl Harvest, work: &mut Work<'_>) {
    walk_in_shape::<AVX2>(tree, probe, harvest, work);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
fn walk_avx512(tree: &Tree, probe: &Probe, harvest: &mut impl Harvest, work: &mut Work<'_>) {
    walk_in_shape::<AVX512>(tree, probe, harvest, work);
}

/// Inlined into the functions above, and so compiled for their instructions.
#[inline(always)]
fn walk_in_shape<const ISA: u8>(tree: &Tree, probe: &Probe, harvest: &mut impl Harvest, work: &mut Work<'_>) {
    match probe.shape {
        EQUAL => walk::<ISA, EQUAL>(tree, probe, harvest, work),
        FULL => walk::<ISA, FULL>(tree, probe, harvest, work),
        ROUND => walk::<ISA, ROUND>(tree, probe, harvest, work),
        TAXI => walk::<ISA, TAXI>(tree, probe, harvest, work),
        _ => walk::<ISA, SOME>(tree, probe, harvest, work),
    }
}

#[derive(Clone, Copy, Default)]
struct Pending {
    bound: f32,
    node: u32,
    level: u32,
}

#[inline(always)]
fn walk<const ISA: u8, const SHAPE: u8>(tree: &Tree, probe: &Probe, harvest: &mut impl Harvest, work: &mut Work<'_>) {
    let mut stack = [Pending::default(); STACK];
    stack[0].level = tree.levels.len() as u32;
    let mut height = 1;
    while height > 0 {
        height -= 1;
        let Pending { bound, node, level } = stack[height];
        if bound > harvest.bar() || work.poll() {
            continue;
        }
        let below = &tree.levels[level as usize - 1];
        let first = node as usize * WIDE;
        let group = &below.groups[node as usize];
        let bounds = probe.boxes::<ISA, SHAPE>(group);
        let near = within16::<ISA>(&bounds, harvest.bar()) & (u32::MAX >> (32 - (below.nodes - first).min(WIDE)));
        if level > 1 {
            let (order, count) = nearest_first(&bounds, near);
            for lane in order[..count].iter().rev() {
                let lane = usize::from(*lane) % WIDE;
                if harvest.take_whole(group, lane, level as usize - 1, first + lane, work) {
                    continue;
                }
                stack[height] = Pending { bound: bounds[lane], node: (first + lane) as u32, level: level - 1 };
                height += 1;
            }
            continue;
        }
        if let Some(next) = stack[..height].last() {
            prefetch(&tree.levels[next.level as usize - 1].groups[next.node as usize]);
        }
        let (order, count) = nearest_then_others(&bounds, near);
        for lane in order[..count].iter().take(2) {
            prefetch(&tree.leaves[first + usize::from(*lane)]);
        }
        for (turn, lane) in order[..count].iter().enumerate() {
            if let Some(next) = order[..count].get(turn + 2) {
                prefetch(&tree.leaves[first + usize::from(*next)]);
            }
            let lane = usize::from(*lane) % WIDE;
            if bounds[lane] <= harvest.bar() && !harvest.take_whole(group, lane, 0, first + lane, work) {
                scan_leaf::<ISA, SHAPE>(tree, probe, first + lane, harvest, work);
            }
        }
    }
}

#[inline(always)]
fn scan_leaf<const ISA: u8, const SHAPE: u8>(
    tree: &Tree,
    probe: &Probe,
    leaf: usize,
    harvest: &mut impl Harvest,
    work: &mut Work<'_>,
) {
    let lanes = tree.leaf_len(leaf);
    work.rows_examined += lanes as u64;
    work.leaves_visited += 1;
    let sums = probe.points::<ISA, SHAPE>(&tree.leaves[leaf]);
    let mut left = within32::<ISA>(&sums, harvest.bar()) & (u32::MAX >> (LEAF - lanes));
    while left != 0 {
        let lane = left.trailing_zeros() as usize % LEAF;
        left &= left - 1;
        if sums[lane] <= harvest.bar() {
            harvest.take(sums[lane], leaf, lane);
        }
    }
}

/// The lanes marked, by their bounds, and how many.
#[inline(always)]
fn nearest_first(bounds: &[f32; WIDE], mut marked: u32) -> ([u8; WIDE], usize) {
    let (mut order, mut count) = ([0u8; WIDE], 0);
    while marked != 0 {
        let lane = marked.trailing_zeros() as usize % WIDE;
        marked &= marked - 1;
        let mut place = count;
        while place > 0 && bounds[lane] < bounds[usize::from(order[place - 1]) % WIDE] {
            order[place] = order[place - 1];
            place -= 1;
        }
        order[place] = lane as u8;
        count += 1;
    }
    (order, count)
}

/// The same for leaves: but the first, their order matters less than the mispredicted branches of sorting them.
#[inline(always)]
fn nearest_then_others(bounds: &[f32; WIDE], mut marked: u32) -> ([u8; WIDE], usize) {
    let (mut order, mut count) = ([0u8; WIDE], 0);
    let (mut best, mut least) = (0, f32::INFINITY);
    while marked != 0 {
        let lane = marked.trailing_zeros() as usize % WIDE;
        marked &= marked - 1;
        order[count % WIDE] = lane as u8;
        (best, least) = if bounds[lane] < least { (count, bounds[lane]) } else { (best, least) };
        count += 1;
    }
    order.swap(0, best % WIDE);
    (order, count.min(WIDE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{AXES, Norm};

    /// Keeps every row below a fixed bar.
    struct All<'a> {
        tree: &'a Tree,
        bar: f32,
        rows: Vec<u32>,
    }

    impl Harvest for All<'_> {
        fn bar(&self) -> f32 {
            self.bar
        }

        fn take(&mut self, sum: f32, leaf: usize, lane: usize) {
            assert!(sum <= self.bar);
            self.rows.push(self.tree.rows[leaf][lane]);
        }
    }

    #[test]
    fn every_instruction_set_keeps_what_is_near_and_little_else() {
        let mut state = 1u32;
        let mut unit = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let points: Vec<(u32, Point)> = (0..20_011).map(|row| (row, std::array::from_fn(|_| unit()))).collect();
        let tree = Tree::build(points.clone());
        let scales = [[2.0; AXES], [1.0, 2.0, 0.5, 3.0, 1.0, 0.1, 1.0, 1.5], [0.0, 1.0, 0.0, 2.0, 0.0, 0.3, 0.0, 0.0]];
        let mut circles = [0.0; AXES];
        (circles[1], circles[3], circles[7]) = (1.0, 1.2, 1e39);
        for (scale, period) in scales.into_iter().flat_map(|scale| [(scale, [0.0; AXES]), (scale, circles)]) {
            for norm in [Norm::L2, Norm::L1] {
                let metric = Metric::new(scale, period).with_norm(norm);
                let query: Point = std::array::from_fn(|_| unit());
                let probe = Probe::new(&metric, &query, 1.0).expect("ordinary numbers");
                let mut distances: Vec<f64> = points.iter().map(|(_, p)| metric.distance(&query, p)).collect();
                distances.sort_unstable_by(f64::total_cmp);
                let limit = distances[200];
                for isa in Isa::available() {
                    let mut harvest = All { tree: &tree, bar: probe.bar(limit), rows: Vec::new() };
                    let mut work = Work::default();
                    tree.walk(isa, &probe, &mut harvest, &mut work);
                    let mut rows = harvest.rows;
                    rows.sort_unstable();
                    let near = |row: &u32| metric.distance(&query, &points[*row as usize].1) <= limit;
                    let expected: Vec<u32> = (0..20_011).filter(near).collect();
                    assert!(expected.iter().all(|row| rows.binary_search(row).is_ok()), "{isa:?} lost a row");
                    assert!(rows.len() <= 203, "{isa:?} keeps {} rows for 201", rows.len());
                    assert!(work.leaves_visited < work.leaves_total, "{isa:?}: {work:?}");
                }
            }
        }
    }
}
