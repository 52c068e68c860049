//! A session on a store: what every caller talks to.
//!
//! Reads see the latest version, or inside a transaction the pinned one with the session's own writes. Writes are atomic,
//! and outside a transaction commit at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::catalog::Catalog;
use crate::cdna::Cdna;
use crate::commit::Working;
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::ops::View;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::transaction::Transaction;

const BUSY_TIMEOUT_MS: u64 = 5000;

/// No transaction.
const PLAIN: u8 = 0;
/// A read-only transaction.
const READING: u8 = 1;
/// Any other.
const WRITING: u8 = 2;

/// What a session knows without reading a row.
pub struct Peek {
    /// The number of the commit it sees.
    pub version: u64,
    /// Type and axis names.
    pub catalog: Arc<Catalog>,
    /// Profiles.
    pub cdna: Arc<Cdna>,
    /// Scales and periods of its reads.
    pub metric: Metric,
}

/// One session.
pub struct RuntimeStorage {
    store: Arc<Store>,
    /// A version that a read-only session never leaves.
    pinned: Option<View>,
    session: Mutex<Session>,
    /// What `session` holds, so that nobody has to lock it to know.
    state: AtomicU8,
    busy_timeout_ms: AtomicU64,
}

#[derive(Default)]
struct Session {
    transaction: Option<Transaction>,
    local_metric: Option<Metric>,
}

impl RuntimeStorage {
    /// The first session on a new store in memory.
    pub fn memory(axes: Option<&[String]>) -> Result<Self> {
        Ok(Self::on(Store::memory(axes)?, None))
    }

    fn on(store: Arc<Store>, pinned: Option<View>) -> Self {
        Self {
            store,
            pinned,
            session: Mutex::default(),
            state: AtomicU8::new(PLAIN),
            busy_timeout_ms: AtomicU64::new(BUSY_TIMEOUT_MS),
        }
    }

    /// Another session on the same store.
    #[must_use]
    pub fn session(&self) -> Self {
        let session = Self::on(self.store.clone(), None);
        session.busy_timeout_ms.store(self.busy_timeout_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        session
    }

    /// A read-only session that stays at what this one sees now.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self::on(self.store.clone(), Some(self.view()))
    }

    /// How long a write waits for another writer.
    pub fn set_busy_timeout(&self, timeout: Duration) {
        self.busy_timeout_ms.store(timeout.as_millis().min(u128::from(u64::MAX)) as u64, Ordering::Relaxed);
    }

    fn busy_timeout(&self) -> Duration {
        Duration::from_millis(self.busy_timeout_ms.load(Ordering::Relaxed))
    }

    /// What this session sees.
    pub fn view(&self) -> View {
        if let Some(view) = &self.pinned {
            return view.clone();
        }
        if self.is_plain() {
            return plain_view(self.store.current());
        }
        let mut session = self.session.lock();
        let snapshot = match &mut session.transaction {
            Some(transaction) => transaction.view(),
            None => self.store.current(),
        };
        match &session.local_metric {
            Some(metric) => View { metric: metric.clone(), snapshot },
            None => plain_view(snapshot),
        }
    }

    /// Names, profile, metric and version that this session sees; no row is read, so no conflict can follow from it.
    pub fn peek(&self) -> Peek {
        let of = |snapshot: &Snapshot, metric: Option<&Metric>| Peek {
            version: snapshot.version,
            catalog: snapshot.catalog.clone(),
            cdna: snapshot.cdna.clone(),
            metric: metric.unwrap_or(&snapshot.cdna.active.metric).clone(),
        };
        if let Some(view) = &self.pinned {
            return of(&view.snapshot, Some(&view.metric));
        }
        if self.is_plain() {
            return of(&self.store.current(), None);
        }
        let session = self.session.lock();
        match &session.transaction {
            Some(transaction) => of(transaction.peek(), session.local_metric.as_ref()),
            None => of(&self.store.current(), None),
        }
    }

