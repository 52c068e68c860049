//! Tables made of whole segments: read from a file, changed by another process, or rid of their deleted rows.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use rayon::prelude::*;

use super::{BLOCK_SEGMENTS, LiveBits, Record, SEGMENT_BITS, SEGMENT_ROWS, Segment, Table, place, row_at};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::index::keys::{RowMap, Scattered};
use crate::ops::on_pool;

impl<R: Record> Segment<R> {
    /// A segment of `len` rows, of which those are deleted whose bit is not set.
    ///
    /// Bits beyond the last row must be set; the columns of a full segment without live rows are not kept.
    pub fn from_parts(columns: R::Columns, len: usize, live: Option<LiveBits>, version: u64) -> Result<Self> {
        if len == 0 || len > SEGMENT_ROWS {
            return Err(Error::corrupted(format!("a segment of {len} rows")));
        }
        let dead: u32 = live.iter().flatten().map(|word| word.count_zeros()).sum();
        if live.is_some_and(|bits| (len..SEGMENT_ROWS).any(|slot| bits[slot / 64] >> (slot % 64) & 1 == 0)) {
            return Err(Error::corrupted("a deleted row beyond the end of a segment"));
        }
        let columns = if dead as usize == SEGMENT_ROWS { R::no_columns() } else { Arc::new(columns) };
        let len = len as u32;
        let live = live.filter(|_| dead > 0).map(Arc::new);
        Ok(Self { columns, len, dead, live, claimed: Arc::new(AtomicU32::new(len)), version })
    }

    /// Whether the columns are gone, as every row of a full segment is deleted.
    pub fn is_hollow(&self) -> bool {
        self.dead as usize == SEGMENT_ROWS
    }

    /// Whether ids rise from above `last`, which moves to the highest of them; a hollow segment's are not known and pass.
    fn ids_rise(&self, last: &mut u64) -> bool {
        if self.is_hollow() {
            return true;
        }
        let ids = R::id(&self.columns).slice(self.len());
        let rise = ids[0] > *last && ids.windows(2).all(|pair| pair[0] < pair[1]);
        *last = ids.iter().copied().fold(*last, u64::max);
        rise
    }
}

/// Rows on their way into a table, in the columns of a segment.
pub struct NewRows<R: Record> {
    columns: R::Columns,
    len: usize,
}

impl<R: Record> NewRows<R> {
    /// Add one; no more than a segment has.
    #[inline]
    pub fn push(&mut self, row: R) {
        if row.wants_text(&self.columns) {
            row.add_text(&mut self.columns);
        }
        // SAFETY: the columns are nobody else's yet; `write` refuses a slot beyond them.
        unsafe { row.write(&self.columns, self.len) };
        self.len += 1;
    }
}

impl<R: Record> Table<R> {
    /// The number of segments that have rows.
    pub fn filled(&self) -> usize {
        self.sealed + usize::from(!self.tail.is_empty())
    }

