//! Connections at once.

use std::ops::Range;

use super::{Codes, Met, note_rows};
use crate::commit::{Working, next_id, no_end, text_bytes};
use crate::connection::DEFAULT_TYPE;
use crate::error::{Error, Result};
use crate::index::adjacency::{Adjacency, Link};
use crate::memory::CONNECTION_BYTES;
use crate::redo::{NewConnectionRow, Op};
use crate::request::NewConnection;
use crate::segment::NewRows;
use crate::snapshot::TokenRef;

impl Working {
    /// Store `count` connections; their ids, or `None` and nothing done if they have to be taken one by one.
    pub(in crate::commit) fn connect_at_once<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewConnection<'a>> + Sync),
    ) -> Result<Option<Vec<u64>>> {
        let add_types = |working: &mut Self| {
            let types = working.snapshot.catalog.connection_types.clone();
            let names = working.new_names(count, &types, |number| row(number).map(|new| new.kind))?;
            names.into_iter().try_for_each(|name| working.connection_type(name).map(drop))
        };
        let bytes = count.saturating_mul(CONNECTION_BYTES);
        self.at_once(bytes, add_types, |working, met| working.append_connections(count, row, met))
    }

    fn append_connections<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewConnection<'a>> + Sync),
        met: &Met,
    ) -> Result<Vec<u64>> {
        let cancel = self.cancel.clone();
        let (first, extent) = (self.snapshot.next_connection, self.snapshot.connections.extent());
        next_id(first + count as u64 - 1)?;
        let types = self.snapshot.catalog.connection_types.clone();
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
        let rise = connections.extend(count, &cancel, |range: Range<usize>, rows: &mut NewRows<_>| {
            let mut codes = Codes::new(&types, met);
            for number in range {
                let new = row(number)?;
                let ends = (end(&new.source)?, end(&new.target)?);
                let id = met.id(new.id, first + number as u64)?;
                let kind = new.kind.map_or(Ok(DEFAULT_TYPE), |name| codes.of(name))?;
                let connection = working.connection(&new, id, ends, kind)?;
                working.memory.take(text_bytes(&connection.props))?;
                rows.push(connection);
            }
            Ok(())
        })?;
        met.check_order(rise)?;
        self.snapshot.next_connection = self.snapshot.next_connection.max(connections.last_id() + 1);
        self.snapshot.connections = connections;
        self.changed = true;
        let adjacency = Adjacency::build(&self.snapshot, &cancel)?;
        if adjacency.has_twins(&cancel) {
            return Err(Error::duplicate("two connections of the same ends and type"));
        }
        self.replace_adjacency(adjacency);
        let (snapshot, now) = (&self.snapshot, self.now);
        note_rows(&mut self.recorder, &cancel, extent..snapshot.connections.extent(), |recorder, row| {
            let (connection, link) = (snapshot.connections.read(row), Link::of(snapshot, row));
            let link = link.ok_or_else(|| Error::missing_token("a connection's end does not exist"))?;
            recorder.push(&Op::PushConnection(NewConnectionRow::of(&connection, link.source, link.target, now)));
            Ok(())
        })?;
        Ok(self.snapshot.connections.ids_since(extent))
    }
}
