//! Everything in the file, read and compared with its checksums.

use std::sync::Arc;

use super::checkpoint::sum;
use super::codec::{self, Stored};
use super::file::{Coverage, File, Options, Reader, SegmentHead};
use super::{Store, state};
use crate::cancel::Cancel;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::token::Token;

/// Places with what is wrong there.
pub(super) type Problems = Vec<(String, String)>;

impl Store {
    /// What is wrong with the file, by place: nothing if it is sound, and nothing for a store in memory.
    pub fn check_file(self: &Arc<Self>, cancel: &Cancel) -> Result<Problems> {
        let Some(durable) = &self.durable else { return Ok(Vec::new()) };
        let mut problems = Vec::new();
        // With a connection of its own: it takes its time, and nobody who asks for news is to wait for it.
        let options = Options { read_only: true, accept_history: true, ..Options::default() };
        let (_file, _log, mut follower) = File::open(durable.file.path(), &options)?;
        follower.look(|log| {
            let found = note(&mut problems, "file", log.integrity())?.unwrap_or_default();
            problems.extend(found.into_iter().map(|found| ("file".to_owned(), found)));
            check_segments(log, &mut problems, cancel)?;
            check_log(log, &mut problems, cancel)
        })?;
        Ok(problems)
    }
}

/// Note an error that speaks of damage; any other ends the check.
fn note<T>(problems: &mut Problems, place: &str, done: Result<T>) -> Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Error { sqlstate: "XX001", message, .. }) => {
            problems.push((place.to_owned(), message.into_owned()));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn check_segments(log: &Reader<'_>, problems: &mut Problems, cancel: &Cancel) -> Result<()> {
    let state = note(problems, "state", log.state().and_then(|state| state::decode(&state)))?;
    let Some(heads) = note(problems, "segments", log.heads())? else { return Ok(()) };
    if state.is_some_and(|state| sum(&heads) != state.list_checksum) {
        problems.push(("segments".to_owned(), "the list of segments is not the one that was written".to_owned()));
    }
    for head in heads {
        cancel.poll()?;
        let number = head.place & 0xFFFF_FFFF;
        match u8::try_from(head.place >> 32) {
            Ok(Token::TABLE) => check_segment::<Token>(log, &head, &format!("token segment {number}"), problems)?,
            Ok(Connection::TABLE) => {
                check_segment::<Connection>(log, &head, &format!("connection segment {number}"), problems)?;
            }
            _ => problems.push(("segments".to_owned(), format!("a segment of an unknown table at {}", head.place))),
        }
    }
    Ok(())
}

fn check_segment<R: Stored>(log: &Reader<'_>, head: &SegmentHead, name: &str, problems: &mut Problems) -> Result<()> {
    let read = log.with_segment(head.place, |version, payload| codec::decode::<R>(payload, version).map(drop));
    note(problems, name, read).map(drop)
}

/// The whole log, from its oldest entry on.
fn check_log(log: &Reader<'_>, problems: &mut Problems, cancel: &Cancel) -> Result<()> {
    let Some(Some(oldest)) = note(problems, "log", log.oldest())? else { return Ok(()) };
    let read = log.entries(oldest.saturating_sub(1), None, &mut |_, _| cancel.poll());
    if note(problems, "log", read)? == Some(Coverage::Gone) {
        problems.push(("log".to_owned(), format!("commit {oldest} is missing")));
    }
    Ok(())
}
