//! `path`: a way of the fewest hops from one token to another, searched from both ends; or the cheapest one.

mod astar;
mod cheapest;

use std::ops::ControlFlow::{Break, Continue};

use arrow_array::{Float64Array, Int32Array, Int64Array};

use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Pace;
use crate::columns::TableKind;
use crate::cost::{self, Cost, Expression};
use crate::error::Result;
use crate::index::adjacency::{Direction, Hop};
use crate::metric::Metric;
use crate::ops::walk::Walk;
use crate::ops::{Via, View};
use crate::snapshot::TokenRef;

/// What the way may use.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    /// Names of the connection types walked; all unless given.
    pub via: Option<&'a [String]>,
    /// Most hops; no limit unless given.
    pub max_depth: Option<u32>,
    /// Which way connections are walked.
    pub direction: Direction,
    /// What a hop costs: the way is the cheapest, not the one of the fewest hops.
    pub cost: Option<&'a Expression>,
    /// What distances in `cost` are measured with; the session's unless given.
    pub metric: Option<&'a Metric>,
}

/// The tokens of a way, the start first, each with the connection that led to it.
pub(super) type Way = Vec<(u32, u32)>;

/// The columns of a path, in order.
const COLUMNS: [&str; 6] = ["step", "id", "key", "type", "connection", "cost"];

/// What a token that was reached takes.
const REACHED_BYTES: usize = 8;

/// One side of the search: what it reached, and how.
struct Side<'a> {
    walk: Walk<'a>,
    /// For each of the rows reached, where among them the one is that led to it.
    before: Vec<u32>,
    hops: u32,
    direction: Direction,
}

impl<'a> Side<'a> {
    fn new(view: &'a View, via: &'a Via, start: u32, direction: Direction) -> Self {
        let walk = Walk::new(&view.snapshot, via, direction, &[start]);
        Self { walk, before: vec![0], hops: 0, direction }
    }

    /// One hop further, or until the other side is met: the row where it is.
    ///
    /// The first meeting is as good as any: a row that the other side reached before its last level would have been met
    /// before.
    fn advance(&mut self, other: &Self, pace: &mut Pace<'_>, work: &mut Work) -> Result<Option<u32>> {
        self.hops += 1;
        let before = &mut self.before;
        let met = self.walk.advance(pace, work, |row, from| {
            before.push(from as u32);
            if other.walk.has(row) { Break(row) } else { Continue(()) }
        })?;
        Ok(met.break_value())
    }

    /// The way from `row` back to the start: (row, connection that led to it).
    fn back(&self, view: &View, via: &Via, row: u32) -> Way {
        let order = self.walk.order();
        let mut at = order.iter().rposition(|reached| *reached == row).unwrap_or_default();
        let mut way = Vec::new();
        while at > 0 {
            let from = self.before[at] as usize;
            let led = |hop: Hop| {
                if hop.token == order[at] && via.contains(hop.kind) { Break(hop.connection) } else { Continue(()) }
            };
            let found = view.snapshot.adjacency.try_hops(&view.snapshot, order[from], self.direction, led);
            way.push((order[at], found.break_value().unwrap_or(u32::MAX)));
            at = from;
        }
        way.push((order[0], u32::MAX));
        way
    }
}

/// A way of the fewest hops.
fn shortest(view: &View, (from, to): (u32, u32), via: &Via, route: &Route<'_>, work: &mut Work) -> Result<Option<Way>> {
    if from == to {
        return Ok(Some(vec![(from, u32::MAX)]));
    }
    let mut pace = view.cancel.pace();
    let mut ahead = Side::new(view, via, from, route.direction);
    let mut behind = Side::new(view, via, to, route.direction.reversed());
    loop {
        let levels = (ahead.walk.level().len(), behind.walk.level().len());
        if route.max_depth.is_some_and(|most| ahead.hops + behind.hops >= most) || levels.0.min(levels.1) == 0 {
            return Ok(None);
        }
        view.memory.take((levels.0 + levels.1) * REACHED_BYTES)?;
        let meeting = if levels.0 <= levels.1 {
            ahead.advance(&behind, &mut pace, work)?
        } else {
            behind.advance(&ahead, &mut pace, work)?
        };
        let Some(row) = meeting else { continue };
        let mut way = ahead.back(view, via, row);
        way.reverse();
        // Behind the meeting point each connection leads away from its row: it belongs to the row after.
        let tail = behind.back(view, via, row);
        way.extend(tail.windows(2).map(|pair| (pair[1].0, pair[0].1)));
        return Ok(Some(way));
    }
}

/// A way of the fewest hops, or the cheapest with `cost`, and how it was searched for.
pub(super) fn way(
    view: &View,
    ends: (u32, u32),
    via: &Via,
    route: &Route<'_>,
    cost: Option<&Cost<'_>>,
    work: &mut Work,
) -> Result<(Option<Way>, &'static str)> {
    let Some(cost) = cost else { return Ok((shortest(view, ends, via, route, work)?, "adjacency")) };
    let by_distance = route.max_depth.is_none().then(|| Some([cost.floor(ends.1)?, cost.floor(ends.0)?]));
    match by_distance.flatten() {
        Some(floors) => Ok((astar::astar(view, ends, via, route, (cost, floors), work)?, "adjacency, A*")),
        None => Ok((cheapest::cheapest(view, ends, via, route, cost, work)?, "adjacency")),
    }
}

/// A way of the fewest hops, or the cheapest: one row a token, none if there is no way.
pub fn path(view: &View, source: &TokenRef, target: &TokenRef, route: &Route<'_>) -> Result<Relation> {
    view.cancel.check()?;
    let snapshot = &view.snapshot;
    let (from, to) = (snapshot.token(source)?, snapshot.token(target)?);
    let via = Via::new(route.via, &snapshot.catalog)?;
    let mut work = Work::default();
    let metric = route.metric.unwrap_or(&view.metric);
    let cost = route.cost.map(|cost| Cost::compile(cost, snapshot, metric)).transpose()?;
    let (way, access) = self::way(view, (from, to), &via, route, cost.as_ref(), &mut work)?;
    let way = way.unwrap_or_default();
    let mut costs = vec![0.0; way.len()];
    for i in 1..way.len() {
        let rows = cost::Rows { from: way[i - 1].0, to: way[i].0, connection: way[i].1 };
        costs[i] = costs[i - 1] + cost.as_ref().map_or(Ok(1.0), |cost| cost.of(rows))?;
    }
    let connection = |row: u32| (row != u32::MAX).then(|| snapshot.connections.id(row) as i64);
    let extras = vec![
        ("step", Extra::Small(Int32Array::from_iter_values(0..way.len() as i32))),
        ("connection", Extra::Big(way.iter().map(|(_, c)| connection(*c)).collect::<Int64Array>())),
        ("cost", Extra::Double(Float64Array::from(costs))),
    ];
    let rows = Rows::List(way.into_iter().map(|(row, _)| row).collect());
    let wanted = COLUMNS.map(str::to_owned);
    Ok(Relation::new(snapshot.clone(), TableKind::Tokens, rows, extras, Some(&wanted))?.found(access, work))
}
