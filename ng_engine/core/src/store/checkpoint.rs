//! Segments on disk: which ones a checkpoint writes, and how a snapshot is made of them.

use std::collections::HashMap;

use rayon::prelude::*;

use super::codec::{self, Stored};
use super::file::{Reader, Rows, SegmentHead};
use super::state::{self, State, list_checksum};
use crate::cancel::Cancel;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::ops::on_pool;
use crate::segment::{Record, Segment, Table};
use crate::snapshot::Snapshot;
use crate::token::Token;

/// Segments encoded or decoded at a time, on all cores: 16 MiB of tokens.
const AT_ONCE: usize = 64;

/// The place of a segment.
pub(super) fn place<R: Stored>(number: usize) -> u64 {
    state::place(R::TABLE, number)
}

/// A checksum over the list of segments, so that one that is missing is missed.
pub(super) fn sum(heads: &[SegmentHead]) -> u32 {
    list_checksum(heads.iter().map(|head| (head.place, head.version, head.crc)))
}

/// Write the segments that changed since the last checkpoint, and that this snapshot is one; the caller commits.
///
/// Gives the bytes written.
pub(super) fn write(rows: &Rows<'_>, snapshot: &Snapshot, cancel: &Cancel) -> Result<u64> {
    let known = rows.heads()?.into_iter().map(|head| (head.place, head)).collect();
    let mut heads = Vec::with_capacity(snapshot.tokens.segments() + snapshot.connections.segments());
    let mut bytes = write_table(rows, &snapshot.tokens, &known, &mut heads, cancel)?;
    bytes += write_table(rows, &snapshot.connections, &known, &mut heads, cancel)?;
    rows.put_state(&state::encode(snapshot, sum(&heads)))?;
    Ok(bytes)
}

fn write_table<R: Stored>(
    rows: &Rows<'_>,
    table: &Table<R>,
    known: &HashMap<u64, SegmentHead>,
    heads: &mut Vec<SegmentHead>,
    cancel: &Cancel,
) -> Result<u64>
where
    R::Columns: Send + Sync,
{
    let mut bytes = 0;
    let numbers: Vec<usize> = (0..table.filled()).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        cancel.poll()?;
        let fresh = |number: usize| {
            let segment = table.segment(number);
            known.get(&place::<R>(number)).is_none_or(|head| head.version != segment.version())
        };
        let payloads: Vec<Option<Result<Vec<u8>>>> = on_pool(&Cancel::default(), || {
            let numbers = numbers.par_iter();
            numbers.map(|n| fresh(*n).then(|| codec::encode(table.segment(*n)))).collect()
        });
        for (number, payload) in numbers.iter().zip(payloads) {
            let (place, version) = (place::<R>(*number), table.segment(*number).version());
            heads.push(match payload {
                Some(payload) => {
                    let payload = payload?;
                    bytes += payload.len() as u64;
                    SegmentHead { place, version, crc: rows.put_segment(place, version, &payload)? }
                }
                None => known[&place],
            });
        }
    }
    rows.drop_segments(place::<R>(table.filled())..place::<R>(0) + (1 << 32))?;
    Ok(bytes)
}

/// What the last checkpoint left: everything but the rows, and which segments have those.
pub(super) struct Checkpoint {
    pub(super) state: State,
    heads: Vec<SegmentHead>,
}

impl Checkpoint {
    /// Read it: XX001 where the list of segments is not the one that was written.
    pub(super) fn read(log: &Reader<'_>) -> Result<Self> {
        let state = state::decode(&log.state()?)?;
        let heads = log.heads()?;
        if sum(&heads) != state.list_checksum && !planted!("list-unchecked") {
            return Err(Error::corrupted("the list of segments is damaged"));
        }
        Ok(Self { state, heads })
    }

    fn heads<R: Stored>(&self) -> impl Iterator<Item = (usize, &SegmentHead)> {
        let of = |head: &&SegmentHead| head.place >> 32 == u64::from(R::TABLE);
        self.heads.iter().filter(of).map(|head| ((head.place & 0xFFFF_FFFF) as usize, head))
    }

    /// Load segments, by number.
    fn load<R: Stored>(
        &self,
        log: &Reader<'_>,
        wanted: impl Fn(usize, &SegmentHead) -> bool,
    ) -> Result<Vec<(usize, Segment<R>)>>
    where
        R::Columns: Send + Sync,
    {
        let wanted: Vec<_> = self.heads::<R>().filter(|(number, head)| wanted(*number, head)).collect();
        let mut loaded = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(AT_ONCE) {
            let mut payloads = Vec::with_capacity(wanted.len());
            for (number, head) in wanted {
                let (version, payload) = log.segment(head.place)?;
                payloads.push((*number, version, payload));
            }
            let decoded: Result<Vec<_>> = on_pool(&Cancel::default(), || {
                let payloads = payloads.into_par_iter();
                payloads.map(|(number, version, payload)| Ok((number, codec::decode(&payload, version)?))).collect()
            });
            loaded.extend(decoded?);
        }
        Ok(loaded)
    }

    /// The snapshot that the segments hold, indexes and all.
    pub(super) fn assemble(self, log: &Reader<'_>) -> Result<Snapshot> {
        let tokens = self.load::<Token>(log, |_, _| true)?.into_iter().map(|(_, segment)| segment).collect();
        let connections = self.load::<Connection>(log, |_, _| true)?.into_iter().map(|(_, segment)| segment).collect();
        let tokens = Table::assemble(tokens, self.state.last_token())?;
        let connections = Table::assemble(connections, self.state.last_connection())?;
        Snapshot::assemble(self.state, tokens, connections)
    }

    /// The same, made of an older snapshot and the segments that changed since.
    pub(super) fn reload(self, from: &Snapshot, log: &Reader<'_>) -> Result<Snapshot> {
        if self.state.epoch != from.epoch {
            return self.assemble(log);
        }
        let tokens = self.load::<Token>(log, |n, head| newer(&from.tokens, n, head))?;
        let connections = self.load::<Connection>(log, |n, head| newer(&from.connections, n, head))?;
        from.reloaded(self.state, tokens, connections)
    }
}

/// Whether the stored segment is not the one in memory.
fn newer<R: Record>(table: &Table<R>, number: usize, head: &SegmentHead) -> bool {
    number >= table.segments() || table.segment(number).version() != head.version
}
