//! Single rows, loads, and what the log takes and gives.

use std::hint::black_box;

use arrow_array::RecordBatch;
use ng_core::Result;
use ng_core::columns::{TOKEN_COLUMNS, TableKind, cell};
use ng_core::commit::Working;
use ng_core::error::Error;
use ng_core::ops::mutate;
use ng_core::redo::Redo;
use ng_core::request::{NewToken, OnConflict, TokenPatch};
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::snapshot::{Snapshot, TokenRef};

use crate::random::Random;
use crate::tables::{connections, key, load_connections, load_tokens, store, tokens};

const TOKENS: usize = 20_000;
/// Tokens that bulk-loaded connections are among.
const ENDS: usize = 5_000;
/// Tokens of a commit for the log, and connections beside them.
const LOGGED: usize = 2_000;
/// A path that writes into stores of its own has so many of them: more than it has operations.
const STORES: usize = 3;

/// A store for single rows, and stores for each of the loads.
pub(crate) struct Rows {
    storage: RuntimeStorage,
    /// Ids and keys of tokens there are, in no order.
    ids: Vec<TokenRef>,
    keys: Vec<TokenRef>,
    empty: Vec<RuntimeStorage>,
    to_connect: Vec<RuntimeStorage>,
    logged: Vec<RuntimeStorage>,
    to_replay: Vec<RuntimeStorage>,
    new_tokens: RecordBatch,
    new_connections: RecordBatch,
    logged_tokens: RecordBatch,
    logged_connections: RecordBatch,
    /// What the log takes of the two before.
    payload: Vec<u8>,
}

impl Rows {
    pub(crate) fn new() -> Result<Self> {
        let mut random = Random(1);
        let new_tokens = tokens(TOKENS, true, &mut random)?;
        let ends = tokens(ENDS, false, &mut random)?;
        let numbers: Vec<usize> = (0..TOKENS).map(|_| random.below(TOKENS)).collect();
        let stores = |tokens: &RecordBatch| (0..STORES).map(|_| store(tokens)).collect::<Result<Vec<_>>>();
        let mut rows = Self {
            storage: store(&new_tokens)?,
            ids: numbers.iter().map(|number| TokenRef::Id(*number as i64 + 1)).collect(),
            keys: numbers.iter().map(|number| TokenRef::Key(key(*number))).collect(),
            empty: stores(&tokens(0, true, &mut random)?)?,
            to_connect: stores(&ends)?,
            logged: stores(&ends)?,
            to_replay: stores(&ends)?,
            new_connections: connections(TOKENS, ENDS, &mut random)?,
            logged_tokens: tokens(LOGGED, true, &mut random)?,
            logged_connections: connections(LOGGED, ENDS, &mut random)?,
            new_tokens,
            payload: Vec::new(),
        };
        rows.payload = rows.recorded(&store(&ends)?)?;
        Ok(rows)
    }

    /// Every value of a token, as `get_token` hands them out.
    fn get(&self, token: &TokenRef) -> Result<usize> {
        let snapshot = self.storage.glance()?;
        let Some(row) = snapshot.find_token(token) else { return Ok(0) };
        for (_, column) in TOKEN_COLUMNS {
            black_box(cell(&snapshot, TableKind::Tokens, row, column));
        }
        Ok(1)
    }

    pub(crate) fn get_by_id(&self, i: usize) -> Result<usize> {
        self.get(&self.ids[i])
    }

    pub(crate) fn get_by_key(&self, i: usize) -> Result<usize> {
        self.get(&self.keys[i])
    }

    pub(crate) fn create(&self, i: usize) -> Result<usize> {
        let key = key(TOKENS + i);
        let new = NewToken { key: Some(&key), coords: [i as f32; 8], ..NewToken::default() };
        let created = self.storage.write_rows(1, |working| working.create_token(&new, OnConflict::Fail))?;
        Ok(usize::from(created.is_some()))
    }

    pub(crate) fn update(&self, i: usize) -> Result<usize> {
        let token = &self.ids[i];
        let patch = TokenPatch { weight: Some(0.25), coords: Some([i as f32; 8]), ..TokenPatch::default() };
        self.storage.write_rows(1, |working| {
            let row = working.snapshot().token(token)?;
            working.update_token(row, &patch)
        })?;
        Ok(1)
    }

    pub(crate) fn create_many(&self, i: usize) -> Result<usize> {
        load_tokens(&self.empty[i], &self.new_tokens)
    }

    pub(crate) fn connect_many(&self, i: usize) -> Result<usize> {
        load_connections(&self.to_connect[i], &self.new_connections)
    }

    /// What the log takes of a commit with tokens and connections.
    fn recorded(&self, storage: &RuntimeStorage) -> Result<Vec<u8>> {
        let mut working = Working::new(&storage.store().current());
        working.record();
        let (tokens, connections) = (&self.logged_tokens, &self.logged_connections);
        working.statement(|working| {
            mutate::create_tokens(working, std::slice::from_ref(tokens), OnConflict::Fail)?;
            mutate::create_connections(working, std::slice::from_ref(connections), OnConflict::Nothing)
        })?;
        match working.end_commit() {
            Redo::Operations(payload) => Ok(payload),
            Redo::Bulk => Err(Error::internal("the commit is too large for the log")),
        }
    }

    pub(crate) fn record(&self, i: usize) -> Result<usize> {
        Ok(self.recorded(&self.logged[i])?.len())
    }

    pub(crate) fn replay(&self, i: usize) -> Result<usize> {
        let before = self.to_replay[i].store().current();
        let mut working = Working::new(&before);
        working.replay(&self.payload)?;
        let after = working.finish();
        let rows = |snapshot: &Snapshot| snapshot.tokens.live() + snapshot.connections.live();
        Ok(rows(&after) - rows(&before))
    }
}
