//! One path between each of a few pairs of tokens: what `path` finds from both ends.

use crate::batch::Work;
use crate::error::Result;
use crate::ops::match_paths::found::Found;
use crate::ops::match_paths::trail::Trails;
use crate::ops::match_paths::{Edge, Mode, Node, Pattern, Ready, Selector};
use crate::ops::path::{self, Route};

/// More pairs than this are better searched from each first token once.
const MOST_PAIRS: usize = 16;

/// Whether the pattern asks for nothing that `path` does not know.
pub(super) fn suits(nodes: &[Node], edges: &[Edge], pattern: &Pattern<'_>) -> bool {
    let ([first, last], [edge]) = (nodes, edges) else { return false };
    let (Some(from), Some(to)) = (&first.rows, &last.rows) else { return false };
    let one = matches!(pattern.selector, Selector::AnyShortest | Selector::Cheapest(1));
    // Back to where it began is no path to `path`, unless it need not go anywhere.
    let apart = edge.low == 0 || !from.iter().any(|row| to.binary_search(row).is_ok());
    pattern.mode == Mode::Walk
        && one
        && last.same.is_none()
        && edge.low <= 1
        && !edge.is_single()
        && edge.filter.is_all()
        && apart
        && from.len() * to.len() <= MOST_PAIRS
}

/// The paths, and what finding them cost.
pub(super) fn paths(ready: &Ready<'_>) -> Result<(Found, Work)> {
    let (mut found, mut work) = (Found::default(), Work::default());
    let mut trails = Trails::new(ready)?;
    let (edge, costs) = (&ready.edges[0], ready.costs()?);
    let cost = costs[0].as_ref().filter(|_| ready.selector != Selector::AnyShortest);
    let route = Route { via: None, max_depth: edge.high, direction: edge.direction, cost: None, metric: None };
    let rows = |node: usize| ready.nodes[node].rows.iter().flatten().copied();
    for ends in rows(0).flat_map(|from| rows(1).map(move |to| (from, to))) {
        let (Some(way), _) = path::way(ready.view, ends, &edge.via, &route, cost, &mut work)? else { continue };
        trails.clear();
        let mut at = trails.begin(ends.0)?;
        for (row, connection) in &way[1..] {
            at = trails.go_to(at, *row, *connection)?;
        }
        let at = trails.end(at, way.len() as u32 - 1)?;
        found.add(&mut trails, at)?;
    }
    Ok((found, work))
}
