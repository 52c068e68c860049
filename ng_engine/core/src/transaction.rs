//! An explicit transaction: a pinned snapshot until the first write, then the writer's lock and a private one.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::commit::{Mark, Working};
use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::snapshot::Snapshot;
use crate::store::{Committing, WriterGuard};

/// What a session holds between BEGIN and COMMIT.
pub struct Transaction {
    read_only: bool,
    base: Arc<Snapshot>,
    /// Whether a snapshot of it was ever handed out.
    read: bool,
    writing: Option<Writing>,
    savepoints: Vec<Savepoint>,
}

struct Writing {
    guard: WriterGuard,
    working: Working,
    start: Mark,
    /// The present state as readers of this session see it, made when asked for.
    view: Option<Arc<Snapshot>>,
    /// Whether uncommitted rows were ever handed out.
    exposed: bool,
}

struct Savepoint {
    name: String,
    /// Absent if nothing had been written yet.
    mark: Option<Mark>,
}

impl Transaction {
    /// Pin a snapshot.
    pub fn begin(base: Arc<Snapshot>, read_only: bool) -> Self {
        Self { read_only, base, read: false, writing: None, savepoints: Vec::new() }
    }

    /// Whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// What the session sees: the pinned snapshot and its own writes.
    pub fn view(&mut self) -> Arc<Snapshot> {
        self.read = true;
        match &mut self.writing {
            None => self.base.clone(),
            Some(writing) => {
                writing.exposed |= writing.working.changed();
                writing.view.get_or_insert_with(|| Arc::new(writing.working.snapshot().clone())).clone()
            }
        }
    }

    /// The same without reading rows of it: names and the profile, which no commit of others can make wrong.
    pub fn peek(&self) -> &Snapshot {
        self.writing.as_ref().map_or(&self.base, |writing| writing.working.snapshot())
    }

    /// One statement's writes: all of them or none.
    ///
    /// The first one takes the lock through `lock`, and fails with 40001 if something was read that has since changed.
    pub(crate) fn write<T>(
        &mut self,
        (cancel, memory): (Cancel, &Memory),
        lock: impl FnOnce() -> Result<(WriterGuard, Arc<Snapshot>)>,
        statement: impl FnOnce(&mut Working) -> Result<T>,
    ) -> Result<T> {
        if self.read_only {
            return Err(Error::read_only("cannot write in a read-only transaction"));
        }
        if self.writing.is_none() {
            let (guard, current) = lock()?;
            if self.read && current.version != self.base.version {
                return Err(Error::serialization("another session has committed since this transaction first read")
                    .hint("roll back and run the transaction again"));
            }
            let mut working = Working::transaction(&current);
            if guard.is_logged() {
                working.record();
            }
            let start = working.mark();
            self.base = current;
            self.writing = Some(Writing { guard, working, start, view: None, exposed: false });
        }
        let Some(writing) = &mut self.writing else {
            return Err(Error::no_transaction("no transaction"));
        };
        writing.view = None;
        writing.working.bound_by(cancel, memory.allowance(writing.working.snapshot()));
        writing.working.statement(statement)
    }

    /// The writer's lock and what is to be committed, if anything was written.
    pub fn commit(self) -> Option<(WriterGuard, Committing)> {
        let Writing { guard, working, start, exposed, .. } = self.writing?;
        Some((guard, Committing::transaction(working, start, exposed)))
    }

    /// Undo everything.
    pub fn rollback(self) {
        if let Some(Writing { mut working, start, exposed, .. }) = self.writing {
            working.restore(start, exposed);
        }
    }

    /// Remember this state by name.
    pub fn savepoint(&mut self, name: &str) {
        let mark = self.writing.as_ref().map(|w| w.working.mark());
        self.savepoints.push(Savepoint { name: name.to_owned(), mark });
    }

    fn find(&self, name: &str) -> Result<usize> {
        let found = self.savepoints.iter().rposition(|s| s.name == name);
        found.ok_or_else(|| Error::no_savepoint(format!("savepoint \"{}\" does not exist", name.escape_debug())))
    }

    /// Undo everything since the savepoint, which stays.
    pub fn rollback_to(&mut self, name: &str) -> Result<()> {
        let at = self.find(name)?;
        self.savepoints.truncate(at + 1);
        if let (Some(writing), Some(savepoint)) = (&mut self.writing, self.savepoints.last()) {
            let mark = savepoint.mark.as_ref().unwrap_or(&writing.start).clone();
            writing.working.restore(mark, writing.exposed);
            writing.view = None;
        }
        Ok(())
    }

    /// Forget the savepoint and those after it; their writes stay.
    pub fn release(&mut self, name: &str) -> Result<()> {
        let at = self.find(name)?;
        self.savepoints.truncate(at);
        Ok(())
    }
}
