//! What a file says of the store as a whole: written by each checkpoint beside the segments it covers.

use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::cdna::{Cdna, CdnaImage};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// The layout of the encoded state, which is its first byte.
const LAYOUT: u8 = 1;

/// Everything of a snapshot but its rows.
#[derive(Clone, Debug)]
pub struct State {
    /// The number of the commit.
    pub version: u64,
    /// See [`Snapshot::epoch`].
    pub epoch: u64,
    /// Above every token id ever given.
    pub next_token: u64,
    /// Above every connection id ever given.
    pub next_connection: u64,
    /// Axes and types.
    pub catalog: Catalog,
    /// Profiles.
    pub cdna: Cdna,
    /// Segments of tokens that have rows.
    pub token_segments: usize,
    /// Segments of connections that have rows.
    pub connection_segments: usize,
    /// See [`list_checksum`].
    pub list_checksum: u32,
}

#[derive(Serialize, Deserialize)]
struct Image {
    version: u64,
    epoch: u64,
    next_token: u64,
    next_connection: u64,
    axes: Vec<String>,
    token_types: Vec<String>,
    connection_types: Vec<String>,
    cdna: CdnaImage,
    token_segments: u32,
    connection_segments: u32,
    list_checksum: u32,
}

/// Where a segment is stored: its table and number.
pub fn place(table: u8, number: usize) -> u64 {
    u64::from(table) << 32 | number as u64
}

/// A checksum over the list of stored segments: the place, version and checksum of each, by place.
pub fn list_checksum(segments: impl Iterator<Item = (u64, u64, u32)>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (place, version, crc) in segments {
        hasher.update(&place.to_le_bytes());
        hasher.update(&version.to_le_bytes());
        hasher.update(&crc.to_le_bytes());
    }
    hasher.finalize()
}

/// The state of a snapshot whose segments are stored under this [`list_checksum`].
pub fn encode(snapshot: &Snapshot, list_checksum: u32) -> Vec<u8> {
    let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
    let catalog = &snapshot.catalog;
    let image = Image {
        version: snapshot.version,
        epoch: snapshot.epoch,
        next_token: snapshot.next_token,
        next_connection: snapshot.next_connection,
        axes: catalog.axes.iter().map(|axis| axis.to_string()).collect(),
        token_types: owned(&mut catalog.token_types.own_names()),
        connection_types: owned(&mut catalog.connection_types.own_names()),
        cdna: CdnaImage::of(&snapshot.cdna),
        token_segments: snapshot.tokens.filled() as u32,
        connection_segments: snapshot.connections.filled() as u32,
        list_checksum,
    };
    let bytes = postcard::to_extend(&image, vec![LAYOUT]);
    // A plain structure is always encodable; an empty state is refused when it is read.
    bytes.unwrap_or_default()
}

/// The state that was encoded, or XX001.
pub fn decode(bytes: &[u8]) -> Result<State> {
    let bad = || Error::corrupted("the store's state cannot be read");
    let Some((&LAYOUT, rest)) = bytes.split_first() else { return Err(bad()) };
    let (image, rest): (Image, _) = postcard::take_from_bytes(rest).map_err(|_| bad())?;
    let countable = |number: u64| number <= i64::MAX as u64;
    let possible = |next: u64| next.checked_sub(1).is_some_and(countable);
    let ids = possible(image.next_token) && possible(image.next_connection);
    if !rest.is_empty() || !ids || !countable(image.version) || !countable(image.epoch) {
        return Err(bad());
    }
    let tokens = image.token_types.iter().map(String::as_str);
    let connections = image.connection_types.iter().map(String::as_str);
    Ok(State {
        version: image.version,
        epoch: image.epoch,
        next_token: image.next_token,
        next_connection: image.next_connection,
        catalog: Catalog::restore(&image.axes, tokens, connections).map_err(|_| bad())?,
        cdna: image.cdna.restore().ok_or_else(bad)?,
        token_segments: image.token_segments as usize,
        connection_segments: image.connection_segments as usize,
        list_checksum: image.list_checksum,
    })
}

impl State {
    /// The largest token id ever given, or 0.
    pub fn last_token(&self) -> u64 {
        self.next_token - 1
    }

    /// The largest connection id ever given, or 0.
    pub fn last_connection(&self) -> u64 {
        self.next_connection - 1
    }
}
