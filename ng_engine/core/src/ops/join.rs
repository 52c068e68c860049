//! `join`: the pairs of tokens that lie within a radius of each other, each found from the side with fewer tokens.

use arrow_array::{Float64Array, Int64Array};
use rayon::prelude::*;

use crate::access::Access;
use crate::batch::{Extra, Relation, Rows, Work};
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::filter::{Op, Predicate};
use crate::index::spatial::{self, Hit, Tree};
use crate::metric::{Metric, Point};
use crate::ops::nearest::{Ready, Search, finished};
use crate::ops::{View, on_pool, within};

/// What there is to be had of a pair.
const COLUMNS: [&str; 3] = ["a", "b", "distance"];
/// Tokens that one thread probes for at a time.
const PROBES: usize = 64;
/// To build a tree over a row costs about as much as to look at so many.
const BUILD: usize = 128;
/// Bytes that a tree takes for a row while it is built and then.
const TREE_ROW: usize = 40 + 40;

/// Which pairs (a, b): both `a <-> b <= radius` (`<` if strict) and the rest have to hold.
#[derive(Clone, Debug, Default)]
pub struct Join<'a> {
    /// Any number but NaN; none is at a negative distance.
    pub radius: f64,
    /// Whether a pair exactly at the radius is left out.
    pub strict: bool,
    /// The session's unless given.
    pub metric: Option<&'a Metric>,
    /// Tokens that may stand on the left.
    pub a: Option<&'a Predicate>,
    /// Tokens that may stand on the right.
    pub b: Option<&'a Predicate>,
    /// How the id of a compares with the id of b; not at all unless given.
    pub ids: Option<Op>,
    /// Columns of the result; all unless given.
    pub columns: Option<&'a [String]>,
}

/// The pairs that one thread has found.
#[derive(Default)]
struct Pairs {
    a: Vec<i64>,
    b: Vec<i64>,
    distance: Vec<f64>,
    work: Work,
}

/// What is searched, and for which pairs.
struct Target<'a> {
    join: &'a Join<'a>,
    ready: Ready<'a>,
    /// Over the rows that no tree of the snapshot has in their place, if there are many.
    loose: Option<Tree>,
    /// Whether the tokens probed for stand on the right.
    swapped: bool,
    /// Whether distances are asked for.
    measured: bool,
}

/// The pairs as `a, b, distance` (ids and the exact distance), in no particular order; a token pairs with itself too.
pub fn join(view: &View, join: &Join<'_>) -> Result<Relation> {
    if join.radius.is_nan() {
        return Err(Error::out_of_range("the radius is not a number"));
    }
    if let Some(name) = join.columns.unwrap_or_default().iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug())));
    }
    let side = |predicate| Ready::new(view, &Search { metric: join.metric, predicate, ..Search::default() });
    let (a, b) = (side(join.a)?, side(join.b)?);
    view.cancel.check()?;
    let possible = join.radius > 0.0 || join.radius == 0.0 && !join.strict;
    let (probes, swapped) = if possible { fewer(view, &a, &b)? } else { (Vec::new(), false) };
    let ready = if swapped { a } else { b };
    let loose = if ready.loose() * probes.len() > BUILD * view.snapshot.tokens.live() {
        Some(plant(view, &ready)?)
    } else {
        None
    };
    let measured = join.columns.is_none_or(|names| names.iter().any(|name| name == "distance"));
    let target = Target { join, ready, loose, swapped, measured };
    let found = target.probe(view, &probes)?;
    let (access, work) = (target.access(), target.work(&found));
    pairs(view, found, join.columns, measured).map(|relation| relation.found(access, work))
}

/// The rows of the side that has fewer, and whether that is the right one.
fn fewer(view: &View, a: &Ready<'_>, b: &Ready<'_>) -> Result<(Vec<u32>, bool)> {
    match (a.takes_all(), b.takes_all()) {
        (_, true) => Ok((rows(view, a)?, false)),
        (true, false) => Ok((rows(view, b)?, true)),
        (false, false) => {
            let (a, b) = (rows(view, a)?, rows(view, b)?);
            Ok(if a.len() <= b.len() { (a, false) } else { (b, true) })
        }
    }
}

/// The rows that pass, leaf by leaf: one after the other they visit nearly the same nodes.
fn rows(view: &View, ready: &Ready<'_>) -> Result<Vec<u32>> {
    let (mut rows, mut pace) = (Vec::new(), view.cancel.pace());
    for (tree, moved) in ready.trees() {
        for row in tree.rows() {
            pace.tick()?;
            if ready.passes_in(row, moved) {
                rows.push(row);
            }
        }
    }
    for row in ready.loose_rows() {
        pace.tick()?;
        if ready.passes(row) {
            rows.push(row);
        }
    }
    view.memory.take(size_of_val(&*rows))?;
    Ok(rows)
}

