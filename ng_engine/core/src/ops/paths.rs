//! `paths`: the k cheapest ways from one token to another that come to no token twice, or all of the least cost.
//!
//! Yen's algorithm as Lawler refined it: the ways that leave a known one at a certain token, by none of the connections
//! that known ones take there, are a part of all ways; the parts are disjoint, so no way is found twice. A part is searched
//! only once its floor, which one look at the token gives, is the least of all (`deviations`).

mod ball;
mod deviations;
mod fewest;
mod search;

use std::cmp::Ordering;

use arrow_array::{Float64Array, Int32Array, Int64Array};

use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Pace;
use crate::columns::TableKind;
use crate::cost::{self, Cost};
use crate::error::{Error, Result};
use crate::index::adjacency::Hop;
use crate::ops::path::Route;
use crate::ops::{Via, View};
use crate::snapshot::TokenRef;

/// The columns of the result, in order.
const COLUMNS: [&str; 7] = ["path", "step", "id", "key", "type", "connection", "cost"];

/// Rows of an answer at the most.
const MOST_ROWS: usize = 1 << 24;

/// What a row of the answer takes.
const ROW_BYTES: usize = 28;

/// A token of a way, with the connection that led to it, and what it costs to come here from the start.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    row: u32,
    /// Row of the connection; `u32::MAX` at the start.
    connection: u32,
    /// Id of the connection, by which ways of the same cost and as many hops are ordered; 0 at the start.
    id: u64,
    cost: f64,
}

/// The tokens of a way, the start first.
type Way = Vec<Step>;

/// Ways by cost, then hops, then the ids of their connections.
fn order(a: &[Step], b: &[Step]) -> Ordering {
    let cost = |way: &[Step]| way.last().map_or(0.0, |step| step.cost);
    let ids = || a.iter().map(|step| step.id).cmp(b.iter().map(|step| step.id));
    cost(a).total_cmp(&cost(b)).then(a.len().cmp(&b.len())).then_with(ids)
}

/// What the searches walk through, and count.
struct Walker<'a> {
    view: &'a View,
    via: &'a Via,
    route: &'a Route<'a>,
    cost: Option<&'a Cost<'a>>,
    work: Work,
    pace: Pace<'a>,
}

impl Walker<'_> {
    /// Every hop that leaves a token, or leads to it, with what it costs.
    fn hops(&mut self, row: u32, backwards: bool, found: &mut Vec<(Hop, f64)>) -> Result<()> {
        found.clear();
        let (via, before) = (self.via, self.work.edges_examined);
        let direction = if backwards { self.route.direction.reversed() } else { self.route.direction };
        self.view.snapshot.adjacency.hops(&self.view.snapshot, row, direction, |hop| {
            self.work.edges_examined += 1;
            if via.contains(hop.kind) {
                found.push((hop, 1.0));
            }
        });
        if let Some(cost) = self.cost {
            for (hop, price) in found {
                let (from, to) = if backwards { (hop.token, row) } else { (row, hop.token) };
                *price = cost.of(cost::Rows { from, to, connection: hop.connection })?;
            }
        }
        self.pace.ticks(1 + u32::try_from(self.work.edges_examined - before).unwrap_or(u32::MAX - 1))
    }

    fn id(&self, connection: u32) -> u64 {
        self.view.snapshot.connections.id(connection)
    }

    /// Most hops, where they are not what a way costs.
    fn most_hops(&self) -> Option<u32> {
        self.cost.and(self.route.max_depth)
    }

    /// Most that a way may cost.
    fn most_cost(&self) -> f64 {
        if self.cost.is_some() { f64::INFINITY } else { self.route.max_depth.map_or(f64::INFINITY, f64::from) }
    }
}

/// The `k` cheapest ways, or all of the least cost: one row a token, none if there is no way.
///
/// Ways come by cost, then hops, then the ids of their connections; costs are summed up from the start on. Without a cost
/// each hop costs 1.
pub fn paths(
    view: &View,
    source: &TokenRef,
    target: &TokenRef,
    k: Option<usize>,
    route: &Route<'_>,
) -> Result<Relation> {
    if k == Some(0) {
        return Err(Error::invalid_value("k is not a whole number ≥ 1"));
    }
    view.cancel.check()?;
    let snapshot = &view.snapshot;
    let ends = (snapshot.token(source)?, snapshot.token(target)?);
    let via = Via::new(route.via, &snapshot.catalog)?;
    let metric = route.metric.unwrap_or(&view.metric);
    let cost = route.cost.map(|cost| Cost::compile(cost, snapshot, metric)).transpose()?;
    let (work, pace) = (Work::default(), view.cancel.pace());
    let mut walker = Walker { view, via: &via, route, cost: cost.as_ref(), work, pace };
    let ways = match (k, &cost) {
        (None, None) => fewest::every(&mut walker, ends)?,
        _ => deviations::cheapest(&mut walker, ends, k)?,
    };
    relation(view, &ways, walker.work)
}

fn relation(view: &View, ways: &[Way], work: Work) -> Result<Relation> {
    let snapshot = &view.snapshot;
    let steps = || ways.iter().flatten();
    let numbers = ways.iter().zip(1..).flat_map(|(way, number)| way.iter().map(move |_| number));
    let connection = |step: &Step| (step.connection != u32::MAX).then_some(step.id as i64);
    let extras = vec![
        ("path", Extra::Small(Int32Array::from_iter_values(numbers))),
        ("step", Extra::Small(Int32Array::from_iter_values(ways.iter().flat_map(|way| 0..way.len() as i32)))),
        ("connection", Extra::Big(steps().map(connection).collect::<Int64Array>())),
        ("cost", Extra::Double(Float64Array::from_iter_values(steps().map(|step| step.cost)))),
    ];
    let rows = Rows::List(steps().map(|step| step.row).collect());
    let wanted = COLUMNS.map(str::to_owned);
    Ok(Relation::new(snapshot.clone(), TableKind::Tokens, rows, extras, Some(&wanted))?.found("adjacency", work))
}

/// Take the memory of so many rows of the answer beside those that there are, of which an answer has no more than so many.
fn make_room(walker: &Walker<'_>, rows: usize, more: usize) -> Result<()> {
    if rows.saturating_add(more) > MOST_ROWS {
        return Err(Error::limit_exceeded(format!("the ways have more than {MOST_ROWS} steps in all"))
            .hint("ask for fewer of them"));
    }
    walker.view.memory.take(more * (ROW_BYTES + size_of::<Step>()))
}
