//! Rows to load, as Arrow has them.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use ng_core::Result;
use ng_core::error::Error;
use ng_core::ops::mutate;
use ng_core::request::OnConflict;
use ng_core::runtime_storage::RuntimeStorage;

use crate::random::Random;

/// Tokens anywhere in the unit cube, of any weight below 1, with keys `token-0`, `token-1`, … if they shall have some.
pub(crate) fn tokens(count: usize, keys: bool, random: &mut Random) -> Result<RecordBatch> {
    let mut coords = FixedSizeListBuilder::new(Float32Builder::new(), 8);
    for _ in 0..count {
        coords.values().append_slice(&random.point());
        coords.append(true);
    }
    let weights = Float32Array::from_iter_values((0..count).map(|_| random.unit()));
    let mut columns: Vec<(&str, ArrayRef)> = vec![("coords", Arc::new(coords.finish())), ("weight", Arc::new(weights))];
    if keys {
        columns.push(("key", Arc::new(StringArray::from_iter_values((0..count).map(key)))));
    }
    batch(columns)
}

/// The key of a token of [`tokens`].
pub(crate) fn key(number: usize) -> String {
    format!("token-{number}")
}

/// Connections among tokens 1…`tokens` of four types and any weight below 1. Few tokens are the source or the target
/// of many, and many of few.
pub(crate) fn connections(count: usize, tokens: usize, random: &mut Random) -> Result<RecordBatch> {
    const TYPES: [&str; 4] = ["cause", "similar", "part_of", "associated_with"];
    let mut end = || 1 + (tokens as f32 * random.unit().powi(2)) as i64;
    let ends: Vec<(i64, i64)> = (0..count).map(|_| (end(), end())).collect();
    let types = StringArray::from_iter_values((0..count).map(|_| TYPES[random.below(TYPES.len())]));
    batch(vec![
        ("source", Arc::new(Int64Array::from_iter_values(ends.iter().map(|(source, _)| *source)))),
        ("target", Arc::new(Int64Array::from_iter_values(ends.iter().map(|(_, target)| *target)))),
        ("type", Arc::new(types)),
        ("weight", Arc::new(Float32Array::from_iter_values((0..count).map(|_| random.unit())))),
    ])
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    RecordBatch::try_from_iter(columns).map_err(|error| Error::bad_content(error.to_string()))
}

/// A store in memory with these tokens, indexed if they are many.
pub(crate) fn store(tokens: &RecordBatch) -> Result<RuntimeStorage> {
    let storage = RuntimeStorage::memory(None)?;
    load_tokens(&storage, tokens)?;
    storage.settle()?;
    Ok(storage)
}

/// Load tokens; how many.
pub(crate) fn load_tokens(storage: &RuntimeStorage, tokens: &RecordBatch) -> Result<usize> {
    let tokens = std::slice::from_ref(tokens);
    storage.write(|working| Ok(mutate::create_tokens(working, tokens, OnConflict::Fail)?.len()))
}

/// Load connections, but for those that are there already; how many.
pub(crate) fn load_connections(storage: &RuntimeStorage, connections: &RecordBatch) -> Result<usize> {
    let connections = std::slice::from_ref(connections);
    storage.write(|working| Ok(mutate::create_connections(working, connections, OnConflict::Nothing)?.len()))
}
