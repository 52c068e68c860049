//! The columns of the two tables: their names, and the value of one in a row.

use std::sync::Arc;

use crate::chunk::TextChunk;
use crate::connection::{ConnectionColumns, NEVER};
use crate::snapshot::Snapshot;
use crate::token::TokenColumns;
use crate::vocabulary::Mutability;

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
    /// BIGINT[].
    Bigs(&'a [i64]),
}

/// Resolve a table's column by name.
pub fn column(snapshot: &Snapshot, table: TableKind, name: &str) -> Option<Column> {
    let named = |list: &[(&str, Column)]| list.iter().find(|(n, _)| *n == name).map(|(_, c)| *c);
    match table {
        TableKind::Tokens => named(&TOKEN_COLUMNS).or_else(|| Some(Column::Axis(snapshot.catalog.axis(name)? as u8))),
        TableKind::Connections => named(&CONNECTION_COLUMNS),
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

fn token_cell<'a>(snapshot: &'a Snapshot, columns: &'a TokenColumns, slot: usize, column: Column) -> Cell<'a> {
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
        Column::Props => columns.props.as_ref().and_then(|c| c.get_ref(slot)).map_or(Cell::Null, Cell::Json),
        _ => Cell::Null,
    }
}
