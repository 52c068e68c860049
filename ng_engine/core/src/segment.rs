//! Columns in segments of 4,096 rows: the shape of both tables.
//!
//! A chunk is one fixed allocation of one column of one segment. The chunks of the tail segment are appended to in place:
//! a slot is written once, before any published snapshot reaches it, so snapshots that share the allocation see
//! a prefix of it and never a change. Everything else is copied before it is written. `claimed` says how far the slots
//! of a tail have ever been written: a writer that starts from an older length (after a rollback that somebody may still
//! be reading) fails to claim the next slot and goes on in a copy of the tail's prefix.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cancel::Cancel;
use crate::chunk::Chunk;
use crate::error::{Error, Result};
use crate::index::keys::RowMap;

mod assembly;

pub use assembly::NewRows;

/// Bits of a row number that say the slot in its segment.
pub const SEGMENT_BITS: u32 = 12;
/// Rows of a full segment.
pub const SEGMENT_ROWS: usize = 1 << SEGMENT_BITS;
const BLOCK_SEGMENTS: usize = 64;

/// The number and slot of a row.
pub fn place(row: u32) -> (usize, usize) {
    ((row >> SEGMENT_BITS) as usize, row as usize & (SEGMENT_ROWS - 1))
}

/// The row in this slot of this segment.
pub fn row_at(number: usize, slot: usize) -> u32 {
    ((number as u32) << SEGMENT_BITS) + slot as u32
}

/// A row type and its columns.
pub trait Record: Sized {
    /// The chunks of one segment.
    type Columns: Clone + Send + Sync;
    /// A [`Uniform`](crate::chunk::Uniform) for each of those columns in which rows are often alike.
    type Uniforms: Default + Sync;
    /// Empty columns.
    fn columns() -> Self::Columns;
    /// Columns that stand for those of a segment without live rows.
    fn no_columns() -> Arc<Self::Columns>;
    /// The first `len` rows, in chunks of their own.
    fn copy(columns: &Self::Columns, len: usize) -> Self::Columns;
    /// Whether the row has text that the columns have no room for yet.
    fn wants_text(&self, columns: &Self::Columns) -> bool;
    /// Make that room.
    fn add_text(&self, columns: &mut Self::Columns);
    /// Store the row.
    ///
    /// # Safety
    /// The caller has claimed the slot and is the only one to touch it.
    unsafe fn write(self, columns: &Self::Columns, slot: usize);
    /// Load the row.
    fn read(columns: &Self::Columns, slot: usize) -> Self;
    /// Let columns of a full segment in which every row is alike be those of other such segments.
    fn share(columns: &mut Self::Columns, uniforms: &Self::Uniforms);
    /// The column of ids.
    fn id(columns: &Self::Columns) -> &Chunk<u64>;
}

/// Up to 4,096 rows.
pub struct Segment<R: Record> {
    columns: Arc<R::Columns>,
    len: u32,
    dead: u32,
    live: Option<Arc<LiveBits>>,
    claimed: Arc<AtomicU32>,
    /// Of the commit that last changed it.
    version: u64,
}

/// A bit for each slot; those beyond the last row are set.
pub type LiveBits = [u64; SEGMENT_ROWS / 64];

impl<R: Record> Clone for Segment<R> {
    fn clone(&self) -> Self {
        Self {
            columns: self.columns.clone(),
            len: self.len,
            dead: self.dead,
            live: self.live.clone(),
            claimed: self.claimed.clone(),
            version: self.version,
        }
    }
}

impl<R: Record> Segment<R> {
    fn empty() -> Self {
        Self { columns: Arc::new(R::columns()), len: 0, dead: 0, live: None, claimed: Arc::default(), version: 0 }
    }

    /// The version of the commit that last changed it.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The bits of the rows that are not deleted; absent while none is.
    pub fn live_bits(&self) -> Option<&LiveBits> {
        self.live.as_deref()
    }

    /// The chunks.
    pub fn columns(&self) -> &R::Columns {
        &self.columns
    }

