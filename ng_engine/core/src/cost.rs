//! What a hop costs: an expression over a connection and its two ends, told by the caller in names, compiled once
//! against a snapshot, then asked hop by hop.

mod bound;

use crate::columns::{Column, TableKind, column};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::flat::Flat;
use crate::metric::{Metric, Point};
use crate::segment::Record;
use crate::snapshot::Snapshot;
use crate::token::Token;

pub use bound::{Floor, KEPT_BACK, unrounded};

/// An end of a hop, in the direction in which it is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The token that is left.
    From,
    /// The token that is reached.
    To,
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unary {
    Negate,
    Abs,
    Sqrt,
    Exp,
    Ln,
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Least,
    Greatest,
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Where a token of the hop is.
    End(End),
    /// A point.
    Point(Point),
}

/// An expression as the caller tells it.
#[derive(Clone, Debug)]
pub enum Expression {
    /// A constant.
    Number(f64),
    /// A numeric column of the connection.
    Connection(String),
    /// A numeric column of an end.
    Token(End, String),
    /// The distance between two places.
    Distance(Place, Place),
    /// A function of one number.
    Unary(Unary, Box<Expression>),
    /// A function of two.
    Binary(Binary, Box<Expression>, Box<Expression>),
}

/// An expression whose names are resolved.
enum Node<'a> {
    Number(f64),
    Connection(Column, Numbers<'a, Connection>),
    Token(End, Column, Numbers<'a, Token>),
    Distance(Place, Place),
    Unary(Unary, Box<Node<'a>>),
    Binary(Binary, Box<Node<'a>>, Box<Node<'a>>),
}

/// A numeric column.
enum Numbers<'a, R: Record> {
    Bytes(Flat<'a, R, u8>),
    Shorts(Flat<'a, R, u16>),
    Ints(Flat<'a, R, u32>),
    Longs(Flat<'a, R, u64>),
    Reals(Flat<'a, R, f32>),
    Axis(Flat<'a, R, Point>, usize),
}

/// A hop by its rows: the token left, the token reached, the connection walked.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// The token that is left.
    pub from: u32,
    /// The token that is reached.
    pub to: u32,
    /// The connection walked.
    pub connection: u32,
}

/// A compiled expression, and what it is asked of.
pub struct Cost<'a> {
    node: Node<'a>,
    coords: Flat<'a, Token, Point>,
    snapshot: &'a Snapshot,
    metric: Metric,
}

impl<'a> Cost<'a> {
    /// Resolve the names: 42703 for an unknown column, 42804 for one that is no number.
    pub fn compile(expression: &Expression, snapshot: &'a Snapshot, metric: &Metric) -> Result<Self> {
        let coords = Flat::new(&snapshot.tokens, |columns| &columns.coords);
        Ok(Self { node: compile(expression, snapshot)?, coords, snapshot, metric: metric.clone() })
    }

    /// Ask for what [`Self::of`] will read soon.
    #[inline]
    pub fn fetch(&self, rows: Rows) {
        self.fetch_node(&self.node, rows);
    }

    fn fetch_node(&self, node: &Node<'_>, rows: Rows) {
        match node {
            Node::Number(_) => {}
            Node::Connection(_, column) => column.fetch(rows.connection),
            Node::Token(end, _, column) => column.fetch(rows.end(*end)),
            Node::Distance(a, b) => [a, b].into_iter().for_each(|place| {
                if let Place::End(end) = place {
                    self.coords.fetch(rows.end(*end));
                }
            }),
            Node::Unary(_, a) => self.fetch_node(a, rows),
            Node::Binary(_, a, b) => {
                self.fetch_node(a, rows);
                self.fetch_node(b, rows);
            }
        }
    }

    /// What a hop costs; 22003 with the connection's id for anything but a finite number ≥ 0.
    #[inline]
    pub fn of(&self, rows: Rows) -> Result<f64> {
        let cost = self.value(&self.node, rows);
        if (0.0..f64::INFINITY).contains(&cost) { Ok(cost) } else { Err(self.refused(cost, rows)) }
    }

    #[cold]
    fn refused(&self, cost: f64, rows: Rows) -> Error {
        let id = self.snapshot.connections.id(rows.connection);
        Error::out_of_range(format!("the cost of connection {id} is {cost}"))
            .hint("a cost is a finite number ≥ 0 for every connection met")
    }

    fn value(&self, node: &Node<'_>, rows: Rows) -> f64 {
        match node {
            Node::Number(number) => *number,
            Node::Connection(_, column) => column.get(rows.connection),
            Node::Token(end, _, column) => column.get(rows.end(*end)),
            Node::Distance(a, b) => self.metric.distance(&self.place(a, rows), &self.place(b, rows)),
            Node::Unary(function, a) => function.apply(self.value(a, rows)),
            Node::Binary(function, a, b) => function.apply(self.value(a, rows), self.value(b, rows)),
        }
    }

    fn place(&self, place: &Place, rows: Rows) -> Point {
        match place {
            Place::End(end) => self.coords.get(rows.end(*end)),
            Place::Point(point) => *point,
        }
    }
}

impl Rows {
    fn end(self, end: End) -> u32 {
        match end {
            End::From => self.from,
            End::To => self.to,
        }
    }
}

impl Unary {
    fn apply(self, a: f64) -> f64 {
        match self {
            Self::Negate => -a,
            Self::Abs => a.abs(),
            Self::Sqrt => a.sqrt(),
            Self::Exp => a.exp(),
            Self::Ln => a.ln(),
        }
    }
}

impl Binary {
    fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power => a.powf(b),
            // Unlike `f64::min` they hand NaN on.
            Self::Least => {
                if a < b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Self::Greatest => {
                if a > b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
        }
    }
}

impl<R: Record> Numbers<'_, R> {
    #[inline]
    fn get(&self, row: u32) -> f64 {
        match self {
            Self::Bytes(column) => f64::from(column.get(row)),
            Self::Shorts(column) => f64::from(column.get(row)),
            Self::Ints(column) => f64::from(column.get(row)),
            // Exposed as signed.
            Self::Longs(column) => column.get(row) as i64 as f64,
            Self::Reals(column) => f64::from(column.get(row)),
            Self::Axis(column, axis) => f64::from(column.get(row)[*axis]),
        }
    }

    #[inline]
    fn fetch(&self, row: u32) {
        match self {
            Self::Bytes(column) => column.fetch(row),
            Self::Shorts(column) => column.fetch(row),
            Self::Ints(column) => column.fetch(row),
            Self::Longs(column) => column.fetch(row),
            Self::Reals(column) => column.fetch(row),
            Self::Axis(column, _) => column.fetch(row),
        }
    }
}

fn connection_numbers(snapshot: &Snapshot, column: Column) -> Option<Numbers<'_, Connection>> {
    let table = &snapshot.connections;
    Some(match column {
        Column::Id => Numbers::Longs(Flat::new(table, |columns| &columns.id)),
        Column::Source => Numbers::Longs(Flat::new(table, |columns| &columns.source)),
        Column::Target => Numbers::Longs(Flat::new(table, |columns| &columns.target)),
        Column::Weight => Numbers::Reals(Flat::new(table, |columns| &columns.weight)),
        Column::Confidence => Numbers::Reals(Flat::new(table, |columns| &columns.confidence)),
        Column::Rigidity => Numbers::Reals(Flat::new(table, |columns| &columns.rigidity)),
        Column::Evidence => Numbers::Ints(Flat::new(table, |columns| &columns.evidence)),
        Column::Activations => Numbers::Longs(Flat::new(table, |columns| &columns.activations)),
        Column::Levels => Numbers::Bytes(Flat::new(table, |columns| &columns.levels)),
        _ => return None,
    })
}

fn token_numbers(snapshot: &Snapshot, column: Column) -> Option<Numbers<'_, Token>> {
    let table = &snapshot.tokens;
    Some(match column {
        Column::Id => Numbers::Longs(Flat::new(table, |columns| &columns.id)),
        Column::Weight => Numbers::Reals(Flat::new(table, |columns| &columns.weight)),
        Column::Flags => Numbers::Shorts(Flat::new(table, |columns| &columns.flags)),
        Column::Axis(axis) => Numbers::Axis(Flat::new(table, |columns| &columns.coords), axis as usize),
        _ => return None,
    })
}

fn compile<'a>(expression: &Expression, snapshot: &'a Snapshot) -> Result<Node<'a>> {
    let known = |table, name: &str| {
        column(snapshot, table, name)
            .ok_or_else(|| Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug())))
    };
    let no_number = |name: &str| Error::type_mismatch(format!("column \"{}\" is no number", name.escape_debug()));
    Ok(match expression {
        Expression::Number(number) => Node::Number(*number),
        Expression::Connection(name) => {
            let column = known(TableKind::Connections, name)?;
            Node::Connection(column, connection_numbers(snapshot, column).ok_or_else(|| no_number(name))?)
        }
        Expression::Token(end, name) => {
            let column = known(TableKind::Tokens, name)?;
            Node::Token(*end, column, token_numbers(snapshot, column).ok_or_else(|| no_number(name))?)
        }
        Expression::Distance(a, b) => Node::Distance(*a, *b),
        Expression::Unary(function, a) => Node::Unary(*function, Box::new(compile(a, snapshot)?)),
        Expression::Binary(function, a, b) => {
            Node::Binary(*function, Box::new(compile(a, snapshot)?), Box::new(compile(b, snapshot)?))
        }
    })
}
