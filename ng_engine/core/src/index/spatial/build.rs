//! Bulk building of a tree.
//!
//! A node of `m` leaves is cut in two, along the widest side of its tight box, at a whole number of subtrees
//! of the size its level calls for, again and again until one leaf is left. All nodes but those on the right
//! edge are thus full, sixteen siblings lie side by side, and a node's place in the arrays follows from its
//! leaves: there are no pointers.

use rayon::prelude::*;

use super::Level;
use super::kernel::{Group, LEAF, Leaf, WIDE};
use crate::metric::{AXES, Point};

/// Below this many leaves a subtree is built by one thread.
const FORK: usize = 128;

/// Row numbers of a leaf's points.
pub(super) type Rows = [u32; LEAF];

/// Says that the tree is not wanted any more; asked from every thread.
pub(super) type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Sorts the points into leaves; once stopped, into no order at all.
pub(super) fn leaves(mut points: Vec<(u32, Point)>, stop: Stop<'_>) -> (Vec<Leaf>, Vec<Rows>) {
    let count = points.len().div_ceil(LEAF);
    let mut leaves = vec![Leaf([[0.0; LEAF]; AXES]); count];
    let mut rows = vec![[0; LEAF]; count];
    if count > 0 {
        divide(&mut points, &mut leaves, &mut rows, stop);
    }
    (leaves, rows)
}

/// The boxes of all levels, the leaves' first, up to the one group below the root.
pub(super) fn levels(leaves: &[Leaf]) -> Vec<Level> {
    let mut levels = Vec::new();
    if leaves.is_empty() {
        return levels;
    }
    let groups: Vec<Group> =
        leaves.par_chunks(WIDE).with_min_len(FORK).map(|leaves| enclose(leaves, leaf_box)).collect();
    let mut level = Level { groups, nodes: leaves.len() };
    while level.groups.len() > 1 {
        let groups = level.groups.chunks(WIDE).map(|below| enclose(below, group_box)).collect();
        let above = Level { groups, nodes: level.groups.len() };
        levels.push(std::mem::replace(&mut level, above));
    }
    levels.push(level);
    levels
}

fn divide(points: &mut [(u32, Point)], leaves: &mut [Leaf], rows: &mut [Rows], stop: Stop<'_>) {
    let count = leaves.len();
    if count == 1 {
        return fill(points, &mut leaves[0], &mut rows[0]);
    }
    if count >= FORK && stop() {
        return;
    }
    let left = left_part(count);
    let axis = widest(points);
    points.select_nth_unstable_by(left * LEAF, |a, b| a.1[axis].total_cmp(&b.1[axis]));
    let (points, points_right) = points.split_at_mut(left * LEAF);
    let (leaves, leaves_right) = leaves.split_at_mut(left);
    let (rows, rows_right) = rows.split_at_mut(left);
    if count < FORK {
        divide(points, leaves, rows, stop);
        divide(points_right, leaves_right, rows_right, stop);
    } else {
        rayon::join(|| divide(points, leaves, rows, stop), || divide(points_right, leaves_right, rows_right, stop));
    }
}

/// Of `count` leaves, how many go to the left: half of the full subtrees of the greatest size of which two
/// are needed.
fn left_part(count: usize) -> usize {
    let mut subtree = 1;
    while subtree * WIDE < count {
        subtree *= WIDE;
    }
    count.div_ceil(subtree).div_ceil(2) * subtree
}

fn widest(points: &[(u32, Point)]) -> usize {
    let (mut low, mut high) = ([f32::INFINITY; AXES], [f32::NEG_INFINITY; AXES]);
    for (_, point) in points {
        for axis in 0..AXES {
            low[axis] = if point[axis] < low[axis] { point[axis] } else { low[axis] };
            high[axis] = if point[axis] > high[axis] { point[axis] } else { high[axis] };
        }
    }
    // Half the width, so that it cannot overflow.
    let width = |axis: usize| high[axis] * 0.5 - low[axis] * 0.5;
    (1..AXES).fold(0, |best, axis| if width(axis) > width(best) { axis } else { best })
}

fn fill(points: &[(u32, Point)], leaf: &mut Leaf, rows: &mut Rows) {
    for lane in 0..LEAF {
        let (row, point) = points[lane.min(points.len() - 1)];
        rows[lane] = row;
        for axis in 0..AXES {
            leaf.0[axis][lane] = point[axis];
        }
    }
}

/// The boxes of up to sixteen nodes; places beyond the last repeat it.
fn enclose<T>(nodes: &[T], node_box: impl Fn(&T, usize) -> (f32, f32)) -> Group {
    let mut group = Group { low: [[0.0; WIDE]; AXES], high: [[0.0; WIDE]; AXES] };
    for axis in 0..AXES {
        for lane in 0..WIDE {
            let node = &nodes[lane.min(nodes.len() - 1)];
            (group.low[axis][lane], group.high[axis][lane]) = node_box(node, axis);
        }
    }
    group
}

fn leaf_box(leaf: &Leaf, axis: usize) -> (f32, f32) {
    (least(&leaf.0[axis]), greatest(&leaf.0[axis]))
}

fn group_box(group: &Group, axis: usize) -> (f32, f32) {
    (least(&group.low[axis]), greatest(&group.high[axis]))
}

fn least(values: &[f32]) -> f32 {
    values.iter().fold(f32::INFINITY, |a, b| if *b < a { *b } else { a })
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}
