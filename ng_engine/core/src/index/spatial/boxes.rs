//! Search by an axis-parallel box.

use super::Tree;
use super::kernel::{Group, LEAF, Leaf, WIDE};
use super::work::Work;
use crate::metric::{AXES, Point};

impl Tree {
    /// Offers every row inside the box.
    pub(super) fn search_box(&self, low: &Point, high: &Point, offer: &mut dyn FnMut(u32), work: &mut Work<'_>) {
        work.leaves_total += self.leaves.len() as u64;
        if !self.is_empty() {
            self.descend(self.levels.len(), 0, low, high, offer, work);
        }
    }

    fn descend(
        &self,
        level: usize,
        node: usize,
        low: &Point,
        high: &Point,
        offer: &mut dyn FnMut(u32),
        work: &mut Work<'_>,
    ) {
        if work.poll() {
            return;
        }
        let below = &self.levels[level - 1];
        let first = node * WIDE;
        let (touched, inside) = compare(&below.groups[node], low, high);
        for lane in (0..WIDE.min(below.nodes - first)).filter(|lane| touched[*lane]) {
            if inside[lane] {
                self.offer_all(level - 1, first + lane, offer, work);
            } else if level > 1 {
                self.descend(level - 1, first + lane, low, high, offer, work);
            } else {
                self.scan_box(first + lane, low, high, offer, work);
            }
        }
    }

    /// All rows below a node, none of which needs a look.
    fn offer_all(&self, level: usize, node: usize, offer: &mut dyn FnMut(u32), work: &mut Work<'_>) {
        let leaves = WIDE.pow(level as u32);
        for leaf in node * leaves..((node + 1) * leaves).min(self.leaves.len()) {
            if leaf % WIDE == 0 && work.poll() {
                return;
            }
            work.leaves_visited += 1;
            self.rows[leaf][..self.leaf_len(leaf)].iter().for_each(|row| offer(*row));
        }
    }

    fn scan_box(&self, leaf: usize, low: &Point, high: &Point, offer: &mut dyn FnMut(u32), work: &mut Work<'_>) {
        let lanes = self.leaf_len(leaf);
        work.leaves_visited += 1;
        work.rows_examined += lanes as u64;
        let inside = inside_leaf(&self.leaves[leaf], low, high);
        for lane in (0..lanes).filter(|lane| inside[*lane]) {
            offer(self.rows[leaf][lane]);
        }
    }
}

/// Of sixteen boxes: which share a point with the box asked for, and which lie in it whole.
fn compare(group: &Group, low: &Point, high: &Point) -> ([bool; WIDE], [bool; WIDE]) {
    let (mut touched, mut inside) = ([true; WIDE], [true; WIDE]);
    for axis in 0..AXES {
        for lane in 0..WIDE {
            let (from, to) = (group.low[axis][lane], group.high[axis][lane]);
            touched[lane] &= (from <= high[axis]) & (to >= low[axis]);
            inside[lane] &= (from >= low[axis]) & (to <= high[axis]);
        }
    }
    (touched, inside)
}

fn inside_leaf(leaf: &Leaf, low: &Point, high: &Point) -> [bool; LEAF] {
    let mut inside = [true; LEAF];
    for axis in 0..AXES {
        for lane in 0..LEAF {
            let x = leaf.0[axis][lane];
            inside[lane] &= (x >= low[axis]) & (x <= high[axis]);
        }
    }
    inside
}
