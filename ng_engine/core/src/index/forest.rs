//! The spatial index of a snapshot: k-d trees over consecutive ranges of rows, and what they do not cover.
//!
//! Rows [0, `covered`) are in the trees, rows beyond are scanned; a row whose coordinates changed after it was indexed is
//! *stale*: skipped in its tree, looked at by itself. So an insert or a move needs no index work. Trees are merged as a
//! logarithmic method does: a new tree takes in its neighbours until each is more than twice as large as what follows,
//! so a row is rebuilt O(log n) times and a search visits O(log n) trees.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::index::spatial::Tree;
use crate::metric::Point;
use crate::segment::Table;
use crate::snapshot::Snapshot;
use crate::token::Token;

/// Fewer rows than this at the end of the table are scanned rather than indexed.
pub const SCANNED_ROWS: u32 = 4096;

/// More moved rows than this, or than one in 256 of a large forest, and it is planted anew: each costs every search.
const STALE_ROWS: usize = 2048;

/// A tree and the rows it covers.
#[derive(Clone)]
pub struct Planted {
    /// First row of the range.
    pub first: u32,
    /// One past the last row.
    pub end: u32,
    /// The tree over the rows that were live when it was built.
    pub tree: Arc<Tree>,
}

/// Every tree of a snapshot.
#[derive(Clone, Default)]
pub struct Forest {
    trees: Vec<Planted>,
    stale: RoaringBitmap,
}

impl Forest {
    /// The trees, by row range.
    pub fn trees(&self) -> &[Planted] {
        &self.trees
    }

    /// Rows [0, `covered`) are in the trees.
    pub fn covered(&self) -> u32 {
        self.trees.last().map_or(0, |t| t.end)
    }

    /// Rows whose coordinates are not those of their tree.
    pub fn stale(&self) -> &RoaringBitmap {
        &self.stale
    }

    /// Whether marking the row stale would change anything.
    pub fn holds(&self, row: u32) -> bool {
        row < self.covered() && !self.stale.contains(row)
    }

    /// Note that the row has new coordinates.
    pub fn mark_stale(&mut self, row: u32) {
        if row < self.covered() {
            self.stale.insert(row);
        }
    }

    /// Bytes held by the trees.
    pub fn memory(&self) -> usize {
        self.trees.iter().map(|t| t.tree.memory()).sum()
    }

    /// The row from which on trees should be rebuilt, if it is worth it.
    pub fn rebuild_from(&self, tokens: &Table<Token>) -> Option<u32> {
        let indexed: usize = self.trees.iter().map(|t| t.tree.len()).sum();
        let moved = self.stale.len() as usize > STALE_ROWS.max(indexed / 256);
        let worn = moved || indexed > 2 * tokens.live() + 8192;
        if worn {
            return Some(0);
        }
        let mut first = self.covered();
        if tokens.extent() - first < SCANNED_ROWS {
            return None;
        }
        for planted in self.trees.iter().rev() {
            if (planted.end - planted.first) / 2 > tokens.extent() - first {
                break;
            }
            first = planted.first;
        }
        Some(first)
    }

    /// A tree over the live rows of the snapshot from `first` on.
    pub fn plant(snapshot: &Snapshot, first: u32) -> Planted {
        let tokens = &snapshot.tokens;
        let points: Vec<(u32, Point)> = tokens
            .live_rows_since(first)
            .map(|row| {
                let (columns, slot) = tokens.columns(row);
                (row, columns.coords.get(slot))
            })
            .collect();
        Planted { first, end: tokens.extent(), tree: Arc::new(Tree::build(points)) }
    }

    /// The forest of `now` with a tree that was built from the older snapshot `built`.
    pub fn adopt(now: &Snapshot, built: &Snapshot, planted: Planted) -> Self {
        let moved_since = |row: &u32| {
            let at = |s: &Snapshot| {
                let (columns, slot) = s.tokens.columns(*row);
                columns.coords.get(slot)
            };
            *row < planted.first || (now.tokens.is_live(*row) && at(now) != at(built))
        };
        let mut trees: Vec<Planted> = now.spatial.trees.iter().filter(|t| t.end <= planted.first).cloned().collect();
        let mut stale: RoaringBitmap = now.spatial.stale.iter().filter(moved_since).collect();
        if now.moves != built.moves {
            // Rows that no tree covered were not marked when they moved; those that moved meanwhile are found by comparing.
            stale.extend((built.spatial.covered().max(planted.first)..planted.end).filter(moved_since));
        }
        trees.push(planted);
        Self { trees, stale }
    }
}
