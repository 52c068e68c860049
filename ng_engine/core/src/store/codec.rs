//! Segments as Arrow IPC streams: one batch of the table's columns, which any Arrow library reads.
//!
//! Written by the library's writer out of the chunks' own memory. Read by hand, as the bytes may be damaged: every length
//! and offset is checked before it is used, and a column goes from the payload into its chunk in one copy.

mod message;

use std::sync::Arc;

use arrow_array::types::{Float32Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{BooleanBuffer, Buffer};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};

use crate::arrays::{coords_array, share, text_array, times};
use crate::chunk::{Cell, Chunk, TextChunk};
use crate::connection::{Connection, ConnectionColumns};
use crate::error::{Error, Result};
use crate::segment::{LiveBits, Record, SEGMENT_ROWS, Segment};
use crate::token::{Token, TokenColumns};
use crate::vocabulary::Mutability;
use message::Batch;

/// Ids are exposed as signed.
const LAST_ID: u64 = i64::MAX as u64;

const LIVE: &str = "live";
const KEY: &str = "key";
const PROPS: &str = "props";

/// A row type whose segments can be stored.
pub trait Stored: Record {
    /// The number of the table.
    const TABLE: u8;
    /// Columns that are always there, in order.
    const COLUMNS: &'static [(&'static str, Kind)];

    /// The arrays of all columns of a segment with live rows, with their names.
    fn arrays(columns: &Self::Columns, len: usize) -> Vec<(&'static str, ArrayRef)>;

    /// The columns of a batch, whose values are checked.
    fn load(batch: &mut Batch<'_>) -> Result<Self::Columns>;
}

/// The Arrow types in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// uint8
    U8,
    /// uint16
    U16,
    /// uint32
    U32,
    /// uint64
    U64,
    /// float32
    F32,
    /// timestamp(us, UTC)
    Time,
    /// `fixed_size_list<float32, 8>`
    Coords,
    /// utf8, nullable
    Text,
    /// bool
    Bool,
}

