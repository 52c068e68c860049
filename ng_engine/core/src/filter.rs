//! Row predicates: told by the caller in names and values, compiled once against a snapshot, then asked row by row.
//!
//! Predicates are in negation normal form and a NULL passes no leaf, which is SQL's answer in a WHERE.

mod chosen;
mod sweep;

use std::cmp::Ordering;

use crate::catalog::{Catalog, TypeNames};
use crate::connection::{Connection, NEVER};
use crate::error::{Error, Result};
use crate::metric::{Metric, Norm, Point};
use crate::segment::{LiveBits, Record, Table};
use crate::snapshot::Snapshot;
use crate::token::Token;
use crate::vocabulary::Mutability;
pub use chosen::{Chosen, FilterCache, Worth};
pub use sweep::rows;

/// A constant of a predicate.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// Microseconds since 1970, UTC.
    Time(i64),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    /// Whether `left op right`, given how left compares with right.
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

/// A predicate as the caller tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// All of them.
    And(Vec<Predicate>),
    /// Any of them.
    Or(Vec<Predicate>),
    /// Every row or none.
    Const(bool),
    /// A column against a constant.
    Compare(Op, String, Value),
    /// A column against a list; `true` for NOT IN.
    In(String, Vec<Value>, bool),
    /// Whether a column is NULL; `true` for IS NOT NULL.
    IsNull(String, bool),
    /// The exact distance to a constant point, in one norm or the other.
    Distance(Op, Point, Option<Metric>, Norm, f64),
}

/// A number or text column that predicates can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of docs/LANGUAGE.md")]
enum Column {
    Id,
    Key,
    Type,
    Weight,
    Flags,
    CreatedAt,
    UpdatedAt,
    Axis(usize),
    Depth,
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

/// What a row holds in a column.
enum Datum<'a> {
    Int(i64),
    Real(f32),
    Text(Option<&'a str>),
    Code(u16),
    Time(Option<i64>),
}

/// A row type that predicates can be asked about.
pub trait Filtered: Record {
    #[doc(hidden)]
    fn column(name: &str, catalog: &Catalog) -> Option<ColumnId>;
    #[doc(hidden)]
    fn types(catalog: &Catalog) -> &TypeNames;
    #[doc(hidden)]
    fn test(columns: &Self::Columns, slot: usize, test: &Test, depth: i32) -> bool;
    #[doc(hidden)]
    fn sweep(columns: &Self::Columns, len: usize, test: &Test, bits: &mut LiveBits);
    #[doc(hidden)]
    fn point(columns: &Self::Columns, slot: usize) -> Option<Point>;
}

/// A column of one of the tables, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnId(Column);

/// A leaf, compiled.
#[derive(Clone, Debug)]
pub struct Test {
    column: Column,
    kind: TestKind,
}

#[derive(Clone, Debug)]
enum TestKind {
    Int(Op, i64),
    /// An integer column against a number with a fraction or out of i64's range.
    Wide(Op, f64),
    Real(Op, f32),
    Text(Op, String),
    /// Bit per type code, so that any comparison of names is one look-up.
    Codes(Vec<u64>),
    IsNull(bool),
}

impl TestKind {
    fn holds(&self, datum: &Datum<'_>) -> bool {
        match (self, datum) {
            (Self::Int(op, c), Datum::Int(v) | Datum::Time(Some(v))) => op.holds(v.cmp(c)),
            (Self::Wide(op, c), Datum::Int(v)) => op.holds(compare_exactly(*v, *c)),
            (Self::Real(op, c), Datum::Real(v)) => v.partial_cmp(c).is_some_and(|o| op.holds(o)),
            (Self::Text(op, c), Datum::Text(Some(v))) => op.holds((*v).cmp(c)),
            (Self::Codes(bits), Datum::Code(v)) => {
                bits.get(*v as usize / 64).is_some_and(|word| word >> (v % 64) & 1 == 1)
            }
            (Self::IsNull(negated), datum) => matches!(datum, Datum::Text(None) | Datum::Time(None)) != *negated,
            _ => false,
        }
    }
}

/// i64 against f64 without rounding either.
fn compare_exactly(left: i64, right: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if right >= LIMIT {
        Ordering::Less
    } else if right < -LIMIT {
        Ordering::Greater
    } else {
        left.cmp(&(right.trunc() as i64)).then_with(|| 0.0f64.total_cmp(&(right.fract() + 0.0)))
    }
}

#[derive(Clone, Debug)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Const(bool),
    Test(Test),
    Distance(Op, Point, Metric, f64),
}

/// A predicate compiled against one snapshot's names.
#[derive(Clone, Debug)]
pub struct Filter {
    node: Node,
}

impl Filter {
    /// Passes everything.
    pub fn all() -> Self {
        Self { node: Node::Const(true) }
    }

    /// Resolve names and types: 42703 for an unknown column, 42804 for a value that it cannot be compared with.
    pub fn compile<R: Filtered>(predicate: Option<&Predicate>, snapshot: &Snapshot, metric: &Metric) -> Result<Self> {
        let Some(predicate) = predicate else {
            return Ok(Self::all());
        };
        Ok(Self { node: Compiler { catalog: &snapshot.catalog, metric }.node::<R>(predicate)? })
    }

