//! `nearest`: the k tokens nearest to a point, by the exact distance and then id.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array};
use rayon::prelude::*;

use crate::access::{Access, Asked};
use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Cancel;
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::filter::{Chosen, Filter, Predicate, Worth};
use crate::index::forest::SCANNED_ROWS;
use crate::index::row_bits::RowBits;
use crate::index::spatial::{self, Hit, RowAt, TopK, Tree, scan_nearest};
use crate::memory::Allowance;
use crate::metric::{Metric, Point};
use crate::ops::{View, candidates, on_pool, order, within};
use crate::snapshot::Snapshot;
use crate::token::Token;

/// Fewer queries than this are not worth another thread.
const PARALLEL_QUERIES: usize = 16;

/// What is searched for, around whichever point.
#[derive(Clone, Debug, Default)]
pub struct Search<'a> {
    /// So many at the most; `None` is all.
    pub k: Option<usize>,
    /// None further away than this.
    pub radius: Option<f64>,
    /// The session's unless given.
    pub metric: Option<&'a Metric>,
    /// Tokens that pass.
    pub predicate: Option<&'a Predicate>,
    /// The row of a token left out.
    pub exclude: Option<u32>,
    /// So many of the nearest left out.
    pub offset: usize,
    /// Columns of the result; all unless given.
    pub columns: Option<&'a [String]>,
}

/// A search compiled against a view: what the inner loops need.
pub(super) struct Ready<'a> {
    snapshot: &'a Snapshot,
    cancel: &'a Cancel,
    memory: &'a Allowance,
    pub(super) metric: &'a Metric,
    filter: Filter,
    /// The rows that the filter passes, if they are known.
    chosen: Option<Arc<Chosen>>,
    /// The rows that the filter names and passes.
    named: Option<Vec<u32>>,
    exclude: Option<u32>,
    k: Option<usize>,
    offset: usize,
    radius: Option<f64>,
}

impl<'a> Ready<'a> {
    pub(super) fn new(view: &'a View, search: &Search<'a>) -> Result<Self> {
        if search.metric.unwrap_or(&view.metric).live_axes() == 0 {
            return Err(Error::invalid_text("the point has no live axis: every scale is 0"));
        }
        if search.radius.is_some_and(|r| r.is_nan() || r < 0.0 || r.is_infinite()) {
            return Err(Error::out_of_range("the radius is not a finite number ≥ 0"));
        }
        Self::prepare(view, search, false)
    }

    /// For a search that measures no distance.
    pub(super) fn unmeasured(view: &'a View, predicate: Option<&'a Predicate>) -> Result<Self> {
        Self::prepare(view, &Search { predicate, ..Search::default() }, false)
    }

    /// How a search among the rows that pass would be answered now. To be told of a filter is not to be asked it: what it
    /// chooses is kept for those who search.
    pub(super) fn explain(view: &'a View, predicate: Option<&'a Predicate>) -> Result<Access> {
        Self::prepare(view, &Search { predicate, ..Search::default() }, true).map(|ready| ready.access())
    }

    fn prepare(view: &'a View, search: &Search<'a>, explained: bool) -> Result<Self> {
        let snapshot = &*view.snapshot;
        let filter = Filter::compile::<Token>(search.predicate, snapshot, &view.metric)?;
        let mut named = search.predicate.and_then(|predicate| candidates::tokens(predicate, snapshot));
        if let Some(rows) = &mut named {
            rows.retain(|row| filter.token(snapshot, *row));
        }
        Ok(Self {
            snapshot,
            cancel: &view.cancel,
            memory: &view.memory,
            metric: search.metric.unwrap_or(&view.metric),
            chosen: if named.is_none() { chosen(view, search.predicate, &filter, explained)? } else { None },
            named,
            filter,
            exclude: search.exclude,
            k: search.k.map(|k| k.saturating_add(search.offset)),
            offset: search.offset,
            radius: search.radius,
        })
    }

    /// Every tree, and the rows that are not where it says.
    pub(super) fn trees(&self) -> impl Iterator<Item = (&'a Tree, &'a RowBits)> {
        self.snapshot.spatial.parts()
    }

