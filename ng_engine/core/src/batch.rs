//! Results: rows of a snapshot, found but not yet materialised, and the Arrow made of them on demand.
//!
//! A whole, dense segment becomes Arrow without a copy: the buffers are the segment's own chunks, kept alive by it.

use std::borrow::Cow;
use std::ptr::NonNull;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{PrimitiveBuilder, StringBuilder};
use arrow_array::types::{
    Float32Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, DictionaryArray, FixedSizeListArray, Float64Array, Int16Array,
    Int32Array, Int64Array, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};

use crate::connection::{ConnectionColumns, NEVER};
use crate::error::{Error, Result};
use crate::segment::{Cell as Stored, Chunk, SEGMENT_BITS, Segment, TextChunk};
use crate::snapshot::Snapshot;
use crate::token::{Token, TokenColumns};
use crate::vocabulary::Mutability;

/// Rows gathered into one batch at the most.
const BATCH_ROWS: usize = 1 << 16;

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// The tokens.
    Tokens,
    /// The connections.
    Connections,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of docs/LANGUAGE.md")]
pub enum Column {
    Id,
    Key,
    Type,
    Coords,
    Axis(u8),
    Weight,
    Flags,
    CreatedAt,
    UpdatedAt,
    Props,
    Source,
    Target,
    Confidence,
    Rigidity,
    Mutability,
    Evidence,
    Activations,
    Levels,
    LastActivatedAt,
}

/// The columns of `SELECT * FROM tokens`.
pub const TOKEN_COLUMNS: [(&str, Column); 9] = [
    ("id", Column::Id),
    ("key", Column::Key),
    ("type", Column::Type),
    ("coords", Column::Coords),
    ("weight", Column::Weight),
    ("flags", Column::Flags),
    ("created_at", Column::CreatedAt),
    ("updated_at", Column::UpdatedAt),
    ("props", Column::Props),
];

/// The columns of `SELECT * FROM connections`.
pub const CONNECTION_COLUMNS: [(&str, Column); 15] = [
    ("id", Column::Id),
    ("source", Column::Source),
    ("target", Column::Target),
    ("type", Column::Type),
    ("weight", Column::Weight),
    ("confidence", Column::Confidence),
    ("rigidity", Column::Rigidity),
    ("mutability", Column::Mutability),
    ("evidence", Column::Evidence),
    ("activations", Column::Activations),
    ("levels", Column::Levels),
    ("created_at", Column::CreatedAt),
    ("updated_at", Column::UpdatedAt),
    ("last_activated_at", Column::LastActivatedAt),
    ("props", Column::Props),
];

/// A computed column, as long as the relation.
#[derive(Clone, Debug)]
pub enum Extra {
    /// DOUBLE.
    Double(Float64Array),
    /// BIGINT.
    Big(Int64Array),
    /// INTEGER.
    Small(Int32Array),
}

impl Extra {
    fn array(&self) -> ArrayRef {
        match self {
            Self::Double(a) => Arc::new(a.clone()),
            Self::Big(a) => Arc::new(a.clone()),
            Self::Small(a) => Arc::new(a.clone()),
        }
    }
}

/// Where a column of a relation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A column of the relation's table.
    Table(Column),
    /// A computed column, by position.
    Extra(usize),
}

/// Which rows of the table, in order.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Every live one, by row number.
    All,
    /// These.
    List(Vec<u32>),
    /// None of the table: computed columns only, so many rows.
    Computed(usize),
}

/// What finding the rows cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Rows whose position or columns were looked at.
    pub rows_examined: u64,
    /// Leaves of the spatial index scanned.
    pub leaves_visited: u64,
    /// Leaves there are.
    pub leaves_total: u64,
    /// Connections walked.
    pub edges_examined: u64,
}

