//! `path`: a way of the fewest hops from one token to another, searched from both ends; or the cheapest one.

mod astar;
mod cheapest;

use std::collections::HashMap;

use arrow_array::{Float64Array, Int32Array, Int64Array};

use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Pace;
use crate::columns::TableKind;
use crate::cost::{self, Cost, Expression};
use crate::error::Result;
use crate::index::adjacency::Direction;
use crate::metric::Metric;
use crate::ops::{Via, View};
use crate::snapshot::{Snapshot, TokenRef};

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
type Way = Vec<(u32, u32)>;

/// The columns of a path, in order.
const COLUMNS: [&str; 6] = ["step", "id", "key", "type", "connection", "cost"];

/// What a token that was reached takes.
const REACHED_BYTES: usize = 24;

/// One side of the search: how each row was reached, and the rows of the last level.
struct Side {
    /// Row → (row before, connection walked, hops so far); a start is its own predecessor.
    reached: HashMap<u32, (u32, u32, u32), foldhash::fast::RandomState>,
    level: Vec<u32>,
    hops: u32,
    direction: Direction,
}

impl Side {
    fn new(start: u32, direction: Direction) -> Self {
        let reached = [(start, (start, u32::MAX, 0))].into_iter().collect();
        Self { reached, level: vec![start], hops: 0, direction }
    }

    /// One level more; the meeting point with the fewest hops on both sides, if any.
    fn advance(
        &mut self,
        snapshot: &Snapshot,
        via: &Via,
        other: &Self,
        pace: &mut Pace<'_>,
        work: &mut Work,
    ) -> Result<Option<u32>> {
        let (mut next, mut best) = (Vec::new(), None);
        self.hops += 1;
        for from in std::mem::take(&mut self.level) {
            let before = work.edges_examined;
            snapshot.adjacency.hops(snapshot, from, self.direction, |hop| {
                work.edges_examined += 1;
                if !via.contains(hop.kind) || self.reached.contains_key(&hop.token) {
                    return;
                }
                self.reached.insert(hop.token, (from, hop.connection, self.hops));
                next.push(hop.token);
                if let Some((_, _, rest)) = other.reached.get(&hop.token)
                    && best.is_none_or(|(fewest, _)| *rest < fewest)
                {
                    best = Some((*rest, hop.token));
                }
            });
            pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1))?;
        }
        self.level = next;
        Ok(best.map(|(_, row)| row))
    }

    /// The way from `row` back to the start: (row, connection that led to it).
    fn back(&self, mut row: u32) -> Way {
        let mut way = Vec::new();
        while let Some((before, connection, hops)) = self.reached.get(&row) {
            way.push((row, *connection));
            if *hops == 0 {
                break;
            }
            row = *before;
        }
        way
    }
}

/// A way of the fewest hops.
fn shortest(from: u32, to: u32, via: &Via, route: &Route<'_>, view: &View, work: &mut Work) -> Result<Option<Way>> {
    let (snapshot, mut pace) = (&*view.snapshot, view.cancel.pace());
    let mut ahead = Side::new(from, route.direction);
    let mut behind = Side::new(to, route.direction.reversed());
    if from == to {
        return Ok(Some(vec![(from, u32::MAX)]));
    }
    loop {
        if route.max_depth.is_some_and(|most| ahead.hops + behind.hops >= most) {
            return Ok(None);
        }
        if ahead.level.is_empty() || behind.level.is_empty() {
            return Ok(None);
        }
        view.memory.take((ahead.level.len() + behind.level.len()) * REACHED_BYTES)?;
        let meeting = if ahead.level.len() <= behind.level.len() {
            ahead.advance(snapshot, via, &behind, &mut pace, work)?
        } else {
            behind.advance(snapshot, via, &ahead, &mut pace, work)?
        };
        let Some(row) = meeting else { continue };
        let mut way = ahead.back(row);
        way.reverse();
        // Behind the meeting point each connection leads away from its row: it belongs to the row after.
        let tail = behind.back(row);
        way.extend(tail.windows(2).map(|pair| (pair[1].0, pair[0].1)));
        return Ok(Some(way));
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
    let by_distance = cost.as_ref().filter(|_| route.max_depth.is_none());
    let floors = by_distance.and_then(|cost| Some([cost.floor(to)?, cost.floor(from)?]));
    let access = if floors.is_some() { "adjacency, A*" } else { "adjacency" };
    let way = match (&cost, floors) {
        (None, _) => shortest(from, to, &via, route, view, &mut work)?,
        (Some(cost), Some(floors)) => astar::astar(view, (from, to), &via, route, (cost, floors), &mut work)?,
        (Some(cost), None) => cheapest::cheapest(view, (from, to), &via, route, cost, &mut work)?,
    };
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
