//! `neighbors`: tokens that a walk of m to n hops reaches, with the fewest hops that it takes.

use std::cell::RefCell;

use arrow_array::{Float64Array, Int32Array};

use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Cancel;
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::filter::{Filter, Predicate};
use crate::index::adjacency::Direction;
use crate::index::spatial::{Hit, TopK};
use crate::metric::{Metric, Point};
use crate::ops::{Via, View, order, page};
use crate::snapshot::{Snapshot, TokenRef};
use crate::token::Token;

/// Which tokens are reached, and how the answer is ordered.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    /// Fewest and most hops, 1 ≤ fewest ≤ most.
    pub depth: (u32, u32),
    /// Names of the connection types walked; all unless given.
    pub via: Option<&'a [String]>,
    /// Which way.
    pub direction: Direction,
    /// Tokens that are shown; it never prunes the walk.
    pub predicate: Option<&'a Predicate>,
    /// Order by the distance to this point.
    pub near: Option<Point>,
    /// With `near`: none further away.
    pub radius: Option<f64>,
    /// With `near`: the session's unless given.
    pub metric: Option<&'a Metric>,
    /// So many at the most.
    pub limit: Option<usize>,
    /// So many left out first.
    pub offset: usize,
    /// Columns of the result; all unless given.
    pub columns: Option<&'a [String]>,
}

thread_local! {
    /// A bit per token row, all clear between walks.
    static SEEN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Rows reached and their depths, breadth first; the starts themselves are not among them.
pub fn reach(
    snapshot: &Snapshot,
    starts: &[u32],
    (fewest, most): (u32, u32),
    via: &Via,
    direction: Direction,
    cancel: &Cancel,
    work: &mut Work,
) -> Result<Vec<(u32, i32)>> {
    cancel.check()?;
    // Taken out, so that a panic loses the bits rather than leaving some set.
    let mut seen = SEEN.take();
    let words = snapshot.tokens.extent() as usize / 64 + 1;
    if seen.len() < words {
        seen.resize(words, 0);
    }
    let mut order: Vec<u32> = Vec::new();
    let first = |row: u32, seen: &mut [u64]| {
        let (word, bit) = (row as usize / 64, 1u64 << (row % 64));
        let new = seen[word] & bit == 0;
        seen[word] |= bit;
        new
    };
    order.extend(starts.iter().filter(|row| first(**row, &mut seen)));
    let mut reached = Vec::new();
    let (mut level, mut depth) = (0..order.len(), 1);
    let (mut pace, mut over) = (cancel.pace(), Ok(()));
    while depth <= most && !level.is_empty() && over.is_ok() {
        let end = order.len();
        for i in level {
            let before = work.edges_examined;
            snapshot.adjacency.hops(snapshot, order[i], direction, |hop| {
                work.edges_examined += 1;
                if via.contains(hop.kind) && first(hop.token, &mut seen) {
                    order.push(hop.token);
                    if depth >= fewest {
                        reached.push((hop.token, depth as i32));
                    }
                }
            });
            over = pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1));
            if over.is_err() {
                break;
            }
        }
        level = end..order.len();
        depth += 1;
    }
    order.iter().for_each(|row| seen[*row as usize / 64] = 0);
    SEEN.set(seen);
    over.map(|()| reached)
}

/// Tokens reached from `starts`: their columns, `depth`, and with a point `distance`.
pub fn neighbors(view: &View, starts: &[TokenRef], walk: &Walk<'_>) -> Result<Relation> {
    let (fewest, most) = walk.depth;
    if walk.near.is_none() && walk.radius.is_some() {
        return Err(Error::invalid_value("a radius needs a point to be near"));
    }
    if fewest == 0 || fewest > most {
        return Err(Error::invalid_value("the depth is m..n with 1 ≤ m ≤ n"));
    }
    let snapshot = &view.snapshot;
    let rows = starts.iter().map(|token| snapshot.token(token)).collect::<Result<Vec<_>>>()?;
    let via = Via::new(walk.via, &snapshot.catalog)?;
    let filter = Filter::compile::<Token>(walk.predicate, snapshot, &view.metric)?;
    let mut work = Work::default();
    let mut reached = reach(snapshot, &rows, walk.depth, &via, walk.direction, &view.cancel, &mut work)?;
    work.rows_examined = reached.len() as u64;
    view.memory.take(size_of_val(&*reached))?;
    let mut pace = view.cancel.pace();
    if !filter.is_all() {
        let mut shown = Vec::new();
        for (row, depth) in reached {
            pace.tick()?;
            if filter.token_at_depth(snapshot, row, depth) {
                shown.push((row, depth));
            }
        }
        reached = shown;
    }
    let relation = match walk.near {
        None => {
            order::sort_by_key(&view.cancel, &mut reached, |(row, depth)| (*depth, snapshot.tokens.id(*row)))?;
            let reached = page(reached, walk.limit, walk.offset);
            relation(view, &reached, None, walk.columns)?
        }
        Some(point) => {
            let metric = walk.metric.unwrap_or(&view.metric);
            if metric.live_axes() == 0 {
                return Err(Error::invalid_text("the point has no live axis: every scale is 0"));
            }
            if walk.radius.is_some_and(|r| !r.is_finite() || r < 0.0) {
                return Err(Error::out_of_range("the radius is not a finite number ≥ 0"));
            }
            let k = walk.limit.map_or(usize::MAX, |limit| limit.saturating_add(walk.offset));
            let mut top = TopK::new(k, walk.radius);
            for (i, (row, _)) in reached.iter().enumerate() {
                pace.tick()?;
                let distance = metric.distance(&snapshot.coords(*row), &point);
                if distance <= top.limit() {
                    // `row` of the hit is the place in `reached`, where the depth is.
                    top.push(Hit { distance, id: snapshot.tokens.id(*row), row: i as u32 });
                }
            }
            let hits = page(top.into_sorted(), None, walk.offset);
            let reached: Vec<(u32, i32)> = hits.iter().map(|hit| reached[hit.row as usize]).collect();
            relation(view, &reached, Some(hits.iter().map(|hit| hit.distance).collect()), walk.columns)?
        }
    };
    Ok(relation.found("adjacency", work))
}

fn relation(
    view: &View,
    reached: &[(u32, i32)],
    distances: Option<Vec<f64>>,
    columns: Option<&[String]>,
) -> Result<Relation> {
    let rows = Rows::List(reached.iter().map(|(row, _)| *row).collect());
    let depths = Int32Array::from_iter_values(reached.iter().map(|(_, depth)| *depth));
    let mut extras = vec![("depth", Extra::Small(depths))];
    extras.extend(distances.map(|d| ("distance", Extra::Double(Float64Array::from(d)))));
    Relation::new(view.snapshot.clone(), TableKind::Tokens, rows, extras, columns)
}