    /// Rows, deleted ones included.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Rows that are not deleted.
    pub fn live_len(&self) -> usize {
        (self.len - self.dead) as usize
    }

    /// Whether there is no row, not even a deleted one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether no row of it is deleted.
    pub fn is_dense(&self) -> bool {
        self.dead == 0
    }

    /// Whether the slot holds a row that is not deleted.
    pub fn is_live(&self, slot: usize) -> bool {
        slot < self.len as usize && self.live.as_ref().is_none_or(|bits| bits[slot / 64] >> (slot % 64) & 1 == 1)
    }

    /// Slots of the rows that are not deleted.
    pub fn live_slots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|slot| self.is_live(*slot))
    }

    /// Take the next slot; false if somebody has.
    fn claim(&self) -> bool {
        let next = self.len + 1;
        self.claimed.compare_exchange(self.len, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn kill(&mut self, slot: usize) {
        let bits = self.live.get_or_insert_with(|| Arc::new([u64::MAX; SEGMENT_ROWS / 64]));
        Arc::make_mut(bits)[slot / 64] &= !(1 << (slot % 64));
        self.dead += 1;
        if self.dead as usize == SEGMENT_ROWS {
            // Nothing can reach the rows any more; their memory can go.
            self.columns = R::no_columns();
        }
    }
}

/// Up to 64 sealed segments.
type Block<R> = Arc<Vec<Arc<Segment<R>>>>;

/// A table: sealed segments in blocks of 64 and the tail that grows.
///
/// Cloning costs a few reference counts, a commit copies only the chunks it changes and the way to them.
pub struct Table<R: Record> {
    blocks: Arc<Vec<Block<R>>>,
    tail: Arc<Segment<R>>,
    sealed: usize,
    live: usize,
    last_id: u64,
    /// id → row; absent while ids rise with row numbers.
    ids: Option<Arc<RowMap>>,
    /// The version that segments changed from now on carry.
    stamp: u64,
}

impl<R: Record> Clone for Table<R> {
    fn clone(&self) -> Self {
        Self {
            blocks: self.blocks.clone(),
            tail: self.tail.clone(),
            sealed: self.sealed,
            live: self.live,
            last_id: self.last_id,
            ids: self.ids.clone(),
            stamp: self.stamp,
        }
    }
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self {
            blocks: Arc::default(),
            tail: Arc::new(Segment::empty()),
            sealed: 0,
            live: 0,
            last_id: 0,
            ids: None,
            stamp: 0,
        }
    }
}

impl<R: Record> Table<R> {
    /// Rows that are not deleted.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Whether no row is deleted.
    pub fn is_dense(&self) -> bool {
        self.live == self.extent() as usize
    }

    /// One more than the largest row number.
    pub fn extent(&self) -> u32 {
        ((self.sealed as u32) << SEGMENT_BITS) + self.tail.len
    }

    /// Say which version segments carry that change from now on.
    pub fn stamp(&mut self, version: u64) {
        self.stamp = version;
    }

    /// At least as large as every id ever given.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Whether ids rise with row numbers.
    pub fn in_id_order(&self) -> bool {
        self.ids.is_none()
    }

    /// How many segments there are, the tail included.
    pub fn segments(&self) -> usize {
        self.sealed + 1
    }

    /// A segment by number.
    pub fn segment(&self, number: usize) -> &Segment<R> {
        if number == self.sealed { &self.tail } else { &self.blocks[number / BLOCK_SEGMENTS][number % BLOCK_SEGMENTS] }
    }

    /// The chunks that hold a row, and its slot in them.
    pub fn columns(&self, row: u32) -> (&R::Columns, usize) {
        let (number, slot) = place(row);
        (self.segment(number).columns(), slot)
    }

    /// Whether the row number is that of a row that is not deleted.
    pub fn is_live(&self, row: u32) -> bool {
        let (number, slot) = place(row);
        number <= self.sealed && self.segment(number).is_live(slot)
    }

