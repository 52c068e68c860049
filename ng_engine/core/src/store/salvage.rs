//! What is whole of a damaged store, copied into a new one; and a list of what is lost.

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint::place;
use super::codec::{self, Stored};
use super::file::{self, Coverage, File, Reader};
use super::state::{self, State};
use super::{Store, check::Problems};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::commit::Working;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::redo;
use crate::segment::{SEGMENT_ROWS, Segment, Table};
use crate::snapshot::Snapshot;
use crate::token::Token;

/// Numbers of segments are tried up to this many beyond the last one found, where there is no list to go by.
const GAP: u64 = 1024;

/// What there was to be saved.
#[derive(Clone, Debug, Default)]
pub struct Salvaged {
    /// Tokens in the new store.
    pub tokens: usize,
    /// Connections in the new store.
    pub connections: usize,
    /// What is not: place and reason.
    pub lost: Vec<(String, String)>,
}

impl Store {
    /// Copy what is whole of the store in `src`, which is not changed, into a new one. 58P02 if `dst` exists.
    ///
    /// XX001 where not even that it is a store can be read.
    pub fn salvage(src: &Path, dst: &Path) -> Result<Salvaged> {
        if file::identity(dst)?.is_some() {
            let name = dst.display().to_string();
            return Err(Error::duplicate_file(format!("file \"{}\" exists already", name.escape_debug())));
        }
        let options = file::Options { read_only: true, accept_history: true, ..file::Options::default() };
        let (_file, log, mut follower) = File::open(src, &options)?;
        drop(log);
        let mut lost = Problems::new();
        let snapshot = follower.read(|log| {
            let snapshot = checkpointed(log, &mut lost)?;
            let mut working = Working::new(&snapshot);
            replay(log, &mut working, &mut lost);
            working.compact()?;
            Ok(working.finish())
        })?;
        Self::backup(&snapshot, dst, &Cancel::default())?;
        Ok(Salvaged { tokens: snapshot.tokens.live(), connections: snapshot.connections.live(), lost })
    }
}

/// What the last checkpoint wrote, as far as it can be read.
fn checkpointed(log: &Reader<'_>, lost: &mut Problems) -> Result<Snapshot> {
    let state = log.state().and_then(|state| state::decode(&state));
    let known = state.as_ref().ok().map(|state| (state.token_segments, state.connection_segments));
    let tokens = segments::<Token>(log, known.map(|known| known.0), "token", lost);
    let connections = segments::<Connection>(log, known.map(|known| known.1), "connection", lost);
    let mut state = match state {
        Ok(state) => state,
        Err(error) => {
            lost.push(("state".to_owned(), format!("{error}: names of axes and types, and the profile")));
            without_state(log, &tokens, &connections)?
        }
    };
    let tokens = Table::assemble(tokens, state.last_token())?;
    let mut connections = Table::assemble(connections, state.last_connection())?;
    let endless = |row: &u32| {
        let (columns, slot) = connections.columns(*row);
        tokens.find(columns.source.get(slot)).is_none() || tokens.find(columns.target.get(slot)).is_none()
    };
    let endless: Vec<u32> = connections.live_rows().filter(endless).collect();
    if !endless.is_empty() {
        lost.push(("connections".to_owned(), format!("{} whose token is lost", endless.len())));
    }
    endless.into_iter().for_each(|row| connections.delete(row));
    (state.token_segments, state.connection_segments) = (tokens.filled(), connections.filled());
    Snapshot::assemble(state, tokens, connections)
}

/// The segments of a table in order; one without live rows stands for each that is lost.
fn segments<R: Stored>(log: &Reader<'_>, count: Option<usize>, name: &str, lost: &mut Problems) -> Vec<Segment<R>> {
    let mut found = BTreeMap::new();
    let mut end = count.map_or(GAP, |count| count as u64);
    let mut number = 0;
    while number < end {
        let read =
            log.with_segment(place::<R>(number as usize), |version, payload| codec::decode::<R>(payload, version));
        match read {
            Ok(segment) => {
                found.insert(number, segment);
                end = if count.is_none() { number + GAP } else { end };
            }
            Err(error) if count.is_some() => {
                lost.push((format!("{name} segment {number}"), error.message.into_owned()))
            }
            Err(_) => {}
        }
        number += 1;
    }
    let last = found.keys().next_back().map_or(0, |last| last + 1);
    let mut segments = Vec::new();
    for number in 0..last {
        let is_last = number + 1 == last;
        let segment = found.remove(&number).filter(|segment| is_last || segment.len() == SEGMENT_ROWS);
        if segment.is_none() && count.is_none() {
            lost.push((format!("{name} segment {number}"), "it is damaged or missing".to_owned()));
        }
        segments.extend(segment.or_else(|| hollow().ok()));
    }
    segments
}

fn hollow<R: Stored>() -> Result<Segment<R>> {
    Segment::from_parts(R::columns(), SEGMENT_ROWS, Some([0; SEGMENT_ROWS / 64]), 0)
}

/// A state that fits the rows: types that are no built-ins are named by their numbers.
fn without_state(log: &Reader<'_>, tokens: &[Segment<Token>], connections: &[Segment<Connection>]) -> Result<State> {
    let mut catalog = Catalog::new(None)?;
    let (mut last_token, mut last_connection) = (0, 0);
    for segment in tokens {
        for slot in segment.live_slots() {
            last_token = last_token.max(segment.columns().id.get(slot));
            while catalog.token_types.len() <= segment.columns().kind.get(slot) as usize {
                let next = catalog.token_types.len().max(256);
                catalog.add_token_type(&format!("type_{next}"))?;
            }
        }
    }
    for segment in connections {
        for slot in segment.live_slots() {
            last_connection = last_connection.max(segment.columns().id.get(slot));
            while catalog.connection_types.len() <= segment.columns().kind.get(slot) as usize {
                let next = catalog.connection_types.len().max(256);
                catalog.add_connection_type(&format!("type_{next}"))?;
            }
        }
    }
    let empty = Snapshot::new(catalog);
    let newest = log.newest()?;
    // Which entries of the log are in the segments is not known, so none is repeated.
    Ok(State {
        version: newest,
        epoch: 0,
        next_token: last_token + 1,
        next_connection: last_connection + 1,
        catalog: (*empty.catalog).clone(),
        cdna: (*empty.cdna).clone(),
        token_segments: 0,
        connection_segments: 0,
        list_checksum: 0,
    })
}

/// The log after the checkpoint, up to the first entry that cannot be read; without changes of rows that are lost.
fn replay(log: &Reader<'_>, working: &mut Working, lost: &mut Problems) {
    let after = working.snapshot().version;
    let newest = log.newest();
    let mut left_out = 0;
    let read = log.entries(after, None, &mut |entry, _| {
        if redo::is_reload(&entry.payload) {
            return Err(Error::corrupted(format!("commit {} wrote segments that are not there", entry.version)));
        }
        left_out += working.statement(|working| working.replay_remains(&entry.payload))?;
        Ok(())
    });
    if left_out > 0 {
        lost.push(("commits".to_owned(), format!("{left_out} changes of rows that are lost")));
    }
    let why = match read {
        Ok(Coverage::Complete) => return,
        Ok(Coverage::Gone) => "it is missing".to_owned(),
        Err(error) => error.message.into_owned(),
    };
    let first = working.snapshot().version + 1;
    let last = newest.unwrap_or(first).max(first);
    lost.push((format!("commits {first} to {last}"), why));
}
