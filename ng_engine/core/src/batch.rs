//! Results: rows of a snapshot, found but not yet materialised, and the Arrow made of them on demand.
//!
//! A whole, dense segment becomes Arrow without a copy: the buffers are the segment's own chunks, kept alive by it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{
    Array, ArrayRef, Float64Array, Int16Array, Int32Array, Int64Array, ListArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray, new_null_array,
};
use arrow_schema::{DataType, Field as ArrowField, Fields, Schema, SchemaRef};

use crate::access::Access;
use crate::arrays::{
    coords_array, data_type, gathered, integers, mutabilities, optional_times, share, shared_ids, text_array, times,
    type_array,
};
use crate::chunk::TextChunk;
use crate::columns::{CONNECTION_COLUMNS, Cell, Column, TOKEN_COLUMNS, TableKind, cell, column};
use crate::connection::ConnectionColumns;
use crate::error::{Error, Result};
use crate::segment::{SEGMENT_BITS, Segment};
use crate::snapshot::Snapshot;
use crate::token::{Token, TokenColumns};

/// Rows gathered into one batch at the most.
const BATCH_ROWS: usize = 1 << 16;
/// Bytes of text in one batch at the most.
const TEXT_BYTES: usize = 1 << 30;

/// A computed column, as long as the relation.
#[derive(Clone, Debug)]
pub enum Extra {
    /// DOUBLE.
    Double(Float64Array),
    /// BIGINT.
    Big(Int64Array),
    /// INTEGER.
    Small(Int32Array),
    /// BIGINT[], without NULLs.
    Bigs(ListArray),
}

impl Extra {
    fn array(&self) -> ArrayRef {
        match self {
            Self::Double(a) => Arc::new(a.clone()),
            Self::Big(a) => Arc::new(a.clone()),
            Self::Small(a) => Arc::new(a.clone()),
            Self::Bigs(a) => Arc::new(a.clone()),
        }
    }
}

/// Where a column of a relation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A column of the relation's table.
    Table(Column),
    /// A column of the rows of a part, by position.
    Part(usize, Column),
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
    /// None of the table: parts and computed columns only, so many rows.
    Computed(usize),
}

/// Rows of one table, as many as the relation has: what a variable of a pattern is bound to.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which table.
    pub table: TableKind,
    /// Its rows, in order.
    pub rows: Vec<u32>,
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

