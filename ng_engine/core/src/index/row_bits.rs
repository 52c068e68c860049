//! A set of rows that versions share: cloning costs a reference count, a change copies 512 bytes and the way to them.

use std::sync::Arc;

use crate::segment::{LiveBits, SEGMENT_ROWS, place, row_at};

const BLOCK_SEGMENTS: usize = 64;

/// The bits of 64 segments; absent where no bit is set.
type Block = [Option<Arc<LiveBits>>; BLOCK_SEGMENTS];

/// A set of row numbers.
#[derive(Clone, Default)]
pub struct RowBits {
    blocks: Arc<Vec<Option<Arc<Block>>>>,
    len: usize,
}

impl RowBits {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the row is one of them.
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        let (number, slot) = place(row);
        self.len > 0 && self.bits(number).is_some_and(|bits| bits[slot / 64] >> (slot % 64) & 1 == 1)
    }

    #[inline]
    fn bits(&self, number: usize) -> Option<&LiveBits> {
        let block = self.blocks.get(number / BLOCK_SEGMENTS)?.as_deref()?;
        block[number % BLOCK_SEGMENTS].as_deref()
    }

    /// Takes the row in; whether it was missing.
    pub fn insert(&mut self, row: u32) -> bool {
        let missing = !self.contains(row);
        if missing {
            let (number, slot) = place(row);
            self.bits_mut(number)[slot / 64] |= 1 << (slot % 64);
            self.len += 1;
        }
        missing
    }

    /// Lets the row go; whether it was there.
    pub fn remove(&mut self, row: u32) -> bool {
        let there = self.contains(row);
        if there {
            let (number, slot) = place(row);
            self.bits_mut(number)[slot / 64] &= !(1 << (slot % 64));
            self.len -= 1;
        }
        there
    }

    fn bits_mut(&mut self, number: usize) -> &mut LiveBits {
        let blocks = Arc::make_mut(&mut self.blocks);
        let at = number / BLOCK_SEGMENTS;
        if blocks.len() <= at {
            blocks.resize(at + 1, None);
        }
        let block = blocks[at].get_or_insert_with(|| Arc::new([const { None }; BLOCK_SEGMENTS]));
        let bits =
            Arc::make_mut(block)[number % BLOCK_SEGMENTS].get_or_insert_with(|| Arc::new([0; SEGMENT_ROWS / 64]));
        Arc::make_mut(bits)
    }

    /// The rows from number `first` on, in order.
    pub fn since(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let segments = place(first).0..self.blocks.len() * BLOCK_SEGMENTS;
        let rows = segments.filter_map(|number| Some((number, self.bits(number)?))).flat_map(|(number, bits)| {
            let slots = (0..SEGMENT_ROWS).filter(|slot| bits[slot / 64] >> (slot % 64) & 1 == 1);
            slots.map(move |slot| row_at(number, slot))
        });
        rows.skip_while(move |row| *row < first)
    }

    /// About how many bytes it takes.
    pub fn memory(&self) -> usize {
        let blocks = || self.blocks.iter().flatten();
        size_of::<LiveBits>() * blocks().flat_map(|block| block.iter().flatten()).count()
            + size_of::<Block>() * blocks().count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_version_keeps_its_rows_while_others_change() {
        let (mut bits, mut model) = (RowBits::default(), BTreeSet::new());
        let mut kept = Vec::new();
        let mut state = 7u32;
        for turn in 0..6_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let row = (state >> 8) % if turn % 2 == 0 { 3_000_000 } else { 9_000 };
            if state >> 30 == 0 {
                assert_eq!(bits.remove(row), model.remove(&row));
            } else {
                assert_eq!(bits.insert(row), model.insert(row));
            }
            if turn % 1_000 == 0 {
                kept.push((bits.clone(), model.clone()));
            }
        }
        kept.push((bits, model));
        for (bits, model) in kept {
            assert_eq!((bits.len(), bits.is_empty()), (model.len(), model.is_empty()));
            for first in [0, 1, 4_095, 4_096, 8_000, 2_999_999, u32::MAX] {
                assert!(bits.since(first).eq(model.range(first..).copied()), "{first}");
            }
            assert!(model.iter().all(|row| bits.contains(*row)) && !bits.contains(u32::MAX));
        }
    }
}
