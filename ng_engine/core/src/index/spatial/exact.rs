//! Search in f64, for magnitudes the f32 kernels refuse.

use super::Tree;
use super::kernel::{Group, WIDE};
use super::search::{Offer, STACK};
use super::work::Work;
use crate::metric::{AXES, Metric, Point, shorter_way};

#[derive(Clone, Copy, Default)]
struct Pending {
    bound: f64,
    node: u32,
    level: u32,
}

/// Offers every row within the limit, as it then stands.
///
/// The bounds need no slack: they go through the very steps of `Metric::squared`, each of them monotone, so no point
/// of a box has a lesser computed distance than the box.
pub(super) fn walk_exact(
    tree: &Tree,
    metric: &Metric,
    query: &Point,
    mut limit: f64,
    offer: &mut Offer<'_>,
    work: &mut Work<'_>,
) {
    work.leaves_total += tree.leaves.len() as u64;
    if tree.is_empty() {
        return;
    }
    let mut stack = [Pending::default(); STACK];
    stack[0].level = tree.levels.len() as u32;
    let mut height = 1;
    while height > 0 {
        height -= 1;
        let Pending { bound, node, level } = stack[height];
        if bound > limit || work.poll() {
            continue;
        }
        if level == 0 {
            limit = scan_leaf(tree, metric, query, node as usize, limit, offer, work);
            continue;
        }
        let below = &tree.levels[level as usize - 1];
        let (first, base) = (node as usize * WIDE, height);
        for lane in 0..WIDE.min(below.nodes - first) {
            let bound = box_distance(metric, query, &below.groups[node as usize], lane);
            if bound <= limit {
                stack[height] = Pending { bound, node: (first + lane) as u32, level: level - 1 };
                height += 1;
            }
        }
        stack[base..height].sort_unstable_by(|a, b| b.bound.total_cmp(&a.bound));
    }
}

fn scan_leaf(
    tree: &Tree,
    metric: &Metric,
    query: &Point,
    leaf: usize,
    mut limit: f64,
    offer: &mut Offer<'_>,
    work: &mut Work<'_>,
) -> f64 {
    let lanes = tree.leaf_len(leaf);
    work.rows_examined += lanes as u64;
    work.leaves_visited += 1;
    for lane in 0..lanes {
        let distance = metric.distance(query, &tree.point(leaf, lane));
        if distance <= limit {
            limit = offer(distance, tree.rows[leaf][lane]);
        }
    }
    limit
}

/// At most the distance to any point of a box, rounding included.
fn box_distance(metric: &Metric, query: &Point, group: &Group, lane: usize) -> f64 {
    let delta: [f64; AXES] = std::array::from_fn(|axis| {
        let (near, far) = gaps(query, group, lane, axis);
        match metric.period()[axis] {
            0.0 => near,
            period => circular_gap(near, far, period),
        }
    });
    metric.root(metric.combine(&delta))
}

/// Whether every point of a box lies within the distance, rounding included: no computed distance to one is greater than
/// that to a point as far off on each axis as any.
pub(super) fn box_lies_within(metric: &Metric, query: &Point, group: &Group, lane: usize, radius: f64) -> bool {
    let mut delta = [0.0; AXES];
    for axis in 0..AXES {
        let (_, far) = gaps(query, group, lane, axis);
        delta[axis] = match metric.period()[axis] {
            0.0 => far,
            period => far.min(period / 2.0),
        };
        // Most boxes are told by their first axis or two.
        if metric.scale()[axis] * delta[axis] > radius {
            return false;
        }
    }
    metric.root(metric.combine(&delta)) <= radius
}

/// The least and the greatest `|x − q|` along an axis for the points of a box.
fn gaps(query: &Point, group: &Group, lane: usize, axis: usize) -> (f64, f64) {
    let q = f64::from(query[axis]);
    let (low, high) = (f64::from(group.low[axis][lane]), f64::from(group.high[axis][lane]));
    ((low - q).max(q - high).max(0.0), (q - low).abs().max((q - high).abs()))
}

/// The least `shorter_way(d, period)` for `d` in `near..=far`: zero if a multiple of the period lies between them,
/// else the function rises and then falls, and is least at an end. The remainders are exact.
fn circular_gap(near: f64, far: f64, period: f64) -> f64 {
    if far - near >= period || far % period < near % period {
        return 0.0;
    }
    shorter_way(near, period).min(shorter_way(far, period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_the_least_way_round_between_two_distances() {
        let period = 0.7;
        let mut touched = 0;
        for near in (0..40).map(|i| f64::from(i) * 0.05) {
            for far in (0..40).map(|i| near + f64::from(i) * 0.05) {
                let between = (0..=1000).map(|i| near + (far - near) * f64::from(i) / 1000.0);
                let least = between.map(|d| shorter_way(d, period)).fold(f64::INFINITY, f64::min);
                let gap = circular_gap(near, far, period);
                assert!(gap <= least && least - gap < 0.002, "{near} to {far}: {gap}, not {least}");
                touched += usize::from(gap == 0.0);
            }
        }
        assert!(touched > 100 && touched < 1500, "{touched}");
    }
}