    /// Whether a row may be an answer.
    pub(super) fn passes(&self, row: u32) -> bool {
        if self.exclude == Some(row) {
            return false;
        }
        match &self.chosen {
            Some(chosen) => chosen.has(row),
            None => {
                self.snapshot.tokens.is_live(row) && (self.filter.is_all() || self.filter.token(self.snapshot, row))
            }
        }
    }

    /// The same of a row in a tree, unless it is among those that are not there any more.
    pub(super) fn passes_in(&self, row: u32, moved: &RowBits) -> bool {
        !moved.contains(row) && self.passes(row)
    }

    /// The rows that pass the filter, if they are known and so few that no index is asked.
    pub(super) fn few(&self) -> Option<&[u32]> {
        self.named.as_deref().or_else(|| self.chosen.as_deref()?.list())
    }

    /// Those of them that are no further away, and how far.
    pub(super) fn near<'b>(&'b self, rows: &'b [u32], query: &'b Point) -> impl Iterator<Item = (f64, u32)> {
        let passing = rows.iter().filter(|row| self.exclude != Some(**row));
        passing.map(|row| (self.metric.distance(&self.snapshot.coords(*row), query), *row))
    }

    /// Whether every token passes.
    pub(super) fn takes_all(&self) -> bool {
        self.filter.is_all() && self.exclude.is_none()
    }

    /// Whether every row in a tree is a token that passes, wherever it may be now.
    pub(super) fn takes_all_indexed(&self) -> bool {
        let (forest, tokens) = (&self.snapshot.spatial, &self.snapshot.tokens);
        let indexed: usize = forest.trees().iter().map(|planted| planted.tree.len()).sum();
        // Were one of them deleted, the table would have fewer rows than this.
        self.takes_all() && tokens.live() == indexed + (tokens.extent() - forest.covered()) as usize
    }

    /// Rows that no tree has in their place, deleted ones among them.
    pub(super) fn loose_rows(&self) -> impl Iterator<Item = u32> {
        let (forest, moves) = (&self.snapshot.spatial, self.snapshot.spatial.moves());
        let moved = moves.live_rows().map(|entry| {
            let (columns, slot) = moves.columns(entry);
            columns.row(slot)
        });
        moved.chain(forest.covered()..self.snapshot.tokens.extent())
    }

    /// How many these are.
    pub(super) fn loose(&self) -> usize {
        let forest = &self.snapshot.spatial;
        forest.moves().live() + (self.snapshot.tokens.extent() - forest.covered()) as usize
    }

    /// Calls `run` with the points that no tree has, some thousand at a time, and with what tells the rows of those that may
    /// be answers.
    pub(super) fn beside_trees(&self, mut run: impl FnMut(&[Point], &mut RowAt<'_>)) {
        let (forest, tokens) = (&self.snapshot.spatial, &self.snapshot.tokens);
        let moves = forest.moves();
        for segment in (0..moves.filled()).map(|number| moves.segment(number)) {
            let columns = segment.columns();
            let mut row = |place| {
                let entry = place as usize;
                let row = segment.is_live(entry).then(|| columns.row(entry))?;
                self.passes(row).then_some(row)
            };
            run(columns.coords.slice(segment.len()), &mut row);
        }
        let (first, skipped) = crate::segment::place(forest.covered());
        for number in first..tokens.filled() {
            let segment = tokens.segment(number);
            let skipped = if number == first { skipped } else { 0 };
            let start = crate::segment::row_at(number, skipped);
            run(&segment.columns().coords.slice(segment.len())[skipped..], &mut |place| {
                self.passes(start + place).then_some(start + place)
            });
        }
    }

    pub(super) fn id(&self, row: u32) -> u64 {
        self.snapshot.tokens.id(row)
    }

    fn best(&self, query: &Point, k: usize, work: &mut spatial::Work<'_>) -> Vec<Hit> {
        let mut top = TopK::new(k, self.radius);
        if let Some(rows) = self.few() {
            for (distance, row) in self.near(rows, query) {
                if work.row() {
                    break;
                }
                if distance <= top.limit() {
                    top.push(Hit { distance, id: self.id(row), row });
                }
            }
            return top.into_sorted();
        }
        for (tree, moved) in self.trees() {
            let (mut passes, mut id) = (|row| self.passes_in(row, moved), |row| self.id(row));
            tree.nearest(self.metric, query, &mut top, &mut passes, &mut id, work);
        }
        self.beside_trees(|points, row| {
            scan_nearest(points, self.metric, query, &mut top, row, &mut |row| self.id(row), work);
        });
        top.into_sorted()
    }

    /// Every hit of one query, in order.
    pub(super) fn hits(&self, query: &Point, work: &mut spatial::Work<'_>) -> Result<Vec<Hit>> {
        let mut hits = match self.k {
            Some(k) if k < self.snapshot.tokens.live() => self.best(query, k, work),
            k => {
                let mut hits = within::all(self, query, self.radius.unwrap_or(f64::INFINITY), work);
                order::sort_by_key(self.cancel, &mut hits, |hit| *hit)?;
                hits.truncate(k.unwrap_or(usize::MAX));
                hits
            }
        };
        hits.drain(..self.offset.min(hits.len()));
        if work.stopped() {
            return Err(over(self.cancel));
        }
        self.memory.take(hits.len() * size_of::<Hit>())?;
        Ok(hits)
    }

    /// Every hit of each query, on every core.
    pub(super) fn hits_of_each(&self, queries: &[Point]) -> Result<(Vec<Vec<Hit>>, Work)> {
        // Those whose answers lie together come together, so that they find leaves in the cache.
        let mut order: Vec<usize> = (0..queries.len()).collect();
        let largest = self.trees().map(|(tree, _)| tree).max_by_key(|tree| tree.len());
        if let Some(tree) = largest.filter(|_| queries.len() >= PARALLEL_QUERIES) {
            order.sort_by_cached_key(|i| tree.home(self.metric, &queries[*i]));
        }
        let (found, work) = each(queries.len(), self.cancel, |i, work| self.hits(&queries[order[i]], work))?;
        let mut hits = vec![Vec::new(); queries.len()];
        order.into_iter().zip(found).for_each(|(query, found)| hits[query] = found);
        Ok((hits, work))
    }

    /// How the search is answered.
    pub(super) fn access(&self) -> Access {
        if let Some(rows) = &self.named {
            return Access::Lookup { by: "the filter", rows: rows.len() };
        }
        match self.few() {
            Some(passing) => Access::Bitmap { passing: passing.len(), rows: self.snapshot.tokens.live() },
            None => self.in_space(),
        }
    }

    /// The same where the trees are asked in any case.
    pub(super) fn in_space(&self) -> Access {
        let (forest, tokens) = (&self.snapshot.spatial, &self.snapshot.tokens);
        let filter = match &self.chosen {
            Some(chosen) => Asked::Before(chosen.count()),
            None if self.filter.is_all() => Asked::Nothing,
            None => Asked::OfEach,
        };
        Access::Space {
            trees: forest.parts().count(),
            indexed: forest.trees().iter().map(|planted| planted.tree.len()).sum(),
            beside: self.loose(),
            few: tokens.extent() < SCANNED_ROWS,
            filter,
        }
    }
}

