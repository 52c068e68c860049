//! A token: 64 bytes of columns, and beside them a sparse key and props.

use std::sync::{Arc, LazyLock};

use crate::chunk::{Chunk, TextChunk, Uniform, write_text};
use crate::error::{Error, Result};
use crate::metric::Point;
use crate::segment::Record;

/// Bits of a token's `flags`.
pub mod flags {
    /// In use.
    pub const ACTIVE: u16 = 1;
    /// Updates are allowed.
    pub const MUTABLE: u16 = 4;
    /// Updates are refused for now.
    pub const LOCKED: u16 = 128;
    /// What a token starts with.
    pub const DEFAULT: u16 = ACTIVE | MUTABLE;
}

/// What a token weighs unless it says otherwise.
pub const DEFAULT_WEIGHT: f32 = 0.5;

const KEY_BYTES: usize = 1 << 16;
const PROPS_BYTES: usize = 1 << 24;

/// One row of the table, by value.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// 1…2⁶³−1.
    pub id: u64,
    /// Finite, −0.0 stored as 0.0.
    pub coords: Point,
    /// Microseconds since 1970, UTC.
    pub created_at: i64,
    /// Microseconds since 1970, UTC.
    pub updated_at: i64,
    /// Within the profile's range.
    pub weight: f32,
    /// A code of the catalog's token types.
    pub kind: u16,
    /// See [`flags`].
    pub flags: u16,
    /// Unique where there is one.
    pub key: Option<Arc<str>>,
    /// The text of a JSON object.
    pub props: Option<Arc<str>>,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            id: 0,
            coords: [0.0; 8],
            created_at: 0,
            updated_at: 0,
            weight: DEFAULT_WEIGHT,
            kind: 0,
            flags: flags::DEFAULT,
            key: None,
            props: None,
        }
    }
}

/// The columns of a segment of tokens.
#[derive(Clone, Debug)]
pub struct TokenColumns {
    /// Ids.
    pub id: Arc<Chunk<u64>>,
    /// Coordinates, row by row.
    pub coords: Arc<Chunk<Point>>,
    /// Creation times.
    pub created_at: Arc<Chunk<i64>>,
    /// Times of the last update.
    pub updated_at: Arc<Chunk<i64>>,
    /// Weights.
    pub weight: Arc<Chunk<f32>>,
    /// Type codes.
    pub kind: Arc<Chunk<u16>>,
    /// Flags.
    pub flags: Arc<Chunk<u16>>,
    /// Keys; absent while no row of the segment has one.
    pub key: Option<Arc<TextChunk>>,
    /// Props; absent while no row of the segment has any.
    pub props: Option<Arc<TextChunk>>,
}

/// Chunks that segments of tokens have in common.
#[derive(Debug, Default)]
pub struct TokenUniforms {
    created_at: Uniform<i64>,
    updated_at: Uniform<i64>,
    weight: Uniform<f32>,
    kind: Uniform<u16>,
    flags: Uniform<u16>,
}

impl Record for Token {
    type Columns = TokenColumns;
    type Uniforms = TokenUniforms;

    fn columns() -> TokenColumns {
        TokenColumns {
            id: Arc::default(),
            coords: Arc::default(),
            created_at: Arc::default(),
            updated_at: Arc::default(),
            weight: Arc::default(),
            kind: Arc::default(),
            flags: Arc::default(),
            key: None,
            props: None,
        }
    }

    fn no_columns() -> Arc<TokenColumns> {
        static NONE: LazyLock<Arc<TokenColumns>> = LazyLock::new(|| Arc::new(Token::columns()));
        NONE.clone()
    }

    fn copy(columns: &TokenColumns, len: usize) -> TokenColumns {
        TokenColumns {
            id: columns.id.copy(len),
            coords: columns.coords.copy(len),
            created_at: columns.created_at.copy(len),
            updated_at: columns.updated_at.copy(len),
            weight: columns.weight.copy(len),
            kind: columns.kind.copy(len),
            flags: columns.flags.copy(len),
            key: TextChunk::copy(&columns.key, len),
            props: TextChunk::copy(&columns.props, len),
        }
    }

