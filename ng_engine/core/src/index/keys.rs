//! Unique look-ups: key → row, id → row, (source, target, type) → row.
//!
//! A map is shared by every snapshot and only grows: it hints at rows, and the reader's own snapshot says which of them is
//! live and has the value. So no snapshot needs a map of its own, a rolled back insert leaves nothing that could be
//! believed, and the entries of deleted rows go when the map is rebuilt.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use parking_lot::RwLock;
use rayon::prelude::*;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::ops::on_pool;

const SHARDS: usize = 64;
/// A value that comes and goes leaves this many dead candidates behind at the most.
const CROWD: usize = 32;

#[derive(Clone, Copy)]
struct Entry {
    hash: u32,
    row: u32,
}

impl Entry {
    /// Spread the stored half of the hash over 64 bits again.
    fn wide(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

type Entries = HashTable<Entry>;

/// Hash → candidate rows. Sharded, so that growing one never holds up look-ups for long.
pub struct RowMap {
    shards: Box<[Arc<RwLock<Entries>>]>,
    /// Entries in all of them: every commit asks.
    len: AtomicUsize,
}

/// Entries on their way into a map, by shard.
pub struct Scattered {
    shards: Vec<Vec<Entry>>,
}

impl Default for Scattered {
    fn default() -> Self {
        Self { shards: vec![Vec::new(); SHARDS] }
    }
}

impl Scattered {
    /// What `entries` lists for each of so many parts, by runs of them.
    fn of_parts(parts: usize, cancel: &Cancel, entries: &(impl Fn(usize, &mut Self) + Sync)) -> Result<Vec<Self>> {
        let runs = (4 * rayon::current_num_threads()).min(parts);
        let scatter = |run| {
            let mut scattered = Self::default();
            for part in run * parts / runs..(run + 1) * parts / runs {
                cancel.poll()?;
                entries(part, &mut scattered);
            }
            Ok(scattered)
        };
        (0..runs).into_par_iter().map(scatter).collect()
    }

    /// Note that `row` has a value of this hash.
    pub fn push(&mut self, hash: u64, row: u32) {
        self.shards[RowMap::shard_number(hash)].push(Entry { hash: hash as u32, row });
    }
}

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl Default for RowMap {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect(), len: AtomicUsize::new(0) }
    }
}

impl RowMap {
    /// The hash of a value to find or insert.
    pub fn hash(value: &(impl Hash + ?Sized)) -> u64 {
        HASHER.hash_one(value)
    }

    /// A map of (hash, row) pairs; rows that have no value give none.
    pub fn build(entries: impl Iterator<Item = Option<(u64, u32)>>, cancel: &Cancel) -> Result<Self> {
        let (map, mut pace) = (Self::default(), cancel.pace());
        for entry in entries {
            pace.tick()?;
            if let Some((hash, row)) = entry {
                map.insert_new(hash, row);
            }
        }
        Ok(map)
    }

    /// A map of what `entries` lists for each of so many parts, made on the engine's threads.
    pub fn build_parts(parts: usize, cancel: &Cancel, entries: impl Fn(usize, &mut Scattered) + Sync) -> Result<Self> {
        on_pool(cancel, || {
            let scattered = Scattered::of_parts(parts, cancel, &entries)?;
            let shards = (0..SHARDS).into_par_iter().map(|shard| {
                cancel.poll()?;
                let mut table = HashTable::with_capacity(scattered.iter().map(|s| s.shards[shard].len()).sum());
                for entry in scattered.iter().flat_map(|s| &s.shards[shard]) {
                    table.insert_unique(Entry::wide(entry.hash), *entry, |e| Entry::wide(e.hash));
                }
                Ok(Arc::new(RwLock::new(table)))
            });
            let len = scattered.iter().flat_map(|s| &s.shards).map(Vec::len).sum();
            Ok(Self { shards: shards.collect::<Result<Vec<_>>>()?.into(), len: AtomicUsize::new(len) })
        })
    }

