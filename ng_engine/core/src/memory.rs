//! What the store holds, and what a statement may still take of the memory it is allowed: asked before it is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::chunk::TextChunk;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::segment::{Record, Table};
use crate::snapshot::Snapshot;
use crate::token::Token;

/// Bytes of a token's columns.
pub const TOKEN_BYTES: usize = 72;
/// Bytes of a connection's columns, and of its places in the graph index and the map of triples.
pub const CONNECTION_BYTES: usize = 80 + 64;
/// Bytes that a text takes beside its own: the pointer to it, its counters, its place in a map.
pub const TEXT_BYTES: usize = 48;

/// No limit.
const UNLIMITED: u64 = u64::MAX;
/// Segments whose text is looked at to guess that of all, and rows of each.
const SAMPLED: usize = 64;
/// What a statement that reads may take however little is left: a full store can still be looked at.
const READING: u64 = 1 << 20;
/// How long a measurement is good for.
const FRESH: Duration = Duration::from_millis(50);

/// Bytes that a statement may still take; the default has no limit. Clones draw from the same.
#[derive(Clone, Debug, Default)]
pub struct Allowance(Option<Arc<AtomicU64>>);

impl Allowance {
    /// So many bytes.
    pub fn of(left: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(left))))
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.0.as_ref().map_or(UNLIMITED, |left| left.load(Ordering::Relaxed))
    }

    /// Give back what was taken since so much was left.
    pub fn give_back(&self, left_then: u64) {
        if let Some(left) = &self.0 {
            left.store(left_then, Ordering::Relaxed);
        }
    }

    /// Take so many bytes, or 53200.
    #[inline]
    pub fn take(&self, bytes: usize) -> Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(left) => draw(left, bytes),
        }
    }
}

#[cold]
fn draw(left: &AtomicU64, bytes: usize) -> Result<()> {
    let drawn = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes as u64));
    drawn.map(drop).map_err(|_| exhausted())
}

fn exhausted() -> Error {
    Error::out_of_memory("out of memory: the statement needs more than memory_limit leaves")
        .hint("raise memory_limit, or do it in smaller steps")
}

/// The limit of a store, and what it was found to hold.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: AtomicU64,
    measured: Mutex<Option<Measured>>,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    version: u64,
    rows: u64,
    bytes: u64,
    at: Instant,
}

impl Default for Memory {
    fn default() -> Self {
        Self { limit: AtomicU64::new(UNLIMITED), measured: Mutex::default() }
    }
}

impl Memory {
    /// Set or lift the limit.
    pub(crate) fn set_limit(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(UNLIMITED), Ordering::Relaxed);
    }

    /// Bytes that are left beside what the snapshot holds; `None` without a limit.
    pub(crate) fn left(&self, snapshot: &Snapshot) -> Option<u64> {
        let limit = self.limit.load(Ordering::Relaxed);
        (limit != UNLIMITED).then(|| limit.saturating_sub(self.used(snapshot)))
    }

    /// What a statement that writes to this snapshot may take.
    #[inline]
    pub(crate) fn allowance(&self, snapshot: &Snapshot) -> Allowance {
        self.at_least(0, snapshot)
    }

    /// What a statement that reads it may take.
    #[inline]
    pub(crate) fn to_read(&self, snapshot: &Snapshot) -> Allowance {
        self.at_least(READING, snapshot)
    }

    #[inline]
    fn at_least(&self, least: u64, snapshot: &Snapshot) -> Allowance {
        if self.limit.load(Ordering::Relaxed) == UNLIMITED {
            return Allowance::default();
        }
        self.left(snapshot).map_or_else(Allowance::default, |left| Allowance::of(left.max(least)))
    }

    /// Bytes of the snapshot: measured, or scaled from a measurement not long ago.
    fn used(&self, snapshot: &Snapshot) -> u64 {
        let rows = (snapshot.tokens.live() + snapshot.connections.live()) as u64;
        let mut measured = self.measured.lock();
        if let Some(last) = *measured {
            if last.version == snapshot.version {
                return last.bytes;
            }
            if last.at.elapsed() < FRESH && last.rows > 0 {
                return (last.bytes as f64 * rows as f64 / last.rows as f64) as u64;
            }
        }
        let bytes = bytes(snapshot);
        *measured = Some(Measured { version: snapshot.version, rows, bytes, at: Instant::now() });
        bytes
    }
}

/// About how many bytes a snapshot holds.
pub fn bytes(snapshot: &Snapshot) -> u64 {
    let (tokens, connections) = (&snapshot.tokens, &snapshot.connections);
    let texts = text_bytes::<Token>(tokens, |c| [c.key.as_deref(), c.props.as_deref()])
        + text_bytes::<Connection>(connections, |c| [c.props.as_deref(), None]);
    let columns = tokens.extent() as usize * TOKEN_BYTES + connections.extent() as usize * 80;
    let maps =
        snapshot.keys.memory() + snapshot.triples.memory() + snapshot.adjacency.memory() + snapshot.filters.memory();
    (texts + columns + maps + snapshot.spatial.memory()) as u64
}

/// Bytes of text, guessed from evenly spread rows.
fn text_bytes<R: Record>(table: &Table<R>, texts: impl Fn(&R::Columns) -> [Option<&TextChunk>; 2]) -> usize {
    let stride = (table.segments() / SAMPLED).max(1);
    let (mut bytes, mut rows) = (0, 0);
    for segment in (0..table.segments()).step_by(stride).map(|number| table.segment(number)) {
        let step = (segment.len() / SAMPLED).max(1);
        for slot in (0..segment.len()).step_by(step) {
            rows += 1;
            if !segment.is_live(slot) {
                continue;
            }
            for text in texts(segment.columns()).into_iter().flatten() {
                bytes += text.get_ref(slot).map_or(16, |text| text.len() + TEXT_BYTES);
            }
        }
    }
    (bytes as f64 / rows.max(1) as f64 * f64::from(table.extent())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn an_allowance_is_shared_and_never_negative() {
        let allowance = Allowance::of(100);
        let clone = allowance.clone();
        assert!(allowance.take(60).is_ok() && clone.take(40).is_ok());
        assert_eq!(clone.take(1).unwrap_err().sqlstate, "53200");
        assert!(allowance.take(0).is_ok() && Allowance::default().take(usize::MAX).is_ok());
    }

    #[test]
    fn text_is_counted_about_right() {
        let mut snapshot = Snapshot::new(Catalog::new(None).unwrap());
        let empty = bytes(&snapshot);
        for id in 1..=20_000 {
            let token = Token { id, key: Some(format!("{id:0100}").into()), ..Token::default() };
            snapshot.tokens.push(id, token).unwrap();
        }
        let found = bytes(&snapshot) - empty;
        let least = 20_000 * (TOKEN_BYTES as u64 + 100);
        assert!((least..least * 2).contains(&found), "{found}");
    }
}
