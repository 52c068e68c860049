//! Exact search by distance or box under any metric: an immutable k-d tree, and the scan for what no tree
//! covers.
//!
//! The tree knows nothing of weights: they come with the query, and every node is judged by the weighted
//! distance to its tight box, so one tree serves every metric. Leaves hold 32 points, inner nodes 16
//! children, each stored axis by axis so that a handful of vector instructions judges all of them (`kernel`).
//! What f32 cannot exclude for certain is decided by `Metric::distance`: the answer is that of brute force to
//! the last bit.
//!
//! A search asks two questions about rows. `passes`: is the row live, current, and let through by the filter?
//! Only rows which would enter the answer are asked about. `id`: the token's id, which decides between equal
//! distances; asked as late as can be, since fetching it costs a cache miss.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over lanes and axes of several arrays: what becomes vector code"
)]

mod boxes;
mod build;
mod count;
mod exact;
mod home;
mod isa;
mod kernel;
mod scan;
mod search;
mod sieve;
mod topk;
mod work;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::metric::{AXES, Metric, Point};
use build::Rows;
use kernel::{Group, LEAF, Leaf};
pub use scan::{RowAt, scan_box, scan_count_within, scan_nearest, scan_within};
pub use topk::{Hit, TopK};
pub use work::Work;

/// One level of nodes: their boxes in groups of siblings. Group `g` belongs to node `g` of the level above.
struct Level {
    groups: Vec<Group>,
    nodes: usize,
}

/// An immutable index over a set of rows and their points.
pub struct Tree {
    leaves: Vec<Leaf>,
    rows: Vec<Rows>,
    /// The leaves' boxes first, the children of the root last; empty if there are no points.
    levels: Vec<Level>,
    len: usize,
    /// The greatest magnitude of any coordinate.
    reach: f32,
}

impl Tree {
    /// Builds a tree in `n log n` time on the current rayon pool. Coordinates must be finite.
    pub fn build(points: Vec<(u32, Point)>) -> Self {
        Self::over(points, &|| false)
    }

    /// The same, unless it is cancelled meanwhile.
    pub fn build_unless(points: Vec<(u32, Point)>, cancel: &Cancel) -> Result<Self> {
        let tree = Self::over(points, &|| cancel.poll().is_err());
        cancel.check().map(|()| tree)
    }

    fn over(points: Vec<(u32, Point)>, stop: build::Stop<'_>) -> Self {
        let len = points.len();
        let (leaves, rows) = build::leaves(points, stop);
        let levels = build::levels(&leaves);
        let mut reach = 0.0f32;
        if let Some(group) = levels.last().and_then(|level| level.groups.first()) {
            reach = group.low.iter().chain(&group.high).flatten().fold(reach, |a, b| a.max(b.abs()));
        }
        Self { leaves, rows, levels, len, reach }
    }

    /// Number of rows covered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no row is covered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        let groups: usize = self.levels.iter().map(|level| level.groups.len()).sum();
        size_of::<Self>() + self.leaves.len() * (size_of::<Leaf>() + size_of::<Rows>()) + groups * size_of::<Group>()
    }

    /// The rows covered, those of a leaf one after the other, and of leaves that lie near each other.
    pub fn rows(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().enumerate().flat_map(|(leaf, rows)| rows[..self.leaf_len(leaf)].iter().copied())
    }

    /// Feeds `top` with every row which belongs among its best.
    pub fn nearest(
        &self,
        metric: &Metric,
        query: &Point,
        top: &mut TopK,
        passes: &mut impl FnMut(u32) -> bool,
        id: &mut impl FnMut(u32) -> u64,
        work: &mut Work<'_>,
    ) {
        self.search_nearest(metric, query, top, passes, id, work);
    }

    /// Appends every row no further away than `radius`, in no particular order.
    #[expect(clippy::too_many_arguments, reason = "the question, the rows, where the answer goes")]
    pub fn within(
        &self,
        metric: &Metric,
        query: &Point,
        radius: f64,
        passes: &mut impl FnMut(u32) -> bool,
        id: &mut impl FnMut(u32) -> u64,
        hits: &mut Vec<Hit>,
        work: &mut Work<'_>,
    ) {
        let mut offer = |distance, row| {
            if passes(row) {
                hits.push(Hit { distance, id: id(row), row });
            }
            radius
        };
        self.search(metric, query, radius, &mut offer, work);
    }

    /// Reports every row with `low[i] <= x[i] <= high[i]` on all axes, in no particular order; infinite = open.
    pub fn in_box(
        &self,
        low: &Point,
        high: &Point,
        passes: &mut impl FnMut(u32) -> bool,
        hit: &mut impl FnMut(u32),
        work: &mut Work<'_>,
    ) {
        let mut offer = |row| {
            if passes(row) {
                hit(row);
            }
        };
        self.search_box(low, high, &mut offer, work);
    }

    /// Points in leaf number `leaf`: all but the last are full.
    #[inline]
    fn leaf_len(&self, leaf: usize) -> usize {
        LEAF.min(self.len - leaf * LEAF)
    }

    /// The point at a place of a leaf.
    #[inline]
    fn point(&self, leaf: usize, lane: usize) -> Point {
        let leaf = &self.leaves[leaf].0;
        std::array::from_fn::<f32, AXES, _>(|axis| leaf[axis][lane])
    }
}
