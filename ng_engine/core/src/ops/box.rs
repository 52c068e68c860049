//! `box`: tokens whose coordinates lie in a range on every axis, by id.

use crate::batch::{Relation, Rows};
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::index::spatial::{self, scan_box};
use crate::metric::Point;
use crate::ops::nearest::{Ready, finished};
use crate::ops::scan::Scan;
use crate::ops::{View, order, page};

/// Tokens with `low[i] <= x[i] <= high[i]`; an infinite bound is open. A box that is upside down is 22023.
pub fn within_box(view: &View, low: &Point, high: &Point, scan: &Scan<'_>) -> Result<Relation> {
    let ready = Ready::unmeasured(view, scan.predicate)?;
    let mut work = spatial::Work::cancelled_by(&view.cancel);
    let mut rows = Vec::new();
    each_in(view, &ready, low, high, &mut |row| rows.push(row), &mut work)?;
    answer(view, &ready, rows, &work, scan)
}

/// Reports every row in a box, in no particular order.
pub(super) fn each_in(
    view: &View,
    ready: &Ready<'_>,
    low: &Point,
    high: &Point,
    hit: &mut impl FnMut(u32),
    work: &mut spatial::Work<'_>,
) -> Result<()> {
    if let Some(axis) = (0..8).find(|i| low[*i] > high[*i]) {
        return Err(Error::invalid_value(format!("the box is empty on axis {}: low is above high", axis + 1)));
    }
    let inside = |point: &Point| (0..8).all(|axis| low[axis] <= point[axis] && point[axis] <= high[axis]);
    if let Some(few) = ready.few() {
        for row in few {
            if work.row() {
                break;
            }
            if inside(&view.snapshot.coords(*row)) {
                hit(*row);
            }
        }
        return finished(view, work);
    }
    for (tree, moved) in ready.trees() {
        tree.in_box(low, high, &mut |row| ready.passes_in(row, moved), hit, work);
    }
    ready.beside_trees(|points, row| scan_box(points, low, high, row, hit, work));
    finished(view, work)
}

fn answer(
    view: &View,
    ready: &Ready<'_>,
    mut rows: Vec<u32>,
    work: &spatial::Work<'_>,
    scan: &Scan<'_>,
) -> Result<Relation> {
    view.memory.take(size_of_val(&*rows))?;
    order::sort_by_key(&view.cancel, &mut rows, |row| view.snapshot.tokens.id(*row))?;
    let rows = Rows::List(page(rows, scan.limit, scan.offset));
    let relation = Relation::new(view.snapshot.clone(), TableKind::Tokens, rows, Vec::new(), scan.columns)?;
    Ok(relation.found(ready.access(), work.into()))
}
