//! `lookup`: rows by id or key, each once, by id.

use crate::access::Access;
use crate::batch::{Relation, Rows, Work};
use crate::columns::TableKind;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::ops::scan::Scan;
use crate::ops::{View, order, page};
use crate::snapshot::TokenRef;
use crate::token::Token;

/// Rows that have one of these ids or keys; what does not exist is left out.
pub fn lookup(view: &View, table: TableKind, wanted: &[TokenRef], scan: &Scan<'_>) -> Result<Relation> {
    let snapshot = &view.snapshot;
    view.cancel.check()?;
    let (mut rows, mut pace) = (Vec::with_capacity(wanted.len()), view.cancel.pace());
    match table {
        TableKind::Tokens => {
            let filter = Filter::compile::<Token>(scan.predicate, snapshot, &view.metric)?;
            for token in wanted {
                pace.tick()?;
                rows.extend(snapshot.find_token(token).filter(|row| filter.token(snapshot, *row)));
            }
            order::sort_by_key(&view.cancel, &mut rows, |row| snapshot.tokens.id(*row))?;
        }
        TableKind::Connections => {
            let filter = Filter::compile::<Connection>(scan.predicate, snapshot, &view.metric)?;
            for token in wanted {
                pace.tick()?;
                let TokenRef::Id(id) = token else {
                    return Err(Error::undefined_column("connections have no key"));
                };
                let found = u64::try_from(*id).ok().and_then(|id| snapshot.connections.find(id));
                rows.extend(found.filter(|row| filter.connection(snapshot, *row)));
            }
            order::sort_by_key(&view.cancel, &mut rows, |row| snapshot.connections.id(*row))?;
        }
    }
    rows.dedup();
    view.memory.take(size_of_val(&*rows))?;
    let work = Work { rows_examined: wanted.len() as u64, ..Work::default() };
    let access = access(wanted);
    let rows = Rows::List(page(rows, scan.limit, scan.offset));
    Ok(Relation::new(snapshot.clone(), table, rows, Vec::new(), scan.columns)?.found(access, work))
}

/// How rows with these ids or keys are found.
pub(super) fn access(wanted: &[TokenRef]) -> Access {
    let by = if matches!(wanted.first(), Some(TokenRef::Key(_))) { "key" } else { "id" };
    Access::Lookup { by, rows: wanted.len() }
}
