//! Many connections at once: made on every core, segment by segment, and compared with one another in the graph index.
//!
//! That is for rows which are all in order. Where one is not, nothing of it stays, and they are taken one by one, which
//! says which and why.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use super::{Working, next_id, no_end, text_bytes};
use crate::connection::DEFAULT_TYPE;
use crate::error::{Error, Result};
use crate::index::adjacency::{Adjacency, Link};
use crate::memory::CONNECTION_BYTES;
use crate::ops::on_pool;
use crate::redo::{NewConnectionRow, Op};
use crate::request::NewConnection;
use crate::segment::SEGMENT_ROWS;
use crate::snapshot::TokenRef;
use crate::token::check_id;

/// Codes of the names met, so that most are looked up once a segment.
type Codes<'a> = HashMap<&'a str, Option<u16>, foldhash::fast::RandomState>;

impl Working {
    /// Store `count` connections; their ids, or `None` and nothing done if they have to be taken one by one.
    pub(super) fn connect_at_once<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewConnection<'a>> + Sync),
    ) -> Result<Option<Vec<u64>>> {
        if !self.snapshot.connections.in_id_order() {
            return Ok(None);
        }
        let (mark, left) = (self.mark(), self.memory.left());
        if self.memory.take(count.saturating_mul(CONNECTION_BYTES)).is_err() {
            // Not all of them may have to be stored.
            return Ok(None);
        }
        match self.append_connections(count, row) {
            Ok(ids) => Ok(Some(ids)),
            Err(error) => {
                // Nobody reads before the statement ends.
                self.restore(mark, false);
                self.memory.give_back(left);
                if error.is_cancelled() { Err(error) } else { Ok(None) }
            }
        }
    }

    fn append_connections<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewConnection<'a>> + Sync),
    ) -> Result<Vec<u64>> {
        let cancel = self.cancel.clone();
        self.add_connection_types(count, row)?;
        let (first, extent) = (self.snapshot.next_connection, self.snapshot.connections.extent());
        next_id(first + count as u64 - 1)?;
        let mut connections = self.snapshot.connections.clone();
        let working = &*self;
        let tokens = working.snapshot.tokens.finder();
        let end = |token: &TokenRef| {
            let id = match token {
                TokenRef::Id(id) => u64::try_from(*id).ok().filter(|id| tokens.find(*id).is_some()),
                TokenRef::Key(key) => working.snapshot.find_key(key).map(|row| working.snapshot.tokens.id(row)),
            };
            id.ok_or_else(|| no_end(token))
        };
        connections.extend(count, &cancel, |range: Range<usize>| {
            let mut codes = Codes::default();
            range.map(move |number| {
                let new = row(number)?;
                let ends = (end(&new.source)?, end(&new.target)?);
                let id = new.id.map_or(Ok(first + number as u64), check_id)?;
                let kind = working.code(&mut codes, new.kind).ok_or_else(|| Error::undefined_object("a type"))?;
                let connection = working.connection(&new, id, ends, kind)?;
                working.memory.take(text_bytes(&connection.props))?;
                Ok((id, connection))
            })
        })?;
        self.snapshot.next_connection = self.snapshot.next_connection.max(connections.last_id() + 1);
        self.snapshot.connections = connections;
        self.changed = true;
        let adjacency = Adjacency::build(&self.snapshot, &cancel)?;
        if adjacency.has_twins(&cancel) {
            return Err(Error::duplicate("two connections of the same ends and type"));
        }
        self.replace_adjacency(adjacency);
        self.record_connections(extent..extent + count as u32)?;
        Ok(self.snapshot.connections.live_rows_since(extent).map(|row| self.snapshot.connections.id(row)).collect())
    }

    /// Give new names of types their codes, in the order in which they come.
    fn add_connection_types<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewConnection<'a>> + Sync),
    ) -> Result<()> {
        let working = &*self;
        let unknown = |range: Range<usize>| -> Result<Vec<&'a str>> {
            working.cancel.check()?;
            let (mut codes, mut unknown) = (Codes::default(), Vec::new());
            for number in range {
                let name = row(number)?.kind;
                if let Some(name) = name.filter(|name| !codes.contains_key(name))
                    && working.code(&mut codes, Some(name)).is_none()
                {
                    unknown.push(name);
                }
            }
            Ok(unknown)
        };
        let starts = (0..count).into_par_iter().step_by(SEGMENT_ROWS);
        let unknown = starts.map(|start| unknown(start..count.min(start + SEGMENT_ROWS)));
        for name in on_pool(&self.cancel, || unknown.collect::<Result<Vec<_>>>())?.into_iter().flatten() {
            self.connection_type(name)?;
        }
        Ok(())
    }

    fn code<'a>(&self, codes: &mut Codes<'a>, name: Option<&'a str>) -> Option<u16> {
        let types = &self.snapshot.catalog.connection_types;
        name.map_or(Some(DEFAULT_TYPE), |name| *codes.entry(name).or_insert_with(|| types.code(name)))
    }

    /// Write down what was appended, for as long as it is not too much for the log.
    fn record_connections(&mut self, rows: Range<u32>) -> Result<()> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        let mut pace = self.cancel.pace();
        for row in rows {
            pace.tick()?;
            let (connection, link) = (self.snapshot.connections.read(row), Link::of(&self.snapshot, row));
            let link = link.ok_or_else(|| Error::missing_token("a connection's end does not exist"))?;
            recorder.push(&Op::PushConnection(NewConnectionRow::of(&connection, link.source, link.target, self.now)));
            if recorder.mark().is_none() {
                break;
            }
        }
        Ok(())
    }
}
