//! One column of a table, for reads of single rows all over it: the way to each segment is gone only once.

use std::cell::Cell;

use crate::chunk::{self, Chunk};
use crate::prefetch::prefetch;
use crate::segment::{Record, Table, place};

/// A column by row. Rows must exist.
pub(crate) struct Flat<'a, R: Record, T: chunk::Cell> {
    table: &'a Table<R>,
    chunk: fn(&R::Columns) -> &Chunk<T>,
    /// The values of each segment, once one of them was asked for.
    segments: Box<[Cell<Option<&'a [T]>>]>,
}

impl<'a, R: Record, T: chunk::Cell> Flat<'a, R, T> {
    /// That of the chunks which `chunk` picks out of a segment.
    pub(crate) fn new(table: &'a Table<R>, chunk: fn(&R::Columns) -> &Chunk<T>) -> Self {
        Self { table, chunk, segments: (0..table.segments()).map(|_| Cell::new(None)).collect() }
    }

    #[inline]
    fn segment(&self, number: usize) -> &'a [T] {
        self.segments[number].get().unwrap_or_else(|| {
            let segment = self.table.segment(number);
            let values = (self.chunk)(segment.columns()).slice(segment.len());
            self.segments[number].set(Some(values));
            values
        })
    }

    /// The value in a row.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> T {
        let (number, slot) = place(row);
        self.segment(number)[slot]
    }

    /// Ask for the value in a row that will be read soon.
    #[inline]
    pub(crate) fn fetch(&self, row: u32) {
        let (number, slot) = place(row);
        prefetch(&self.segment(number)[slot]);
    }
}
