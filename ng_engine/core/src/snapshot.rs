//! One immutable version of everything: what a reader holds, for as long as it likes.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::cdna::Cdna;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::filter::FilterCache;
use crate::index::adjacency::Adjacency;
use crate::index::forest::Forest;
use crate::index::keys::{RowMap, Scattered};
use crate::metric::Point;
use crate::segment::{Table, place, row_at};
use crate::token::Token;

/// How a token is named from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRef {
    /// By id.
    Id(i64),
    /// By key.
    Key(String),
}

/// A version of the store. Cloning costs a few reference counts.
#[derive(Clone)]
pub struct Snapshot {
    /// The number of the commit that made it.
    pub version: u64,
    /// Moves when rows are numbered anew, so that nothing built over the old numbers is adopted.
    pub epoch: u64,
    /// How many moves of tokens there have been.
    pub moves: u64,
    /// The tokens.
    pub tokens: Table<Token>,
    /// The connections.
    pub connections: Table<Connection>,
    /// Key → row of the token.
    pub keys: Arc<RowMap>,
    /// (source, target, type) → row of the connection, for those beyond the compressed rows of the graph index.
    pub triples: Arc<RowMap>,
    /// The spatial index.
    pub spatial: Arc<Forest>,
    /// The graph index.
    pub adjacency: Arc<Adjacency>,
    /// What filters have chosen.
    pub filters: Arc<FilterCache>,
    /// Type and axis names.
    pub catalog: Arc<Catalog>,
    /// Profiles, the one in force among them.
    pub cdna: Arc<Cdna>,
    /// Above every token id ever given.
    pub next_token: u64,
    /// Above every connection id ever given.
    pub next_connection: u64,
}

impl Snapshot {
    /// An empty store.
    pub fn new(catalog: Catalog) -> Self {
        Self {
            version: 0,
            epoch: 0,
            moves: 0,
            tokens: Table::default(),
            connections: Table::default(),
            keys: Arc::default(),
            triples: Arc::default(),
            spatial: Arc::default(),
            adjacency: Arc::default(),
            filters: Arc::default(),
            catalog: Arc::new(catalog),
            cdna: Arc::default(),
            next_token: 1,
            next_connection: 1,
        }
    }

    /// The row of the token with this key.
    pub fn find_key(&self, key: &str) -> Option<u32> {
        self.find_hashed_key(key, RowMap::hash(key))
    }

    /// The same, given the key's hash.
    pub fn find_hashed_key(&self, key: &str, hash: u64) -> Option<u32> {
        self.keys.find(hash, |row| {
            let (number, slot) = place(row);
            number < self.tokens.segments() && {
                let segment = self.tokens.segment(number);
                segment.is_live(slot) && segment.columns().key.as_ref().is_some_and(|c| c.get_ref(slot) == Some(key))
            }
        })
    }

    /// The row of the token that is meant.
    pub fn find_token(&self, token: &TokenRef) -> Option<u32> {
        match token {
            TokenRef::Id(id) => self.tokens.find(u64::try_from(*id).ok()?),
            TokenRef::Key(key) => self.find_key(key),
        }
    }

    /// The row of the token that is meant, or 42704.
    pub fn token(&self, token: &TokenRef) -> Result<u32> {
        self.find_token(token).ok_or_else(|| match token {
            TokenRef::Id(id) => Error::undefined_object(format!("token {id} does not exist")),
            TokenRef::Key(key) => Error::undefined_object(format!("token \"{}\" does not exist", key.escape_debug())),
        })
    }

    /// The row of the connection with these ends and type.
    pub fn find_triple(&self, source: u64, target: u64, kind: u16) -> Option<u32> {
        self.find_connection((self.tokens.find(source)?, self.tokens.find(target)?), (source, target), kind)
    }

    /// The same, given the rows and ids of its ends.
    pub fn find_connection(&self, rows: (u32, u32), (source, target): (u64, u64), kind: u16) -> Option<u32> {
        self.adjacency.find(self, rows.0, rows.1, kind).or_else(|| {
            self.triples.find(RowMap::hash(&(source, target, kind)), |row| {
                self.connections.is_live(row) && {
                    let (columns, slot) = self.connections.columns(row);
                    columns.source.get(slot) == source
                        && columns.target.get(slot) == target
                        && columns.kind.get(slot) == kind
                }
            })
        })
    }

    /// Key → row, made anew from the live tokens on the engine's threads.
    pub fn map_keys(&self, cancel: &Cancel) -> Result<RowMap> {
        RowMap::build_parts(self.tokens.segments(), cancel, |number, entries| self.list_keys(number, 0, entries))
    }

    /// The present map and the keys of the tokens from row number `first` on; `None` if one of them is not new.
    pub fn map_new_keys(&self, first: u32, cancel: &Cancel) -> Result<Option<RowMap>> {
        let from = place(first).0;
        let list = |part: usize, entries: &mut Scattered| self.list_keys(from + part, first, entries);
        let key = |row: u32| {
            let (columns, slot) = self.tokens.columns(row);
            columns.key.as_ref().and_then(|keys| keys.get_ref(slot))
        };
        let twins = |row: u32, new: u32| row != new && self.tokens.is_live(row) && key(row) == key(new);
        self.keys.with_unique(self.tokens.segments() - from, cancel, list, twins, |row| self.tokens.is_live(row))
    }

    /// The keys of a segment's live rows from row number `first` on.
    fn list_keys(&self, number: usize, first: u32, entries: &mut Scattered) {
        let segment = self.tokens.segment(number);
        let Some(keys) = &segment.columns().key else { return };
        for slot in segment.live_slots() {
            let row = row_at(number, slot);
            if row >= first
                && let Some(key) = keys.get_ref(slot)
            {
                entries.push(RowMap::hash(key), row);
            }
        }
    }

    /// (source, target, type) → row, made anew from the live connections beyond the graph index's compressed rows.
    pub fn map_triples(&self, cancel: &Cancel) -> Result<RowMap> {
        let triple = |row| {
            let (columns, slot) = self.connections.columns(row);
            let triple = (columns.source.get(slot), columns.target.get(slot), columns.kind.get(slot));
            Some((RowMap::hash(&triple), row))
        };
        RowMap::build(self.connections.live_rows_since(self.adjacency.covered()).map(triple), cancel)
    }

    /// The coordinates of a token's row.
    pub fn coords(&self, row: u32) -> Point {
        let (columns, slot) = self.tokens.columns(row);
        columns.coords.get(slot)
    }
}