/// A value of a relation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// SQL's NULL.
    Null,
    /// BIGINT, INTEGER.
    Int(i64),
    /// REAL.
    Real(f32),
    /// DOUBLE.
    Double(f64),
    /// TEXT.
    Text(&'a str),
    /// The text of a JSON object.
    Json(&'a str),
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// FLOAT[8].
    Coords([f32; 8]),
}

/// A finished result: it holds its snapshot, so it stays what it is whatever is written later.
pub struct Relation {
    snapshot: Arc<Snapshot>,
    table: TableKind,
    columns: Vec<(Cow<'static, str>, Origin)>,
    rows: Rows,
    extras: Vec<Extra>,
    /// What finding the rows cost.
    pub work: Work,
    /// How they were found.
    pub access: &'static str,
}

/// Resolve a table's column by name.
pub fn column(snapshot: &Snapshot, table: TableKind, name: &str) -> Option<Column> {
    let named = |list: &[(&str, Column)]| list.iter().find(|(n, _)| *n == name).map(|(_, c)| *c);
    match table {
        TableKind::Tokens => {
            named(&TOKEN_COLUMNS).or_else(|| Some(Column::Axis(snapshot.catalog.axis(name)? as u8)))
        }
        TableKind::Connections => named(&CONNECTION_COLUMNS),
    }
}

impl Relation {
    /// A relation over `rows` with the named computed columns behind the table's.
    ///
    /// `wanted` picks and orders columns of either kind; `None` is all of the table's and then the computed ones.
    pub fn new(
        snapshot: Arc<Snapshot>,
        table: TableKind,
        rows: Rows,
        extras: Vec<(&'static str, Extra)>,
        wanted: Option<&[String]>,
    ) -> Result<Self> {
        let columns = match wanted {
            None => all_columns(&rows, table, &extras),
            Some(names) => names
                .iter()
                .map(|name| {
                    let origin = match extras.iter().position(|(n, _)| n == name) {
                        Some(i) => Origin::Extra(i),
                        None => Origin::Table(column(&snapshot, table, name).ok_or_else(|| {
                            Error::undefined_column(format!(
                                "column \"{}\" does not exist",
                                name.escape_debug()
                            ))
                        })?),
                    };
                    Ok((Cow::Owned(name.clone()), origin))
                })
                .collect::<Result<Vec<_>>>()?,
        };
        let extras = extras.into_iter().map(|(_, extra)| extra).collect();
        Ok(Self {
            snapshot,
            table,
            columns,
            rows,
            extras,
            work: Work::default(),
            access: "scan",
        })
    }

    /// The same with what finding it cost.
    #[must_use]
    pub fn found(mut self, access: &'static str, work: Work) -> Self {
        (self.access, self.work) = (access, work);
        self
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::All if self.table == TableKind::Tokens => self.snapshot.tokens.live(),
            Rows::All => self.snapshot.connections.live(),
            Rows::List(rows) => rows.len(),
            Rows::Computed(n) => *n,
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Column names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| &**name)
    }

    /// NGQL types of the columns, in order.
    pub fn types(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.columns.iter().map(|(_, origin)| match origin {
            Origin::Extra(i) => match self.extras[*i] {
                Extra::Double(_) => "DOUBLE",
                Extra::Big(_) => "BIGINT",
                Extra::Small(_) => "INTEGER",
            },
            Origin::Table(column) => match column {
                Column::Id | Column::Source | Column::Target | Column::Activations => "BIGINT",
                Column::Key | Column::Type | Column::Mutability => "TEXT",
                Column::Coords => "FLOAT[8]",
                Column::Axis(_) | Column::Weight | Column::Confidence | Column::Rigidity => "REAL",
                Column::Flags | Column::Evidence | Column::Levels => "INTEGER",
                Column::CreatedAt | Column::UpdatedAt | Column::LastActivatedAt => "TIMESTAMPTZ",
                Column::Props => "JSON",
            },
        })
    }

    /// Give every value of `count` rows from `start` on to `visit(row, column, cell)`, row by row.
    pub fn visit(&self, start: usize, count: usize, mut visit: impl FnMut(usize, usize, Cell<'_>)) {
        let count = count.min(self.len().saturating_sub(start));
        let mut row_of = self.row_numbers(start, count);
        for i in 0..count {
            let row = row_of.next().unwrap_or_default();
            for (c, (_, origin)) in self.columns.iter().enumerate() {
                match origin {
                    Origin::Extra(e) => visit(i, c, self.extra_cell(*e, start + i)),
                    Origin::Table(column) => visit(i, c, cell(&self.snapshot, self.table, row, *column)),
                }
            }
        }
    }

    fn row_numbers(&self, start: usize, count: usize) -> Box<dyn Iterator<Item = u32> + '_> {
        match (&self.rows, self.table) {
            (Rows::List(rows), _) => Box::new(rows[start..start + count].iter().copied()),
            (Rows::All, TableKind::Tokens) => Box::new(self.snapshot.tokens.live_rows_from(start)),
            (Rows::All, TableKind::Connections) => Box::new(self.snapshot.connections.live_rows_from(start)),
            (Rows::Computed(_), _) => Box::new(std::iter::empty()),
        }
    }

    fn extra_cell(&self, extra: usize, i: usize) -> Cell<'_> {
        match &self.extras[extra] {
            Extra::Double(a) => Cell::Double(a.value(i)),
            Extra::Big(a) if a.is_null(i) => Cell::Null,
            Extra::Big(a) => Cell::Int(a.value(i)),
            Extra::Small(a) => Cell::Int(i64::from(a.value(i))),
        }
    }

    /// The Arrow schema of [`Self::batches`].
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|(name, origin)| {
            let (data_type, nullable) = match origin {
                Origin::Extra(i) => {
                    let array = self.extras[*i].array();
                    (array.data_type().clone(), array.is_nullable())
                }
                Origin::Table(column) => (
                    data_type(*column),
                    matches!(column, Column::Key | Column::Props | Column::LastActivatedAt),
                ),
            };
            ArrowField::new(&**name, data_type, nullable)
        });
        Arc::new(Schema::new(fields.collect::<Fields>()))
    }

    /// Record batches, made one at a time.
    pub fn batches(self: &Arc<Self>) -> impl Iterator<Item = Result<RecordBatch>> + Send + use<> {
        let (this, schema) = (self.clone(), self.schema());
        let steps = match &self.rows {
            Rows::All if self.table == TableKind::Tokens => self.snapshot.tokens.segments(),
            Rows::All => self.snapshot.connections.segments(),
            Rows::List(_) | Rows::Computed(_) => self.len().div_ceil(BATCH_ROWS),
        };
        (0..steps)
            .map(move |step| this.batch(step, &schema))
            .filter(|b| b.as_ref().map_or(true, |b| b.num_rows() > 0))
    }

    fn batch(&self, step: usize, schema: &SchemaRef) -> Result<RecordBatch> {
        let (range, rows);
        match &self.rows {
            Rows::All => {
                let first = (step as u32) << SEGMENT_BITS;
                if let Some(batch) = self.whole_segment(step, schema)? {
                    return Ok(batch);
                }
                let number = |slot: usize| first + slot as u32;
                rows = match self.table {
                    TableKind::Tokens => self
                        .snapshot
                        .tokens
                        .segment(step)
                        .live_slots()
                        .map(number)
                        .collect(),
                    TableKind::Connections => self
                        .snapshot
                        .connections
                        .segment(step)
                        .live_slots()
                        .map(number)
                        .collect(),
                };
                range = 0..0; // no computed column goes with a whole table
            }
            Rows::List(list) => {
                range = step * BATCH_ROWS..list.len().min((step + 1) * BATCH_ROWS);
                rows = list[range.clone()].to_vec();
            }
            Rows::Computed(n) => {
                range = step * BATCH_ROWS..(*n).min((step + 1) * BATCH_ROWS);
                rows = Vec::new();
            }
        }
        let len = if range.is_empty() { rows.len() } else { range.len() };
        let arrays = self.columns.iter().map(|(_, origin)| match origin {
            Origin::Extra(i) => self.extras[*i].array().slice(range.start, range.len()),
            Origin::Table(column) => self.gather(&rows, *column),
        });
        record_batch(schema, arrays.collect(), len)
    }

    /// The batch of a segment without deleted rows: buffers shared with the segment.
    fn whole_segment(&self, number: usize, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        let (len, arrays): (usize, Vec<ArrayRef>) = match self.table {
            TableKind::Tokens => {
                let segment: &Segment<Token> = self.snapshot.tokens.segment(number);
                if !segment.is_dense() {
                    return Ok(None);
                }
                let wanted = self
                    .columns
                    .iter()
                    .filter_map(|(_, origin)| table_column(*origin));
                (
                    segment.len(),
                    wanted
                        .map(|c| self.share_token(segment.columns(), segment.len(), c))
                        .collect(),
                )
            }
            TableKind::Connections => {
                let segment = self.snapshot.connections.segment(number);
                if !segment.is_dense() {
                    return Ok(None);
                }
                let wanted = self
                    .columns
                    .iter()
                    .filter_map(|(_, origin)| table_column(*origin));
                (
                    segment.len(),
                    wanted
                        .map(|c| self.share_connection(segment.columns(), segment.len(), c))
                        .collect(),
                )
            }
        };
        record_batch(schema, arrays, len).map(Some)
    }

    fn share_token(&self, columns: &TokenColumns, len: usize, column: Column) -> ArrayRef {
        let catalog = &self.snapshot.catalog;
        match column {
            Column::Id => shared_ids(&columns.id, len),
            Column::Coords => {
                let values =
                    PrimitiveArray::<Float32Type>::new(share::<_, f32>(&columns.coords, len * 8), None);
                coords_array(Arc::new(values), len)
            }
            Column::Weight => Arc::new(PrimitiveArray::<Float32Type>::new(
                share(&columns.weight, len),
                None,
            )),
            Column::Flags => Arc::new(PrimitiveArray::<UInt16Type>::new(
                share(&columns.flags, len),
                None,
            )),
            Column::Type => type_array(
                Int16Array::new(share(&columns.kind, len), None),
                catalog.token_types.dictionary(),
            ),
            Column::CreatedAt => times(PrimitiveArray::new(share(&columns.created_at, len), None)),
            Column::UpdatedAt => times(PrimitiveArray::new(share(&columns.updated_at, len), None)),
            Column::Key => text_array(columns.key.as_deref(), 0..len),
            Column::Props => text_array(columns.props.as_deref(), 0..len),
            Column::Axis(axis) => {
                let points = columns.coords.slice(len).iter();
                Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(
                    points.map(|p| p[axis as usize]),
                ))
            }
            _ => new_null_array(&data_type(column), len),
        }
    }

    fn share_connection(&self, columns: &ConnectionColumns, len: usize, column: Column) -> ArrayRef {
        let catalog = &self.snapshot.catalog;
        let real =
            |chunk| -> ArrayRef { Arc::new(PrimitiveArray::<Float32Type>::new(share(chunk, len), None)) };
        match column {
            Column::Id => shared_ids(&columns.id, len),
            Column::Source => shared_ids(&columns.source, len),
            Column::Target => shared_ids(&columns.target, len),
            Column::Activations => shared_ids(&columns.activations, len),
            Column::Weight => real(&columns.weight),
            Column::Confidence => real(&columns.confidence),
            Column::Rigidity => real(&columns.rigidity),
            Column::Type => type_array(
                Int16Array::new(share(&columns.kind, len), None),
                catalog.connection_types.dictionary(),
            ),
            Column::Evidence => Arc::new(PrimitiveArray::<Int32Type>::new(
                share(&columns.evidence, len),
                None,
            )),
            Column::CreatedAt => times(PrimitiveArray::new(share(&columns.created_at, len), None)),
            Column::UpdatedAt => times(PrimitiveArray::new(share(&columns.updated_at, len), None)),
            Column::Props => text_array(columns.props.as_deref(), 0..len),
            Column::Levels => integers(columns.levels.slice(len).iter().map(|v| i32::from(*v))),
            Column::Mutability => mutabilities(columns.mutability.slice(len).iter().copied()),
            Column::LastActivatedAt => optional_times(columns.last_activated_at.slice(len).iter().copied()),
            _ => new_null_array(&data_type(column), len),
        }
    }

    fn gather(&self, rows: &[u32], column: Column) -> ArrayRef {
        let (snapshot, table) = (&*self.snapshot, self.table);
        let cells = rows.iter().map(|row| cell(snapshot, table, *row, column));
        match data_type(column) {
            DataType::Int64 => {
                gathered::<Int64Type>(cells, |c| if let Cell::Int(v) = c { Some(v) } else { None })
            }
            DataType::Int32 => gathered::<Int32Type>(cells, |c| {
                if let Cell::Int(v) = c {
                    Some(v as i32)
                } else {
                    None
                }
            }),
            DataType::UInt16 => gathered::<UInt16Type>(cells, |c| {
                if let Cell::Int(v) = c {
                    Some(v as u16)
                } else {
                    None
                }
            }),
            DataType::Float32 => {
                gathered::<Float32Type>(cells, |c| if let Cell::Real(v) = c { Some(v) } else { None })
            }
            DataType::Timestamp(..) => {
                let time = |c| if let Cell::Time(v) = c { Some(v) } else { None };
                let array = PrimitiveArray::<TimestampMicrosecondType>::from_iter(cells.map(time));
                times(array)
            }
            DataType::FixedSizeList(..) => {
                let mut values = Vec::with_capacity(rows.len() * 8);
                for cell in cells {
                    values.extend_from_slice(&if let Cell::Coords(p) = cell { p } else { [0.0; 8] });
                }
                coords_array(Arc::new(PrimitiveArray::<Float32Type>::from(values)), rows.len())
            }
            DataType::Dictionary(..) if column == Column::Mutability => {
                let codes = rows.iter().map(|row| {
                    let (columns, slot) = snapshot.connections.columns(*row);
                    columns.mutability.get(slot)
                });
                mutabilities(codes)
            }
            DataType::Dictionary(..) => {
                let codes = Int16Array::from_iter_values(
                    rows.iter().map(|row| type_code(snapshot, table, *row) as i16),
                );
                let types = match table {
                    TableKind::Tokens => &snapshot.catalog.token_types,
                    TableKind::Connections => &snapshot.catalog.connection_types,
                };
                type_array(codes, types.dictionary())
            }
            _ => {
                let text = |c| match c {
                    Cell::Text(t) | Cell::Json(t) => Some(t),
                    _ => None,
                };
                Arc::new(StringArray::from_iter(cells.map(text)))
            }
        }
    }
}

