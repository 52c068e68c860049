//! Writing: the rows of the three tables, with their checksums, inside a transaction of somebody else's.

use std::ops::Range;

use rusqlite::{Connection, params};

use super::checksum::Checksum;
use super::{Entry, SegmentHead};
use crate::error::{Error, Result};

/// The tables of a store, or of one in the making, within a write transaction.
pub struct Rows<'a> {
    pub(super) connection: &'a Connection,
    pub(super) sum: Checksum,
    pub(super) failed: &'a dyn Fn(rusqlite::Error) -> Error,
}

impl Rows<'_> {
    /// What the first commit in a log continues.
    pub fn origin(&self) -> u32 {
        self.sum.origin()
    }

    /// Write a commit behind the one whose sum is `chain`; gives its own.
    pub fn append(&self, entry: &Entry, chain: u32) -> Result<u32> {
        let Entry { version, at, author, payload } = entry;
        let crc = self.sum.commit(*version, *at, author, payload, chain);
        let sums = (u64::from(chain) << 32 | u64::from(crc)) as i64;
        self.connection
            .prepare_cached("INSERT INTO commit_log (version, at, author, crc, payload) VALUES (?, ?, ?, ?, ?)")
            .and_then(|mut insert| insert.execute(params![*version as i64, at, author, sums, payload]))
            .map_err(self.failed)?;
        Ok(crc)
    }

    /// Write a segment over the one in its place; gives its sum, for the list of all segments.
    pub fn put_segment(&self, place: u64, version: u64, payload: &[u8]) -> Result<u32> {
        let crc = self.sum.segment(place, version, payload);
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO segment (place, version, crc, payload) VALUES (?, ?, ?, ?)")
            .and_then(|mut insert| insert.execute(params![place as i64, version as i64, crc, payload]))
            .map_err(self.failed)?;
        Ok(crc)
    }

    /// Drop the segments of a range of places.
    pub fn drop_segments(&self, places: Range<u64>) -> Result<()> {
        self.connection
            .prepare_cached("DELETE FROM segment WHERE place >= ? AND place < ?")
            .and_then(|mut delete| delete.execute([places.start as i64, places.end.min(i64::MAX as u64) as i64]))
            .map(drop)
            .map_err(self.failed)
    }

    /// Write what a checkpoint says of the whole.
    pub fn put_state(&self, state: &[u8]) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO meta (name, value, crc) VALUES ('state', ?, ?)")
            .and_then(|mut update| update.execute(params![state, self.sum.meta("state", state)]))
            .map(drop)
            .map_err(self.failed)
    }

    /// Every segment's place, version and sum, in the order of places. The sums are not checked here.
    pub fn heads(&self) -> Result<Vec<SegmentHead>> {
        heads(self.connection).map_err(self.failed)
    }
}

pub(super) fn heads(connection: &Connection) -> rusqlite::Result<Vec<SegmentHead>> {
    let mut statement = connection.prepare_cached("SELECT place, version, crc FROM segment ORDER BY place")?;
    let rows = statement.query_map([], |row| {
        Ok(SegmentHead { place: row.get::<_, i64>(0)? as u64, version: row.get::<_, i64>(1)? as u64, crc: row.get(2)? })
    })?;
    rows.collect()
}
