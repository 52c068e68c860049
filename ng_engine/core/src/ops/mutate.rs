//! `create`, `update`, `delete` of many rows, and `weave`: each one commit or nothing.

use arrow_array::RecordBatch;

use crate::commit::{ROW, Working};
use crate::error::{Error, Result};
use crate::metric::{Metric, Point};
use crate::ops::View;
use crate::ops::ingest::{ConnectionBatch, TokenBatch};
use crate::ops::nearest::{Ready, Search};
use crate::request::{NewConnection, OnConflict};
use crate::snapshot::TokenRef;
use crate::token::check_id;

/// Name the row in the message of an error met in row `row`, counted from 0 over all batches.
fn in_row(row: usize) -> impl FnOnce(Error) -> Error {
    move |mut error| {
        if !error.message.starts_with("row ") {
            error.message = format!("row {}: {}", row + 1, error.message).into();
        }
        error
    }
}

/// The same for an error of a row; one that ends the operation is of no row.
fn named((row, error): (usize, Error)) -> Error {
    if error.is_cancelled() { error } else { in_row(row)(error) }
}

/// Where each of the batches ends among the rows of all.
fn ends(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let end = |end: &mut usize, len: usize| {
        *end += len;
        Some(*end)
    };
    lengths.scan(0, end).collect()
}

/// The batch of a row and its number in it; `ends` says where each batch ends.
fn place(ends: &[usize], number: usize) -> (usize, usize) {
    let batch = ends.partition_point(|end| *end <= number);
    (batch, number - batch.checked_sub(1).map_or(0, |before| ends[before]))
}

/// Create the tokens of all batches; ids of those stored.
pub fn create_tokens(working: &mut Working, batches: &[RecordBatch], on_conflict: OnConflict) -> Result<Vec<u64>> {
    let catalog = working.snapshot().catalog.clone();
    let batches = batches.iter().map(|batch| TokenBatch::new(batch, &catalog)).collect::<Result<Vec<_>>>()?;
    let ends = ends(batches.iter().map(|batch| batch.len));
    let row = |number: usize| {
        let (batch, row) = place(&ends, number);
        batches[batch].create(row)
    };
    let created = working.create_tokens(ends.last().copied().unwrap_or(0), row, on_conflict);
    created.map_err(named)
}

/// Update the tokens of all batches; how many.
pub fn update_tokens(working: &mut Working, batches: &[RecordBatch]) -> Result<usize> {
    let mut before = 0;
    let cancel = working.cancel().clone();
    let mut pace = cancel.pace();
    for batch in batches {
        let rows = TokenBatch::new(batch, &working.snapshot().catalog)?;
        for row in 0..rows.len {
            pace.ticks(ROW)?;
            let mut update = || {
                let (id, patch) = rows.update(row)?;
                let at = working.snapshot().token(&TokenRef::Id(id))?;
                working.update_token(at, &patch)
            };
            update().map_err(in_row(before + row))?;
        }
        before += rows.len;
    }
    working.sweep()?;
    Ok(before)
}

/// Delete tokens with their connections; how many tokens there were.
pub fn delete_tokens(working: &mut Working, ids: &[i64]) -> Result<usize> {
    let mut deleted = 0;
    let cancel = working.cancel().clone();
    let mut pace = cancel.pace();
    for id in ids {
        pace.ticks(ROW)?;
        if let Some(row) = check_id(*id).ok().and_then(|id| working.snapshot().tokens.find(id)) {
            // A token may have any number of connections, and all of them go.
            pace.ticks(ROW.saturating_mul(u32::try_from(working.delete_token(row)).unwrap_or(u32::MAX)))?;
            deleted += 1;
        }
    }
    working.sweep()?;
    Ok(deleted)
}