fn all_columns(
    rows: &Rows,
    table: TableKind,
    extras: &[(&'static str, Extra)],
) -> Vec<(Cow<'static, str>, Origin)> {
    let of_table: &[(&'static str, Column)] = match (rows, table) {
        (Rows::Computed(_), _) => &[],
        (_, TableKind::Tokens) => &TOKEN_COLUMNS,
        (_, TableKind::Connections) => &CONNECTION_COLUMNS,
    };
    let of_table = of_table
        .iter()
        .map(|(name, column)| (Cow::Borrowed(*name), Origin::Table(*column)));
    of_table
        .chain(
            extras
                .iter()
                .enumerate()
                .map(|(i, (name, _))| (Cow::Borrowed(*name), Origin::Extra(i))),
        )
        .collect()
}

fn table_column(origin: Origin) -> Option<Column> {
    match origin {
        Origin::Table(column) => Some(column),
        Origin::Extra(_) => None,
    }
}

fn type_code(snapshot: &Snapshot, table: TableKind, row: u32) -> u16 {
    match table {
        TableKind::Tokens => {
            let (columns, slot) = snapshot.tokens.columns(row);
            columns.kind.get(slot)
        }
        TableKind::Connections => {
            let (columns, slot) = snapshot.connections.columns(row);
            columns.kind.get(slot)
        }
    }
}

/// One value of a table.
pub fn cell(snapshot: &Snapshot, table: TableKind, row: u32, column: Column) -> Cell<'_> {
    match table {
        TableKind::Tokens => {
            let (columns, slot) = snapshot.tokens.columns(row);
            token_cell(snapshot, columns, slot, column)
        }
        TableKind::Connections => {
            let (columns, slot) = snapshot.connections.columns(row);
            connection_cell(snapshot, columns, slot, column)
        }
    }
}

fn token_cell<'a>(
    snapshot: &'a Snapshot,
    columns: &'a TokenColumns,
    slot: usize,
    column: Column,
) -> Cell<'a> {
    let text = |chunk: &'a Option<Arc<TextChunk>>| chunk.as_ref().and_then(|c| c.get_ref(slot));
    match column {
        Column::Id => Cell::Int(columns.id.get(slot) as i64),
        Column::Key => text(&columns.key).map_or(Cell::Null, Cell::Text),
        Column::Type => Cell::Text(snapshot.catalog.token_types.name(columns.kind.get(slot))),
        Column::Coords => Cell::Coords(columns.coords.get(slot)),
        Column::Axis(axis) => Cell::Real(columns.coords.get(slot)[axis as usize]),
        Column::Weight => Cell::Real(columns.weight.get(slot)),
        Column::Flags => Cell::Int(i64::from(columns.flags.get(slot))),
        Column::CreatedAt => Cell::Time(columns.created_at.get(slot)),
        Column::UpdatedAt => Cell::Time(columns.updated_at.get(slot)),
        Column::Props => text(&columns.props).map_or(Cell::Null, Cell::Json),
        _ => Cell::Null,
    }
}