    /// Whether reading takes no lock: outside transactions.
    pub fn is_plain(&self) -> bool {
        self.state.load(Ordering::Acquire) == PLAIN
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        !self.is_plain()
    }

    /// Whether writes are refused here.
    pub fn read_only(&self) -> bool {
        self.pinned.is_some() || self.state.load(Ordering::Acquire) == READING
    }

    /// Run one statement's writes: all of them are stored, or none and the error is returned.
    pub fn write<T>(&self, statement: impl FnOnce(&mut Working) -> Result<T>) -> Result<T> {
        if self.pinned.is_some() {
            return Err(Error::read_only("cannot write in a read-only session"));
        }
        if !self.is_plain() {
            let mut session = self.session.lock();
            if let Some(transaction) = &mut session.transaction {
                return transaction
                    .write(|| Ok((self.store.lock(self.busy_timeout())?, self.store.current())), statement);
            }
        }
        let writer = self.store.lock(self.busy_timeout())?;
        let mut working = Working::new(&self.store.current());
        let done = working.statement(statement)?;
        if working.changed() {
            self.store.publish(&writer, Arc::new(working.finish()));
        }
        Ok(done)
    }

    /// Open a transaction.
    pub fn begin(&self, read_only: bool) -> Result<()> {
        if self.pinned.is_some() {
            return Err(Error::read_only("a pinned session has no transactions"));
        }
        let mut session = self.session.lock();
        if session.transaction.is_some() {
            return Err(Error::active_transaction("there is already a transaction in progress"));
        }
        session.transaction = Some(Transaction::begin(self.store.current(), read_only));
        self.state.store(if read_only { READING } else { WRITING }, Ordering::Release);
        Ok(())
    }

    fn end(&self) -> Result<Transaction> {
        let mut session = self.session.lock();
        let transaction = session.transaction.take().ok_or_else(no_transaction)?;
        session.local_metric = None;
        self.state.store(PLAIN, Ordering::Release);
        Ok(transaction)
    }

    /// Make the transaction's writes visible to everybody.
    pub fn commit(&self) -> Result<()> {
        if let Some((writer, snapshot)) = self.end()?.commit() {
            self.store.publish(&writer, Arc::new(snapshot));
        }
        Ok(())
    }

    /// Undo the transaction's writes.
    pub fn rollback(&self) -> Result<()> {
        self.end()?.rollback();
        Ok(())
    }

    fn in_open<T>(&self, act: impl FnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        act(self.session.lock().transaction.as_mut().ok_or_else(no_transaction)?)
    }

    /// Remember the transaction's state by name.
    pub fn savepoint(&self, name: &str) -> Result<()> {
        self.in_open(|t| {
            t.savepoint(name);
            Ok(())
        })
    }

    /// Undo what came after the savepoint.
    pub fn rollback_to(&self, name: &str) -> Result<()> {
        self.in_open(|t| t.rollback_to(name))
    }

    /// Forget the savepoint.
    pub fn release(&self, name: &str) -> Result<()> {
        self.in_open(|t| t.release(name))
    }

    /// Read with another metric until the transaction ends.
    pub fn set_local_metric(&self, metric: Option<Metric>) -> Result<()> {
        let mut session = self.session.lock();
        if session.transaction.is_none() {
            return Err(no_transaction().hint("SET LOCAL lasts until the end of the transaction: BEGIN first"));
        }
        session.local_metric = metric;
        Ok(())
    }

    /// Wait for background index building.
    pub fn settle(&self) -> Result<()> {
        if self.in_transaction() {
            return Err(Error::active_transaction("index building waits for the open transaction"));
        }
        self.store.settle(self.busy_timeout())
    }
}

fn plain_view(snapshot: Arc<Snapshot>) -> View {
    View { metric: snapshot.cdna.active.metric.clone(), snapshot }
}

fn no_transaction() -> Error {
    Error::no_transaction("there is no transaction in progress")
}

impl Drop for RuntimeStorage {
    fn drop(&mut self) {
        if let Some(transaction) = self.session.get_mut().transaction.take() {
            transaction.rollback();
        }
    }
}
