//! The changes of rows, past all checks: each in one function, which statements and the log's replay both call, and which
//! writes down what it does.

use std::sync::Arc;

use super::Working;
use crate::cdna::{Cdna, CdnaImage};
use crate::chunk::{Chunk, TextChunk};
use crate::connection::Connection;
use crate::error::Result;
use crate::index::adjacency::{Adjacency, Link};
use crate::index::keys::RowMap;
use crate::redo::{ConnectionChange, NewConnectionRow, NewTokenRow, Op, TokenChange};
use crate::snapshot::Snapshot;
use crate::token::Token;

impl Working {
    fn note(&mut self, op: &Op<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(op);
        }
    }

    /// Append a token; `hash` is that of its key.
    pub(super) fn push_token(&mut self, token: Token, hash: Option<u64>) -> Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::PushToken(NewTokenRow::of(&token, self.now)));
        }
        let id = token.id;
        let row = self.snapshot.tokens.push(id, token)?;
        if let Some(hash) = hash
            && self.snapshot.keys.insert_new(hash, row)
        {
            let thinned = self.snapshot.keys.thinned(hash, |row| self.snapshot.tokens.is_live(row));
            self.snapshot.keys = Arc::new(thinned);
        }
        self.snapshot.next_token = self.snapshot.next_token.max(id + 1);
        self.changed = true;
        Ok(())
    }

    /// Give a live token other values.
    pub(super) fn store_token(&mut self, row: u32, old: &Token, new: Token) -> Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::StoreToken(row, TokenChange::between(old, &new)));
        }
        if new.coords != old.coords {
            self.snapshot.moves += 1;
            if self.snapshot.spatial.covers(row) {
                Arc::make_mut(&mut self.snapshot.spatial).move_to(row, new.coords)?;
            }
        }
        if let Some(key) = new.key.as_deref().filter(|_| new.key != old.key) {
            self.snapshot.keys.insert(RowMap::hash(key), row);
        }
        self.snapshot.tokens.update(row, |columns, len, slot| {
            Chunk::make_mut(&mut columns.updated_at, len)[slot] = new.updated_at;
            if new.coords != old.coords {
                Chunk::make_mut(&mut columns.coords, len)[slot] = new.coords;
            }
            if new.weight != old.weight {
                Chunk::make_mut(&mut columns.weight, len)[slot] = new.weight;
            }
            if new.kind != old.kind {
                Chunk::make_mut(&mut columns.kind, len)[slot] = new.kind;
            }
            if new.flags != old.flags {
                Chunk::make_mut(&mut columns.flags, len)[slot] = new.flags;
            }
            if new.key != old.key {
                TextChunk::set(&mut columns.key, len, slot, new.key);
            }
            if new.props != old.props {
                TextChunk::set(&mut columns.props, len, slot, new.props);
            }
        });
        self.changed = true;
        Ok(())
    }

    /// Delete a live token's row, and nothing else.
    pub(super) fn erase_token(&mut self, row: u32) {
        self.note(&Op::EraseToken(row));
        self.snapshot.tokens.delete(row);
        self.changed = true;
    }

    /// Append a connection between the tokens in these rows; `listed` in the graph index, unless that is rebuilt.
    pub(super) fn push_connection(
        &mut self,
        connection: Connection,
        source: u32,
        target: u32,
        listed: bool,
    ) -> Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::PushConnection(NewConnectionRow::of(&connection, source, target, self.now)));
        }
        let (id, kind) = (connection.id, connection.kind);
        let hash = RowMap::hash(&(connection.source, connection.target, kind));
        let row = self.snapshot.connections.push(id, connection)?;
        if self.snapshot.triples.insert_new(hash, row) {
            let thinned = self.snapshot.triples.thinned(hash, |row| self.snapshot.connections.is_live(row));
            self.snapshot.triples = Arc::new(thinned);
        }
        if listed {
            let link = Link { source, target, connection: row, kind };
            self.snapshot.adjacency.push(link);
            self.links.push(link);
        }
        self.snapshot.next_connection = self.snapshot.next_connection.max(id + 1);
        self.changed = true;
        Ok(())
    }

    /// Give a live connection other values; not its ends or type.
    pub(super) fn store_connection(&mut self, row: u32, old: &Connection, new: Connection) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::StoreConnection(row, ConnectionChange::between(old, &new)));
        }
        self.snapshot.connections.update(row, |columns, len, slot| {
            Chunk::make_mut(&mut columns.updated_at, len)[slot] = new.updated_at;
            if new.weight != old.weight {
                Chunk::make_mut(&mut columns.weight, len)[slot] = new.weight;
            }
            if new.confidence != old.confidence {
                Chunk::make_mut(&mut columns.confidence, len)[slot] = new.confidence;
            }
            if new.rigidity != old.rigidity {
                Chunk::make_mut(&mut columns.rigidity, len)[slot] = new.rigidity;
            }
            if new.mutability != old.mutability {
                Chunk::make_mut(&mut columns.mutability, len)[slot] = new.mutability as u8;
            }
            if new.levels != old.levels {
                Chunk::make_mut(&mut columns.levels, len)[slot] = new.levels;
            }
            if new.evidence != old.evidence {
                Chunk::make_mut(&mut columns.evidence, len)[slot] = new.evidence;
            }
            if new.activations != old.activations {
                Chunk::make_mut(&mut columns.activations, len)[slot] = new.activations;
            }
            if new.last_activated_at != old.last_activated_at {
                Chunk::make_mut(&mut columns.last_activated_at, len)[slot] = new.last_activated_at;
            }
            if new.props != old.props {
                TextChunk::set(&mut columns.props, len, slot, new.props);
            }
        });
        self.changed = true;
    }

    /// Delete a live connection's row.
    pub(super) fn erase_connection(&mut self, row: u32) {
        self.note(&Op::EraseConnection(row));
        self.snapshot.connections.delete(row);
        self.changed = true;
    }

    /// No rows any more; ids go on.
    pub(super) fn clear_rows(&mut self) {
        self.note(&Op::Clear);
        let old = &self.snapshot;
        self.snapshot = Snapshot {
            epoch: old.epoch + 1,
            tokens: old.tokens.cleared(),
            connections: old.connections.cleared(),
            keys: Arc::default(),
            spatial: Arc::default(),
            ..old.clone()
        };
        self.replace_adjacency(Adjacency::default());
        self.changed = true;
    }

    /// Only live rows, numbered anew in the same order, and every index to match.
    pub(super) fn compact_rows(&mut self) -> Result<()> {
        self.note(&Op::Compact);
        let old = &self.snapshot;
        let mut next = Snapshot {
            epoch: old.epoch + 1,
            tokens: old.tokens.compacted()?,
            connections: old.connections.compacted()?,
            spatial: Arc::default(),
            ..old.clone()
        };
        next.keys = Arc::new(next.map_keys(&self.cancel)?);
        let adjacency = Adjacency::build(&next, &self.cancel)?;
        self.snapshot = next;
        self.replace_adjacency(adjacency);
        self.changed = true;
        Ok(())
    }

    /// Give a new name of a token type its code.
    pub(super) fn add_token_type(&mut self, name: &str) -> Result<u16> {
        let code = Arc::make_mut(&mut self.snapshot.catalog).add_token_type(name)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::TokenType(code, self.snapshot.catalog.token_types.name(code)));
        }
        self.changed = true;
        Ok(code)
    }

    /// Give a new name of a connection type its code.
    pub(super) fn add_connection_type(&mut self, name: &str) -> Result<u16> {
        let code = Arc::make_mut(&mut self.snapshot.catalog).add_connection_type(name)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::ConnectionType(code, self.snapshot.catalog.connection_types.name(code)));
        }
        self.changed = true;
        Ok(code)
    }

    /// Put other profiles in the place of the present ones.
    pub(super) fn put_cdna(&mut self, cdna: Cdna) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(&Op::Cdna(Box::new(CdnaImage::of(&cdna))));
        }
        Arc::make_mut(&mut self.snapshot.catalog).touch();
        self.snapshot.cdna = Arc::new(cdna);
        self.changed = true;
    }
}