fn connection_cell<'a>(
    snapshot: &'a Snapshot,
    columns: &'a ConnectionColumns,
    slot: usize,
    column: Column,
) -> Cell<'a> {
    match column {
        Column::Id => Cell::Int(columns.id.get(slot) as i64),
        Column::Source => Cell::Int(columns.source.get(slot) as i64),
        Column::Target => Cell::Int(columns.target.get(slot) as i64),
        Column::Type => Cell::Text(snapshot.catalog.connection_types.name(columns.kind.get(slot))),
        Column::Weight => Cell::Real(columns.weight.get(slot)),
        Column::Confidence => Cell::Real(columns.confidence.get(slot)),
        Column::Rigidity => Cell::Real(columns.rigidity.get(slot)),
        Column::Mutability => Cell::Text(Mutability::NAMES[columns.mutability.get(slot) as usize]),
        Column::Evidence => Cell::Int(i64::from(columns.evidence.get(slot))),
        Column::Activations => Cell::Int(columns.activations.get(slot) as i64),
        Column::Levels => Cell::Int(i64::from(columns.levels.get(slot))),
        Column::CreatedAt => Cell::Time(columns.created_at.get(slot)),
        Column::UpdatedAt => Cell::Time(columns.updated_at.get(slot)),
        Column::LastActivatedAt => match columns.last_activated_at.get(slot) {
            NEVER => Cell::Null,
            at => Cell::Time(at),
        },
        Column::Props => columns
            .props
            .as_ref()
            .and_then(|c| c.get_ref(slot))
            .map_or(Cell::Null, Cell::Json),
        _ => Cell::Null,
    }
}

