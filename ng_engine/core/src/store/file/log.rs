//! The writer's connection: one transaction at a time among all processes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::connection::Handle;
use super::failure::{is_busy, is_full};
use super::locks::Byte;
use super::mark::Acknowledged;
use super::reader::{self, Reader};
use super::rows::Rows;
use super::{File, NAPS, Poll, Synchronous};
use crate::error::{Error, Result};

/// The connection that writes; one per store, under the writer's lock of this process.
pub struct Log {
    file: Arc<File>,
    pub(super) handle: Handle,
    pub(super) locked: bool,
    generation: u64,
    waits: u64,
    waited: Duration,
}

/// A wait for a lock: short naps at first, longer ones later, and a look at whether it is still wanted.
struct Wait<'a> {
    poll: Poll<'a>,
    began: Option<Instant>,
    timeout: Duration,
    nap: Duration,
    polled: Instant,
}

impl Wait<'_> {
    /// Sleep; false once the time is up.
    fn nap(&mut self) -> Result<bool> {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        if now - began >= self.timeout {
            return Ok(false);
        }
        if now - self.polled > Duration::from_millis(5) {
            (self.poll)()?;
            self.polled = now;
        }
        std::thread::sleep(self.nap.min(self.timeout.saturating_sub(now - began)));
        self.nap = (self.nap * 2).min(NAPS.1);
        Ok(true)
    }
}

impl Log {
    pub(super) fn new(file: Arc<File>, handle: Handle) -> Result<Self> {
        // It waits here, where it can be cancelled, not inside SQLite.
        handle.busy_timeout(Duration::ZERO).map_err(|error| file.failed(error))?;
        let generation = file.mark.as_ref().and_then(|mark| mark.read()).unwrap_or_default().generation;
        Ok(Self { file, handle, locked: false, generation, waits: 0, waited: Duration::ZERO })
    }

    /// Become the only writer among all processes, or wait for it; `poll` is asked every few milliseconds whether the
    /// wait is still wanted.
    ///
    /// # Errors
    /// 55P03 with the holder's process when the time is up, 25006 on a store opened for reading, 58030 after a failed
    /// write, 08003 in a forked child, and what `poll` says.
    pub fn begin(&mut self, timeout: Duration, poll: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.file.check_process()?;
        if !self.handle.is_autocommit() {
            return Err(Error::active_transaction("the log is in a transaction already"));
        }
        self.lock(timeout, poll, true)
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        !self.handle.is_autocommit()
    }

    /// Undo the transaction, if there is one, and let others write.
    pub fn rollback(&mut self) {
        if self.file.check_process().is_err() {
            return;
        }
        if !self.handle.is_autocommit()
            && let Err(error) = self.handle.run("ROLLBACK")
        {
            let _ = self.file.failed(error);
            self.file.poison();
        }
        self.unlock();
    }

    /// Write rows of the store, inside the transaction.
    pub fn rows<T>(&mut self, f: impl FnOnce(&Rows<'_>) -> Result<T>) -> Result<T> {
        self.writing()?;
        let failed = |error| self.file.failed(error);
        f(&Rows { connection: &self.handle, sum: self.file.sum, failed: &failed })
    }

    /// Delete commits up to a version, but for the newest `keep_versions` of them as far as they fit into
    /// `keep_bytes`. The log's latest row always stays: it says how far the history goes.
    pub fn trim(&mut self, upto: u64, keep_versions: u64, keep_bytes: u64) -> Result<()> {
        self.writing()?;
        let work = || {
            let mut newest = self.handle.prepare_cached(
                "SELECT version, length(payload) FROM commit_log WHERE version <= ? ORDER BY version DESC",
            )?;
            let mut rows = newest.query([upto as i64])?;
            let (mut kept, mut bytes) = (0, 0);
            let cut = loop {
                let Some(row) = rows.next()? else { return Ok(()) };
                bytes += row.get::<_, i64>(1)? as u64;
                if kept >= keep_versions || bytes > keep_bytes {
                    break row.get::<_, i64>(0)?;
                }
                kept += 1;
            };
            drop(rows);
            self.handle
                .prepare_cached(
                    "DELETE FROM commit_log WHERE version <= ? AND version < (SELECT max(version) FROM commit_log)",
                )?
                .execute([cut])
                .map(drop)
        };
        work().map_err(|error: rusqlite::Error| self.file.failed(error))
    }

    /// Make the transaction last, as `synchronous` says, and let others write.
    ///
    /// # Errors
    /// 53100 if there was no room: undone, and the log goes on. 58030 if it is unknown whether the commit is stored:
    /// from then on nothing is written until the store is opened again.
    pub fn commit(&mut self, version: u64) -> Result<()> {
        self.writing()?;
        let full = self.file.synchronous() == Synchronous::Full;
        if planted!("mark-before-sync") {
            self.acknowledge(version);
        }
        if let Err(error) = self.handle.run("COMMIT") {
            return Err(self.not_committed(error));
        }
        if self.file.wal_lost(&self.handle) {
            self.file.poison();
            self.unlock();
            return Err(Error::io(format!(
                "{}: another program took the write-ahead log away: unknown whether the commit is stored: reopen to see",
                self.file.path().display()
            )));
        }
        if full {
            self.acknowledge(version);
        }
        self.file.newest.fetch_max(version, Ordering::AcqRel);
        self.unlock();
        Ok(())
    }

    fn not_committed(&mut self, error: rusqlite::Error) -> Error {
        let undone = self.handle.is_autocommit() || self.handle.run("ROLLBACK").is_ok();
        let full = is_full(&error);
        if full && planted!("lock-leaked") {
            self.locked = false;
        }
        self.unlock();
        let error = self.file.failed(error);
        if undone && full {
            // The last frame was not written whole, so no recovery takes it for a commit.
            return error;
        }
        self.file.poison();
        Error::io(format!("{}: unknown whether the commit is stored: reopen to see", error.message))
    }

    fn acknowledge(&self, version: u64) {
        if let Some(mark) = &self.file.mark {
            let _ = mark.write(Acknowledged { generation: self.generation, version });
        }
    }

    /// Look at one state of the file: inside the transaction if there is one.
    pub fn read<T>(&mut self, f: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
        reader::reading(&self.file, &self.handle, f)
    }

    /// What later commits wait for.
    pub fn set_synchronous(&mut self, synchronous: Synchronous) -> Result<()> {
        self.file.check_process()?;
        if !self.handle.is_autocommit() {
            return Err(Error::active_transaction("synchronous cannot change inside a transaction"));
        }
        let before = self.file.synchronous();
        self.handle.synchronous(self.file.path(), synchronous)?;
        if before == Synchronous::Off && synchronous != Synchronous::Off {
            // What was written without syncs is on the disk before a commit says so of what follows.
            self.handle.sync(self.file.path()).inspect_err(|_| self.file.poison())?;
        }
        self.file.synchronous.store(synchronous as u8, Ordering::Relaxed);
        Ok(())
    }

    /// Rewrite the file without its free pages. Waits as [`Self::begin`] does; not inside a transaction.
    pub fn vacuum(&mut self, timeout: Duration, poll: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.locked(timeout, poll, |log| log.handle.execute_batch("VACUUM").map_err(|error| log.file.failed(error)))
    }

    /// Move the write-ahead log into the file and empty it; does what it can if somebody is reading.
    pub fn truncate_wal(&mut self) -> Result<()> {
        self.file.check_process()?;
        self.file.check_healthy()?;
        if self.file.read_only() {
            return Ok(());
        }
        match self.handle.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            Err(error) if !is_busy(&error) => Err(self.file.failed(error)),
            _ => Ok(()),
        }
    }