    /// The row by value.
    pub fn read(&self, row: u32) -> R {
        let (columns, slot) = self.columns(row);
        R::read(columns, slot)
    }

    /// The id of a row.
    pub fn id(&self, row: u32) -> u64 {
        let (columns, slot) = self.columns(row);
        R::id(columns).get(slot)
    }

    /// Rows that are not deleted, by row number.
    pub fn live_rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.live_rows_from(0)
    }

    /// Those from row number `first` on.
    pub fn live_rows_since(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let rows = (place(first).0..self.segments())
            .flat_map(move |n| self.segment(n).live_slots().map(move |s| ((n as u32) << SEGMENT_BITS) + s as u32));
        rows.skip_while(move |row| *row < first)
    }

    /// The same without the first `skip` of them, passed over by whole segments.
    pub fn live_rows_from(&self, mut skip: usize) -> impl Iterator<Item = u32> + '_ {
        let mut number = 0;
        while number < self.sealed && skip >= self.segment(number).live_len() {
            skip -= self.segment(number).live_len();
            number += 1;
        }
        let rows = (number..self.segments())
            .flat_map(move |n| self.segment(n).live_slots().map(move |s| ((n as u32) << SEGMENT_BITS) + s as u32));
        rows.skip(skip)
    }

    /// Rows that are not deleted, by id.
    pub fn rows_by_id(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.live_rows().collect();
        if self.ids.is_some() {
            rows.sort_by_cached_key(|row| self.id(*row));
        }
        rows
    }

    /// The row of an id.
    pub fn find(&self, id: u64) -> Option<u32> {
        if id > self.last_id {
            return None;
        }
        let row = match &self.ids {
            Some(ids) => ids.find(RowMap::hash(&id), |row| self.is_live(row) && self.id(row) == id)?,
            None => self.find_ordered(id)?,
        };
        self.is_live(row).then_some(row)
    }

    /// The same for many look-ups.
    pub fn finder(&self) -> Finder<'_, R> {
        let is_plain = |number: &usize| {
            let segment = self.segment(*number);
            let ids = R::id(&segment.columns).slice(if segment.is_dense() { segment.len() } else { 0 });
            let first = u64::from(row_at(*number, 0)) + 1;
            !ids.is_empty() && ids.iter().zip(first..).all(|(id, expected)| *id == expected)
        };
        let plain = (0..self.segments()).map(|number| is_plain(&number)).collect();
        Finder { table: self, plain }
    }

    fn find_ordered(&self, id: u64) -> Option<u32> {
        // Ids mostly run 1, 2, 3 …, so the row is one less.
        let guess = u32::try_from(id.wrapping_sub(1)).unwrap_or(u32::MAX);
        let (number, slot) = place(guess);
        if number <= self.sealed && slot < self.segment(number).len() && self.id(guess) == id {
            return Some(guess);
        }
        let first = |n: usize| self.segment(n).columns_id_at(0);
        let (mut low, mut high) = (0, self.segments());
        while low < high {
            let middle = usize::midpoint(low, high);
            // A segment without live rows has lost its ids; ids rise, so the last known one decides.
            match (middle..high).find_map(|n| first(n).map(|id| (n, id))) {
                Some((n, start)) if start <= id => low = n + 1,
                _ => high = middle,
            }
        }
        let number = low.checked_sub(1)?;
        let segment = self.segment(number);
        let slot = R::id(segment.columns()).slice(segment.len()).binary_search(&id).ok()?;
        Some(((number as u32) << SEGMENT_BITS) + slot as u32)
    }

    /// Append a row.
    pub fn push(&mut self, id: u64, record: R) -> Result<u32> {
        if self.tail.len() == SEGMENT_ROWS {
            self.seal(Segment::empty())?;
        }
        if !self.tail.claim() {
            let tail = Arc::make_mut(&mut self.tail);
            tail.columns = Arc::new(R::copy(&tail.columns, tail.len as usize));
            tail.claimed = Arc::new(AtomicU32::new(tail.len + 1));
        }
        let tail = Arc::make_mut(&mut self.tail);
        if record.wants_text(&tail.columns) {
            record.add_text(Arc::make_mut(&mut tail.columns));
        }
        let slot = tail.len as usize;
        // SAFETY: the slot was claimed above, by the one writer.
        unsafe { record.write(&tail.columns, slot) };
        tail.len += 1;
        tail.version = self.stamp;
        self.live += 1;
        let row = ((self.sealed as u32) << SEGMENT_BITS) + slot as u32;
        if let Some(ids) = &self.ids {
            let hash = RowMap::hash(&id);
            if ids.insert_new(hash, row) {
                self.ids = Some(Arc::new(ids.thinned(hash, |row| self.is_live(row))));
            }
        } else if id <= self.last_id {
            let entries = self.live_rows().map(|row| Some((RowMap::hash(&self.id(row)), row)));
            self.ids = Some(Arc::new(RowMap::build(entries, &Cancel::default())?));
        }
        self.last_id = self.last_id.max(id);
        Ok(row)
    }

    /// The full tail joins the sealed segments, and another takes its place.
    fn seal(&mut self, next: Segment<R>) -> Result<()> {
        if self.sealed + 1 >= 1 << (32 - SEGMENT_BITS) {
            return Err(Error::limit_exceeded("a table holds at most 2^32 rows"));
        }
        let blocks = Arc::make_mut(&mut self.blocks);
        if self.sealed.is_multiple_of(BLOCK_SEGMENTS) {
            blocks.push(Arc::new(Vec::with_capacity(BLOCK_SEGMENTS)));
        }
        let full = std::mem::replace(&mut self.tail, Arc::new(next));
        if let Some(block) = blocks.last_mut() {
            Arc::make_mut(block).push(full);
        }
        self.sealed += 1;
        Ok(())
    }

    fn segment_mut(&mut self, number: usize) -> &mut Segment<R> {
        let segment = if number == self.sealed {
            Arc::make_mut(&mut self.tail)
        } else {
            let block = &mut Arc::make_mut(&mut self.blocks)[number / BLOCK_SEGMENTS];
            Arc::make_mut(&mut Arc::make_mut(block)[number % BLOCK_SEGMENTS])
        };
        segment.version = self.stamp;
        segment
    }

    /// Mark a live row deleted.
    pub fn delete(&mut self, row: u32) {
        let (number, slot) = place(row);
        debug_assert!(self.is_live(row));
        self.segment_mut(number).kill(slot);
        self.live -= 1;
    }

    /// Change a row in place: `change` gets the columns, the segment's length and the slot, and copies what it writes.
    pub fn update(&mut self, row: u32, change: impl FnOnce(&mut R::Columns, usize, usize)) {
        let (number, slot) = place(row);
        let segment = self.segment_mut(number);
        let len = segment.len();
        change(Arc::make_mut(&mut segment.columns), len, slot);
    }

    /// How far the tail's slots are claimed, by this table or by others that share them.
    pub fn claimed(&self) -> u32 {
        self.tail.claimed.load(Ordering::Acquire)
    }

    /// Give slots back that were claimed since `claimed` was asked.
    ///
    /// Only for the writer, and only when nobody can hold rows written since.
    pub fn unclaim(&self, claimed: u32) {
        self.tail.claimed.store(claimed, Ordering::Release);
    }

    /// An empty table that goes on with this one's ids.
    #[must_use]
    pub fn cleared(&self) -> Self {
        Self { last_id: self.last_id, stamp: self.stamp, ..Self::default() }
    }
}

