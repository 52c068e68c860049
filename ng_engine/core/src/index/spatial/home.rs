//! Where in the tree a point would be: questions asked in this order share what they read.

use super::Tree;
use super::kernel::WIDE;
use crate::metric::{AXES, Metric, Point};

impl Tree {
    /// The number of the leaf that is reached by the nearest child of each node. A guess at no cost of exactness: circular
    /// axes are taken as linear ones.
    pub fn home(&self, metric: &Metric, query: &Point) -> usize {
        let scale = metric.scale().map(|scale| scale as f32);
        let mut node = 0;
        for level in self.levels.iter().rev() {
            let group = &level.groups[node];
            let mut sums = [0.0f32; WIDE];
            for axis in (0..AXES).filter(|axis| scale[*axis] > 0.0) {
                for lane in 0..WIDE {
                    let outside =
                        (group.low[axis][lane] - query[axis]).max(query[axis] - group.high[axis][lane]).max(0.0);
                    // Of boxes that hold the point the one in whose middle it is.
                    let middle = (group.low[axis][lane] + group.high[axis][lane]) * 0.5 - query[axis];
                    let part = (outside + middle.abs() * 0.0625) * scale[axis];
                    sums[lane] += part * part;
                }
            }
            let first = node * WIDE;
            let lanes = 0..WIDE.min(level.nodes - first);
            node = first + lanes.min_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap_or(0);
        }
        node
    }
}