    /// How often [`Self::begin`] had to wait, and for how long in all.
    pub fn waits(&self) -> (u64, Duration) {
        (self.waits, self.waited)
    }

    /// Run something outside a transaction while no other process of ours writes.
    pub(super) fn locked<T>(
        &mut self,
        timeout: Duration,
        poll: Poll<'_>,
        f: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.lock(timeout, poll, false)?;
        let result = f(self);
        self.unlock();
        result
    }

    fn lock(&mut self, timeout: Duration, poll: Poll<'_>, transaction: bool) -> Result<()> {
        self.file.check_process()?;
        if self.file.read_only() {
            return Err(Error::read_only(format!("{}: opened for reading only", self.file.path().display())));
        }
        if self.file.renew(&mut self.handle)? {
            self.handle.busy_timeout(Duration::ZERO).map_err(|error| self.file.failed(error))?;
        }
        self.file.check_healthy()?;
        let now = Instant::now();
        let mut wait = Wait { poll, began: None, timeout, nap: NAPS.0, polled: now };
        let result = self.take(&mut wait, transaction);
        if let Some(began) = wait.began {
            self.waits += 1;
            self.waited += began.elapsed();
        }
        if result.is_err() {
            self.rollback();
        }
        result
    }

    fn take(&mut self, wait: &mut Wait<'_>, transaction: bool) -> Result<()> {
        let file = self.file.clone();
        if let Some(mark) = &file.mark {
            let queue = |byte, wait: &mut Wait<'_>| {
                while !mark.try_lock(byte)? {
                    if !wait.nap()? {
                        return Err(held(&file, mark.holder()));
                    }
                }
                Ok(())
            };
            queue(Byte::Turnstile, wait)?;
            let first = queue(Byte::Writer, wait);
            mark.unlock(Byte::Turnstile);
            first?;
            self.locked = true;
            mark.sign();
        }
        if transaction {
            while let Err(error) = self.handle.run("BEGIN IMMEDIATE") {
                if !is_busy(&error) {
                    return Err(file.failed(error));
                }
                if !wait.nap()? {
                    return Err(held(&file, None));
                }
            }
        }
        if file.replaced() {
            file.poison();
            return Err(Error::io(format!("{}: another file has taken its place: reopen", file.path().display())));
        }
        Ok(())
    }

    fn unlock(&mut self) {
        if std::mem::take(&mut self.locked)
            && let Some(mark) = &self.file.mark
        {
            mark.unlock(Byte::Writer);
        }
    }

    fn writing(&self) -> Result<()> {
        self.file.check_process()?;
        if self.handle.is_autocommit() {
            return Err(Error::no_transaction("the log is in no transaction"));
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.rollback();
    }
}

fn held(file: &File, holder: Option<u32>) -> Error {
    let who = match holder {
        Some(pid) if pid == std::process::id() => "this process".to_owned(),
        Some(pid) => format!("process {pid}"),
        None => "another program".to_owned(),
    };
    Error::lock_timeout(format!("{}: {who} is writing", file.path().display()))
        .hint("wait for its transaction to end, or raise busy_timeout")
}