/// A finished result: it holds its snapshot, so it stays what it is whatever is written later.
pub struct Relation {
    snapshot: Arc<Snapshot>,
    table: TableKind,
    columns: Vec<(Cow<'static, str>, Origin)>,
    rows: Rows,
    parts: Vec<Part>,
    extras: Vec<Extra>,
    /// What finding the rows cost.
    pub work: Work,
    /// How they were found.
    pub access: Access,
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
        // What was computed is of no row.
        let of_row = |name: &str| match rows {
            Rows::Computed(_) => None,
            Rows::All | Rows::List(_) => column(&snapshot, table, name),
        };
        let columns = match wanted {
            None => all_columns(&rows, table, &extras),
            Some(names) => names
                .iter()
                .map(|name| {
                    let origin = match extras.iter().position(|(n, _)| n == name) {
                        Some(i) => Origin::Extra(i),
                        None => Origin::Table(of_row(name).ok_or_else(|| {
                            Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug()))
                        })?),
                    };
                    Ok((Cow::Owned(name.clone()), origin))
                })
                .collect::<Result<Vec<_>>>()?,
        };
        let extras = extras.into_iter().map(|(_, extra)| extra).collect();
        let parts = Vec::new();
        Ok(Self { snapshot, table, columns, rows, parts, extras, work: Work::default(), access: Access::Only("scan") })
    }

    /// A relation of `len` rows whose columns are those of parts, or computed.
    pub fn of_parts(
        snapshot: Arc<Snapshot>,
        len: usize,
        parts: Vec<Part>,
        extras: Vec<Extra>,
        columns: Vec<(String, Origin)>,
    ) -> Self {
        let columns = columns.into_iter().map(|(name, origin)| (Cow::Owned(name), origin)).collect();
        let (rows, work) = (Rows::Computed(len), Work::default());
        Self { snapshot, table: TableKind::Tokens, columns, rows, parts, extras, work, access: Access::Only("scan") }
    }

    /// The same with what finding it cost.
    #[must_use]
    pub fn found(mut self, access: impl Into<Access>, work: Work) -> Self {
        (self.access, self.work) = (access.into(), work);
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
                Extra::Bigs(_) => "BIGINT[]",
            },
            Origin::Table(column) | Origin::Part(_, column) => match column {
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
        let start = start.min(self.len());
        let count = count.min(self.len() - start);
        let mut row_of = self.row_numbers(start, count);
        for i in 0..count {
            let row = row_of.next().unwrap_or_default();
            for (c, (_, origin)) in self.columns.iter().enumerate() {
                match origin {
                    Origin::Extra(e) => visit(i, c, self.extra_cell(*e, start + i)),
                    Origin::Table(column) => visit(i, c, cell(&self.snapshot, self.table, row, *column)),
                    Origin::Part(part, column) => {
                        let Part { table, rows } = &self.parts[*part];
                        visit(i, c, cell(&self.snapshot, *table, rows[start + i], *column));
                    }
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
            Extra::Bigs(a) => {
                let (ends, values) = (a.value_offsets(), a.values().as_primitive::<Int64Type>().values());
                Cell::Bigs(&values[ends[i] as usize..ends[i + 1] as usize])
            }
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
                Origin::Table(column) | Origin::Part(_, column) => {
                    (data_type(*column), matches!(column, Column::Key | Column::Props | Column::LastActivatedAt))
                }
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
        (0..steps).flat_map(move |step| this.step(step, &schema))
    }

    /// The batches of one segment, or of so many rows of a list.
    fn step(&self, step: usize, schema: &SchemaRef) -> Vec<Result<RecordBatch>> {
        let range = step * BATCH_ROWS..self.len().min((step + 1) * BATCH_ROWS);
        match &self.rows {
            Rows::All => match self.whole_segment(step, schema).transpose() {
                Some(whole) => vec![whole],
                None => {
                    let rows = self.segment_rows(step);
                    self.gathered(Some(&rows), 0..rows.len(), schema)
                }
            },
            Rows::List(rows) => self.gathered(Some(&rows[range.clone()]), range, schema),
            Rows::Computed(_) => self.gathered(None, range, schema),
        }
    }

    /// Batches of copied values at these places of the relation; `rows` are the table's there.
    fn gathered(&self, rows: Option<&[u32]>, places: Range<usize>, schema: &SchemaRef) -> Vec<Result<RecordBatch>> {
        let first = places.start;
        // Of the table of a computed relation there is no column.
        let of_table =
            |piece: &Range<usize>| rows.map_or(&[][..], |rows| &rows[piece.start - first..piece.end - first]);
        let piece = |piece: Range<usize>| {
            let arrays = self.columns.iter().map(|(_, origin)| match origin {
                Origin::Extra(i) => self.extras[*i].array().slice(piece.start, piece.len()),
                Origin::Table(column) => self.gather(self.table, of_table(&piece), *column),
                Origin::Part(part, column) => {
                    let Part { table, rows } = &self.parts[*part];
                    self.gather(*table, &rows[piece.clone()], *column)
                }
            });
            record_batch(schema, arrays.collect(), piece.len())
        };
        self.pieces(rows, places.clone()).into_iter().map(piece).collect()
    }

    /// The places in runs whose text fits an Arrow array, which counts its bytes in 32 bits.
    fn pieces(&self, rows: Option<&[u32]>, places: Range<usize>) -> Vec<Range<usize>> {
        let first = places.start;
        let texts: Vec<(TableKind, &[u32], Column)> = self
            .columns
            .iter()
            .filter_map(|(_, origin)| match origin {
                Origin::Table(column) => Some((self.table, rows?, *column)),
                Origin::Part(part, column) => {
                    let Part { table, rows } = &self.parts[*part];
                    Some((*table, &rows[places.clone()], *column))
                }
                Origin::Extra(_) => None,
            })
            .filter(|(_, _, column)| matches!(column, Column::Key | Column::Props))
            .collect();
        if texts.is_empty() {
            return if places.is_empty() { Vec::new() } else { vec![places] };
        }
        let length = |place: usize| {
            let bytes = |(table, rows, column): &(TableKind, &[u32], Column)| match cell(
                &self.snapshot,
                *table,
                rows[place - first],
                *column,
            ) {
                Cell::Text(text) | Cell::Json(text) => text.len(),
                _ => 0,
            };
            texts.iter().map(bytes).sum::<usize>()
        };
        let (mut pieces, mut start, mut bytes) = (Vec::new(), first, 0);
        for place in places.clone() {
            let more = length(place);
            if bytes + more > TEXT_BYTES && place > start {
                pieces.push(start..place);
                (start, bytes) = (place, 0);
            }
            bytes += more;
        }
        if start < places.end {
            pieces.push(start..places.end);
        }
        pieces
    }

    fn segment_rows(&self, number: usize) -> Vec<u32> {
        let row = |slot: usize| ((number as u32) << SEGMENT_BITS) + slot as u32;
        match self.table {
            TableKind::Tokens => self.snapshot.tokens.segment(number).live_slots().map(row).collect(),
            TableKind::Connections => self.snapshot.connections.segment(number).live_slots().map(row).collect(),
        }
    }

    /// The batch of a segment without deleted rows, its buffers shared with the segment. None where rows have to be picked,
    /// or their props, which alone can be as large, do not fit one batch.
    fn whole_segment(&self, number: usize, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        let wanted = || self.columns.iter().filter_map(|(_, origin)| table_column(*origin));
        let fits = |props: Option<&TextChunk>, len: usize| {
            let bytes =
                |chunk: &TextChunk| (0..len).filter_map(|slot| chunk.get_ref(slot)).map(str::len).sum::<usize>();
            !wanted().any(|c| c == Column::Props) || props.is_none_or(|chunk| bytes(chunk) <= TEXT_BYTES)
        };
        let (len, arrays): (usize, Vec<ArrayRef>) = match self.table {
            TableKind::Tokens => {
                let segment: &Segment<Token> = self.snapshot.tokens.segment(number);
                let (columns, len) = (segment.columns(), segment.len());
                if !segment.is_dense() || segment.is_empty() || !fits(columns.props.as_deref(), len) {
                    return Ok(None);
                }
                (len, wanted().map(|column| self.share_token(columns, len, column)).collect())
            }
            TableKind::Connections => {
                let segment = self.snapshot.connections.segment(number);
                let (columns, len) = (segment.columns(), segment.len());
                if !segment.is_dense() || segment.is_empty() || !fits(columns.props.as_deref(), len) {
                    return Ok(None);
                }
                (len, wanted().map(|column| self.share_connection(columns, len, column)).collect())
            }
        };
        record_batch(schema, arrays, len).map(Some)
    }

    fn share_token(&self, columns: &TokenColumns, len: usize, column: Column) -> ArrayRef {
        let catalog = &self.snapshot.catalog;
        match column {
            Column::Id => shared_ids(&columns.id, len),
            Column::Coords => {
                let values = PrimitiveArray::<Float32Type>::new(share::<_, f32>(&columns.coords, len * 8), None);
                coords_array(Arc::new(values), len)
            }
            Column::Weight => Arc::new(PrimitiveArray::<Float32Type>::new(share(&columns.weight, len), None)),
            Column::Flags => Arc::new(PrimitiveArray::<UInt16Type>::new(share(&columns.flags, len), None)),
            Column::Type => {
                type_array(Int16Array::new(share(&columns.kind, len), None), catalog.token_types.dictionary())
            }
            Column::CreatedAt => times(PrimitiveArray::new(share(&columns.created_at, len), None)),
            Column::UpdatedAt => times(PrimitiveArray::new(share(&columns.updated_at, len), None)),
            Column::Key => text_array(columns.key.as_deref(), 0..len),
            Column::Props => text_array(columns.props.as_deref(), 0..len),
            Column::Axis(axis) => {
                let points = columns.coords.slice(len).iter();
                Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(points.map(|p| p[axis as usize])))
            }
            _ => new_null_array(&data_type(column), len),
        }
    }

    fn share_connection(&self, columns: &ConnectionColumns, len: usize, column: Column) -> ArrayRef {
        let catalog = &self.snapshot.catalog;
        let real = |chunk| -> ArrayRef { Arc::new(PrimitiveArray::<Float32Type>::new(share(chunk, len), None)) };
        match column {
            Column::Id => shared_ids(&columns.id, len),
            Column::Source => shared_ids(&columns.source, len),
            Column::Target => shared_ids(&columns.target, len),
            Column::Activations => shared_ids(&columns.activations, len),
            Column::Weight => real(&columns.weight),
            Column::Confidence => real(&columns.confidence),
            Column::Rigidity => real(&columns.rigidity),
            Column::Type => {
                type_array(Int16Array::new(share(&columns.kind, len), None), catalog.connection_types.dictionary())
            }
            Column::Evidence => Arc::new(PrimitiveArray::<Int32Type>::new(share(&columns.evidence, len), None)),
            Column::CreatedAt => times(PrimitiveArray::new(share(&columns.created_at, len), None)),
            Column::UpdatedAt => times(PrimitiveArray::new(share(&columns.updated_at, len), None)),
            Column::Props => text_array(columns.props.as_deref(), 0..len),
            Column::Levels => integers(columns.levels.slice(len).iter().map(|v| i32::from(*v))),
            Column::Mutability => mutabilities(columns.mutability.slice(len).iter().copied()),
            Column::LastActivatedAt => optional_times(columns.last_activated_at.slice(len).iter().copied()),
            _ => new_null_array(&data_type(column), len),
        }
    }

    fn gather(&self, table: TableKind, rows: &[u32], column: Column) -> ArrayRef {
        let snapshot = &*self.snapshot;
        let cells = rows.iter().map(|row| cell(snapshot, table, *row, column));
        match data_type(column) {
            DataType::Int64 => gathered::<Int64Type>(cells, |c| if let Cell::Int(v) = c { Some(v) } else { None }),
            DataType::Int32 => {
                gathered::<Int32Type>(cells, |c| if let Cell::Int(v) = c { Some(v as i32) } else { None })
            }
            DataType::UInt16 => {
                gathered::<UInt16Type>(cells, |c| if let Cell::Int(v) = c { Some(v as u16) } else { None })
            }
            DataType::Float32 => gathered::<Float32Type>(cells, |c| if let Cell::Real(v) = c { Some(v) } else { None }),
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
                let codes =
                    Int16Array::from_iter_values(rows.iter().map(|row| type_code(snapshot, table, *row) as i16));
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

fn all_columns(rows: &Rows, table: TableKind, extras: &[(&'static str, Extra)]) -> Vec<(Cow<'static, str>, Origin)> {
    let of_table: &[(&'static str, Column)] = match (rows, table) {
        (Rows::Computed(_), _) => &[],
        (_, TableKind::Tokens) => &TOKEN_COLUMNS,
        (_, TableKind::Connections) => &CONNECTION_COLUMNS,
    };
    let of_table = of_table.iter().map(|(name, column)| (Cow::Borrowed(*name), Origin::Table(*column)));
    of_table.chain(extras.iter().enumerate().map(|(i, (name, _))| (Cow::Borrowed(*name), Origin::Extra(i)))).collect()
}

fn table_column(origin: Origin) -> Option<Column> {
    match origin {
        Origin::Table(column) => Some(column),
        Origin::Part(..) | Origin::Extra(_) => None,
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

fn record_batch(schema: &SchemaRef, arrays: Vec<ArrayRef>, len: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(|e| Error {
        sqlstate: "XX000",
        message: e.to_string().into(),
        hint: None,
    })
}
