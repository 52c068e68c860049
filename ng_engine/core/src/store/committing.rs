//! Commits on their way from a private snapshot into the log, and from there to everybody.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::file::{Entry, Log, Synchronous};
use super::{Durable, Store, WriterGuard, checkpoint};
use crate::commit::{Mark, Working};
use crate::error::Result;
use crate::redo::{self, Redo};
use crate::snapshot::Snapshot;

/// One or more commits, made one after the other on one private snapshot.
pub struct Committing {
    working: Working,
    start: Mark,
    /// Whether somebody may hold rows of it.
    exposed: bool,
    commits: Vec<Commit>,
}

struct Commit {
    version: u64,
    at: i64,
    redo: Redo,
}

impl Committing {
    /// None yet.
    pub(super) fn new(base: &Snapshot) -> Self {
        let mut working = Working::new(base);
        working.record();
        Self { start: working.mark(), working, exposed: false, commits: Vec::new() }
    }

    /// What a transaction has done, as one commit.
    pub(crate) fn transaction(working: Working, start: Mark, exposed: bool) -> Self {
        let mut committing = Self { working, start, exposed, commits: Vec::new() };
        committing.close();
        committing
    }

    /// Run a statement as a commit of its own; what it gives.
    pub(super) fn statement<T>(&mut self, statement: impl FnOnce(&mut Working) -> T) -> T {
        let done = statement(&mut self.working);
        self.close();
        done
    }

    /// What was written since the last commit is one.
    fn close(&mut self) {
        if self.working.changed() {
            let at = self.working.now();
            let redo = self.working.end_commit();
            self.commits.push(Commit { version: self.working.snapshot().version, at, redo });
        }
    }

    /// Make that none of it has happened.
    pub(crate) fn undo(mut self) {
        self.working.restore(self.start, self.exposed);
    }
}

impl Store {
    /// Make commits durable, and then visible to everybody; or an error, and none of them has happened.
    ///
    /// 58030 that says so is the exception: what is on disk is then unknown until the store is opened again.
    pub fn commit(self: &Arc<Self>, mut writer: WriterGuard, committing: Committing) -> Result<()> {
        if committing.commits.is_empty() {
            committing.undo();
            return Ok(());
        }
        let Some(durable) = &self.durable else {
            self.publish(committing.working.finish());
            return Ok(());
        };
        let count = committing.commits.len() as u64;
        let chain = writer.writer.chain;
        let appended = match &mut writer.writer.log {
            Some(log) => append(durable, log, chain, &committing),
            None => Err(durable.no_log()),
        };
        let Appended { chain, bytes, bulk } = match appended {
            Ok(appended) => appended,
            Err(error) => {
                committing.undo();
                return Err(error);
            }
        };
        let mut applied = durable.applied.lock();
        let synced = match &mut writer.writer.log {
            Some(log) => log.commit(committing.working.snapshot().version),
            None => Err(durable.no_log()),
        };
        if let Err(error) = synced {
            drop(applied);
            committing.undo();
            return Err(error);
        }
        applied.chain = Some(chain);
        self.publish(committing.working.finish());
        drop(applied);
        durable.figures.commits.fetch_add(count, Ordering::Relaxed);
        if durable.file.synchronous() == Synchronous::Full {
            durable.figures.syncs.fetch_add(1, Ordering::Relaxed);
        }
        durable.keeper.wrote(bytes);
        if bulk {
            durable.keeper.checkpointed();
        }
        Ok(())
    }

    pub(super) fn publish(self: &Arc<Self>, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        if planted!("index-after-ack") {
            let (store, snapshot) = (self.clone(), snapshot.clone());
            std::thread::spawn(move || store.current.store(snapshot));
        } else {
            self.current.store(snapshot.clone());
        }
        self.tend(&snapshot);
    }
}

struct Appended {
    /// The checksum that the next entry continues.
    chain: u32,
    bytes: u64,
    /// Whether a commit was too large for the log, so that all that changed is in segments.
    bulk: bool,
}

/// Append an entry a commit, and write the segments if one is too large for that.
fn append(durable: &Durable, log: &mut Log, chain: u32, committing: &Committing) -> Result<Appended> {
    let mut appended = Appended { chain, bytes: 0, bulk: false };
    for commit in &committing.commits {
        let payload = match &commit.redo {
            Redo::Operations(payload) => payload.clone(),
            Redo::Bulk => {
                appended.bulk = true;
                redo::RELOAD.to_vec()
            }
        };
        appended.bytes += payload.len() as u64;
        let entry = Entry { version: commit.version, at: commit.at, author: durable.author.clone(), payload };
        appended.chain = log.rows(|rows| rows.append(&entry, appended.chain))?;
    }
    if appended.bulk {
        let snapshot = committing.working.snapshot();
        appended.bytes += log.rows(|rows| checkpoint::write(rows, snapshot, committing.working.cancel()))?;
        durable.trim(log, snapshot.version)?;
    }
    Ok(appended)
}