/// Finds rows by id without a look at the table where it has never had anything but the ids 1, 2, 3 …
pub struct Finder<'a, R: Record> {
    table: &'a Table<R>,
    /// Whether every row of a segment is live, and its id one more than its number.
    plain: Vec<bool>,
}

impl<R: Record> Finder<'_, R> {
    /// The row of an id.
    #[inline]
    pub fn find(&self, id: u64) -> Option<u32> {
        let guess = u32::try_from(id.wrapping_sub(1)).unwrap_or(u32::MAX);
        let plain = self.plain.get(place(guess).0).is_some_and(|plain| *plain);
        if plain && guess < self.table.extent() { Some(guess) } else { self.table.find(id) }
    }
}

impl<R: Record> Segment<R> {
    fn columns_id_at(&self, slot: usize) -> Option<u64> {
        let known = slot < self.len() && (self.dead as usize) < SEGMENT_ROWS;
        known.then(|| R::id(&self.columns).get(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::TextChunk;
    use crate::token::Token;

    fn token(id: u64) -> Token {
        Token { id, key: id.is_multiple_of(3).then(|| format!("k{id}").into()), ..Token::default() }
    }

    fn table(ids: impl Iterator<Item = u64>) -> Table<Token> {
        let mut table = Table::default();
        for id in ids {
            table.push(id, token(id)).unwrap();
        }
        table
    }

    #[test]
    fn finds_every_id_with_gaps_and_after_deletes() {
        let mut table = table((1..=20_000).map(|i| i * 3));
        assert_eq!(table.segments(), 5);
        for id in [3, 6, 12_288, 12_291, 60_000] {
            assert_eq!(table.find(id).map(|row| table.id(row)), Some(id));
        }
        assert_eq!(table.find(4), None);
        assert_eq!(table.find(60_003), None);
        (4_096..8_192).for_each(|row| table.delete(row));
        assert_eq!(table.find(4_097 * 3), None);
        assert_eq!(table.find(8_193 * 3), Some(8_192));
        assert_eq!(table.find(4_096 * 3), Some(4_095));
        assert_eq!(table.live(), 20_000 - 4_096);
        for skip in [0, 1, 4_095, 4_096, 10_000, 20_000] {
            assert!(table.live_rows_from(skip).eq(table.live_rows().skip(skip)), "{skip}");
        }
    }

    #[test]
    fn ids_out_of_order_are_found_by_map() {
        let mut table = table([5, 9, 2].into_iter());
        assert!(!table.in_id_order());
        table.push(7, token(7)).unwrap();
        assert_eq!([5, 9, 2, 7, 1].map(|id| table.find(id)), [Some(0), Some(1), Some(2), Some(3), None]);
        assert_eq!(table.rows_by_id(), [2, 0, 3, 1]);
    }

    #[test]
    fn a_forked_tail_never_touches_rows_that_others_see() {
        let base = table(1..=10);
        let claimed = base.claimed();
        let mut first = base.clone();
        first.push(11, token(11)).unwrap();
        let mut second = base.clone();
        assert_eq!(second.push(12, token(12)).unwrap(), 10);
        assert_eq!((first.id(10), second.id(10), second.segments()), (11, 12, 1));
        assert_eq!((second.find(12), second.find(11), base.live()), (Some(10), None, 10));
        assert_eq!(second.read(2).key.as_deref(), Some("k3"));

        // Slots that nobody else can see are used again, and no copy is made.
        drop((first, second));
        base.unclaim(claimed);
        let mut third = base.clone();
        assert_eq!(third.push(13, token(13)).unwrap(), 10);
        assert!(std::ptr::eq(base.columns(0).0.coords.slice(3), third.columns(0).0.coords.slice(3)));
    }

    #[test]
    fn updates_copy_what_is_shared() {
        let base = table(1..=3);
        let mut next = base.clone();
        next.update(1, |columns, len, slot| {
            Chunk::make_mut(&mut columns.weight, len)[slot] = 0.9;
            TextChunk::set(&mut columns.key, len, slot, Some("new".into()));
        });
        assert_eq!((base.read(1).weight, next.read(1).weight), (0.5, 0.9));
        assert_eq!((base.read(1).key, next.read(1).key.as_deref()), (None, Some("new")));
        assert_eq!(next.read(2).key.as_deref(), Some("k3"));
        assert!(std::ptr::eq(base.columns(0).0.coords.slice(3), next.columns(0).0.coords.slice(3)));
    }
}
