//! `scan`: rows of a table that pass a filter, by id.

use crate::batch::{Relation, Rows, Work};
use crate::columns::TableKind;
use crate::connection::Connection;
use crate::error::Result;
use crate::filter::{Filter, Predicate};
use crate::ops::{View, page};
use crate::segment::{Record, Table};
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

/// Rows of a table, by id.
pub fn scan(view: &View, table: TableKind, scan: &Scan<'_>) -> Result<Relation> {
    let snapshot = &view.snapshot;
    let (rows, examined) = match table {
        TableKind::Tokens => {
            let filter = Filter::compile::<Token>(scan.predicate, snapshot, &view.metric)?;
            select(&snapshot.tokens, &filter, scan, |row| filter.token(snapshot, row))
        }
        TableKind::Connections => {
            let filter = Filter::compile::<Connection>(scan.predicate, snapshot, &view.metric)?;
            select(&snapshot.connections, &filter, scan, |row| filter.connection(snapshot, row))
        }
    };
    let work = Work { rows_examined: examined, ..Work::default() };
    Ok(Relation::new(snapshot.clone(), table, rows, Vec::new(), scan.columns)?.found("scan", work))
}

fn select<R: Record>(table: &Table<R>, filter: &Filter, scan: &Scan<'_>, pass: impl Fn(u32) -> bool) -> (Rows, u64) {
    if table.in_id_order() {
        if filter.is_all() && scan.limit.is_none() && scan.offset == 0 {
            return (Rows::All, table.live() as u64);
        }
        let mut examined = 0;
        let rows = table.live_rows().inspect(|_| examined += 1).filter(|row| pass(*row)).skip(scan.offset);
        let rows = match scan.limit {
            Some(limit) => rows.take(limit).collect(),
            None => rows.collect(),
        };
        return (Rows::List(rows), examined);
    }
    let mut rows = table.rows_by_id();
    let examined = rows.len() as u64;
    rows.retain(|row| pass(*row));
    (Rows::List(page(rows, scan.limit, scan.offset)), examined)
}

/// How many rows pass.
pub fn count(view: &View, table: TableKind, predicate: Option<&Predicate>) -> Result<usize> {
    let snapshot = &view.snapshot;
    Ok(match table {
        TableKind::Tokens => match Filter::compile::<Token>(predicate, snapshot, &view.metric)? {
            filter if filter.is_all() => snapshot.tokens.live(),
            filter => snapshot.tokens.live_rows().filter(|row| filter.token(snapshot, *row)).count(),
        },
        TableKind::Connections => match Filter::compile::<Connection>(predicate, snapshot, &view.metric)? {
            filter if filter.is_all() => snapshot.connections.live(),
            filter => snapshot.connections.live_rows().filter(|row| filter.connection(snapshot, *row)).count(),
        },
    })
}
