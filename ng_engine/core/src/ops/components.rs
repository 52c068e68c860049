//! `components`: which tokens hang together, whichever way the connections between them point.

use std::ops::ControlFlow::{self, Break, Continue};
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

/// Hops of each token that are followed before it is asked which of them are worth more.
const FIRST_HOPS: u32 = 2;
/// Tokens that are asked.
const SAMPLE: usize = 1 << 10;

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

    /// The root of what seems to be the largest set.
    fn most_common(&self) -> Option<u32> {
        let mut roots: Vec<u32> =
            (0..self.0.len() as u32).step_by(self.0.len() / SAMPLE + 1).map(|row| self.root(row)).collect();
        roots.sort_unstable();
        roots.chunk_by(|a, b| a == b).max_by_key(|same| same.len()).map(|same| same[0])
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
    // Most hang together by the first few hops of each; then only what does not has to be looked at whole. That is
    // Sutton, Ben-Nun and Barak's Afforest (2018).
    let begin = |rows: Range<u32>| -> Result<u64> {
        cancel.check()?;
        let mut edges = 0;
        for row in rows {
            let mut left = FIRST_HOPS;
            let _: ControlFlow<()> = snapshot.adjacency.try_hops(snapshot, row, Direction::Out, |hop| {
                edges += 1;
                if via.contains(hop.kind) {
                    sets.join(row, hop.token);
                    left -= 1;
                }
                if left > 0 { Continue(()) } else { Break(()) }
            });
        }
        Ok(edges)
    };
    let finish = |rows: Range<u32>, most: u32| -> Result<u64> {
        cancel.check()?;
        let mut edges = 0;
        for row in rows {
            if sets.root(row) == sets.root(most) {
                continue;
            }
            snapshot.adjacency.hops(snapshot, row, Direction::Both, |hop| {
                edges += 1;
                if via.contains(hop.kind) {
                    sets.join(row, hop.token);
                }
            });
        }
        Ok(edges)
    };
    let edges_examined = on_pool(cancel, || {
        let begun = blocks(extent).map(begin).sum::<Result<u64>>()?;
        let Some(most) = sets.most_common() else { return Ok(begun) };
        Ok(begun + blocks(extent).map(|rows| finish(rows, most)).sum::<Result<u64>>()?)
    })?;
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