/// Tokens that are asked how many pass a filter.
const SAMPLE: u32 = 512;
/// A filter that more than one in so many pass is asked of what the search meets.
const MANY: u32 = 4;
/// One that fewer than one in so many pass is asked of all tokens first, column by column.
const FEW: u32 = 200;

/// The rows that pass a filter, where knowing them pays: they are few, or were asked for before.
fn chosen(view: &View, predicate: Option<&Predicate>, filter: &Filter, explained: bool) -> Result<Option<Arc<Chosen>>> {
    let (snapshot, tokens) = (&view.snapshot, &view.snapshot.tokens);
    // What a transaction sees has no number of its own yet.
    let published = !snapshot.adjacency.has_own();
    let Some(predicate) = predicate.filter(|p| !filter.is_all() && published && p.is_of_columns()) else {
        return Ok(None);
    };
    let passing = |sample: u32| {
        let rows = (0..sample).map(|i| (u64::from(i) * u64::from(tokens.extent()) / u64::from(sample)) as u32);
        rows.filter(|row| tokens.is_live(*row) && filter.token(snapshot, *row)).count() as u32
    };
    let worth = || {
        if tokens.extent() < SAMPLE || passing(SAMPLE / 16) * MANY > SAMPLE / 16 {
            Worth::Nothing
        } else if passing(SAMPLE) * FEW < SAMPLE {
            Worth::AtOnce
        } else if explained {
            Worth::Nothing
        } else {
            Worth::Later
        }
    };
    snapshot.filters.chosen(predicate, filter, snapshot, worth, &view.cancel)
}