    /// Numbers of the segments that commits after this version have changed.
    pub fn changed_since(&self, version: u64) -> impl Iterator<Item = usize> + '_ {
        (0..self.filled()).filter(move |number| self.segment(*number).version() > version)
    }

    /// A table of these segments; all but the last are full.
    pub fn assemble(segments: Vec<Segment<R>>, last_id: u64) -> Result<Self> {
        let mut table = Self { last_id, ..Self::default() };
        for segment in segments {
            table.append(segment)?;
        }
        let mut last = 0;
        let rise = (0..table.segments()).all(|n| table.segment(n).is_empty() || table.segment(n).ids_rise(&mut last));
        table.check_last_id()?;
        if !rise {
            table.ids = table.map_all_ids()?;
        }
        Ok(table)
    }

    /// This table with some segments changed by others and new ones at its end, `count` in all.
    ///
    /// Rows keep their ids and numbers; only the new ones are looked at.
    pub fn replaced(&self, segments: Vec<(usize, Segment<R>)>, count: usize, last_id: u64) -> Result<Self> {
        let old_extent = self.extent();
        let mut table = self.clone();
        table.last_id = last_id;
        let mut segments = segments;
        segments.sort_by_key(|(number, _)| *number);
        for (number, segment) in segments {
            if number < table.filled() {
                table.exchange(number, segment)?;
            } else if number == table.filled() {
                table.append(segment)?;
            } else {
                return Err(Error::corrupted(format!("segment {} is missing", table.filled())));
            }
        }
        if table.filled() != count || table.extent() < old_extent || last_id < self.last_id {
            return Err(Error::corrupted(format!("{} segments where {count} are listed", table.filled())));
        }
        table.check_last_id()?;
        let new_rows = || table.live_rows_since(old_extent);
        if let Some(ids) = &table.ids {
            new_rows().for_each(|row| {
                ids.insert(RowMap::hash(&table.id(row)), row);
            });
        } else {
            let mut last = self.last_id;
            let first = (old_extent >> SEGMENT_BITS) as usize;
            let slot = old_extent as usize & (SEGMENT_ROWS - 1);
            let rise = (first..table.segments()).all(|number| {
                let segment = table.segment(number);
                let skip = if number == first { slot } else { 0 };
                segment.is_hollow()
                    || R::id(&segment.columns).slice(segment.len()).iter().skip(skip).all(|id| {
                        let rises = *id > last;
                        last = *id;
                        rises
                    })
            });
            if !rise {
                table.ids = table.map_all_ids()?;
            }
        }
        Ok(table)
    }

    /// Append so many rows, a range of them at a time on each of the engine's threads.
    ///
    /// Whether their ids rise, from above all there were. If it fails, as where an id is not new, the table is half done,
    /// and of no use.
    pub fn extend(
        &mut self,
        count: usize,
        cancel: &Cancel,
        rows: impl Fn(Range<usize>, &mut NewRows<R>) -> Result<()> + Sync,
    ) -> Result<bool> {
        let (first, mut last) = (self.extent(), self.last_id);
        // An empty tail is a segment as good as any.
        let room = if self.tail.is_empty() { 0 } else { count.min(SEGMENT_ROWS - self.tail.len()) };
        let fill = |range: Range<usize>| {
            let mut new = NewRows { columns: R::columns(), len: 0 };
            rows(range, &mut new)?;
            Ok(new)
        };
        let mut rise = true;
        let head = fill(0..room)?;
        for slot in 0..head.len {
            let id = R::id(&head.columns).get(slot);
            rise &= id > self.last_id;
            self.push(id, R::read(&head.columns, slot))?;
        }
        last = last.max(self.last_id);
        let (stamp, uniforms) = (self.stamp, R::Uniforms::default());
        let segment = |range: Range<usize>| {
            cancel.check()?;
            let NewRows { mut columns, len } = fill(range)?;
            if len == SEGMENT_ROWS {
                R::share(&mut columns, &uniforms);
            }
            Segment::from_parts(columns, len, None, stamp)
        };
        let starts = (room..count).into_par_iter().step_by(SEGMENT_ROWS);
        let segments = starts.map(|start| segment(start..count.min(start + SEGMENT_ROWS)));
        for segment in on_pool(cancel, || segments.collect::<Result<Vec<_>>>())? {
            rise &= segment.ids_rise(&mut last);
            self.append(segment)?;
        }
        self.last_id = last;
        if self.ids.is_some() || !rise {
            let (known, from) = self.ids.as_ref().map_or((Arc::default(), 0), |ids| (ids.clone(), first));
            let ids =
                self.map_ids(&known, from, cancel)?.ok_or_else(|| Error::duplicate("an id that exists already"))?;
            self.ids = Some(Arc::new(ids));
        }
        Ok(rise)
    }

    /// Ids of the live rows from row number `first` on.
    pub fn ids_since(&self, first: u32) -> Vec<u64> {
        let (number, mut skip) = place(first);
        let mut ids = Vec::with_capacity((self.extent() - first) as usize);
        for segment in (number..self.segments()).map(|number| self.segment(number)) {
            if segment.is_dense() {
                ids.extend_from_slice(&R::id(&segment.columns).slice(segment.len())[skip..]);
            } else {
                let slots = segment.live_slots().filter(|slot| *slot >= skip);
                ids.extend(slots.map(|slot| R::id(&segment.columns).get(slot)));
            }
            skip = 0;
        }
        ids
    }

    /// The live rows in the order of their numbers, numbered anew.
    pub fn compacted(&self) -> Result<Self> {
        let mut table = Self { stamp: self.stamp, ..Self::default() };
        for row in self.live_rows() {
            table.push(self.id(row), self.read(row))?;
        }
        table.last_id = self.last_id;
        Ok(table)
    }

    /// Append dead rows up to this extent, in the place of rows that are lost.
    pub(crate) fn pad(&mut self, extent: u32) -> Result<()> {
        let padded = self.extent() < extent;
        while self.extent() < extent {
            let missing = (extent - self.extent()) as usize;
            let mut dead = [u64::MAX; SEGMENT_ROWS / 64];
            (0..missing.min(SEGMENT_ROWS)).for_each(|slot| dead[slot / 64] &= !(1 << (slot % 64)));
            self.append(Segment::from_parts(R::columns(), missing.min(SEGMENT_ROWS), Some(dead), self.stamp)?)?;
        }
        if padded {
            self.ids = self.map_all_ids()?;
        }
        Ok(())
    }

    fn append(&mut self, segment: Segment<R>) -> Result<()> {
        self.live += segment.live_len();
        if self.tail.is_empty() {
            self.tail = Arc::new(segment);
            return Ok(());
        }
        if self.tail.len() != SEGMENT_ROWS {
            return Err(Error::corrupted(format!("segment {} has {} rows", self.sealed, self.tail.len())));
        }
        self.seal(segment)
    }

    fn exchange(&mut self, number: usize, segment: Segment<R>) -> Result<()> {
        let old = self.segment(number);
        if segment.len() < old.len() || (number < self.sealed && segment.len() != SEGMENT_ROWS) {
            return Err(Error::corrupted(format!("segment {number} has {} rows", segment.len())));
        }
        self.live = self.live - old.live_len() + segment.live_len();
        let segment = Arc::new(segment);
        if number == self.sealed {
            self.tail = segment;
        } else {
            let block = &mut Arc::make_mut(&mut self.blocks)[number / BLOCK_SEGMENTS];
            Arc::make_mut(block)[number % BLOCK_SEGMENTS] = segment;
        }
        Ok(())
    }

    fn check_last_id(&self) -> Result<()> {
        let above = |segment: &Segment<R>| {
            let ids = R::id(&segment.columns).slice(if segment.is_hollow() { 0 } else { segment.len() });
            ids.iter().any(|id| *id > self.last_id)
        };
        match (0..self.segments()).find(|n| above(self.segment(*n))) {
            Some(number) => Err(Error::corrupted(format!("segment {number} has an id that was never given"))),
            None => Ok(()),
        }
    }

    /// Ids in `known` and those of the live rows from row number `first` on; `None` if one of these is not new.
    fn map_ids(&self, known: &RowMap, first: u32, cancel: &Cancel) -> Result<Option<RowMap>> {
        let from = place(first).0;
        let list = |part: usize, entries: &mut Scattered| {
            let segment = self.segment(from + part);
            for slot in segment.live_slots() {
                let row = row_at(from + part, slot);
                if row >= first {
                    entries.push(RowMap::hash(&R::id(&segment.columns).get(slot)), row);
                }
            }
        };
        let twins = |row: u32, new: u32| row != new && self.is_live(row) && self.id(row) == self.id(new);
        known.with_unique(self.segments() - from, cancel, list, twins, |row| self.is_live(row))
    }

    /// Ids of all live rows, none of which may be stored twice.
    fn map_all_ids(&self) -> Result<Option<Arc<RowMap>>> {
        let ids = self.map_ids(&RowMap::default(), 0, &Cancel::default())?;
        Ok(Some(Arc::new(ids.ok_or_else(|| Error::corrupted("an id is stored twice"))?)))
    }
}
