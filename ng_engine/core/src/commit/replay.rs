//! The log's replay: commits made elsewhere or before, done again. The Guardian has seen them; here it is only asked
//! whether they make sense, as a log may be damaged.

use super::{LAST_ID, Working};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::index::keys::RowMap;
use crate::redo::{Op, Operations, Recorder};
use crate::token::{Token, check_coords, check_key};

fn sense(holds: bool, what: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::corrupted(what)) }
}

impl Working {
    /// Do one commit of the log again, whose payload this is.
    ///
    /// After an error (XX001, naming the commit) the state is that of no commit: give it up, or restore a mark.
    pub fn replay(&mut self, payload: &[u8]) -> Result<()> {
        let recorder = self.recorder.take();
        let version = self.snapshot.version + 1;
        self.repeat(payload).map_err(|error| Error::corrupted(format!("commit {version} of the log: {error}")))?;
        self.end_commit();
        self.recorder = recorder.map(|_| Recorder::new(self.header()));
        Ok(())
    }

    /// The same for a store of which segments are lost: what can be done of it; how many operations could not.
    ///
    /// The state must have dead rows in the place of those in lost segments; at the end of a table they are appended here.
    pub fn replay_remains(&mut self, payload: &[u8]) -> Result<usize> {
        let mut operations = Operations::new(payload)?;
        let (tokens, connections) = operations.header.extents;
        let (own_tokens, own_connections) = self.header().extents;
        sense(own_tokens <= tokens && own_connections <= connections, "it was made from another state")?;
        self.snapshot.tokens.pad(tokens)?;
        self.snapshot.connections.pad(connections)?;
        self.now = operations.header.at;
        let mut left_out = 0;
        while let Some(op) = operations.next()? {
            // Nothing is changed by an operation that fails.
            left_out += usize::from(self.redo(op).is_err());
        }
        self.end_commit();
        Ok(left_out)
    }

    fn repeat(&mut self, payload: &[u8]) -> Result<()> {
        let mut operations = Operations::new(payload)?;
        let own = self.header().extents;
        sense(operations.header.extents == own, "it was made from another state")?;
        self.now = operations.header.at;
        let mut worn = false;
        while let Some(op) = operations.next()? {
            worn |= matches!(op, Op::EraseToken(_) | Op::EraseConnection(_) | Op::StoreToken(..));
            self.redo(op)?;
        }
        if worn {
            self.sweep()?;
        }
        Ok(())
    }

    fn redo(&mut self, op: Op<'_>) -> Result<()> {
        match op {
            Op::PushToken(row) => {
                let mut token = row.token(self.now);
                self.check_token(&mut token)?;
                sense((1..=LAST_ID).contains(&token.id), "a token's id is out of range")?;
                sense(self.snapshot.tokens.find(token.id).is_none(), "a token's id is there already")?;
                let hash = token.key.as_deref().map(RowMap::hash);
                if let (Some(key), Some(hash)) = (token.key.as_deref(), hash) {
                    sense(self.snapshot.find_hashed_key(key, hash).is_none(), "a token's key is there already")?;
                }
                self.push_token(token, hash)
            }
            Op::StoreToken(row, change) => {
                sense(self.snapshot.tokens.is_live(row), "a token to be changed is not there")?;
                let old = self.snapshot.tokens.read(row);
                let mut new = old.clone();
                change.apply(&mut new);
                new.updated_at = self.now;
                self.check_token(&mut new)?;
                if let Some(key) = new.key.as_deref().filter(|_| new.key != old.key) {
                    sense(self.snapshot.find_key(key).is_none(), "a token's key is there already")?;
                }
                self.store_token(row, &old, new)
            }
            Op::EraseToken(row) => {
                sense(self.snapshot.tokens.is_live(row), "a token to be deleted is not there")?;
                self.erase_token(row);
                Ok(())
            }
            Op::PushConnection(row) => {
                let tokens = &self.snapshot.tokens;
                sense(tokens.is_live(row.source) && tokens.is_live(row.target), "a connection's end is not there")?;
                let (source, target) = (tokens.id(row.source), tokens.id(row.target));
                let connection = row.connection(source, target, self.now);
                let connection = connection.ok_or_else(|| Error::corrupted("a connection's mutability is unknown"))?;
                self.check_connection(&connection)?;
                sense((1..=LAST_ID).contains(&connection.id), "a connection's id is out of range")?;
                sense(self.snapshot.connections.find(connection.id).is_none(), "a connection's id is there already")?;
                let twin = self.snapshot.find_triple(source, target, connection.kind);
                sense(twin.is_none(), "a connection of the same ends and type is there already")?;
                self.push_connection(connection, row.source, row.target, true)
            }
            Op::StoreConnection(row, change) => {
                sense(self.snapshot.connections.is_live(row), "a connection to be changed is not there")?;
                let old = self.snapshot.connections.read(row);
                let mut new = old.clone();
                sense(change.apply(&mut new), "a connection's mutability is unknown")?;
                new.updated_at = self.now;
                self.check_connection(&new)?;
                self.store_connection(row, &old, new);
                Ok(())
            }
            Op::EraseConnection(row) => {
                sense(self.snapshot.connections.is_live(row), "a connection to be deleted is not there")?;
                self.erase_connection(row);
                Ok(())
            }
            Op::Clear => {
                self.clear_rows();
                Ok(())
            }
            Op::Compact => self.compact_rows(),
            Op::TokenType(code, name) => {
                sense(self.snapshot.catalog.token_types.code(name).is_none(), "a type is there already")?;
                let same = self.add_token_type(name)? == code;
                sense(same && self.snapshot.catalog.token_types.name(code) == name, "a type has another code")
            }
            Op::ConnectionType(code, name) => {
                sense(self.snapshot.catalog.connection_types.code(name).is_none(), "a type is there already")?;
                let same = self.add_connection_type(name)? == code;
                sense(same && self.snapshot.catalog.connection_types.name(code) == name, "a type has another code")
            }
            Op::Cdna(image) => {
                let cdna = image.restore();
                self.put_cdna(cdna.ok_or_else(|| Error::corrupted("a profile has impossible values"))?);
                Ok(())
            }
            Op::End => Ok(()),
        }
    }

    fn check_token(&self, token: &mut Token) -> Result<()> {
        token.coords = check_coords(token.coords)?;
        sense(token.weight.is_finite(), "a token's weight is not a number")?;
        sense(self.snapshot.catalog.token_types.has(token.kind), "a token's type is unknown")?;
        token.key.as_deref().map_or(Ok(()), check_key)
    }

    fn check_connection(&self, connection: &Connection) -> Result<()> {
        let unit = |value: f32| (0.0..=1.0).contains(&value);
        sense(connection.weight.is_finite(), "a connection's weight is not a number")?;
        sense(unit(connection.confidence) && unit(connection.rigidity), "a connection's confidence is out of range")?;
        sense(self.snapshot.catalog.connection_types.has(connection.kind), "a connection's type is unknown")
    }
}
