//! What a hop costs: an expression over a connection and its two ends, told by the caller in names, compiled once
//! against a snapshot, then asked hop by hop.

mod bound;

use crate::columns::{Cell, Column, TableKind, cell, column};
use crate::error::{Error, Result};
use crate::metric::{Metric, Point};
use crate::snapshot::Snapshot;

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
#[derive(Clone, Debug)]
enum Node {
    Number(f64),
    /// Of an end, or of the connection.
    Column(TableKind, Option<End>, Column),
    Distance(Place, Place),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
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
    node: Node,
    snapshot: &'a Snapshot,
    metric: Metric,
}

impl<'a> Cost<'a> {
    /// Resolve the names: 42703 for an unknown column, 42804 for one that is no number.
    pub fn compile(expression: &Expression, snapshot: &'a Snapshot, metric: &Metric) -> Result<Self> {
        Ok(Self { node: compile(expression, snapshot)?, snapshot, metric: metric.clone() })
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

    fn value(&self, node: &Node, rows: Rows) -> f64 {
        match node {
            Node::Number(number) => *number,
            Node::Column(table, of, column) => {
                let row = of.map_or(rows.connection, |end| rows.end(end));
                match cell(self.snapshot, *table, row, *column) {
                    Cell::Int(value) => value as f64,
                    Cell::Real(value) => f64::from(value),
                    Cell::Double(value) => value,
                    _ => f64::NAN,
                }
            }
            Node::Distance(a, b) => self.metric.distance(&self.place(a, rows), &self.place(b, rows)),
            Node::Unary(function, a) => function.apply(self.value(a, rows)),
            Node::Binary(function, a, b) => function.apply(self.value(a, rows), self.value(b, rows)),
        }
    }

    fn place(&self, place: &Place, rows: Rows) -> Point {
        match place {
            Place::End(end) => self.snapshot.coords(rows.end(*end)),
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
            Self::Least => a.min(b),
            Self::Greatest => a.max(b),
        }
    }
}

fn compile(expression: &Expression, snapshot: &Snapshot) -> Result<Node> {
    let numeric = |table, end, name: &str| match column(snapshot, table, name) {
        Some(column) if column.is_numeric() => Ok(Node::Column(table, end, column)),
        Some(_) => Err(Error::type_mismatch(format!("column \"{}\" is no number", name.escape_debug()))),
        None => Err(Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug()))),
    };
    Ok(match expression {
        Expression::Number(number) => Node::Number(*number),
        Expression::Connection(name) => numeric(TableKind::Connections, None, name)?,
        Expression::Token(end, name) => numeric(TableKind::Tokens, Some(*end), name)?,
        Expression::Distance(a, b) => Node::Distance(*a, *b),
        Expression::Unary(function, a) => Node::Unary(*function, Box::new(compile(a, snapshot)?)),
        Expression::Binary(function, a, b) => {
            Node::Binary(*function, Box::new(compile(a, snapshot)?), Box::new(compile(b, snapshot)?))
        }
    })
}
