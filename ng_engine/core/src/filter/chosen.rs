//! The rows that a filter chooses, kept for when it is asked for again: most questions repeat, and only segments that have
//! changed since need another look.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Filter, Predicate, rows};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::segment::{LiveBits, place, row_at};
use crate::snapshot::Snapshot;

/// Filters kept, those asked for last.
const KEPT: usize = 16;
/// Rows that are kept as a list too: fewer are sooner looked at one by one than searched for.
const LISTED: usize = 256;
/// Of larger tables, one row in so many.
const LISTED_SHARE: usize = 256;

/// The live tokens that pass a filter.
pub struct Chosen {
    epoch: u64,
    /// For each segment the version that it had, and a bit for each row.
    segments: Vec<(u64, LiveBits)>,
    /// How many rows these are.
    count: usize,
    /// The rows, if they are few.
    list: Option<Vec<u32>>,
}

impl Chosen {
    fn new(filter: &Filter, snapshot: &Snapshot, known: Option<&Self>, cancel: &Cancel) -> Result<Self> {
        let tokens = &snapshot.tokens;
        let known = known.filter(|known| known.epoch == snapshot.epoch);
        let mut segments = Vec::with_capacity(tokens.segments());
        for number in 0..tokens.segments() {
            cancel.poll()?;
            let segment = tokens.segment(number);
            let same = known.and_then(|known| known.segments.get(number)).filter(|known| known.0 == segment.version());
            segments.push(same.copied().unwrap_or_else(|| (segment.version(), filter.sweep(segment))));
        }
        let count: usize = segments.iter().flat_map(|(_, bits)| bits).map(|word| word.count_ones() as usize).sum();
        let few = count <= LISTED.max(tokens.live() / LISTED_SHARE);
        let each = || segments.iter().enumerate().flat_map(|(number, (_, bits))| rows(row_at(number, 0), *bits));
        Ok(Self { epoch: snapshot.epoch, count, list: few.then(|| each().collect()), segments })
    }

    /// Whether nothing has changed since.
    fn is_of(&self, snapshot: &Snapshot) -> bool {
        let tokens = &snapshot.tokens;
        let same = |(number, known): (usize, &(u64, LiveBits))| known.0 == tokens.segment(number).version();
        self.epoch == snapshot.epoch
            && self.segments.len() == tokens.segments()
            && self.segments.iter().enumerate().all(same)
    }

    /// Whether a row passes.
    #[inline]
    pub fn has(&self, row: u32) -> bool {
        let (number, slot) = place(row);
        self.segments[number].1[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// How many rows pass.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The rows that pass, if they are few.
    pub fn list(&self) -> Option<&[u32]> {
        self.list.as_deref()
    }
}

/// What is worth doing about a filter that is not kept.
pub enum Worth {
    /// So many pass that it is asked of what is met.
    Nothing,
    /// To keep what it chooses once it is asked again.
    Later,
    /// So few pass that all rows are looked at first.
    AtOnce,
}

struct Entry {
    predicate: Predicate,
    chosen: Option<Arc<Chosen>>,
}

/// What filters have chosen, shared by all versions of a store.
#[derive(Default)]
pub struct FilterCache(Mutex<Vec<Entry>>);

impl FilterCache {
    /// The tokens of a published snapshot that pass; `None` if that is not kept and not worth finding out. `worth` is asked
    /// only of a filter that is new.
    pub fn chosen(
        &self,
        predicate: &Predicate,
        filter: &Filter,
        snapshot: &Snapshot,
        worth: impl FnOnce() -> Worth,
        cancel: &Cancel,
    ) -> Result<Option<Arc<Chosen>>> {
        let known = match self.entry(predicate) {
            Some(known) => known,
            None => match worth() {
                Worth::Nothing => return Ok(None),
                Worth::Later => {
                    self.put(predicate, None);
                    return Ok(None);
                }
                Worth::AtOnce => None,
            },
        };
        if let Some(known) = known.as_ref().filter(|known| known.is_of(snapshot)) {
            return Ok(Some(known.clone()));
        }
        let chosen = Arc::new(Chosen::new(filter, snapshot, known.as_deref(), cancel)?);
        self.put(predicate, Some(chosen.clone()));
        Ok(Some(chosen))
    }

    /// What is kept of a filter that was asked before.
    fn entry(&self, predicate: &Predicate) -> Option<Option<Arc<Chosen>>> {
        let mut entries = self.0.lock();
        let at = entries.iter().position(|entry| entry.predicate == *predicate)?;
        entries[..=at].rotate_right(1);
        Some(entries[0].chosen.clone())
    }

    fn put(&self, predicate: &Predicate, chosen: Option<Arc<Chosen>>) {
        let mut entries = self.0.lock();
        entries.retain(|entry| entry.predicate != *predicate);
        entries.truncate(KEPT - 1);
        entries.insert(0, Entry { predicate: predicate.clone(), chosen });
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        let bytes = |chosen: &Chosen| {
            chosen.segments.len() * size_of::<(u64, LiveBits)>() + chosen.list.as_ref().map_or(0, |list| 4 * list.len())
        };
        self.0.lock().iter().filter_map(|entry| entry.chosen.as_deref()).map(bytes).sum()
    }
}

impl Predicate {
    /// Whether it always says the same of a row, whatever is asked about besides.
    pub fn is_of_columns(&self) -> bool {
        match self {
            Self::And(list) | Self::Or(list) => list.iter().all(Self::is_of_columns),
            Self::Distance(..) => false,
            _ => true,
        }
    }
}