    /// This map with what `entries` lists besides; `None`, and nothing of it noted, if a value is there already or comes twice.
    ///
    /// `twins` says whether a row noted before, live and not the same, has the value of a new one.
    pub fn with_unique(
        &self,
        parts: usize,
        cancel: &Cancel,
        entries: impl Fn(usize, &mut Scattered) + Sync,
        twins: impl Fn(u32, u32) -> bool + Sync,
        is_live: impl Fn(u32) -> bool + Sync,
    ) -> Result<Option<Self>> {
        on_pool(cancel, || {
            let scattered = Scattered::of_parts(parts, cancel, &entries)?;
            let tables = self.shards.par_iter().enumerate().map(|(number, shard)| {
                cancel.poll()?;
                let known = shard.read();
                let mut table = Entries::with_capacity(scattered.iter().map(|s| s.shards[number].len()).sum());
                for entry in scattered.iter().flat_map(|s| &s.shards[number]) {
                    let twin = |e: &Entry| e.hash == entry.hash && twins(e.row, entry.row);
                    let wide = Entry::wide(entry.hash);
                    if known.find(wide, twin).or_else(|| table.find(wide, twin)).is_some() {
                        return Ok(None);
                    }
                    table.insert_unique(wide, *entry, |e| Entry::wide(e.hash));
                }
                Ok(Some(table))
            });
            let Some(tables) = tables.collect::<Result<Vec<_>>>()?.into_iter().collect::<Option<Vec<_>>>() else {
                return Ok(None);
            };
            let shards = self.shards.par_iter().zip(tables).map(|(shard, table)| {
                cancel.poll()?;
                Ok(self.merged(shard, table, &is_live))
            });
            let shards: Box<[_]> = shards.collect::<Result<Vec<_>>>()?.into();
            let len = shards.iter().map(|shard| shard.read().len()).sum();
            Ok(Some(Self { shards, len: AtomicUsize::new(len) }))
        })
    }

    /// The shard with new entries, some of which may be left of a load that was undone; thinned if that makes a crowd.
    fn merged(
        &self,
        shard: &Arc<RwLock<Entries>>,
        new: Entries,
        is_live: impl Fn(u32) -> bool,
    ) -> Arc<RwLock<Entries>> {
        let mut entries = shard.write();
        let before = entries.len();
        let mut crowded = false;
        if before == 0 {
            *entries = new;
        } else {
            entries.reserve(new.len(), |e| Entry::wide(e.hash));
            for entry in new {
                let (mut noted, mut candidates) = (false, 0);
                for other in entries.iter_hash(Entry::wide(entry.hash)).filter(|e| e.hash == entry.hash) {
                    noted |= other.row == entry.row;
                    candidates += 1;
                }
                if !noted {
                    entries.insert_unique(Entry::wide(entry.hash), entry, |e| Entry::wide(e.hash));
                    crowded |= candidates >= CROWD;
                }
            }
        }
        self.len.fetch_add(entries.len() - before, Ordering::Relaxed);
        if crowded { thinned(&entries, is_live) } else { shard.clone() }
    }

    fn shard(&self, hash: u64) -> &RwLock<Entries> {
        &self.shards[Self::shard_number(hash)]
    }

    fn shard_number(hash: u64) -> usize {
        (hash >> 58) as usize
    }

    /// Note that the new row `row` has a value of this hash; whether rows of this hash have become too many to try.
    pub fn insert_new(&self, hash: u64, row: u32) -> bool {
        let entry = Entry { hash: hash as u32, row };
        let mut shard = self.shard(hash).write();
        self.len.fetch_add(1, Ordering::Relaxed);
        shard.insert_unique(Entry::wide(entry.hash), entry, |e| Entry::wide(e.hash));
        shard.iter_hash(Entry::wide(entry.hash)).filter(|e| e.hash == entry.hash).nth(CROWD).is_some()
    }

    /// A map with only the live rows in the shard of this hash, and the other shards in common with this one.
    #[must_use]
    pub fn thinned(&self, hash: u64, is_live: impl Fn(u32) -> bool) -> Self {
        let mut shards = self.shards.clone();
        let at = Self::shard_number(hash);
        let before = self.shards[at].read().len();
        shards[at] = thinned(&self.shards[at].read(), is_live);
        let len = self.len().saturating_sub(before - shards[at].read().len());
        Self { shards, len: AtomicUsize::new(len) }
    }

