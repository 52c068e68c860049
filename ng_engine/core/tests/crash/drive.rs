//! Commits done to a store through its public door, and everything a store holds read back, every index checked.

use std::collections::BTreeMap;
use std::path::Path;

use ng_core::commit::Working;
use ng_core::index::adjacency::Direction;
use ng_core::ops::nearest::{Search, hits};
use ng_core::request::{ConnectionPatch, NewConnection, NewToken, OnConflict, TokenPatch};
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::snapshot::{Snapshot, TokenRef};
use ng_core::store::file::Synchronous;
use ng_core::store::open::OpenOptions;
use ng_core::{Error, Result};

use crate::model::{Commit, Link, Model, Op, Style, Token};

/// Why a statement fails on purpose.
pub const PLANNED: &str = "57014";

/// Ids that the engine gives are above this, those given to it below.
const FIRST_OWN_ID: i64 = 1 << 40;

pub fn open(path: &Path) -> Result<RuntimeStorage> {
    RuntimeStorage::open(path, &OpenOptions::default())
}

pub fn open_with(path: &Path, synchronous: Synchronous) -> Result<RuntimeStorage> {
    RuntimeStorage::open(path, &OpenOptions { synchronous, ..OpenOptions::default() })
}

/// A new store, ready for histories.
pub fn create(path: &Path) -> Result<RuntimeStorage> {
    let store = open(path)?;
    prepare(&store)?;
    Ok(store)
}

/// Move the engine's ids out of the way of ours, once.
pub fn prepare(store: &RuntimeStorage) -> Result<()> {
    if store.view()?.snapshot.next_token > FIRST_OWN_ID as u64 {
        return Ok(());
    }
    store.write(|working| {
        working.create_token(&NewToken { id: Some(FIRST_OWN_ID), ..NewToken::default() }, OnConflict::Fail)?;
        let row = working.snapshot().token(&TokenRef::Id(FIRST_OWN_ID))?;
        working.delete_token(row);
        Ok(())
    })
}

fn reference(name: &str) -> TokenRef {
    match name.strip_prefix('#') {
        Some(id) => TokenRef::Id(id.parse().unwrap()),
        None => TokenRef::Key(name.to_owned()),
    }
}

fn perform(working: &mut Working, op: &Op) -> Result<()> {
    let find = |working: &Working, name: &str| working.snapshot().find_token(&reference(name));
    match op {
        Op::Put(name, token) => {
            if let Some(row) = find(working, name) {
                let patch = TokenPatch {
                    kind: Some(&token.kind),
                    coords: Some(token.coords),
                    weight: Some(token.weight),
                    props: Some(token.props.as_deref()),
                    ..TokenPatch::default()
                };
                return working.update_token(row, &patch);
            }
            let (key, id) = match reference(name) {
                TokenRef::Id(id) => (None, Some(id)),
                TokenRef::Key(_) => (Some(name.as_str()), None),
            };
            let new = NewToken {
                id,
                key,
                kind: Some(&token.kind),
                coords: token.coords,
                weight: Some(token.weight),
                flags: None,
                props: token.props.as_deref(),
            };
            working.create_token(&new, OnConflict::Fail)?;
        }
        Op::Delete(name) => {
            if let Some(row) = find(working, name) {
                working.delete_token(row);
            }
        }
        Op::Rename(from, to) => {
            if let (Some(row), None) = (find(working, from), find(working, to)) {
                working.update_token(row, &TokenPatch { key: Some(Some(to)), ..TokenPatch::default() })?;
            }
        }
        Op::Connect((source, target, kind), link) => {
            let (Some(from), Some(to)) = (find(working, source), find(working, target)) else { return Ok(()) };
            let snapshot = working.snapshot();
            let (from, to) = (snapshot.tokens.id(from), snapshot.tokens.id(to));
            let code = snapshot.catalog.connection_types.code(kind);
            if let Some(row) = code.and_then(|code| snapshot.find_triple(from, to, code)) {
                let patch = ConnectionPatch {
                    weight: Some(link.weight),
                    confidence: Some(link.confidence),
                    props: Some(link.props.as_deref()),
                    ..ConnectionPatch::default()
                };
                return working.update_connection(row, &patch);
            }
            let new = NewConnection {
                id: None,
                source: reference(source),
                target: reference(target),
                kind: Some(kind),
                weight: Some(link.weight),
                confidence: Some(link.confidence),
                rigidity: None,
                mutability: None,
                levels: None,
                props: link.props.as_deref(),
            };
            working.create_connection(&new, OnConflict::Fail)?;
        }
        Op::Disconnect((source, target, kind)) => {
            let (Some(from), Some(to)) = (find(working, source), find(working, target)) else { return Ok(()) };
            let snapshot = working.snapshot();
            let (from, to) = (snapshot.tokens.id(from), snapshot.tokens.id(to));
            let code = snapshot.catalog.connection_types.code(kind);
            if let Some(row) = code.and_then(|code| snapshot.find_triple(from, to, code)) {
                working.delete_connection(row);
            }
        }
        Op::Scales(scales) => {
            let cdna = working.snapshot().cdna.with_scales(scales.map(f64::from))?;
            working.set_cdna(cdna);
        }
        Op::Clear => {
            working.clear();
        }
    }
    Ok(())
}