static COORDS_ITEM: LazyLock<Arc<ArrowField>> =
    LazyLock::new(|| Arc::new(ArrowField::new("item", DataType::Float32, false)));

fn data_type(column: Column) -> DataType {
    match column {
        Column::Id | Column::Source | Column::Target | Column::Activations => DataType::Int64,
        Column::Key | Column::Props => DataType::Utf8,
        Column::Type | Column::Mutability => {
            DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8))
        }
        Column::Coords => DataType::FixedSizeList(COORDS_ITEM.clone(), 8),
        Column::Axis(_) | Column::Weight | Column::Confidence | Column::Rigidity => DataType::Float32,
        Column::Flags => DataType::UInt16,
        Column::Evidence | Column::Levels => DataType::Int32,
        Column::CreatedAt | Column::UpdatedAt | Column::LastActivatedAt => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
    }
}

fn record_batch(schema: &SchemaRef, arrays: Vec<ArrayRef>, len: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(|e| Error {
        sqlstate: "XX000",
        message: e.to_string().into(),
        hint: None,
    })
}

/// The first `len` values of a chunk as an Arrow buffer that keeps the chunk alive; `A` is how Arrow reads `T`'s bytes.
fn share<T: Stored, A: arrow_buffer::ArrowNativeType>(chunk: &Arc<Chunk<T>>, len: usize) -> ScalarBuffer<A> {
    let bytes = len * size_of::<A>();
    let cells = chunk.slice(bytes / size_of::<T>());
    let pointer = NonNull::from(cells).cast::<u8>();
    // SAFETY: the prefix of the chunk is initialised, aligned, never written again while shared, and kept alive by the owner.
    let buffer = unsafe { Buffer::from_custom_allocation(pointer, bytes, chunk.clone()) };
    ScalarBuffer::new(buffer, 0, len)
}