/// The nearest tokens to a point: their columns and `distance`.
pub fn nearest(view: &View, query: &Point, search: &Search<'_>) -> Result<Relation> {
    let ready = Ready::new(view, search)?;
    let mut work = spatial::Work::cancelled_by(&view.cancel);
    let hits = ready.hits(query, &mut work)?;
    found(view, hits, &work, ready.access(), search.columns)
}

/// The nearest tokens to a point, bare.
pub fn hits(view: &View, query: &Point, search: &Search<'_>) -> Result<Vec<Hit>> {
    Ready::new(view, search)?.hits(query, &mut spatial::Work::cancelled_by(&view.cancel))
}

/// Hits as rows with their distances.
pub(super) fn found(
    view: &View,
    hits: Vec<Hit>,
    work: &spatial::Work<'_>,
    access: Access,
    columns: Option<&[String]>,
) -> Result<Relation> {
    let distance = Float64Array::from_iter_values(hits.iter().map(|hit| hit.distance));
    let rows = Rows::List(hits.iter().map(|hit| hit.row).collect());
    let extras = vec![("distance", Extra::Double(distance))];
    Ok(Relation::new(view.snapshot.clone(), TableKind::Tokens, rows, extras, columns)?.found(access, work.into()))
}

/// The nearest tokens to each of many points, on every core: `query`, `id`, `distance`.
pub fn nearest_batch(view: &View, queries: &[Point], search: &Search<'_>) -> Result<Relation> {
    let ready = Ready::new(view, search)?;
    let (hits, work) = ready.hits_of_each(queries)?;
    let extras = vec![
        ("query", Extra::Big(per_query(&hits, |i, _| i as i64))),
        ("id", Extra::Big(per_query(&hits, |_, hit| hit.id as i64))),
        ("distance", Extra::Double(hits.iter().flatten().map(|hit| hit.distance).collect::<Vec<_>>().into())),
    ];
    let rows = Rows::List(hits.iter().flatten().map(|hit| hit.row).collect());
    let columns = ["query", "id", "distance"].map(str::to_owned);
    let columns = search.columns.unwrap_or(&columns);
    let relation = Relation::new(view.snapshot.clone(), TableKind::Tokens, rows, extras, Some(columns))?;
    Ok(relation.found(ready.access(), work))
}

fn per_query(hits: &[Vec<Hit>], value: impl Fn(usize, &Hit) -> i64) -> Int64Array {
    let values = hits.iter().enumerate().flat_map(|(i, hits)| hits.iter().map(move |hit| (i, hit)));
    values.map(|(i, hit)| value(i, hit)).collect::<Vec<_>>().into()
}

/// Why a search was stopped.
fn over(cancel: &Cancel) -> Error {
    cancel.check().err().unwrap_or_else(|| Error::cancelled("canceling statement due to user request"))
}

/// 57014 if the search was stopped: what it found is not all.
pub(super) fn finished(view: &View, work: &spatial::Work<'_>) -> Result<()> {
    if work.stopped() { Err(over(&view.cancel)) } else { Ok(()) }
}

/// Answer queries 0…n−1, in parallel where it pays.
pub(super) fn each<T: Send>(
    n: usize,
    cancel: &Cancel,
    answer: impl Fn(usize, &mut spatial::Work<'_>) -> Result<T> + Sync,
) -> Result<(Vec<T>, Work)> {
    cancel.check()?;
    let one = |i| {
        let mut work = spatial::Work::cancelled_by(cancel);
        let found = answer(i, &mut work)?;
        Ok((found, Work::from(&work)))
    };
    let answers: Vec<(T, Work)> = if n < PARALLEL_QUERIES {
        (0..n).map(one).collect::<Result<_>>()?
    } else {
        let all = || (0..n).into_par_iter().with_min_len(PARALLEL_QUERIES / 2).map(one).collect::<Result<_>>();
        on_pool(cancel, all)?
    };
    let mut total = Work::default();
    for (_, work) in &answers {
        total.rows_examined += work.rows_examined;
        total.leaves_visited += work.leaves_visited;
        total.leaves_total += work.leaves_total;
    }
    Ok((answers.into_iter().map(|(found, _)| found).collect(), total))
}
