//! The messages of an Arrow IPC stream, read without trust: a schema, one batch, the end.

use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_ipc::{
    Buffer as Extent, Endianness, Field, FieldNode, Message, MessageHeader, Precision, Schema, TimeUnit, Type,
    root_as_message,
};

use super::Kind;
use crate::chunk::{Cell, Chunk, TextChunk};
use crate::error::{Error, Result};
use crate::metric::Point;
use crate::segment::SEGMENT_ROWS;

fn bad(what: impl std::fmt::Display) -> Error {
    Error::corrupted(format!("a segment's stream: {what}"))
}

/// Cut the first `len` bytes off.
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len).ok_or_else(|| bad("is cut short"))?;
    *bytes = rest;
    Ok(head)
}

fn take_u32(bytes: &mut &[u8]) -> Result<u32> {
    take(bytes, 4)?.try_into().map(u32::from_le_bytes).map_err(|_| bad("is cut short"))
}

/// The next message's description and body; none at the end of the stream.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<(Buffer, &'a [u8])>> {
    if take_u32(bytes)? != u32::MAX {
        return Err(bad("a message has no beginning"));
    }
    let len = take_u32(bytes)? as usize;
    if len == 0 {
        return Ok(None);
    }
    // A copy of its own is aligned, as the verifier wants it.
    let description = Buffer::from_slice_ref(take(bytes, len)?);
    let body = usize::try_from(parse(&description)?.bodyLength()).map_err(|_| bad("a negative length"))?;
    Ok(Some((description, take(bytes, body)?)))
}

fn parse(description: &Buffer) -> Result<Message<'_>> {
    root_as_message(description).map_err(|_| bad("a message cannot be read"))
}

/// A stored batch, whose columns are taken one after the other.
pub struct Batch<'a> {
    len: usize,
    columns: Vec<(String, Kind)>,
    nodes: Vec<FieldNode>,
    extents: Vec<Extent>,
    body: &'a [u8],
    next_column: usize,
    next_node: usize,
    next_extent: usize,
}

fn kind(field: &Field<'_>) -> Option<Kind> {
    if field.dictionary().is_some() {
        return None;
    }
    match field.type_type() {
        Type::Bool => Some(Kind::Bool),
        Type::Utf8 => Some(Kind::Text),
        Type::Int => match field.type_as_int().map(|int| (int.bitWidth(), int.is_signed()))? {
            (8, false) => Some(Kind::U8),
            (16, false) => Some(Kind::U16),
            (32, false) => Some(Kind::U32),
            (64, false) => Some(Kind::U64),
            _ => None,
        },
        Type::FloatingPoint => (field.type_as_floating_point()?.precision() == Precision::SINGLE).then_some(Kind::F32),
        Type::Timestamp => {
            let timestamp = field.type_as_timestamp()?;
            let utc = timestamp.timezone() == Some("UTC");
            (utc && timestamp.unit() == TimeUnit::MICROSECOND).then_some(Kind::Time)
        }
        Type::FixedSizeList => {
            let children = field.children()?;
            let eight = field.type_as_fixed_size_list()?.listSize() == 8 && children.len() == 1;
            (eight && kind(&children.get(0)) == Some(Kind::F32)).then_some(Kind::Coords)
        }
        _ => None,
    }
}

fn columns(schema: &Schema<'_>) -> Result<Vec<(String, Kind)>> {
    if schema.endianness() != Endianness::Little {
        return Err(bad("has its bytes the other way round"));
    }
    let Some(fields) = schema.fields() else { return Ok(Vec::new()) };
    fields
        .iter()
        .map(|field| {
            let name = field.name().unwrap_or_default();
            let kind =
                kind(&field).ok_or_else(|| bad(format!("column \"{}\" has another type", name.escape_debug())))?;
            Ok((name.to_owned(), kind))
        })
        .collect()
}