    /// Whether every row passes.
    pub fn is_all(&self) -> bool {
        matches!(self.node, Node::Const(true))
    }

    /// Whether the token passes.
    pub fn token(&self, snapshot: &Snapshot, row: u32) -> bool {
        self.token_at_depth(snapshot, row, 0)
    }

    /// Whether the token passes, found at this depth of a walk.
    pub fn token_at_depth(&self, snapshot: &Snapshot, row: u32, depth: i32) -> bool {
        evaluate(&self.node, &snapshot.tokens, row, depth, &|point, metric| {
            metric.distance(&snapshot.coords(row), point)
        })
    }

    /// Whether the connection passes.
    pub fn connection(&self, snapshot: &Snapshot, row: u32) -> bool {
        evaluate(&self.node, &snapshot.connections, row, 0, &|_, _| f64::NAN)
    }
}

fn evaluate<R: Filtered>(
    node: &Node,
    table: &Table<R>,
    row: u32,
    depth: i32,
    distance: &impl Fn(&Point, &Metric) -> f64,
) -> bool {
    match node {
        Node::Const(pass) => *pass,
        Node::And(nodes) => nodes.iter().all(|n| evaluate(n, table, row, depth, distance)),
        Node::Or(nodes) => nodes.iter().any(|n| evaluate(n, table, row, depth, distance)),
        Node::Test(test) => {
            let (columns, slot) = table.columns(row);
            R::test(columns, slot, test, depth)
        }
        Node::Distance(op, point, metric, limit) => {
            distance(point, metric).partial_cmp(limit).is_some_and(|ordering| op.holds(ordering))
        }
    }
}

struct Compiler<'a> {
    catalog: &'a Catalog,
    metric: &'a Metric,
}

impl Compiler<'_> {
    fn node<R: Filtered>(&self, predicate: &Predicate) -> Result<Node> {
        let all = |list: &[Predicate]| list.iter().map(|p| self.node::<R>(p)).collect::<Result<Vec<_>>>();
        Ok(match predicate {
            Predicate::And(list) => Node::And(all(list)?),
            Predicate::Or(list) => Node::Or(all(list)?),
            Predicate::Const(pass) => Node::Const(*pass),
            Predicate::Compare(op, column, value) => self.leaf::<R>(column, *op, value)?,
            Predicate::In(column, values, negated) => {
                // NOT IN with a NULL in the list is never true.
                let op = if *negated { Op::Ne } else { Op::Eq };
                let leaves = values.iter().map(|v| self.leaf::<R>(column, op, v)).collect::<Result<Vec<_>>>()?;
                if *negated { Node::And(leaves) } else { Node::Or(leaves) }
            }
            Predicate::IsNull(column, negated) => {
                Node::Test(Test { column: self.column::<R>(column)?, kind: TestKind::IsNull(*negated) })
            }
            Predicate::Distance(op, point, metric, norm, limit) => {
                if limit.is_nan() {
                    return Err(Error::out_of_range("a distance is compared with NaN"));
                }
                let metric = metric.as_ref().unwrap_or(self.metric).clone().with_norm(*norm);
                Node::Distance(*op, *point, metric, *limit)
            }
        })
    }

    fn column<R: Filtered>(&self, name: &str) -> Result<Column> {
        R::column(name, self.catalog)
            .map(|c| c.0)
            .ok_or_else(|| Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug())))
    }

    fn leaf<R: Filtered>(&self, name: &str, op: Op, value: &Value) -> Result<Node> {
        let column = self.column::<R>(name)?;
        let mismatch = || {
            Error::type_mismatch(format!(
                "column \"{}\" cannot be compared with a value of this type",
                name.escape_debug()
            ))
        };
        let kind = match (column, value) {
            (_, Value::Null) => return Ok(Node::Const(false)),
            (_, Value::Float(v)) if v.is_nan() => return Err(Error::out_of_range("NaN is not comparable")),
            (Column::Key, Value::Text(text)) => TestKind::Text(op, text.clone()),
            (Column::Type, Value::Text(text)) => TestKind::Codes(codes(R::types(self.catalog).iter(), op, text)),
            (Column::Mutability, Value::Text(text)) => {
                TestKind::Codes(codes(Mutability::NAMES.into_iter().zip(0u16..), op, text))
            }
            (Column::Key | Column::Type | Column::Mutability, _) => return Err(mismatch()),
            (Column::CreatedAt | Column::UpdatedAt | Column::LastActivatedAt, Value::Time(t)) => TestKind::Int(op, *t),
            (Column::CreatedAt | Column::UpdatedAt | Column::LastActivatedAt, _) => return Err(mismatch()),
            (Column::Weight | Column::Axis(_) | Column::Confidence | Column::Rigidity, Value::Int(v)) => {
                TestKind::Real(op, *v as f32)
            }
            (Column::Weight | Column::Axis(_) | Column::Confidence | Column::Rigidity, Value::Float(v)) => {
                TestKind::Real(op, *v as f32)
            }
            (_, Value::Int(v)) => TestKind::Int(op, *v),
            (_, Value::Float(v)) => TestKind::Wide(op, *v),
            (_, Value::Text(_) | Value::Time(_)) => return Err(mismatch()),
        };
        Ok(Node::Test(Test { column, kind }))
    }
}