    /// Note that `row`, which may have had it before, has a value of this hash.
    pub fn insert(&self, hash: u64, row: u32) {
        let entry = Entry { hash: hash as u32, row };
        let mut shard = self.shard(hash).write();
        if shard.find(Entry::wide(entry.hash), |e| e.hash == entry.hash && e.row == row).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
            shard.insert_unique(Entry::wide(entry.hash), entry, |e| Entry::wide(e.hash));
        }
    }

    /// The row among the candidates that `verify` accepts.
    pub fn find(&self, hash: u64, mut verify: impl FnMut(u32) -> bool) -> Option<u32> {
        let short = hash as u32;
        self.shard(hash).read().find(Entry::wide(short), |e| e.hash == short && verify(e.row)).map(|e| e.row)
    }

    /// Entries, those of deleted rows included; not those that maps it was thinned from were given since.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether nothing was ever inserted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.shards.iter().map(|s| s.read().allocation_size()).sum()
    }
}

fn thinned(shard: &Entries, is_live: impl Fn(u32) -> bool) -> Arc<RwLock<Entries>> {
    let mut live = shard.clone();
    live.retain(|entry| is_live(entry.row));
    Arc::new(RwLock::new(live))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_are_told_apart_by_the_table() {
        let map = RowMap::default();
        map.insert(7, 1);
        map.insert(7, 2);
        map.insert(7, 2);
        assert_eq!(map.len(), 2);
        assert_eq!(map.find(7, |row| row == 2), Some(2));
        assert_eq!(map.find(7, |_| false), None);
        assert_eq!(map.find(8, |_| true), None);
    }

    #[test]
    fn a_value_that_comes_and_goes_is_thinned_out() {
        let map = RowMap::default();
        let crowded = (0..=CROWD as u32).filter(|row| map.insert_new(7, *row)).count();
        assert_eq!(crowded, 1);
        let thin = map.thinned(7, |row| row == 9);
        assert_eq!((thin.len(), map.len()), (1, CROWD + 1));
        assert_eq!(thin.find(7, |_| true), Some(9));
    }

    fn with(map: &RowMap, rows: std::ops::Range<u32>, value: impl Fn(u32) -> u64 + Sync) -> Option<RowMap> {
        let list = |part: usize, entries: &mut Scattered| {
            let row = rows.start + part as u32;
            entries.push(RowMap::hash(&value(row)), row);
        };
        let twins = |a, b| a != b && value(a) == value(b);
        map.with_unique(rows.len(), &Cancel::default(), list, twins, |row| row < 50).unwrap()
    }

    #[test]
    fn many_are_noted_together_or_not_at_all() {
        let map = RowMap::default();
        let ten = with(&map, 0..10, u64::from).unwrap();
        assert_eq!((ten.len(), map.len()), (10, 10));
        // Twice among the new ones, and among those that are there.
        assert!(with(&ten, 10..20, |row| u64::from(row.min(18))).is_none());
        assert!(with(&ten, 10..20, |row| u64::from(row % 19)).is_none());
        assert_eq!(ten.len(), 10);
        // What an undone load left is not noted again.
        let more = with(&ten, 5..20, u64::from).unwrap();
        assert_eq!((more.len(), more.find(RowMap::hash(&17u64), |_| true)), (20, Some(17)));
    }

    #[test]
    fn values_that_come_and_go_with_loads_are_thinned_out() {
        let mut map = RowMap::default();
        for load in 0..100 {
            let new = |row: u32| u64::from(row == load) + 2 * u64::from(row > load);
            let list = |_: usize, entries: &mut Scattered| entries.push(RowMap::hash(&new(load)), load);
            map = map.with_unique(1, &Cancel::default(), list, |_, _| false, |row| row == load).unwrap().unwrap();
        }
        assert!(map.len() <= CROWD + 1, "{}", map.len());
    }
}
