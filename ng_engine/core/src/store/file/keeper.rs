//! Moves the write-ahead log into the file, beside writers and readers.

use std::sync::Arc;

use super::connection::Handle;
use super::failure::is_busy;
use super::locks::Byte;
use super::mark::{Acknowledged, Mark};
use super::reader;
use super::{File, Synchronous};
use crate::error::Result;

/// What a checkpoint has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Pages in the write-ahead log.
    pub frames: u64,
    /// Pages of these that are in the file by now.
    pub moved: u64,
}

/// A connection for checkpoints only.
pub struct Keeper {
    file: Arc<File>,
    handle: Handle,
    synchronous: Synchronous,
    /// Its own: locks belong to the open file, and the writer has that of the store.
    mark: Option<Mark>,
}

impl Keeper {
    pub(super) fn new(file: Arc<File>, handle: Handle, mark: Option<Mark>) -> Self {
        let synchronous = file.synchronous();
        Self { file, handle, synchronous, mark }
    }

    /// Move what nobody is reading, and wait for nobody.
    pub fn passive(&mut self) -> Result<Checkpoint> {
        self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)", false)
    }

    /// The same while the caller holds the writer's lock: what was written since the last time is little, and when all
    /// of the log is moved the next commit begins it anew, in place, where a sync takes half of what it does at an end.
    pub fn catch_up(&mut self) -> Result<Checkpoint> {
        self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)", true)
    }

    /// Move everything and empty the log; does what it can if somebody reads or writes.
    pub fn truncate(&mut self) -> Result<Checkpoint> {
        self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)", false)
    }

    fn checkpoint(&mut self, sql: &'static str, writing: bool) -> Result<Checkpoint> {
        self.file.check_process()?;
        self.file.check_healthy()?;
        if self.file.read_only() {
            return Ok(Checkpoint::default());
        }
        self.file.renew(&mut self.handle)?;
        if self.synchronous != self.file.synchronous() {
            self.synchronous = self.file.synchronous();
            self.handle.synchronous(self.file.path(), self.synchronous)?;
        }
        let newest = reader::reading(&self.file, &self.handle, |reader| reader.newest())?;
        let done = self.handle.prepare_cached(sql).and_then(|mut statement| {
            statement.query_row([], |row| {
                let frames = [row.get::<_, i64>(1)?, row.get::<_, i64>(2)?].map(|count| count.max(0) as u64);
                Ok(Checkpoint { frames: frames[0], moved: frames[1] })
            })
        });
        let done = match done {
            Err(error) if is_busy(&error) => return Ok(Checkpoint::default()),
            done => done.map_err(|error| self.file.failed(error))?,
        };
        if done.frames == done.moved && done.frames > 0 && self.synchronous != Synchronous::Off {
            self.acknowledge(newest, writing);
        }
        Ok(done)
    }

    /// What was moved was synced, under `normal` too; the mark may say so, if no writer is about to say more.
    fn acknowledge(&self, version: u64, writing: bool) {
        let Some(mark) = &self.mark else { return };
        if writing || mark.try_lock(Byte::Writer).unwrap_or(false) {
            let said = mark.read().unwrap_or_default();
            if said.version < version {
                let _ = mark.write(Acknowledged { version, ..said });
            }
            if !writing {
                mark.unlock(Byte::Writer);
            }
        }
    }
}