/// Codes whose name compares so with the text; names are lower case, and so is the text for a look-up.
fn codes<'a>(names: impl Iterator<Item = (&'a str, u16)>, op: Op, text: &str) -> Vec<u64> {
    let text = text.to_lowercase();
    let mut bits = Vec::new();
    for (_, code) in names.filter(|(name, _)| op.holds((*name).cmp(text.as_str()))) {
        let word = code as usize / 64;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1u64 << (code % 64);
    }
    bits
}

impl Filtered for Token {
    fn column(name: &str, catalog: &Catalog) -> Option<ColumnId> {
        let column = match name {
            "id" => Column::Id,
            "key" => Column::Key,
            "type" => Column::Type,
            "weight" => Column::Weight,
            "flags" => Column::Flags,
            "created_at" => Column::CreatedAt,
            "updated_at" => Column::UpdatedAt,
            "depth" => Column::Depth,
            _ => Column::Axis(catalog.axis(name)?),
        };
        Some(ColumnId(column))
    }

    fn types(catalog: &Catalog) -> &TypeNames {
        &catalog.token_types
    }

    fn test(columns: &Self::Columns, slot: usize, test: &Test, depth: i32) -> bool {
        let datum = match test.column {
            Column::Id => Datum::Int(columns.id.get(slot) as i64),
            Column::Key => Datum::Text(columns.key.as_ref().and_then(|c| c.get_ref(slot))),
            Column::Type => Datum::Code(columns.kind.get(slot)),
            Column::Weight => Datum::Real(columns.weight.get(slot)),
            Column::Flags => Datum::Int(i64::from(columns.flags.get(slot))),
            Column::CreatedAt => Datum::Time(Some(columns.created_at.get(slot))),
            Column::UpdatedAt => Datum::Time(Some(columns.updated_at.get(slot))),
            Column::Axis(axis) => Datum::Real(columns.coords.get(slot)[axis]),
            Column::Depth => Datum::Int(i64::from(depth)),
            _ => return false,
        };
        test.kind.holds(&datum)
    }

    fn sweep(columns: &Self::Columns, len: usize, test: &Test, bits: &mut LiveBits) {
        Self::sweep_column(columns, len, test, bits);
    }

    fn point(columns: &Self::Columns, slot: usize) -> Option<Point> {
        Some(columns.coords.get(slot))
    }
}

impl Filtered for Connection {
    fn column(name: &str, _: &Catalog) -> Option<ColumnId> {
        let column = match name {
            "id" => Column::Id,
            "source" => Column::Source,
            "target" => Column::Target,
            "type" => Column::Type,
            "weight" => Column::Weight,
            "confidence" => Column::Confidence,
            "rigidity" => Column::Rigidity,
            "mutability" => Column::Mutability,
            "evidence" => Column::Evidence,
            "activations" => Column::Activations,
            "levels" => Column::Levels,
            "created_at" => Column::CreatedAt,
            "updated_at" => Column::UpdatedAt,
            "last_activated_at" => Column::LastActivatedAt,
            _ => return None,
        };
        Some(ColumnId(column))
    }

    fn types(catalog: &Catalog) -> &TypeNames {
        &catalog.connection_types
    }

    fn test(columns: &Self::Columns, slot: usize, test: &Test, _: i32) -> bool {
        let datum = match test.column {
            Column::Id => Datum::Int(columns.id.get(slot) as i64),
            Column::Source => Datum::Int(columns.source.get(slot) as i64),
            Column::Target => Datum::Int(columns.target.get(slot) as i64),
            Column::Type => Datum::Code(columns.kind.get(slot)),
            Column::Weight => Datum::Real(columns.weight.get(slot)),
            Column::Confidence => Datum::Real(columns.confidence.get(slot)),
            Column::Rigidity => Datum::Real(columns.rigidity.get(slot)),
            Column::Mutability => Datum::Code(u16::from(columns.mutability.get(slot))),
            Column::Evidence => Datum::Int(i64::from(columns.evidence.get(slot))),
            Column::Activations => Datum::Int(columns.activations.get(slot) as i64),
            Column::Levels => Datum::Int(i64::from(columns.levels.get(slot))),
            Column::CreatedAt => Datum::Time(Some(columns.created_at.get(slot))),
            Column::UpdatedAt => Datum::Time(Some(columns.updated_at.get(slot))),
            Column::LastActivatedAt => {
                let at = columns.last_activated_at.get(slot);
                Datum::Time((at != NEVER).then_some(at))
            }
            _ => return false,
        };
        test.kind.holds(&datum)
    }

    fn sweep(columns: &Self::Columns, len: usize, test: &Test, bits: &mut LiveBits) {
        Self::sweep_column(columns, len, test, bits);
    }

    fn point(_: &Self::Columns, _: usize) -> Option<Point> {
        None
    }
}
