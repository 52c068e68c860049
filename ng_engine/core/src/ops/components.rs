//! `components`: which tokens hang together, whichever way the connections between them point.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_array::Int64Array;
use rayon::prelude::*;

use crate::batch::{Extra, Relation, Rows, Work};
use crate::columns::TableKind;
use crate::error::Result;
use crate::index::adjacency::Direction;
use crate::ops::scan::list;
use crate::ops::{Via, View, blocks, on_pool};

/// Every token's row leads to another of its component, by and by to the least, which leads to itself.
struct DisjointSets(Vec<AtomicU32>);

impl DisjointSets {
    fn new(rows: u32) -> Self {
        Self((0..rows).map(AtomicU32::new).collect())
    }

    fn next(&self, row: u32) -> u32 {
        self.0[row as usize].load(Ordering::Relaxed)
    }

    /// The least row known to hang together with this one; halves the way for those who come after.
    fn root(&self, mut row: u32) -> u32 {
        loop {
            let next = self.next(row);
            if next == row {
                return row;
            }
            let after = self.next(next);
            self.0[row as usize].store(after, Ordering::Relaxed);
            row = after;
        }
    }

    /// Two rows hang together. Other threads may join at the same time: only a root is given another, and a lesser one.
    fn join(&self, a: u32, b: u32) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            if a == b {
                return;
            }
            let (least, other) = (a.min(b), a.max(b));
            let joined = self.0[other as usize].compare_exchange(other, least, Ordering::Relaxed, Ordering::Relaxed);
            if joined.is_ok() {
                return;
            }
        }
    }
}

/// Each token by id, and the least id of its component; over connections of the types in `via`, all unless given.
pub fn components(view: &View, via: Option<&[String]>) -> Result<Relation> {
    let (snapshot, cancel) = (&view.snapshot, &view.cancel);
    let via = Via::new(via, &snapshot.catalog)?;
    let extent = snapshot.tokens.extent();
    view.memory.take(extent as usize * size_of::<(u32, i64)>())?;
    let sets = DisjointSets::new(extent);
    let join = |rows: Range<u32>| -> Result<u64> {
        cancel.check()?;
        let mut edges = 0;
        for row in rows {
            snapshot.adjacency.hops(snapshot, row, Direction::Out, |hop| {
                edges += 1;
                if via.contains(hop.kind) {
                    sets.join(row, hop.token);
                }
            });
        }
        Ok(edges)
    };
    let edges_examined = on_pool(cancel, || blocks(extent).map(join).sum::<Result<u64>>())?;
    let rows = list(&snapshot.tokens, None, 0, cancel)?;
    view.memory.take(rows.len() * size_of::<(u32, i64)>())?;
    // Rows come by id, so the first of a component to come has its least.
    let (mut least, mut pace) = (vec![0; extent as usize], cancel.pace());
    let mut names = Vec::with_capacity(rows.len());
    for row in &rows {
        pace.tick()?;
        let name = &mut least[sets.root(*row) as usize];
        if *name == 0 {
            *name = snapshot.tokens.id(*row) as i64;
        }
        names.push(*name);
    }
    let work = Work { rows_examined: rows.len() as u64, edges_examined, ..Work::default() };
    let wanted = ["id", "component"].map(str::to_owned);
    let extras = vec![("component", Extra::Big(Int64Array::from(names)))];
    let relation = Relation::new(snapshot.clone(), TableKind::Tokens, Rows::List(rows), extras, Some(&wanted))?;
    Ok(relation.found("adjacency", work))
}