/// Create the connections of all batches; ids of those stored.
pub fn create_connections(working: &mut Working, batches: &[RecordBatch], on_conflict: OnConflict) -> Result<Vec<u64>> {
    let batches = batches.iter().map(|batch| ConnectionBatch::new(batch, true)).collect::<Result<Vec<_>>>()?;
    let ends = ends(batches.iter().map(|batch| batch.len));
    let row = |number: usize| {
        let (batch, row) = place(&ends, number);
        batches[batch].create(row)
    };
    let created = working.create_connections(ends.last().copied().unwrap_or(0), row, on_conflict);
    created.map_err(named)
}

/// Update the connections of all batches; how many.
pub fn update_connections(working: &mut Working, batches: &[RecordBatch]) -> Result<usize> {
    let mut before = 0;
    let cancel = working.cancel().clone();
    let mut pace = cancel.pace();
    for batch in batches {
        let rows = ConnectionBatch::new(batch, false)?;
        for row in 0..rows.len {
            pace.ticks(ROW)?;
            let mut update = || {
                let (id, patch) = rows.update(row)?;
                let at = find_connection(working, id)
                    .ok_or_else(|| Error::undefined_object(format!("connection {id} does not exist")))?;
                working.update_connection(at, &patch)
            };
            update().map_err(in_row(before + row))?;
        }
        before += rows.len;
    }
    Ok(before)
}

/// The row of a connection.
pub fn find_connection(working: &Working, id: i64) -> Option<u32> {
    working.snapshot().connections.find(u64::try_from(id).ok()?)
}

/// Delete connections; how many there were.
pub fn delete_connections(working: &mut Working, ids: &[i64]) -> Result<usize> {
    let mut deleted = 0;
    let cancel = working.cancel().clone();
    let mut pace = cancel.pace();
    for id in ids {
        pace.ticks(ROW)?;
        if let Some(row) = find_connection(working, *id) {
            working.delete_connection(row);
            deleted += 1;
        }
    }
    working.sweep()?;
    Ok(deleted)
}

/// What `weave` makes of each nearest neighbour.
#[derive(Clone, Debug)]
pub struct Weave<'a> {
    /// Neighbours a token.
    pub k: usize,
    /// Type of the connections.
    pub kind: &'a str,
    /// Their weight.
    pub weight: f32,
    /// Their confidence.
    pub confidence: f32,
    /// The session's unless given.
    pub metric: Option<&'a Metric>,
}

/// Connect each token with its k nearest, itself left out; ids of the connections.
pub fn weave(
    working: &mut Working,
    view: &View,
    ids: &[i64],
    weave: &Weave<'_>,
    on_conflict: OnConflict,
) -> Result<Vec<u64>> {
    let snapshot = &view.snapshot;
    let mut pace = view.cancel.pace();
    let row = |id: &i64| pace.tick().and_then(|()| snapshot.token(&TokenRef::Id(*id)));
    let rows = ids.iter().map(row).collect::<Result<Vec<_>>>()?;
    // One more than asked for, as the token itself is among its nearest or as far as they are.
    let k = weave.k.saturating_add(1);
    let ready = Ready::new(view, &Search { k: Some(k), metric: weave.metric, ..Search::default() })?;
    let points: Vec<Point> = rows.iter().map(|row| snapshot.coords(*row)).collect();
    let (mut hits, _) = ready.hits_of_each(&points)?;
    for (row, hits) in rows.iter().zip(&mut hits) {
        hits.retain(|hit| hit.row != *row);
        hits.truncate(weave.k);
    }
    let pairs = ids.iter().zip(&hits).flat_map(|(source, hits)| hits.iter().map(|hit| (*source, hit.id as i64)));
    let pairs: Vec<(i64, i64)> = pairs.collect();
    let row = |number: usize| {
        let (source, target) = pairs[number];
        Ok(NewConnection {
            id: None,
            source: TokenRef::Id(source),
            target: TokenRef::Id(target),
            kind: Some(weave.kind),
            weight: Some(weave.weight),
            confidence: Some(weave.confidence),
            rigidity: None,
            mutability: None,
            levels: None,
            props: None,
        })
    };
    working.create_connections(pairs.len(), row, on_conflict).map_err(|(_, error)| error)
}
