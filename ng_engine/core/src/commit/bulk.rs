//! Many rows at once: made on every core, segment by segment, and compared with one another when all are there.
//!
//! That is for rows which are all in order. Where one is not, nothing of it stays, and they are taken one by one, which
//! says which and why.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

mod connections;
mod tokens;

use super::Working;
use crate::cancel::Cancel;
use crate::catalog::TypeNames;
use crate::error::{Error, Result};
use crate::ops::on_pool;
use crate::redo::Recorder;
use crate::segment::SEGMENT_ROWS;
use crate::token::check_id;

/// What is learned about the rows while they are made.
#[derive(Default)]
struct Met {
    id: AtomicBool,
    no_id: AtomicBool,
    new_type: AtomicBool,
}

impl Met {
    fn note(what: &AtomicBool) {
        if !what.load(Ordering::Relaxed) {
            what.store(true, Ordering::Relaxed);
        }
    }

    /// The id of a row: `next` unless it has one.
    #[inline]
    fn id(&self, given: Option<i64>, next: u64) -> Result<u64> {
        Self::note(if given.is_some() { &self.id } else { &self.no_id });
        given.map_or(Ok(next), check_id)
    }

    /// Ids may be given in any order, but one that follows from those before it has to be above them.
    fn check_order(&self, rise: bool) -> Result<()> {
        let mixed = self.id.load(Ordering::Relaxed) && self.no_id.load(Ordering::Relaxed);
        if mixed && !rise { Err(Error::duplicate("ids that are given are above those that follow")) } else { Ok(()) }
    }
}

/// Codes of type names, most of which have just been asked for.
struct Codes<'a> {
    types: &'a TypeNames,
    met: &'a Met,
    recent: [(&'a str, u16); 64],
}

impl<'a> Codes<'a> {
    fn new(types: &'a TypeNames, met: &'a Met) -> Self {
        Self { types, met, recent: [("", 0); 64] }
    }

    #[inline]
    fn of(&mut self, name: &'a str) -> Result<u16> {
        let (Some(first), Some(last)) = (name.as_bytes().first(), name.as_bytes().last()) else {
            return Err(Error::invalid_text("a type name is not empty"));
        };
        let place = (name.len() + usize::from(*first) * 5 + usize::from(*last) * 11) % self.recent.len();
        let (known, code) = self.recent[place];
        if known == name {
            return Ok(code);
        }
        let Some(code) = self.types.code(name) else {
            Met::note(&self.met.new_type);
            return Err(Error::undefined_object("a type that is new"));
        };
        self.recent[place] = (name, code);
        Ok(code)
    }
}

impl Working {
    /// What `append` makes, of rows that take so many bytes; `None` and nothing done if they have to be taken one by one.
    ///
    /// New names of types are given their codes by `add_types`, only if there are any: it costs a look at every row.
    fn at_once<T>(
        &mut self,
        bytes: usize,
        add_types: impl FnOnce(&mut Self) -> Result<()>,
        append: impl Fn(&mut Self, &Met) -> Result<T>,
    ) -> Result<Option<T>> {
        let met = Met::default();
        let done = self.or_nothing(bytes, |working| append(working, &met))?;
        if done.is_some() || !met.new_type.into_inner() {
            return Ok(done);
        }
        self.or_nothing(bytes, |working| {
            add_types(working)?;
            append(working, &Met::default())
        })
    }

    fn or_nothing<T>(&mut self, bytes: usize, attempt: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        let (mark, left) = (self.mark(), self.memory.left());
        if self.memory.take(bytes).is_err() {
            // Not all of them may have to be stored.
            return Ok(None);
        }
        match attempt(self) {
            Ok(done) => Ok(Some(done)),
            Err(error) => {
                // Nobody reads before the statement ends.
                self.restore(mark, false);
                self.memory.give_back(left);
                if error.is_cancelled() { Err(error) } else { Ok(None) }
            }
        }
    }

    /// New names among those of `count` rows, in the order in which they come; some more than once.
    fn new_names<'a>(
        &self,
        count: usize,
        types: &TypeNames,
        name: impl Fn(usize) -> Result<Option<&'a str>> + Sync,
    ) -> Result<Vec<&'a str>> {
        let unknown = |range: Range<usize>| -> Result<Vec<&'a str>> {
            self.cancel.check()?;
            let (mut met, mut unknown) = (HashSet::new(), Vec::new());
            for name in range.filter_map(|number| name(number).transpose()) {
                let name = name?;
                if met.insert(name) && types.code(name).is_none() {
                    unknown.push(name);
                }
            }
            Ok(unknown)
        };
        let starts = (0..count).into_par_iter().step_by(SEGMENT_ROWS);
        let unknown = starts.map(|start| unknown(start..count.min(start + SEGMENT_ROWS)));
        Ok(on_pool(&self.cancel, || unknown.collect::<Result<Vec<_>>>())?.concat())
    }
}

/// Write down what was appended in these rows, for as long as it is not too much for the log.
fn note_rows(
    recorder: &mut Option<Recorder>,
    cancel: &Cancel,
    rows: Range<u32>,
    note: impl Fn(&mut Recorder, u32) -> Result<()>,
) -> Result<()> {
    let Some(recorder) = recorder else { return Ok(()) };
    let mut pace = cancel.pace();
    for row in rows {
        pace.tick()?;
        note(recorder, row)?;
        if recorder.mark().is_none() {
            break;
        }
    }
    Ok(())
}