/// One payload: the rows of a segment, deleted ones included.
pub fn encode<R: Stored>(segment: &Segment<R>) -> Result<Vec<u8>> {
    let len = segment.len();
    // Of a hollow segment only the number of rows is left.
    let mut columns = if segment.is_hollow() { Vec::new() } else { R::arrays(segment.columns(), len) };
    if let Some(bits) = segment.live_bits().filter(|_| !segment.is_hollow()) {
        let bits = BooleanBuffer::new(Buffer::from_slice_ref(bits), 0, len);
        columns.push((LIVE, Arc::new(BooleanArray::new(bits, None))));
    }
    let fields = columns.iter().map(|(name, array)| {
        let nullable = matches!(array.data_type(), DataType::Utf8);
        Field::new(*name, array.data_type().clone(), nullable)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let bytes: usize = columns.iter().map(|(_, array)| array.get_buffer_memory_size()).sum();
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let write = || {
        let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?;
        let mut writer = StreamWriter::try_new(Vec::with_capacity(bytes + 4096), &schema)?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    write().map_err(|error| Error::limit_exceeded(format!("a segment cannot be stored: {error}")))
}

/// The segment of a payload, which carries this version.
pub fn decode<R: Stored>(payload: &[u8], version: u64) -> Result<Segment<R>> {
    let mut batch = Batch::read(payload)?;
    let len = batch.len();
    if batch.has_no_columns() {
        return match len {
            SEGMENT_ROWS => Segment::from_parts(R::columns(), len, Some([0; SEGMENT_ROWS / 64]), version),
            _ => Err(Error::corrupted("a segment without columns that is not full")),
        };
    }
    batch.expect(R::COLUMNS)?;
    let columns = R::load(&mut batch)?;
    let live = batch.has(LIVE, Kind::Bool).then(|| batch.bits()).transpose()?;
    batch.end()?;
    let live = live.map(|bits| {
        let mut live: LiveBits = [u64::MAX; SEGMENT_ROWS / 64];
        for slot in (0..len).filter(|slot| bits[slot / 8] >> (slot % 8) & 1 == 0) {
            live[slot / 64] &= !(1 << (slot % 64));
        }
        live
    });
    Segment::from_parts(columns, len, live, version)
}

fn unsigned<T: arrow_array::ArrowPrimitiveType>(chunk: &Arc<Chunk<T::Native>>, len: usize) -> ArrayRef
where
    T::Native: Cell,
{
    Arc::new(PrimitiveArray::<T>::new(share(chunk, len), None))
}

fn instants(chunk: &Arc<Chunk<i64>>, len: usize) -> ArrayRef {
    times(PrimitiveArray::<TimestampMicrosecondType>::new(share(chunk, len), None))
}

fn push_text(
    arrays: &mut Vec<(&'static str, ArrayRef)>,
    name: &'static str,
    column: Option<&Arc<TextChunk>>,
    len: usize,
) {
    let column = column.filter(|chunk| (0..len).any(|slot| chunk.get_ref(slot).is_some()));
    arrays.extend(column.map(|chunk| (name, text_array(Some(chunk), 0..len))));
}

fn check<T: Cell>(chunk: &Arc<Chunk<T>>, len: usize, what: &str, legal: impl Fn(&T) -> bool) -> Result<()> {
    // Without a branch in the loop it is as fast as memory.
    let illegal = chunk.slice(len).iter().fold(false, |bad, value| bad | !legal(value));
    if illegal { Err(Error::corrupted(format!("a stored {what} is impossible"))) } else { Ok(()) }
}

fn is_id(id: &u64) -> bool {
    *id != 0 && *id <= LAST_ID
}

fn is_share(value: &f32) -> bool {
    (0.0..=1.0).contains(value)
}

impl Stored for Token {
    const TABLE: u8 = 0;
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::U64),
        ("coords", Kind::Coords),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("weight", Kind::F32),
        ("type", Kind::U16),
        ("flags", Kind::U16),
    ];

    fn arrays(columns: &TokenColumns, len: usize) -> Vec<(&'static str, ArrayRef)> {
        let coords = PrimitiveArray::<Float32Type>::new(share::<_, f32>(&columns.coords, len * 8), None);
        let mut arrays = vec![
            ("id", unsigned::<UInt64Type>(&columns.id, len)),
            ("coords", coords_array(Arc::new(coords), len)),
            ("created_at", instants(&columns.created_at, len)),
            ("updated_at", instants(&columns.updated_at, len)),
            ("weight", unsigned::<Float32Type>(&columns.weight, len)),
            ("type", unsigned::<UInt16Type>(&columns.kind, len)),
            ("flags", unsigned::<UInt16Type>(&columns.flags, len)),
        ];
        push_text(&mut arrays, KEY, columns.key.as_ref(), len);
        push_text(&mut arrays, PROPS, columns.props.as_ref(), len);
        arrays
    }

    fn load(batch: &mut Batch<'_>) -> Result<TokenColumns> {
        let columns = TokenColumns {
            id: batch.values()?,
            coords: batch.points()?,
            created_at: batch.values()?,
            updated_at: batch.values()?,
            weight: batch.values()?,
            kind: batch.values()?,
            flags: batch.values()?,
            key: batch.has(KEY, Kind::Text).then(|| batch.texts()).transpose()?,
            props: batch.has(PROPS, Kind::Text).then(|| batch.texts()).transpose()?,
        };
        let len = batch.len();
        check(&columns.id, len, "id", is_id)?;
        check(&columns.coords, len, "position", |point| point.iter().fold(true, |all, x| all & x.is_finite()))?;
        check(&columns.weight, len, "weight", |weight| weight.is_finite())?;
        Ok(columns)
    }
}

impl Stored for Connection {
    const TABLE: u8 = 1;
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::U64),
        ("source", Kind::U64),
        ("target", Kind::U64),
        ("type", Kind::U16),
        ("weight", Kind::F32),
        ("confidence", Kind::F32),
        ("rigidity", Kind::F32),
        ("mutability", Kind::U8),
        ("evidence", Kind::U32),
        ("activations", Kind::U64),
        ("levels", Kind::U8),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("last_activated_at", Kind::Time),
    ];

    fn arrays(columns: &ConnectionColumns, len: usize) -> Vec<(&'static str, ArrayRef)> {
        let mut arrays = vec![
            ("id", unsigned::<UInt64Type>(&columns.id, len)),
            ("source", unsigned::<UInt64Type>(&columns.source, len)),
            ("target", unsigned::<UInt64Type>(&columns.target, len)),
            ("type", unsigned::<UInt16Type>(&columns.kind, len)),
            ("weight", unsigned::<Float32Type>(&columns.weight, len)),
            ("confidence", unsigned::<Float32Type>(&columns.confidence, len)),
            ("rigidity", unsigned::<Float32Type>(&columns.rigidity, len)),
            ("mutability", unsigned::<UInt8Type>(&columns.mutability, len)),
            ("evidence", unsigned::<UInt32Type>(&columns.evidence, len)),
            ("activations", unsigned::<UInt64Type>(&columns.activations, len)),
            ("levels", unsigned::<UInt8Type>(&columns.levels, len)),
            ("created_at", instants(&columns.created_at, len)),
            ("updated_at", instants(&columns.updated_at, len)),
            ("last_activated_at", instants(&columns.last_activated_at, len)),
        ];
        push_text(&mut arrays, PROPS, columns.props.as_ref(), len);
        arrays
    }

    fn load(batch: &mut Batch<'_>) -> Result<ConnectionColumns> {
        let columns = ConnectionColumns {
            id: batch.values()?,
            source: batch.values()?,
            target: batch.values()?,
            kind: batch.values()?,
            weight: batch.values()?,
            confidence: batch.values()?,
            rigidity: batch.values()?,
            mutability: batch.values()?,
            evidence: batch.values()?,
            activations: batch.values()?,
            levels: batch.values()?,
            created_at: batch.values()?,
            updated_at: batch.values()?,
            last_activated_at: batch.values()?,
            props: batch.has(PROPS, Kind::Text).then(|| batch.texts()).transpose()?,
        };
        let len = batch.len();
        check(&columns.id, len, "id", is_id)?;
        check(&columns.source, len, "source", is_id)?;
        check(&columns.target, len, "target", is_id)?;
        check(&columns.weight, len, "weight", |weight| weight.is_finite())?;
        check(&columns.confidence, len, "confidence", is_share)?;
        check(&columns.rigidity, len, "rigidity", is_share)?;
        check(&columns.mutability, len, "mutability", |code| usize::from(*code) < Mutability::NAMES.len())?;
        Ok(columns)
    }
}
