//! `within`: every token no further from a point than a radius.

use crate::batch::Relation;
use crate::error::Result;
use crate::index::spatial::{self, Hit, scan_within};
use crate::metric::Point;
use crate::ops::View;
use crate::ops::nearest::{Ready, Search, nearest, nearest_batch};

/// Every hit, in no particular order.
pub(super) fn all(ready: &Ready<'_>, query: &Point, radius: f64, work: &mut spatial::Work<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    if let Some(rows) = ready.few() {
        for (distance, row) in ready.near(rows, query) {
            if work.row() {
                break;
            }
            if distance <= radius {
                hits.push(Hit { distance, id: ready.id(row), row });
            }
        }
        return hits;
    }
    in_trees(ready, query, radius, &mut hits, work);
    beside_trees(ready, query, radius, &mut hits, work);
    hits
}

/// The hits among the rows that are where a tree says.
pub(super) fn in_trees(
    ready: &Ready<'_>,
    query: &Point,
    radius: f64,
    hits: &mut Vec<Hit>,
    work: &mut spatial::Work<'_>,
) {
    for (tree, moved) in ready.trees() {
        let (mut passes, mut id) = (|row| ready.passes_in(row, moved), |row| ready.id(row));
        tree.within(ready.metric, query, radius, &mut passes, &mut id, hits, work);
    }
}

/// The hits among all others, which are looked at one by one.
pub(super) fn beside_trees(
    ready: &Ready<'_>,
    query: &Point,
    radius: f64,
    hits: &mut Vec<Hit>,
    work: &mut spatial::Work<'_>,
) {
    ready.beside_trees(|points, row| {
        scan_within(points, ready.metric, query, radius, row, &mut |row| ready.id(row), hits, work);
    });
}

/// Every token within `search.radius`, nearest first: its columns and `distance`.
pub fn within(view: &View, query: &Point, radius: f64, search: &Search<'_>) -> Result<Relation> {
    nearest(view, query, &Search { k: None, radius: Some(radius), ..search.clone() })
}

/// The same around each of many points, on every core: `query`, `id`, `distance`.
pub fn within_batch(view: &View, queries: &[Point], radius: f64, search: &Search<'_>) -> Result<Relation> {
    nearest_batch(view, queries, &Search { k: None, radius: Some(radius), ..search.clone() })
}
