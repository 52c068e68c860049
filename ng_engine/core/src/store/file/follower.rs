//! The reader's connection: notices what others have committed.

use std::sync::Arc;

use super::connection::Handle;
use super::reader::{self, Reader};
use super::{File, failure};
use crate::error::Result;

/// A connection that only reads; one per store, under the follower's lock.
pub struct Follower {
    file: Arc<File>,
    handle: Handle,
    /// SQLite's number for the state last read in full.
    seen: Option<i64>,
}

impl Follower {
    pub(super) fn new(file: Arc<File>, handle: Handle) -> Self {
        Self { file, handle, seen: None }
    }

    /// Whether anybody, this process' writer included, has committed since the last successful [`Self::read`].
    /// About four microseconds.
    pub fn moved(&mut self) -> Result<bool> {
        self.file.check_process()?;
        if self.file.renew(&mut self.handle)? {
            self.seen = None;
        }
        let version = self.data_version().map_err(|error| failure::sqlite(self.file.path(), error))?;
        Ok(self.seen != Some(version))
    }

    /// The same, told without opening anything anew; false too if it cannot be told so.
    pub fn is_still(&self) -> bool {
        self.file.check_process().is_ok()
            && !self.file.wal_lost(&self.handle)
            && self.seen.is_some()
            && self.data_version().is_ok_and(|version| self.seen == Some(version))
    }

    /// Look at one state of the file. If `f` succeeds, the state counts as seen.
    pub fn read<T>(&mut self, f: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
        let mut version = None;
        let result = reader::reading(&self.file, &self.handle, |reader| {
            let result = f(reader);
            if result.is_ok() {
                version = Some(self.data_version().map_err(|error| failure::sqlite(self.file.path(), error))?);
            }
            result
        })?;
        self.seen = version;
        Ok(result)
    }

    /// The same for somebody who does not apply what he sees: the state does not count as seen.
    pub fn look<T>(&mut self, f: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
        reader::reading(&self.file, &self.handle, f)
    }

    fn data_version(&self) -> rusqlite::Result<i64> {
        self.handle.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }
}