/// A tree over the rows that are not where a tree of the snapshot says.
fn plant(view: &View, ready: &Ready<'_>) -> Result<Tree> {
    view.memory.take(ready.loose() * TREE_ROW)?;
    let (mut points, mut pace): (Vec<(u32, Point)>, _) = (Vec::new(), view.cancel.pace());
    for row in ready.loose_rows() {
        pace.tick()?;
        if ready.passes(row) {
            points.push((row, view.snapshot.coords(row)));
        }
    }
    on_pool(&view.cancel, || Tree::build_unless(points, &view.cancel))
}

impl Target<'_> {
    fn probe(&self, view: &View, probes: &[u32]) -> Result<Vec<Pairs>> {
        let some = |rows: &[u32]| self.around(view, rows);
        if probes.len() <= PROBES {
            return Ok(vec![some(probes)?]);
        }
        on_pool(&view.cancel, || probes.par_chunks(PROBES).map(some).collect())
    }

    /// The pairs of some rows of the one side.
    fn around(&self, view: &View, rows: &[u32]) -> Result<Pairs> {
        let per_pair = size_of::<i64>() * if self.measured { 4 } else { 3 };
        let (mut pairs, mut hits) = (Pairs::default(), Vec::new());
        let mut work = spatial::Work::cancelled_by(&view.cancel);
        for row in rows {
            self.hits(&view.snapshot.coords(*row), &mut hits, &mut work);
            finished(view, &work)?;
            let id = self.ready.id(*row);
            let before = pairs.a.len();
            for hit in hits.drain(..) {
                let (a, b) = if self.swapped { (hit.id, id) } else { (id, hit.id) };
                let ordered = self.join.ids.is_none_or(|op| op.holds(a.cmp(&b)));
                if !ordered || self.join.strict && hit.distance >= self.join.radius {
                    continue;
                }
                pairs.a.push(a as i64);
                pairs.b.push(b as i64);
                if self.measured {
                    pairs.distance.push(hit.distance);
                }
            }
            // As a pair of this thread, and once more while it is copied into the column of all.
            view.memory.take((pairs.a.len() - before) * per_pair)?;
        }
        pairs.work = Work::from(&work);
        Ok(pairs)
    }

    fn hits(&self, query: &Point, hits: &mut Vec<Hit>, work: &mut spatial::Work<'_>) {
        let radius = self.join.radius;
        within::in_trees(&self.ready, query, radius, hits, work);
        let Some(tree) = &self.loose else { return within::beside_trees(&self.ready, query, radius, hits, work) };
        let (mut passes, mut id) = (|_| true, |row| self.ready.id(row));
        tree.within(self.ready.metric, query, radius, &mut passes, &mut id, hits, work);
    }

    fn access(&self) -> Access {
        match (self.ready.in_space(), &self.loose) {
            (Access::Space { trees, indexed, few, filter, .. }, Some(tree)) => {
                Access::Space { trees: trees + 1, indexed: indexed + tree.len(), beside: 0, few, filter }
            }
            (access, _) => access,
        }
    }

    fn work(&self, found: &[Pairs]) -> Work {
        let leaves: usize = self.ready.trees().map(|(tree, _)| tree.leaves()).sum();
        let leaves = leaves + self.loose.as_ref().map_or(0, Tree::leaves);
        found.iter().fold(Work { leaves_total: leaves as u64, ..Work::default() }, |total, pairs| Work {
            rows_examined: total.rows_examined + pairs.work.rows_examined,
            leaves_visited: total.leaves_visited + pairs.work.leaves_visited,
            ..total
        })
    }
}

/// What the threads found as one relation; no more than one column is held twice at any time.
fn pairs(view: &View, mut found: Vec<Pairs>, columns: Option<&[String]>, measured: bool) -> Result<Relation> {
    let count: usize = found.iter().map(|pairs| pairs.a.len()).sum();
    let a = Int64Array::from(flat(&mut found, count, |pairs| std::mem::take(&mut pairs.a)));
    let b = Int64Array::from(flat(&mut found, count, |pairs| std::mem::take(&mut pairs.b)));
    let mut extras = vec![("a", Extra::Big(a)), ("b", Extra::Big(b))];
    if measured {
        let distance = flat(&mut found, count, |pairs| std::mem::take(&mut pairs.distance));
        extras.push(("distance", Extra::Double(Float64Array::from(distance))));
    }
    Relation::new(view.snapshot.clone(), TableKind::Tokens, Rows::Computed(count), extras, columns)
}

fn flat<T: Copy>(found: &mut [Pairs], count: usize, part: impl Fn(&mut Pairs) -> Vec<T>) -> Vec<T> {
    let mut all = Vec::with_capacity(count);
    for pairs in found {
        all.extend_from_slice(&part(pairs));
    }
    all
}
