//! The few rows that a predicate can be true of, where its terms name them: nothing else has to be looked at.

use crate::columns::TableKind;
use crate::filter::{Op, Predicate, Value};
use crate::index::adjacency::Direction;
use crate::snapshot::{Snapshot, TokenRef};

/// Rows of a table that are named; `None` if none are.
pub(super) fn rows(table: TableKind, predicate: Option<&Predicate>, snapshot: &Snapshot) -> Option<Vec<u32>> {
    match table {
        TableKind::Tokens => tokens(predicate?, snapshot),
        TableKind::Connections => connections(predicate?, snapshot),
    }
}

/// Rows of tokens that are named by id or key; `None` if none are named.
pub(super) fn tokens(predicate: &Predicate, snapshot: &Snapshot) -> Option<Vec<u32>> {
    named(predicate, &|column, value| match (column, value) {
        ("id", Value::Int(id)) => Some(snapshot.find_token(&TokenRef::Id(*id)).into_iter().collect()),
        ("key", Value::Text(key)) => Some(snapshot.find_key(key).into_iter().collect()),
        ("id" | "key", Value::Null) => Some(Vec::new()),
        _ => None,
    })
}

/// Rows of connections that are named by id or by an end.
fn connections(predicate: &Predicate, snapshot: &Snapshot) -> Option<Vec<u32>> {
    let hops = |token: i64, direction| {
        let mut rows = Vec::new();
        if let Some(token) = snapshot.find_token(&TokenRef::Id(token)) {
            snapshot.adjacency.hops(snapshot, token, direction, |hop| rows.push(hop.connection));
        }
        rows
    };
    named(predicate, &|column, value| match (column, value) {
        ("id", Value::Int(id)) => {
            Some(u64::try_from(*id).ok().and_then(|id| snapshot.connections.find(id)).into_iter().collect())
        }
        ("source", Value::Int(id)) => Some(hops(*id, Direction::Out)),
        ("target", Value::Int(id)) => Some(hops(*id, Direction::In)),
        ("id" | "source" | "target", Value::Null) => Some(Vec::new()),
        _ => None,
    })
}

/// The rows that equality with a value names; of several terms that must hold, those of the one that names the fewest.
fn named(predicate: &Predicate, rows_of: &impl Fn(&str, &Value) -> Option<Vec<u32>>) -> Option<Vec<u32>> {
    let mut rows = match predicate {
        Predicate::And(terms) => terms.iter().filter_map(|term| named(term, rows_of)).min_by_key(Vec::len)?,
        Predicate::Compare(Op::Eq, column, value) => rows_of(column, value)?,
        Predicate::In(column, values, false) => {
            values.iter().map(|value| rows_of(column, value)).collect::<Option<Vec<_>>>()?.concat()
        }
        _ => return None,
    };
    rows.sort_unstable();
    rows.dedup();
    Some(rows)
}