    fn wants_text(&self, columns: &TokenColumns) -> bool {
        (self.key.is_some() && columns.key.is_none()) || (self.props.is_some() && columns.props.is_none())
    }

    fn add_text(&self, columns: &mut TokenColumns) {
        if self.key.is_some() {
            columns.key.get_or_insert_default();
        }
        if self.props.is_some() {
            columns.props.get_or_insert_default();
        }
    }

    #[inline]
    unsafe fn write(self, columns: &TokenColumns, slot: usize) {
        // SAFETY: the caller owns the slot; every column of a segment has the same capacity.
        unsafe {
            columns.id.write(slot, self.id);
            columns.coords.write(slot, self.coords);
            columns.created_at.write(slot, self.created_at);
            columns.updated_at.write(slot, self.updated_at);
            columns.weight.write(slot, self.weight);
            columns.kind.write(slot, self.kind);
            columns.flags.write(slot, self.flags);
            write_text(columns.key.as_deref(), slot, self.key);
            write_text(columns.props.as_deref(), slot, self.props);
        }
    }

    fn read(columns: &TokenColumns, slot: usize) -> Self {
        Self {
            id: columns.id.get(slot),
            coords: columns.coords.get(slot),
            created_at: columns.created_at.get(slot),
            updated_at: columns.updated_at.get(slot),
            weight: columns.weight.get(slot),
            kind: columns.kind.get(slot),
            flags: columns.flags.get(slot),
            key: columns.key.as_ref().and_then(|c| c.get(slot)),
            props: columns.props.as_ref().and_then(|c| c.get(slot)),
        }
    }

    fn share(columns: &mut TokenColumns, uniforms: &TokenUniforms) {
        uniforms.created_at.share(&mut columns.created_at);
        uniforms.updated_at.share(&mut columns.updated_at);
        uniforms.weight.share(&mut columns.weight);
        uniforms.kind.share(&mut columns.kind);
        uniforms.flags.share(&mut columns.flags);
    }

    fn id(columns: &TokenColumns) -> &Chunk<u64> {
        &columns.id
    }
}

/// Finite coordinates with −0.0 as 0.0, or 22003 naming the axis.
#[inline]
pub fn check_coords(mut coords: Point) -> Result<Point> {
    if let Some(axis) = coords.iter().position(|x| !x.is_finite()) {
        return Err(Error::out_of_range(format!("coordinate {} is not a finite number", axis + 1)));
    }
    coords.iter_mut().for_each(|x| *x += 0.0); // −0.0 + 0.0 is 0.0
    Ok(coords)
}

/// A key is text of 1 to 65,536 bytes without NUL.
#[inline]
pub fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.contains('\0') {
        return Err(Error::invalid_text("a key is not empty and has no NUL character"));
    }
    if key.len() > KEY_BYTES {
        return Err(Error::limit_exceeded(format!("a key is at most {KEY_BYTES} bytes")));
    }
    Ok(())
}

/// Props are the text of a JSON object; a blank-stripped copy is not made.
pub fn check_props(text: &str) -> Result<()> {
    if text.len() > PROPS_BYTES {
        return Err(Error::limit_exceeded(format!("props are at most {PROPS_BYTES} bytes")));
    }
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<serde_json::Value>(text).is_ok();
    if is_object { Ok(()) } else { Err(Error::invalid_text("props are not the text of a JSON object")) }
}

/// Ids are 1…2⁶³−1.
#[inline]
pub fn check_id(id: i64) -> Result<u64> {
    u64::try_from(id).ok().filter(|id| *id > 0).ok_or_else(|| Error::out_of_range("an id is between 1 and 2^63 - 1"))
}
