//! The list of tokens that have moved: where they are now, in the order of their moves.
//!
//! It is a table like those of tokens and connections, so a version costs no copy and a rolled back move leaves no trace.
//! The id of an entry is one more than the token's row; a row has one live entry at most.

use std::sync::{Arc, LazyLock};

use crate::chunk::Chunk;
use crate::metric::Point;
use crate::segment::{Record, Table};

/// A token's row and its new coordinates.
pub struct Move {
    id: u64,
    coords: Point,
}

/// Entries, oldest first; of a token that has moved twice the older is deleted.
pub type Moves = Table<Move>;

/// The columns of a segment of moves.
#[derive(Clone)]
pub struct MoveColumns {
    id: Arc<Chunk<u64>>,
    /// Coordinates, entry by entry.
    pub coords: Arc<Chunk<Point>>,
}

impl MoveColumns {
    /// The token's row.
    pub fn row(&self, slot: usize) -> u32 {
        (self.id.get(slot) - 1) as u32
    }
}

impl Move {
    /// The id of the entry of a token's row.
    pub fn id(row: u32) -> u64 {
        u64::from(row) + 1
    }

    /// The token in this row is there now.
    pub fn to(row: u32, coords: Point) -> Self {
        Self { id: Self::id(row), coords }
    }
}

impl Record for Move {
    type Columns = MoveColumns;
    type Uniforms = ();

    fn columns() -> MoveColumns {
        MoveColumns { id: Arc::default(), coords: Arc::default() }
    }

    fn no_columns() -> Arc<MoveColumns> {
        static NONE: LazyLock<Arc<MoveColumns>> = LazyLock::new(|| Arc::new(Move::columns()));
        NONE.clone()
    }

    fn copy(columns: &MoveColumns, len: usize) -> MoveColumns {
        MoveColumns { id: columns.id.copy(len), coords: columns.coords.copy(len) }
    }

    fn wants_text(&self, _: &MoveColumns) -> bool {
        false
    }

    fn add_text(&self, _: &mut MoveColumns) {}

    unsafe fn write(self, columns: &MoveColumns, slot: usize) {
        // SAFETY: the caller owns the slot; both columns have the same capacity.
        unsafe {
            columns.id.write(slot, self.id);
            columns.coords.write(slot, self.coords);
        }
    }

    fn read(columns: &MoveColumns, slot: usize) -> Self {
        Self { id: columns.id.get(slot), coords: columns.coords.get(slot) }
    }

    fn share(_: &mut MoveColumns, (): &()) {}

    fn id(columns: &MoveColumns) -> &Chunk<u64> {
        &columns.id
    }
}