impl<'a> Batch<'a> {
    /// The one batch of a stream.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self> {
        let mut bytes = payload;
        let (description, _) = next(&mut bytes)?.ok_or_else(|| bad("has no schema"))?;
        let message = parse(&description)?;
        let columns = columns(&message.header_as_schema().ok_or_else(|| bad("has no schema"))?)?;
        let (description, body) = next(&mut bytes)?.ok_or_else(|| bad("has no rows"))?;
        let message = parse(&description)?;
        let batch = message.header_as_record_batch().ok_or_else(|| bad("has no rows"))?;
        if message.header_type() != MessageHeader::RecordBatch || batch.compression().is_some() {
            return Err(bad("is compressed"));
        }
        if next(&mut bytes)?.is_some() || !bytes.is_empty() {
            return Err(bad("goes on after its end"));
        }
        let len = usize::try_from(batch.length()).ok().filter(|len| (1..=SEGMENT_ROWS).contains(len));
        Ok(Self {
            len: len.ok_or_else(|| bad("has an impossible number of rows"))?,
            columns,
            nodes: batch.nodes().iter().flatten().copied().collect(),
            extents: batch.buffers().iter().flatten().copied().collect(),
            body,
            next_column: 0,
            next_node: 0,
            next_extent: 0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn has_no_columns(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether the next column has this name and type.
    pub(super) fn has(&self, name: &str, kind: Kind) -> bool {
        self.columns.get(self.next_column).is_some_and(|column| column.0 == name && column.1 == kind)
    }

    /// The names and types of the first columns.
    pub(super) fn expect(&self, columns: &[(&str, Kind)]) -> Result<()> {
        for (at, (name, kind)) in columns.iter().enumerate() {
            if self.columns.get(at).is_none_or(|column| column.0 != *name || column.1 != *kind) {
                return Err(bad(format!("column \"{name}\" is missing")));
            }
        }
        Ok(())
    }

    /// Every column must have been taken.
    pub(super) fn end(&self) -> Result<()> {
        if self.next_column == self.columns.len() { Ok(()) } else { Err(bad("has unknown columns")) }
    }

    fn buffer(&mut self) -> Result<&'a [u8]> {
        let extent = self.extents.get(self.next_extent).ok_or_else(|| bad("lacks a buffer"))?;
        self.next_extent += 1;
        let range = || {
            let start = usize::try_from(extent.offset()).ok()?;
            self.body.get(start..start.checked_add(usize::try_from(extent.length()).ok()?)?)
        };
        range().ok_or_else(|| bad("a buffer lies outside"))
    }

    /// The next array's validity, if it has nulls; it must have `len` values.
    fn node(&mut self, len: usize) -> Result<Option<&'a [u8]>> {
        let node = self.nodes.get(self.next_node).ok_or_else(|| bad("lacks a column"))?;
        let (length, nulls) = (node.length(), node.null_count());
        self.next_node += 1;
        if usize::try_from(length) != Ok(len) {
            return Err(bad("a column has another length"));
        }
        let validity = self.buffer()?;
        match nulls {
            0 => Ok(None),
            _ if validity.len() >= len.div_ceil(8) => Ok(Some(validity)),
            _ => Err(bad("a column lacks its nulls")),
        }
    }

    fn plain(&mut self, len: usize, width: usize) -> Result<&'a [u8]> {
        if self.node(len)?.is_some() {
            return Err(bad("nulls where there cannot be any"));
        }
        self.buffer()?.get(..len * width).ok_or_else(|| bad("a column is cut short"))
    }

    /// The next column, of numbers of `T`'s width.
    pub(super) fn values<T: Cell>(&mut self) -> Result<Arc<Chunk<T>>> {
        self.next_column += 1;
        let bytes = self.plain(self.len, size_of::<T>())?;
        Chunk::from_bytes(bytes).ok_or_else(|| bad("a column is too long"))
    }

    /// The next column, of coordinates.
    pub(super) fn points(&mut self) -> Result<Arc<Chunk<Point>>> {
        self.next_column += 1;
        if self.node(self.len)?.is_some() {
            return Err(bad("nulls where there cannot be any"));
        }
        let bytes = self.plain(self.len * 8, size_of::<f32>())?;
        Chunk::from_bytes(bytes).ok_or_else(|| bad("a column is too long"))
    }

    /// The next column, of bits: eight a byte, the least significant first.
    pub(super) fn bits(&mut self) -> Result<&'a [u8]> {
        self.next_column += 1;
        if self.node(self.len)?.is_some() {
            return Err(bad("nulls where there cannot be any"));
        }
        self.buffer()?.get(..self.len.div_ceil(8)).ok_or_else(|| bad("a column is cut short"))
    }

    /// The next column, of texts.
    pub(super) fn texts(&mut self) -> Result<Arc<TextChunk>> {
        self.next_column += 1;
        let validity = self.node(self.len)?;
        let offsets = self.buffer()?.get(..(self.len + 1) * 4).ok_or_else(|| bad("a column is cut short"))?;
        let bytes = self.buffer()?;
        let offset = |at: usize| offsets[at * 4..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
        let text = |slot: usize| {
            if validity.is_some_and(|bits| bits[slot / 8] >> (slot % 8) & 1 == 0) {
                return Ok(None);
            }
            let bytes = bytes.get(offset(slot)..offset(slot + 1)).ok_or_else(|| bad("a text lies outside"))?;
            std::str::from_utf8(bytes).map(|text| Some(Arc::from(text))).map_err(|_| bad("a text is not UTF-8"))
        };
        let texts = (0..self.len).map(text).collect::<Result<Vec<_>>>()?;
        Ok(TextChunk::from_texts(texts.into_iter()))
    }
}
