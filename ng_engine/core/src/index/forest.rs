//! The spatial index of a snapshot: k-d trees over consecutive ranges of rows, one over rows that have moved, and what
//! none of them covers.
//!
//! Rows [0, `covered`) are in the trees, rows beyond are scanned. A row whose coordinates changed after it was indexed is
//! *stale*: skipped in its tree and listed with its new place. The list is scanned too, and once it is long, the
//! background puts all stale rows into a tree of their own, the *annex*, and begins a new list. So an insert or a move
//! needs no index work, and no search looks at more than a few thousand rows beside the trees. The trees over ranges are
//! merged as a logarithmic method does: a new tree takes in its neighbours until each is more than twice as large as what
//! follows, so a row is rebuilt O(log n) times and a search visits O(log n) trees.

use std::sync::Arc;

use crate::error::Result;
use crate::index::moves::{Move, Moves};
use crate::index::row_bits::RowBits;
use crate::index::spatial::Tree;
use crate::metric::Point;
use crate::segment::Table;
use crate::snapshot::Snapshot;
use crate::token::Token;

/// Fewer rows than this at the end of the table are scanned rather than indexed.
pub const SCANNED_ROWS: u32 = 1024;

/// More stale rows than this, or than one in 16 of a large forest, and it is planted anew.
const STALE_ROWS: usize = 2048;

/// A longer list of moves than this, or than one in 16 of a large annex, and the annex is built anew.
const LISTED_MOVES: usize = 1024;

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

/// Rows that have moved, where they were when this was built.
#[derive(Clone, Default)]
struct Annex {
    tree: Option<Arc<Tree>>,
    /// Those of them that have moved since.
    left: RowBits,
}

/// Every tree of a snapshot.
#[derive(Clone, Default)]
pub struct Forest {
    trees: Vec<Planted>,
    /// Rows that are not where the tree over their range says: in the annex, or listed.
    stale: RowBits,
    annex: Annex,
    moves: Moves,
}

impl Forest {
    /// The trees over ranges of rows, in their order.
    pub fn trees(&self) -> &[Planted] {
        &self.trees
    }

    /// Every tree, and the rows that are not where it says.
    pub fn parts(&self) -> impl Iterator<Item = (&Tree, &RowBits)> {
        let annex = self.annex.tree.iter().map(|tree| (&**tree, &self.annex.left));
        self.trees.iter().map(|planted| (&*planted.tree, &self.stale)).chain(annex)
    }

    /// Rows [0, `covered`) are in the trees.
    pub fn covered(&self) -> u32 {
        self.trees.last().map_or(0, |t| t.end)
    }

    /// Rows below `covered` that are in no tree, with their places.
    pub fn moves(&self) -> &Moves {
        &self.moves
    }

    /// Whether a tree says where the row is, so that a move has to be noted.
    pub fn covers(&self, row: u32) -> bool {
        row < self.covered()
    }

    /// Note that a row that a tree covers has new coordinates.
    pub fn move_to(&mut self, row: u32, coords: Point) -> Result<()> {
        if !self.stale.insert(row) {
            match self.moves.find(Move::id(row)) {
                Some(entry) => self.moves.delete(entry),
                None => _ = self.annex.left.insert(row),
            }
        }
        self.moves.push(Move::id(row), Move::to(row, coords)).map(drop)
    }

    /// Forget where rows from number `first` on have moved to: a new tree will say.
    fn forget_moves(&mut self, first: u32) {
        let rows: Vec<u32> = self.stale.since(first).collect();
        for row in rows {
            self.stale.remove(row);
            match self.moves.find(Move::id(row)) {
                Some(entry) => self.moves.delete(entry),
                None => _ = self.annex.left.insert(row),
            }
        }
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        let trees: usize = self.parts().map(|(tree, _)| tree.memory()).sum();
        let moves = self.moves.extent() as usize * (size_of::<Move>() + size_of::<u64>());
        trees + moves + self.stale.memory() + self.annex.left.memory()
    }

    /// What is worth building anew, if anything.
    pub fn chore(&self, tokens: &Table<Token>) -> Option<Chore> {
        let indexed: usize = self.trees.iter().map(|t| t.tree.len()).sum();
        let moved = self.stale.len() > STALE_ROWS.max(indexed / 16);
        if moved || indexed > 2 * tokens.live() + 8192 {
            return Some(Chore::Plant(0));
        }
        let mut first = self.covered();
        if tokens.extent() - first >= SCANNED_ROWS {
            for planted in self.trees.iter().rev() {
                if (planted.end - planted.first) / 2 > tokens.extent() - first {
                    break;
                }
                first = planted.first;
            }
            return Some(Chore::Plant(first));
        }
        let annexed = self.annex.tree.as_ref().map_or(0, |tree| tree.len());
        let listed = self.moves.extent() as usize;
        (listed > LISTED_MOVES.max(annexed / 16)).then_some(Chore::Annex)
    }
}

/// What the background may do for a forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// A tree over all rows from this one on.
    Plant(u32),
    /// A tree over the rows that have moved.
    Annex,
}

/// What has been built from an older snapshot.
pub enum Built {
    /// A tree over a range of rows.
    Planted(Planted),
    /// A tree over the rows that had moved.
    Annex(Tree),
}

impl Chore {
    /// Build what is called for.
    pub fn build(self, snapshot: &Snapshot) -> Built {
        let (tokens, forest) = (&snapshot.tokens, &snapshot.spatial);
        let at = |row| (row, snapshot.coords(row));
        match self {
            Self::Plant(first) => {
                let tree = Arc::new(Tree::build(tokens.live_rows_since(first).map(at).collect()));
                Built::Planted(Planted { first, end: tokens.extent(), tree })
            }
            Self::Annex => {
                let rows = forest.stale.since(0).filter(|row| tokens.is_live(*row));
                Built::Annex(Tree::build(rows.map(at).collect()))
            }
        }
    }
}

impl Forest {
    /// The forest of `now` with what was built from the older snapshot `old`.
    pub fn adopt(now: &Snapshot, old: &Snapshot, built: Built) -> Result<Self> {
        // Entries are numbered on until the list is begun anew, which only this does.
        let listed_since = now.spatial.moves.live_rows_since(old.spatial.moves.extent()).map(|entry| {
            let (columns, slot) = now.spatial.moves.columns(entry);
            columns.row(slot)
        });
        let mut forest = (*now.spatial).clone();
        let moved: Vec<u32> = match built {
            Built::Annex(tree) => {
                forest.annex = Annex { tree: Some(Arc::new(tree)), left: RowBits::default() };
                forest.moves = Moves::default();
                // Found in no list, they are taken for rows that have left the annex: whether they are in it does not matter.
                listed_since.collect()
            }
            Built::Planted(planted) => {
                let mut moved: Vec<u32> = listed_since.filter(|row| *row >= planted.first).collect();
                if now.moves != old.moves {
                    // Rows that no tree covered were not listed when they moved; they are found by comparing.
                    let unlisted = old.spatial.covered().max(planted.first)..planted.end;
                    moved.extend(
                        unlisted.filter(|row| now.tokens.is_live(*row) && now.coords(*row) != old.coords(*row)),
                    );
                }
                if planted.first == 0 {
                    forest = Self::default();
                } else {
                    forest.forget_moves(planted.first);
                    forest.trees.retain(|tree| tree.end <= planted.first);
                }
                forest.trees.push(planted);
                moved
            }
        };
        for row in moved {
            forest.move_to(row, now.coords(row))?;
        }
        Ok(forest)
    }
}
