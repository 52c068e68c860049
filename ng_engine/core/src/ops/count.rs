//! `count`, `count_within`, `count_box`: how many rows there are, without their being gathered.

use arrow_array::Int64Array;

use crate::access::Access;
use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Cancel;
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::filter::{Filtered, Predicate};
use crate::index::spatial::{self, scan_count_within};
use crate::metric::Point;
use crate::ops::nearest::{Ready, Search, each, finished};
use crate::ops::scan::Sought;
use crate::ops::{View, r#box};
use crate::segment::Table;

/// A number of rows, and what it took to count them.
pub struct Counted<T = usize> {
    /// How many; a list for a list of questions.
    pub count: T,
    access: Access,
    work: Work,
}

impl Counted {
    /// The number as the one row of a column `count`.
    pub fn relation(self, view: &View) -> Result<Relation> {
        let count = Extra::Big(Int64Array::from(vec![self.count as i64]));
        computed(view, 1, vec![("count", count)]).map(|relation| relation.found(self.access, self.work))
    }
}

impl Counted<Vec<usize>> {
    /// The numbers as `query, count`.
    pub fn relation(self, view: &View) -> Result<Relation> {
        let queries = Extra::Big((0..self.count.len() as i64).collect::<Vec<_>>().into());
        let counts = Extra::Big(self.count.iter().map(|count| *count as i64).collect::<Vec<_>>().into());
        let relation = computed(view, self.count.len(), vec![("query", queries), ("count", counts)])?;
        Ok(relation.found(self.access, self.work))
    }
}

fn computed(view: &View, rows: usize, columns: Vec<(&'static str, Extra)>) -> Result<Relation> {
    Relation::new(view.snapshot.clone(), TableKind::Tokens, Rows::Computed(rows), columns, None)
}

/// How many rows of a table pass.
pub fn count(view: &View, table: TableKind, predicate: Option<&Predicate>) -> Result<Counted> {
    let snapshot = &view.snapshot;
    view.cancel.check()?;
    let sought = Sought::new(view, table, predicate)?;
    let (count, examined) = match (table, &sought.named) {
        (TableKind::Tokens, None) => tally(&snapshot.tokens, &sought, &view.cancel)?,
        (TableKind::Connections, None) => tally(&snapshot.connections, &sought, &view.cancel)?,
        (TableKind::Tokens, Some(few)) => of_few(few, |row| sought.filter.token(snapshot, row), &view.cancel)?,
        (TableKind::Connections, Some(few)) => {
            of_few(few, |row| sought.filter.connection(snapshot, row), &view.cancel)?
        }
    };
    let work = Work { rows_examined: examined as u64, ..Work::default() };
    Ok(Counted { count, access: access(&sought), work })
}

/// How the rows are counted: where all pass, the table knows.
pub(super) fn access(sought: &Sought) -> Access {
    match sought.access {
        Access::Scan { rows, filtered: false } => Access::Known { rows },
        access => access,
    }
}

/// How many of a few rows pass, and how many were asked.
fn of_few(rows: &[u32], passes: impl Fn(u32) -> bool, cancel: &Cancel) -> Result<(usize, usize)> {
    let (mut passing, mut pace) = (0, cancel.pace());
    for row in rows {
        pace.tick()?;
        passing += usize::from(passes(*row));
    }
    Ok((passing, rows.len()))
}

/// The same of all.
fn tally<R: Filtered>(table: &Table<R>, sought: &Sought, cancel: &Cancel) -> Result<(usize, usize)> {
    if sought.filter.is_all() {
        return Ok((table.live(), 0));
    }
    let mut passing = 0;
    for number in 0..table.segments() {
        cancel.poll()?;
        let bits = sought.filter.sweep(table.segment(number));
        passing += bits.iter().map(|word| word.count_ones() as usize).sum::<usize>();
    }
    Ok((passing, table.live()))
}

/// How many tokens are no further from a point than a radius, which is any number but NaN: none is at a negative distance.
pub fn count_within(view: &View, query: &Point, radius: f64, search: &Search<'_>) -> Result<Counted> {
    let ready = comparable(radius).and_then(|()| Ready::new(view, search))?;
    let mut work = spatial::Work::cancelled_by(&view.cancel);
    let count = around(view, &ready, query, radius, &mut work)?;
    Ok(Counted { count, access: ready.access(), work: Work::from(&work) })
}

/// The same for each of many points, on every core.
pub fn count_within_batch(
    view: &View,
    queries: &[Point],
    radius: f64,
    search: &Search<'_>,
) -> Result<Counted<Vec<usize>>> {
    let ready = comparable(radius).and_then(|()| Ready::new(view, search))?;
    let one = |query: usize, work: &mut spatial::Work<'_>| around(view, &ready, &queries[query], radius, work);
    let (count, work) = each(queries.len(), &view.cancel, one)?;
    Ok(Counted { count, access: ready.access(), work })
}

fn comparable(radius: f64) -> Result<()> {
    if radius.is_nan() { Err(Error::out_of_range("the radius is not a number")) } else { Ok(()) }
}

fn around(view: &View, ready: &Ready<'_>, query: &Point, radius: f64, work: &mut spatial::Work<'_>) -> Result<usize> {
    let mut count = 0;
    if radius < 0.0 {
        return Ok(0);
    }
    if let Some(rows) = ready.few() {
        for (distance, _) in ready.near(rows, query) {
            if work.row() {
                break;
            }
            count += usize::from(distance <= radius);
        }
    } else {
        let all = ready.takes_all_indexed();
        for (tree, moved) in ready.trees() {
            let mut passes = |row| ready.passes_in(row, moved);
            let passes: Option<&mut dyn FnMut(u32) -> bool> =
                if all && moved.is_empty() { None } else { Some(&mut passes) };
            count += tree.count_within(ready.metric, query, radius, passes, work);
        }
        ready.beside_trees(|points, row| {
            count += scan_count_within(points, ready.metric, query, radius, row, work);
        });
    }
    finished(view, work)?;
    Ok(count)
}

/// How many tokens lie in a box, which is as that of `box`.
pub fn count_box(view: &View, low: &Point, high: &Point, predicate: Option<&Predicate>) -> Result<Counted> {
    let ready = Ready::unmeasured(view, predicate)?;
    let (mut count, mut work) = (0, spatial::Work::cancelled_by(&view.cancel));
    r#box::each_in(view, &ready, low, high, &mut |_| count += 1, &mut work)?;
    Ok(Counted { count, access: ready.access(), work: Work::from(&work) })
}