fn shared_ids(chunk: &Arc<Chunk<u64>>, len: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<Int64Type>::new(share(chunk, len), None))
}

fn type_array(codes: Int16Array, names: ArrayRef) -> ArrayRef {
    // SAFETY: every stored code is below the catalog's length, which is the dictionary's.
    Arc::new(unsafe { DictionaryArray::<Int16Type>::new_unchecked(codes, names) })
}

fn mutabilities(codes: impl Iterator<Item = u8>) -> ArrayRef {
    static NAMES: LazyLock<ArrayRef> =
        LazyLock::new(|| Arc::new(StringArray::from_iter_values(Mutability::NAMES)));
    type_array(Int16Array::from_iter_values(codes.map(i16::from)), NAMES.clone())
}

fn coords_array(values: ArrayRef, len: usize) -> ArrayRef {
    debug_assert_eq!(values.len(), len * 8);
    Arc::new(FixedSizeListArray::new(COORDS_ITEM.clone(), 8, values, None))
}

fn times(array: TimestampMicrosecondArray) -> ArrayRef {
    Arc::new(array.with_timezone("UTC"))
}

fn optional_times(values: impl Iterator<Item = i64>) -> ArrayRef {
    times(PrimitiveArray::from_iter(
        values.map(|t| (t != NEVER).then_some(t)),
    ))
}

fn integers(values: impl Iterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

fn text_array(chunk: Option<&TextChunk>, slots: std::ops::Range<usize>) -> ArrayRef {
    let Some(chunk) = chunk else {
        return new_null_array(&DataType::Utf8, slots.len());
    };
    let mut builder = StringBuilder::with_capacity(slots.len(), slots.len() * 16);
    slots.for_each(|slot| builder.append_option(chunk.get_ref(slot)));
    Arc::new(builder.finish())
}

fn gathered<'a, T: ArrowPrimitiveType>(
    cells: impl Iterator<Item = Cell<'a>>,
    value: impl Fn(Cell<'a>) -> Option<T::Native>,
) -> ArrayRef {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(cells.size_hint().0);
    cells.for_each(|cell| builder.append_option(value(cell)));
    Arc::new(builder.finish())
}
