//! What the owner of a store asks for: checkpoint, vacuum, backup, figures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::file::{Log, Synchronous};
use super::{Committing, Durable, Store, checkpoint};
use crate::cancel::Cancel;
use crate::commit::{Working, now};
use crate::error::{Error, Result};

/// What history may take beside the segments at the least.
const HISTORY_BYTES: u64 = 4 << 20;

impl Durable {
    /// Drop the log that segments cover, but for the history kept: so many versions, within a twentieth of the store.
    pub(super) fn trim(&self, log: &mut Log, version: u64) -> Result<()> {
        let keep_bytes = HISTORY_BYTES.max(self.file.bytes().0 / 20);
        log.trim(version, self.options.history_versions, keep_bytes)
    }
}

impl Store {
    /// Write the segments that changed and shorten the log; readers go on, writers wait.
    pub fn checkpoint(self: &Arc<Self>, timeout: Duration, cancel: &Cancel) -> Result<()> {
        let Some(durable) = &self.durable else { return Ok(()) };
        if durable.options.read_only {
            return Err(Error::read_only("cannot write a checkpoint in a read-only store"));
        }
        let mut writer = self.lock(timeout, cancel)?;
        let log = writer.writer.log.as_mut().ok_or_else(|| durable.no_log())?;
        let snapshot = self.current();
        log.rows(|rows| checkpoint::write(rows, &snapshot, cancel))?;
        durable.trim(log, snapshot.version)?;
        log.commit(snapshot.version)?;
        durable.keeper.checkpointed();
        durable.figures.checkpoints.fetch_add(1, Ordering::Relaxed);
        durable.figures.last_checkpoint_version.store(snapshot.version, Ordering::Relaxed);
        durable.figures.last_checkpoint_at.store(now(), Ordering::Relaxed);
        log.truncate_wal()
    }

    /// Give back the room of deleted rows: in memory, and in the file.
    pub fn vacuum(self: &Arc<Self>, timeout: Duration, cancel: &Cancel) -> Result<()> {
        let writer = self.lock(timeout, cancel)?;
        let mut committing = Committing::new(&self.current());
        committing.statement(|working| {
            working.bound_by(cancel.clone(), self.memory.allowance(working.snapshot()));
            working.statement(Working::compact)
        })?;
        self.commit(writer, committing)?;
        self.checkpoint(timeout, cancel)?;
        let Some(durable) = &self.durable else { return Ok(()) };
        let mut writer = self.writer.lock();
        let log = writer.log.as_mut().ok_or_else(|| durable.no_log())?;
        log.vacuum(timeout, &mut || cancel.poll())?;
        log.truncate_wal()
    }

    /// Change when a commit counts as durable, for every session of this process.
    pub fn set_synchronous(
        self: &Arc<Self>,
        synchronous: Synchronous,
        timeout: Duration,
        cancel: &Cancel,
    ) -> Result<()> {
        let Some(durable) = &self.durable else { return Ok(()) };
        let mut writer = self.lock(timeout, cancel)?;
        let log = writer.writer.log.as_mut().ok_or_else(|| durable.no_log())?;
        log.rollback();
        log.set_synchronous(synchronous)
    }

    /// A failure that nobody waits to hear of is counted, and told by `stats`.
    pub(super) fn note_failure(&self, _error: Error) {
        if let Some(durable) = &self.durable {
            durable.figures.checkpoint_failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The file, by its absolute name; none in memory.
    pub fn path(&self) -> Option<&Path> {
        self.durable.as_ref().map(|durable| durable.file.path())
    }

    /// When a commit counts as durable.
    pub fn synchronous(&self) -> Synchronous {
        self.durable.as_ref().map_or(Synchronous::Off, |durable| durable.file.synchronous())
    }

    /// What `stats` tells of the file; nothing of a store in memory.
    pub fn figures(&self) -> Result<Vec<(&'static str, u64)>> {
        let Some(durable) = &self.durable else { return Ok(Vec::new()) };
        let sizes = match durable.follower.lock().as_mut() {
            Some(follower) => follower.look(|log| log.sizes())?,
            None => return Err(Self::closed()),
        };
        let figure = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let figures = &durable.figures;
        let checkpoint_at = figures.last_checkpoint_at.load(Ordering::Relaxed).max(0) as u64;
        Ok(vec![
            ("file_bytes", sizes.file),
            ("wal_bytes", sizes.wal),
            ("log_bytes", sizes.log),
            ("log_commits", sizes.commits),
            ("last_checkpoint_version", figure(&figures.last_checkpoint_version)),
            ("last_checkpoint_at", checkpoint_at),
            ("checkpoints", figure(&figures.checkpoints)),
            ("checkpoint_failures", figure(&figures.checkpoint_failures)),
            ("replayed", durable.replayed),
            ("followed", figure(&figures.followed)),
            ("follow_us", figure(&figures.follow_us)),
            ("commits", figure(&figures.commits)),
            ("syncs", figure(&figures.syncs)),
            ("lock_waits", figure(&figures.lock_waits)),
            ("lock_wait_us", figure(&figures.lock_wait_us)),
        ])
    }
}
