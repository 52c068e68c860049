//! Snapshots made of stored segments: a whole one when a store is opened, a changed one when the log is no help.

use std::sync::{Arc, LazyLock};

use super::state::State;
use crate::cancel::Cancel;
use crate::catalog::TypeNames;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::index::adjacency::{Adjacency, Link};
use crate::index::keys::RowMap;
use crate::segment::{Table, row_at};
use crate::snapshot::Snapshot;
use crate::token::Token;

/// From this many new connections on, their indexes are made anew rather than extended.
const BULK: u32 = 1 << 16;

/// Nothing ends it: a store that is not assembled cannot be used.
static NEVER: LazyLock<Cancel> = LazyLock::new(Cancel::default);

/// Segments with their numbers.
pub(super) type Numbered<R> = Vec<(usize, crate::segment::Segment<R>)>;

impl Snapshot {
    /// The snapshot of these tables, with every index but the spatial one, which is left to the background.
    pub fn assemble(state: State, tokens: Table<Token>, connections: Table<Connection>) -> Result<Self> {
        if (tokens.filled(), connections.filled()) != (state.token_segments, state.connection_segments) {
            return Err(Error::corrupted("segments are missing"));
        }
        let mut snapshot = Self {
            version: state.version,
            epoch: state.epoch,
            next_token: state.next_token,
            next_connection: state.next_connection,
            tokens,
            connections,
            cdna: Arc::new(state.cdna),
            ..Self::new(state.catalog)
        };
        snapshot.check_types(0..snapshot.tokens.segments(), 0..snapshot.connections.segments())?;
        snapshot.keys = Arc::new(snapshot.map_keys(&NEVER)?);
        snapshot.index_connections()?;
        Ok(snapshot)
    }

    /// Make the indexes of the connections anew.
    fn index_connections(&mut self) -> Result<()> {
        let adjacency = Adjacency::build(self, &NEVER)?;
        if adjacency.compressed() != self.connections.live() {
            return Err(Error::corrupted("a connection's end does not exist"));
        }
        // Every connection is found in it.
        (self.triples, self.adjacency) = (Arc::default(), Arc::new(adjacency));
        Ok(())
    }

    /// The snapshot that others have made of this one: the state, and at least the segments that changed since.
    ///
    /// With another epoch rows are numbered anew, and it takes all segments.
    pub fn reloaded(&self, state: State, tokens: Numbered<Token>, connections: Numbered<Connection>) -> Result<Self> {
        if state.epoch != self.epoch {
            let (last_token, last_connection) = (state.last_token(), state.last_connection());
            let tokens = Table::default().replaced(tokens, state.token_segments, last_token)?;
            let connections = Table::default().replaced(connections, state.connection_segments, last_connection)?;
            return Self::assemble(state, tokens, connections);
        }
        let numbers = |changed: &mut dyn Iterator<Item = usize>| changed.collect::<Vec<_>>();
        let changed_tokens = numbers(&mut tokens.iter().map(|(number, _)| *number));
        let changed_connections = numbers(&mut connections.iter().map(|(number, _)| *number));
        let mut next = Self {
            version: state.version,
            tokens: self.tokens.replaced(tokens, state.token_segments, state.last_token())?,
            connections: self.connections.replaced(connections, state.connection_segments, state.last_connection())?,
            next_token: state.next_token,
            next_connection: state.next_connection,
            ..self.clone()
        };
        let same_profiles = (&self.cdna.active, &self.cdna.known) == (&state.cdna.active, &state.cdna.known);
        if !same_profiles || !self.catalog.same_names(&state.catalog) {
            (next.catalog, next.cdna) = (Arc::new(state.catalog), Arc::new(state.cdna));
        }
        next.check_types(changed_tokens.iter().copied(), changed_connections.iter().copied())?;
        next.follow_tokens(self, &changed_tokens)?;
        next.follow_connections(self, &changed_connections)?;
        Ok(next)
    }

    /// List the keys of changed segments, and the rows in them that have moved since `old`.
    fn follow_tokens(&mut self, old: &Self, changed: &[usize]) -> Result<()> {
        let known = old.tokens.extent();
        for &number in changed {
            let segment = self.tokens.segment(number);
            let columns = segment.columns();
            for slot in segment.live_slots() {
                let row = row_at(number, slot);
                if let Some(key) = columns.key.as_ref().and_then(|keys| keys.get_ref(slot)) {
                    self.keys.insert(RowMap::hash(key), row);
                }
                if row < known && columns.coords.get(slot) != old.coords(row) {
                    self.moves += 1;
                    if self.spatial.covers(row) {
                        Arc::make_mut(&mut self.spatial).move_to(row, columns.coords.get(slot))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// List the connections of changed segments that are new since `old`.
    fn follow_connections(&mut self, old: &Self, changed: &[usize]) -> Result<()> {
        let known = old.connections.extent();
        if self.connections.extent() - known > BULK.max(self.adjacency.covered() / 2) {
            return self.index_connections();
        }
        for &number in changed {
            let segment = self.connections.segment(number);
            let columns = segment.columns();
            for slot in segment.live_slots().filter(|slot| row_at(number, *slot) >= known) {
                let row = row_at(number, slot);
                let link = Link::of(self, row);
                self.adjacency.push(link.ok_or_else(|| Error::corrupted("a connection's end does not exist"))?);
                let triple = (columns.source.get(slot), columns.target.get(slot), columns.kind.get(slot));
                self.triples.insert_new(RowMap::hash(&triple), row);
            }
        }
        Ok(())
    }

    /// Whether the catalog knows every type that rows of these segments have: their columns are read with it.
    fn check_types(
        &self,
        tokens: impl IntoIterator<Item = usize>,
        connections: impl IntoIterator<Item = usize>,
    ) -> Result<()> {
        let known = |names: &TypeNames, codes: &[u16]| codes.iter().all(|code| names.has(*code));
        for number in tokens {
            let segment = self.tokens.segment(number);
            if !segment.is_hollow() && !known(&self.catalog.token_types, segment.columns().kind.slice(segment.len())) {
                return Err(Error::corrupted(format!("token segment {number} has an unknown type")));
            }
        }
        for number in connections {
            let segment = self.connections.segment(number);
            let codes = segment.columns().kind.slice(segment.len());
            if !segment.is_hollow() && !known(&self.catalog.connection_types, codes) {
                return Err(Error::corrupted(format!("connection segment {number} has an unknown type")));
            }
        }
        Ok(())
    }
}
