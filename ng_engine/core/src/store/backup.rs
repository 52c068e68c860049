//! Copies of a version: a new store, complete or not there at all.

use std::path::Path;

use super::file::{self, Entry};
use super::open::author;
use super::{Store, checkpoint};
use crate::cancel::Cancel;
use crate::commit::now;
use crate::error::{Error, Result};
use crate::redo;
use crate::snapshot::Snapshot;

impl Store {
    /// Copy a version into a new store of its own identity, without its history. 58P02 if the file exists.
    pub fn backup(snapshot: &Snapshot, path: &Path, cancel: &Cancel) -> Result<()> {
        let built = file::build(path, &mut |draft| {
            if snapshot.version > 0 {
                // The log's latest entry says how far the history goes; what it did is in the segments.
                let (version, payload) = (snapshot.version, redo::RELOAD.to_vec());
                draft.append(&Entry { version, at: now(), author: author(), payload }, draft.origin())?;
            }
            checkpoint::write(draft, snapshot, cancel).map(|_| ())
        })?;
        if built {
            return Ok(());
        }
        let name = path.display().to_string();
        Err(Error::duplicate_file(format!("file \"{}\" exists already", name.escape_debug())))
    }
}
