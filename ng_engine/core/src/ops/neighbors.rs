//! `neighbors`: tokens that a walk of m to n hops reaches, with the fewest hops that it takes.

use std::ops::ControlFlow::{self, Continue};

use arrow_array::{Float64Array, Int32Array};

use crate::batch::{Extra, Relation, Rows, Work};
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::filter::{Filter, Predicate};
use crate::index::adjacency::Direction;
use crate::index::spatial::{Hit, TopK};
use crate::metric::{Metric, Point};
use crate::ops::walk;
use crate::ops::{Via, View, order, page};
use crate::snapshot::TokenRef;
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

/// Rows reached and their depths, breadth first; the starts themselves are not among them.
fn reach(
    view: &View,
    starts: &[u32],
    (fewest, most): (u32, u32),
    via: &Via,
    direction: Direction,
    work: &mut Work,
) -> Result<Vec<(u32, i32)>> {
    view.cancel.check()?;
    let (mut walk, mut pace) = (walk::Walk::new(&view.snapshot, via, direction, starts), view.cancel.pace());
    let (mut reached, mut depth) = (Vec::new(), 1);
    while depth <= most && !walk.level().is_empty() {
        let _: ControlFlow<()> = walk.advance(&mut pace, work, |_, _| Continue(()))?;
        if depth >= fewest {
            let level = &walk.order()[walk.level()];
            view.memory.take(level.len() * size_of::<(u32, i32)>())?;
            reached.extend(level.iter().map(|row| (*row, depth as i32)));
        }
        depth += 1;
    }
    Ok(reached)
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
    let mut reached = reach(view, &rows, walk.depth, &via, walk.direction, &mut work)?;
    work.rows_examined = reached.len() as u64;
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
            // Mostly ids rise with rows, which need no look at the table.
            if snapshot.tokens.in_id_order() {
                order::sort_by_key(&view.cancel, &mut reached, |(row, depth)| (*depth, *row))?;
            } else {
                order::sort_by_key(&view.cancel, &mut reached, |(row, depth)| (*depth, snapshot.tokens.id(*row)))?;
            }
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
