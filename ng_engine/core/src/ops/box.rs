//! `box`: tokens whose coordinates lie in a range on every axis, by id.

use crate::batch::{Relation, Rows};
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::index::spatial::{self, scan_box};
use crate::metric::Point;
use crate::ops::nearest::{Ready, Search, finished};
use crate::ops::scan::Scan;
use crate::ops::{View, order, page};

/// Tokens with `low[i] <= x[i] <= high[i]`; an infinite bound is open. A box that is upside down is 22023.
pub fn within_box(view: &View, low: &Point, high: &Point, scan: &Scan<'_>) -> Result<Relation> {
    if let Some(axis) = (0..8).find(|i| low[*i] > high[*i]) {
        return Err(Error::invalid_value(format!("the box is empty on axis {}: low is above high", axis + 1)));
    }
    // A box has no metric; any with a live axis lets the search be prepared.
    let metric = crate::metric::Metric::new([1.0; 8], [0.0; 8]);
    let search = Search { predicate: scan.predicate, metric: Some(&metric), ..Search::default() };
    let ready = Ready::new(view, &search)?;
    let mut work = spatial::Work::cancelled_by(&view.cancel);
    let mut rows = Vec::new();
    let inside = |point: &Point| (0..8).all(|axis| low[axis] <= point[axis] && point[axis] <= high[axis]);
    if let Some(few) = ready.few() {
        for row in few {
            if work.row() {
                break;
            }
            if inside(&view.snapshot.coords(*row)) {
                rows.push(*row);
            }
        }
        return answer(view, &ready, rows, &work, scan);
    }
    for (tree, moved) in ready.trees() {
        tree.in_box(low, high, &mut |row| ready.passes_in(row, moved), &mut |row| rows.push(row), &mut work);
    }
    ready.beside_trees(|points, row| scan_box(points, low, high, row, &mut |row| rows.push(row), &mut work));
    answer(view, &ready, rows, &work, scan)
}

fn answer(
    view: &View,
    ready: &Ready<'_>,
    mut rows: Vec<u32>,
    work: &spatial::Work<'_>,
    scan: &Scan<'_>,
) -> Result<Relation> {
    finished(view, work)?;
    view.memory.take(size_of_val(&*rows))?;
    order::sort_by_key(&view.cancel, &mut rows, |row| view.snapshot.tokens.id(*row))?;
    let rows = Rows::List(page(rows, scan.limit, scan.offset));
    let relation = Relation::new(view.snapshot.clone(), TableKind::Tokens, rows, Vec::new(), scan.columns)?;
    Ok(relation.found(ready.access(), work.into()))
}
