//! `explain`: how a call would find its rows if it were made now.

use crate::access::Access;
use crate::columns::TableKind;
use crate::error::Result;
use crate::filter::Predicate;
use crate::ops::nearest::Ready;
use crate::ops::scan::Sought;
use crate::ops::{View, count, lookup};
use crate::snapshot::TokenRef;

/// A call, as far as it bears on how its rows are found.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// `scan` of a table.
    Scan(TableKind),
    /// `count` of a table.
    Count(TableKind),
    /// `lookup` of ids or keys.
    Lookup(&'a [TokenRef]),
    /// `nearest`, `within`, `box` and those that only count what they find.
    Search,
}

/// What the call would say of itself, by the code that decides when it runs.
pub fn explain(view: &View, call: Call<'_>, predicate: Option<&Predicate>) -> Result<Access> {
    match call {
        Call::Scan(table) => Sought::new(view, table, predicate).map(|sought| sought.access),
        Call::Count(table) => Sought::new(view, table, predicate).map(|sought| count::access(&sought)),
        Call::Lookup(wanted) => Ok(lookup::access(wanted)),
        Call::Search => Ready::explain(view, predicate),
    }
}