/// One commit of a history; `PLANNED` never gets out. After an error nothing of it is left open.
pub fn run(store: &RuntimeStorage, commit: &Commit) -> Result<()> {
    let all = |working: &mut Working| commit.ops.iter().try_for_each(|op| perform(working, op));
    match &commit.style {
        Style::Statement => store.write(all),
        Style::Failed => {
            let failed = store.write(|working| {
                all(working)?;
                Err::<(), _>(Error::cancelled("planned"))
            });
            match failed {
                Err(error) if error.sqlstate == PLANNED => Ok(()),
                other => other,
            }
        }
        Style::RolledBack => {
            store.begin(false)?;
            let written = commit.ops.iter().try_for_each(|op| store.write(|working| perform(working, op)));
            store.rollback()?;
            written
        }
        Style::Transaction(undone) => {
            store.begin(false)?;
            let written = in_transaction(store, &commit.ops, *undone);
            if let Err(error) = written {
                store.rollback()?;
                return Err(error);
            }
            store.commit()
        }
    }
}

fn in_transaction(store: &RuntimeStorage, ops: &[Op], undone: Option<(usize, usize)>) -> Result<()> {
    for (number, op) in ops.iter().enumerate() {
        if undone.is_some_and(|(from, _)| from == number) {
            store.savepoint("here")?;
        }
        store.write(|working| perform(working, op))?;
        if undone.is_some_and(|(from, to)| from < to && to == number + 1) {
            store.rollback_to("here")?;
        }
    }
    Ok(())
}

/// Everything in a store; an error says which index contradicts the rows.
pub fn read(snapshot: &Snapshot) -> std::result::Result<Model, String> {
    let mut model = Model::default();
    let mut names = BTreeMap::new();
    for row in snapshot.tokens.live_rows() {
        let token = snapshot.tokens.read(row);
        let name = token.key.as_deref().map_or_else(|| format!("#{}", token.id), str::to_owned);
        if snapshot.find_token(&TokenRef::Id(token.id as i64)) != Some(row) {
            return Err(format!("token {name} is not found by its id"));
        }
        if snapshot.find_token(&reference(&name)) != Some(row) {
            return Err(format!("token {name} is not found by its name"));
        }
        if token.id >= snapshot.next_token {
            return Err(format!("token {} is not below the next id {}", token.id, snapshot.next_token));
        }
        let kind = snapshot.catalog.token_types.name(token.kind).to_string();
        let held = Token {
            kind,
            coords: token.coords,
            weight: token.weight,
            props: token.props.as_deref().map(str::to_owned),
        };
        if names.insert(token.id, name.clone()).is_some() || model.tokens.insert(name.clone(), held).is_some() {
            return Err(format!("token {name} is there twice"));
        }
    }
    let mut linked: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for row in snapshot.connections.live_rows() {
        let link = snapshot.connections.read(row);
        let (Some(source), Some(target)) = (names.get(&link.source), names.get(&link.target)) else {
            return Err(format!("connection {} has lost an end", link.id));
        };
        if snapshot.find_triple(link.source, link.target, link.kind) != Some(row) {
            return Err(format!("connection {} is not found by its ends", link.id));
        }
        if snapshot.connections.find(link.id) != Some(row) || link.id >= snapshot.next_connection {
            return Err(format!("connection {} is not found by its id", link.id));
        }
        linked.entry(link.source).or_default().push(row);
        let triple = (source.clone(), target.clone(), snapshot.catalog.connection_types.name(link.kind).to_string());
        let held =
            Link { weight: link.weight, confidence: link.confidence, props: link.props.as_deref().map(str::to_owned) };
        if model.links.insert(triple, held).is_some() {
            return Err(format!("connection {} is there twice", link.id));
        }
    }
    for row in snapshot.tokens.live_rows() {
        let mut hops = Vec::new();
        snapshot.adjacency.hops(snapshot, row, Direction::Out, |hop| hops.push(hop.connection));
        hops.sort_unstable();
        if hops != linked.remove(&snapshot.tokens.id(row)).unwrap_or_default() {
            return Err(format!("the graph index is wrong about token {}", snapshot.tokens.id(row)));
        }
    }
    let profile = &snapshot.cdna.active;
    model.scales = (profile.id == 255).then(|| profile.metric.scale().map(|scale| scale as f32));
    Ok(model)
}

/// The same through a session, the spatial index checked as well.
pub fn read_all(store: &RuntimeStorage) -> std::result::Result<Model, String> {
    let view = store.view().map_err(|error| format!("{}: {error}", error.sqlstate))?;
    let model = read(&view.snapshot)?;
    let query = [0.25; 8];
    let found = hits(&view, &query, &Search { k: Some(3), ..Search::default() });
    let found = found.map_err(|error| format!("{}: {error}", error.sqlstate))?;
    let found: Vec<(f64, u64)> = found.iter().map(|hit| (hit.distance, hit.id)).collect();
    let tokens = &view.snapshot.tokens;
    let distance = |row: u32| (view.metric.distance(&view.snapshot.coords(row), &query), tokens.id(row));
    let mut all: Vec<(f64, u64)> = tokens.live_rows().map(distance).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(3);
    if found == all { Ok(model) } else { Err(format!("nearest gave {found:?} and not {all:?}")) }
}

/// What is different, in a line.
pub fn difference(is: &Model, should: &Model) -> String {
    for (name, token) in &should.tokens {
        if is.tokens.get(name) != Some(token) {
            return format!("token {name} is {:.300?} and should be {:.300?}", is.tokens.get(name), token);
        }
    }
    if let Some(name) = is.tokens.keys().find(|name| !should.tokens.contains_key(*name)) {
        return format!("token {name} should not be there");
    }
    for (triple, link) in &should.links {
        if is.links.get(triple) != Some(link) {
            return format!("connection {triple:?} is {:.300?} and should be {link:.300?}", is.links.get(triple));
        }
    }
    if let Some(triple) = is.links.keys().find(|triple| !should.links.contains_key(*triple)) {
        return format!("connection {triple:?} should not be there");
    }
    format!("the profile's scales are {:?} and should be {:?}", is.scales, should.scales)
}
