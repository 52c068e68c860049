//! `scan`: rows of a table that pass a filter, by id.

use crate::access::Access;
use crate::batch::{Relation, Rows, Work};
use crate::cancel::Cancel;
use crate::columns::TableKind;
use crate::connection::Connection;
use crate::error::Result;
use crate::filter::{self, Filter, Filtered, Predicate};
use crate::ops::{View, candidates, order, page};
use crate::segment::{Record, SEGMENT_BITS, Table, row_at};
use crate::token::Token;

/// Which rows, which columns.
#[derive(Clone, Debug, Default)]
pub struct Scan<'a> {
    /// Rows that pass.
    pub predicate: Option<&'a Predicate>,
    /// All unless given.
    pub columns: Option<&'a [String]>,
    /// So many at the most.
    pub limit: Option<usize>,
    /// So many left out first.
    pub offset: usize,
}

/// What a table is asked for: a filter, the rows that it names, and how those that pass are found.
pub(super) struct Sought {
    pub(super) filter: Filter,
    pub(super) named: Option<Vec<u32>>,
    pub(super) access: Access,
}

impl Sought {
    pub(super) fn new(view: &View, table: TableKind, predicate: Option<&Predicate>) -> Result<Self> {
        let snapshot = &view.snapshot;
        let (filter, rows) = match table {
            TableKind::Tokens => (Filter::compile::<Token>(predicate, snapshot, &view.metric)?, snapshot.tokens.live()),
            TableKind::Connections => {
                (Filter::compile::<Connection>(predicate, snapshot, &view.metric)?, snapshot.connections.live())
            }
        };
        let named = candidates::rows(table, predicate, snapshot);
        let access = match &named {
            Some(few) => Access::Lookup { by: "the filter", rows: few.len() },
            None => Access::Scan { rows, filtered: !filter.is_all() },
        };
        Ok(Self { filter, named, access })
    }
}

/// Rows of a table, by id.
pub fn scan(view: &View, table: TableKind, scan: &Scan<'_>) -> Result<Relation> {
    let snapshot = &view.snapshot;
    let Sought { filter, named, access } = Sought::new(view, table, scan.predicate)?;
    let (rows, examined) = match (table, named) {
        (TableKind::Tokens, None) => select(&snapshot.tokens, &filter, scan, &view.cancel)?,
        (TableKind::Connections, None) => select(&snapshot.connections, &filter, scan, &view.cancel)?,
        (TableKind::Tokens, Some(few)) => {
            select_of(few, &snapshot.tokens, |row| filter.token(snapshot, *row), scan, &view.cancel)?
        }
        (TableKind::Connections, Some(few)) => {
            select_of(few, &snapshot.connections, |row| filter.connection(snapshot, *row), scan, &view.cancel)?
        }
    };
    if let Rows::List(rows) = &rows {
        view.memory.take(size_of_val(&**rows))?;
    }
    let work = Work { rows_examined: examined, ..Work::default() };
    Ok(Relation::new(snapshot.clone(), table, rows, Vec::new(), scan.columns)?.found(access, work))
}

/// Those of a few rows that pass.
fn select_of<R: Record>(
    mut rows: Vec<u32>,
    table: &Table<R>,
    passes: impl Fn(&u32) -> bool,
    scan: &Scan<'_>,
    cancel: &Cancel,
) -> Result<(Rows, u64)> {
    let examined = rows.len() as u64;
    rows.retain(passes);
    if !table.in_id_order() {
        order::sort_by_key(cancel, &mut rows, |row| table.id(*row))?;
    }
    Ok((Rows::List(page(rows, scan.limit, scan.offset)), examined))
}

fn select<R: Filtered>(table: &Table<R>, filter: &Filter, scan: &Scan<'_>, cancel: &Cancel) -> Result<(Rows, u64)> {
    cancel.check()?;
    if table.in_id_order() {
        if filter.is_all() && scan.limit.is_none() && scan.offset == 0 {
            return Ok((Rows::All, table.live() as u64));
        }
        if filter.is_all() {
            let rows = list(table, scan.limit, scan.offset, cancel)?;
            let examined = rows.len() as u64;
            return Ok((Rows::List(rows), examined));
        }
        let wanted = scan.limit.map_or(usize::MAX, |limit| limit.saturating_add(scan.offset));
        let (mut rows, mut examined) = (Vec::new(), 0);
        for number in 0..table.segments() {
            if rows.len() >= wanted {
                break;
            }
            cancel.poll()?;
            examined += table.segment(number).live_len() as u64;
            rows.extend(passing(table, number, filter).take(wanted - rows.len()));
        }
        return Ok((Rows::List(page(rows, scan.limit, scan.offset)), examined));
    }
    let mut rows = all_passing(table, filter, cancel)?;
    order::sort_by_key(cancel, &mut rows, |row| table.id(*row))?;
    Ok((Rows::List(page(rows, scan.limit, scan.offset)), table.live() as u64))
}

/// All rows that pass, by row number.
pub(super) fn all_passing<R: Filtered>(table: &Table<R>, filter: &Filter, cancel: &Cancel) -> Result<Vec<u32>> {
    let mut rows = Vec::new();
    for number in 0..table.segments() {
        cancel.poll()?;
        rows.extend(passing(table, number, filter));
    }
    Ok(rows)
}

/// The rows of a segment that pass.
fn passing<R: Filtered>(table: &Table<R>, number: usize, filter: &Filter) -> impl Iterator<Item = u32> {
    filter::rows(row_at(number, 0), filter.sweep(table.segment(number)))
}

/// The rows of a segment, which take well under a millisecond to look at.
fn live<R: Record>(table: &Table<R>, number: usize) -> impl Iterator<Item = u32> + '_ {
    let first = (number as u32) << SEGMENT_BITS;
    table.segment(number).live_slots().map(move |slot| first + slot as u32)
}

/// A page of the rows of a table, by id.
pub fn list<R: Record>(table: &Table<R>, limit: Option<usize>, offset: usize, cancel: &Cancel) -> Result<Vec<u32>> {
    let mut rows = Vec::new();
    if table.in_id_order() {
        let mut pace = cancel.pace();
        for row in table.live_rows_from(offset).take(limit.unwrap_or(usize::MAX)) {
            pace.tick()?;
            rows.push(row);
        }
        return Ok(rows);
    }
    for number in 0..table.segments() {
        cancel.poll()?;
        rows.extend(live(table, number));
    }
    order::sort_by_key(cancel, &mut rows, |row| table.id(*row))?;
    Ok(page(rows, limit, offset))
}

/// Lowest and highest coordinate of the tokens on each axis; none without tokens.
pub fn bounds(view: &View) -> Result<Option<[(f32, f32); 8]>> {
    let tokens = &view.snapshot.tokens;
    let mut bounds = [(f32::INFINITY, f32::NEG_INFINITY); 8];
    for number in 0..tokens.segments() {
        view.cancel.poll()?;
        for row in live(tokens, number) {
            for ((low, high), x) in bounds.iter_mut().zip(view.snapshot.coords(row)) {
                (*low, *high) = (low.min(x), high.max(x));
            }
        }
    }
    Ok((tokens.live() > 0).then_some(bounds))
}
