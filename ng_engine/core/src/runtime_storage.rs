//! A session on a store: what every caller talks to.
//!
//! Reads see the latest version, or inside a transaction the pinned one with the session's own writes. Writes are atomic,
//! and outside a transaction commit at once. An error inside a transaction leaves nothing to do in it but to end it,
//! or to go back to a savepoint.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::cdna::Cdna;
use crate::commit::Working;
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::ops::View;
use crate::snapshot::Snapshot;
use crate::statement::Statement;
use crate::store::Store;
use crate::store::file::Synchronous;
use crate::store::open::OpenOptions;
use crate::transaction::Transaction;

const BUSY_TIMEOUT_MS: u64 = 5000;

/// Rows of a short statement: at a few microseconds each, nobody who waits behind it notices.
const SHORT: usize = 256;

/// No transaction.
const PLAIN: u8 = 0;
/// A read-only transaction.
const READING: u8 = 1;
/// Any other.
const WRITING: u8 = 2;
/// Beside one of these: a statement in it has failed.
const FAILED: u8 = 4;

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
    database: Arc<Database>,
    /// A version that a read-only session never leaves, and the metric of its reads.
    pinned: Option<(Arc<Snapshot>, Metric)>,
    session: Arc<Mutex<Session>>,
    /// What `session` holds, so that nobody has to lock it to know.
    state: AtomicU8,
    busy_timeout_ms: AtomicU64,
    statement: Statement,
}

#[derive(Default)]
struct Session {
    transaction: Option<Transaction>,
    local_metric: Option<Metric>,
}

impl RuntimeStorage {
    /// The first session on a new store in memory.
    pub fn memory(axes: Option<&[String]>) -> Result<Self> {
        Ok(Self::on(Arc::new(Database::new(Store::memory(axes)?, false))))
    }

    /// The first session on the store in a file, which is made if there is none.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        Ok(Self::on(Arc::new(Database::new(Store::open(path, options)?, options.read_only))))
    }

    fn on(database: Arc<Database>) -> Self {
        let store = database.store.clone();
        Self {
            statement: Statement::new(store.interrupts()),
            store,
            database,
            pinned: None,
            session: Arc::default(),
            state: AtomicU8::new(PLAIN),
            busy_timeout_ms: AtomicU64::new(BUSY_TIMEOUT_MS),
        }
    }

    /// Another session on the same store, with this one's timeouts.
    #[must_use]
    pub fn session(&self) -> Self {
        let mut session = Self::on(self.database.clone());
        session.busy_timeout_ms = AtomicU64::new(self.busy_timeout_ms.load(Ordering::Relaxed));
        session.statement.set_timeout(self.statement.timeout());
        session
    }

    /// A read-only session that stays at what this one sees now. Made within a statement, it is a part of it.
    pub fn snapshot(&self) -> Result<Self> {
        let View { snapshot, metric, .. } = self.view()?;
        let mut session = self.session();
        session.pinned = Some((snapshot, metric));
        if self.statement.is_running() {
            session.statement = self.statement.shared();
        }
        Ok(session)
    }

    /// How long a write waits for another writer.
    pub fn set_busy_timeout(&self, timeout: Duration) {
        self.busy_timeout_ms.store(timeout.as_millis().min(u128::from(u64::MAX)) as u64, Ordering::Relaxed);
    }

    fn busy_timeout(&self) -> Duration {
        Duration::from_millis(self.busy_timeout_ms.load(Ordering::Relaxed))
    }

    /// How long a statement, or a call outside of one, may take; `None` is no end.
    pub fn set_statement_timeout(&self, timeout: Option<Duration>) {
        self.statement.set_timeout(timeout);
    }

    /// Let the calls from now to [`Self::end_statement`] be one: they see one version unless they write, an interrupt
    /// ends all that are left, and they share `timeout` (else the session's).
    ///
    /// 25P02 in a failed transaction.
    pub fn start_statement(&self, timeout: Option<Duration>) -> Result<()> {
        self.usable()?;
        let cancel = self.statement.captured(timeout);
        if self.pinned.is_none() && self.is_plain() && !self.statement.is_running() {
            self.store.follow()?;
        }
        self.statement.start(&cancel);
        Ok(())
    }

    /// The end of what [`Self::start_statement`] began; nothing without that.
    pub fn end_statement(&self) {
        self.statement.end();
    }

    /// Cancel what runs now in every session of the store.
    pub fn interrupt(&self) {
        self.store.interrupt();
    }

    /// How many interrupts have reached this session.
    pub fn interrupts(&self) -> u64 {
        self.statement.interrupts()
    }

    /// 57014 when the present statement has been cancelled.
    pub fn check_interrupt(&self) -> Result<()> {
        self.cancel().check()
    }

    /// Bytes that the store may hold, in all its sessions; what would take more is 53200.
    pub fn set_memory_limit(&self, limit: Option<u64>) {
        self.store.budget().set_limit(limit);
    }

    /// How many of them are left; `None` without a limit.
    pub fn memory_left(&self) -> Option<u64> {
        self.store.budget().left(&self.store.current())
    }

    /// What may end the present statement, or a call that begins now.
    pub fn cancel(&self) -> Cancel {
        self.statement.cancel()
    }

    /// What this session sees.
    pub fn view(&self) -> Result<View> {
        self.database.usable()?;
        let cancel = self.cancel();
        let bounded = move |snapshot: Arc<Snapshot>, metric: Option<&Metric>| View {
            metric: metric.unwrap_or(&snapshot.cdna.active.metric).clone(),
            memory: self.store.budget().to_read(&snapshot),
            cancel,
            snapshot,
        };
        if let Some((snapshot, metric)) = &self.pinned {
            return Ok(bounded(snapshot.clone(), Some(metric)));
        }
        if self.is_plain() {
            if !self.statement.is_running() {
                self.store.follow()?;
            }
            return Ok(bounded(self.store.current(), None));
        }
        let mut session = self.locked()?;
        self.usable()?;
        let snapshot = match &mut session.transaction {
            Some(transaction) => transaction.view(),
            None => self.store.current(),
        };
        Ok(bounded(snapshot, session.local_metric.as_ref()))
    }

    /// The rows that this session sees, for a look-up that takes no time: those of other processes up to a millisecond late.
    pub fn glance(&self) -> Result<Arc<Snapshot>> {
        self.database.usable()?;
        if let Some((snapshot, _)) = &self.pinned {
            return Ok(snapshot.clone());
        }
        if self.is_plain() {
            if !self.statement.is_running() {
                self.store.follow_lately()?;
            }
            return Ok(self.store.current());
        }
        Ok(self.view()?.snapshot)
    }

    /// Names, profile, metric and version that this session sees; no row is read, so no conflict can follow from it.
    ///
    /// As late as [`Self::glance`]. In a failed transaction too: without names its end could not be asked for.
    pub fn peek(&self) -> Result<Peek> {
        self.database.usable()?;
        let of = |snapshot: &Snapshot, metric: Option<&Metric>| Peek {
            version: snapshot.version,
            catalog: snapshot.catalog.clone(),
            cdna: snapshot.cdna.clone(),
            metric: metric.unwrap_or(&snapshot.cdna.active.metric).clone(),
        };
        if let Some((snapshot, metric)) = &self.pinned {
            return Ok(of(snapshot, Some(metric)));
        }
        if self.is_plain() {
            if !self.statement.is_running() {
                self.store.follow_lately()?;
            }
            return Ok(of(&self.store.current(), None));
        }
        let session = self.locked()?;
        Ok(match &session.transaction {
            Some(transaction) => of(transaction.peek(), session.local_metric.as_ref()),
            None => of(&self.store.current(), None),
        })
    }

    /// Whether reading takes no lock: outside transactions.
    pub fn is_plain(&self) -> bool {
        self.state.load(Ordering::Acquire) == PLAIN
    }

    /// Whether [`Self::view`] and the like may have to wait: for another thread, or for the disk.
    pub fn may_wait(&self) -> bool {
        !self.is_plain() || self.store.may_wait()
    }

    /// Whether [`Self::glance`] and [`Self::peek`] may have to.
    pub fn glance_waits(&self) -> bool {
        let at_once = || self.statement.is_running() || self.store.looked_lately() || self.store.nothing_new();
        !self.is_plain() || !at_once()
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        !self.is_plain()
    }

    /// Whether a statement of the open transaction has failed, so that only its end or a savepoint is left.
    pub fn transaction_failed(&self) -> bool {
        self.state.load(Ordering::Acquire) & FAILED != 0
    }

    /// Note that a statement has failed; outside of a transaction it changes nothing.
    pub fn fail_transaction(&self) {
        let failed = |state: u8| (state != PLAIN).then_some(state | FAILED);
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, failed);
    }

    /// Note that a call has failed: within a statement it is for the statement to say what becomes of it.
    pub fn call_failed(&self) {
        if !self.statement.is_running() {
            self.fail_transaction();
        }
    }

    /// 25P02 in a failed transaction.
    fn usable(&self) -> Result<()> {
        if self.transaction_failed() { Err(aborted()) } else { Ok(()) }
    }

    /// Whether writes are refused here.
    pub fn read_only(&self) -> bool {
        self.database.read_only || self.pinned.is_some() || self.state.load(Ordering::Acquire) & READING != 0
    }

    /// The session, which another thread may be using.
    fn locked(&self) -> Result<MutexGuard<'_, Session>> {
        if let Some(session) = self.session.try_lock() {
            return Ok(session);
        }
        // It ends with what the other thread does, or with an interrupt.
        let waited = self.cancel().wait(Duration::MAX, |slice| self.session.try_lock_for(slice))?;
        waited.ok_or_else(|| Error::lock_timeout("another thread is using this session"))
    }

    /// Run one statement's writes: all of them are stored, or none and the error is returned.
    pub fn write<T: Send>(&self, statement: impl FnOnce(&mut Working) -> Result<T> + Send) -> Result<T> {
        self.write_rows(usize::MAX, statement)
    }

    /// The same where it is known about how many rows it writes: those of few are synced together with others'.
    pub fn write_rows<T: Send>(
        &self,
        rows: usize,
        statement: impl FnOnce(&mut Working) -> Result<T> + Send,
    ) -> Result<T> {
        self.writable()?;
        let cancel = self.cancel();
        if !self.is_plain() {
            let mut session = self.locked()?;
            if let Some(transaction) = &mut session.transaction {
                self.usable()?;
                let lock = || Ok((self.store.lock(self.busy_timeout(), &cancel)?, self.store.current()));
                let done = transaction.write((cancel.clone(), self.store.budget()), lock, statement);
                return done.inspect_err(|_| self.call_failed());
            }
        }
        if rows <= SHORT {
            self.store.write_together(self.busy_timeout(), &cancel, statement)
        } else {
            self.store.write_alone(self.busy_timeout(), &cancel, statement)
        }
    }

    fn writable(&self) -> Result<()> {
        self.database.usable()?;
        if self.database.read_only {
            return Err(Error::read_only("cannot write in a read-only store"));
        }
        if self.pinned.is_some() {
            return Err(Error::read_only("cannot write in a read-only session"));
        }
        Ok(())
    }

    /// Open a transaction.
    pub fn begin(&self, read_only: bool) -> Result<()> {
        self.database.usable()?;
        if self.pinned.is_some() {
            return Err(Error::read_only("a pinned session has no transactions"));
        }
        let mut session = self.locked()?;
        if session.transaction.is_some() {
            self.usable()?;
            return Err(Error::active_transaction("there is already a transaction in progress"));
        }
        if !self.statement.is_running() {
            self.store.follow()?;
        }
        // Asked before and after it is listed: closing undoes what is listed, and nobody begins after that.
        self.database.begins(&self.session)?;
        session.transaction = Some(Transaction::begin(self.store.current(), read_only));
        self.state.store(if read_only { READING } else { WRITING }, Ordering::Release);
        Ok(())
    }

    /// Take the transaction out; whether it had failed.
    fn end(&self) -> Result<(Transaction, bool)> {
        let mut session = self.locked()?;
        let transaction = session.transaction.take().ok_or_else(no_transaction)?;
        session.local_metric = None;
        Ok((transaction, self.state.swap(PLAIN, Ordering::AcqRel) & FAILED != 0))
    }

    /// Make the transaction's writes visible to everybody. One that has failed is rolled back: 25P02.
    pub fn commit(&self) -> Result<()> {
        let (transaction, failed) = self.end()?;
        if failed {
            transaction.rollback();
            return Err(Error::aborted("current transaction is aborted: it was rolled back"));
        }
        match transaction.commit() {
            Some((writer, committing)) => self.store.commit(writer, committing),
            None => Ok(()),
        }
    }

    /// Undo the transaction's writes.
    pub fn rollback(&self) -> Result<()> {
        self.end()?.0.rollback();
        Ok(())
    }

    fn in_open<T>(&self, act: impl FnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        let mut session = self.locked()?;
        let transaction = session.transaction.as_mut().ok_or_else(no_transaction)?;
        act(transaction).inspect_err(|_| self.call_failed())
    }

    /// Remember the transaction's state by name.
    pub fn savepoint(&self, name: &str) -> Result<()> {
        self.in_open(|t| {
            self.usable()?;
            t.savepoint(name);
            Ok(())
        })
    }

    /// Undo what came after the savepoint, the failure of a statement included.
    pub fn rollback_to(&self, name: &str) -> Result<()> {
        self.in_open(|t| {
            t.rollback_to(name)?;
            self.state.fetch_and(!FAILED, Ordering::AcqRel);
            Ok(())
        })
    }

    /// Forget the savepoint.
    pub fn release(&self, name: &str) -> Result<()> {
        self.in_open(|t| {
            self.usable()?;
            t.release(name)
        })
    }

    /// Read with another metric until the transaction ends.
    pub fn set_local_metric(&self, metric: Option<Metric>) -> Result<()> {
        let mut session = self.locked()?;
        if session.transaction.is_none() {
            return Err(no_transaction().hint("SET LOCAL lasts until the end of the transaction: BEGIN first"));
        }
        self.usable()?;
        session.local_metric = metric;
        Ok(())
    }

    /// Close this opening of the store, for all its sessions; their transactions are rolled back. The last one in this
    /// process writes a checkpoint and closes the file.
    pub fn close(&self) {
        self.database.close();
    }

    /// Write what is in the log alone into segments; readers go on.
    pub fn checkpoint(&self) -> Result<()> {
        self.outside()?;
        self.store.checkpoint(self.busy_timeout(), &self.cancel())
    }

    /// Give back the room of deleted rows, in memory and in the file.
    pub fn vacuum(&self) -> Result<()> {
        self.outside()?;
        self.store.vacuum(self.busy_timeout(), &self.cancel())
    }

    /// Change when commits of this process count as durable.
    pub fn set_synchronous(&self, synchronous: Synchronous) -> Result<()> {
        self.outside()?;
        self.store.set_synchronous(synchronous, self.busy_timeout(), &self.cancel())
    }

    /// Copy what this session sees into a new store: complete, or not at all. 58P02 if the file exists.
    pub fn backup(&self, path: &Path) -> Result<()> {
        if self.in_transaction() {
            return Err(Error::active_transaction("a backup cannot be made inside a transaction"));
        }
        let view = self.view()?;
        Store::backup(&view.snapshot, path, &view.cancel)
    }

    /// What is wrong with the file: (place, problem).
    pub fn check_file(&self) -> Result<Vec<(String, String)>> {
        self.database.usable()?;
        self.store.check_file(&self.cancel())
    }

    /// The store, for its figures.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Only outside of transactions, and where one may write.
    fn outside(&self) -> Result<()> {
        self.writable()?;
        if self.in_transaction() {
            return Err(Error::active_transaction("this cannot run inside a transaction"));
        }
        Ok(())
    }

    /// Wait for background index building.
    pub fn settle(&self) -> Result<()> {
        if self.in_transaction() {
            return Err(Error::active_transaction("index building waits for the open transaction"));
        }
        self.store.settle(self.busy_timeout(), &self.cancel())
    }
}

fn no_transaction() -> Error {
    Error::no_transaction("there is no transaction in progress")
}

fn aborted() -> Error {
    Error::aborted("current transaction is aborted, commands ignored until end of transaction block")
        .hint("ROLLBACK, or ROLLBACK TO a savepoint")
}

impl Drop for RuntimeStorage {
    fn drop(&mut self) {
        undo(&self.session);
    }
}

/// Roll back the open transaction of a session, if it has one.
fn undo(session: &Mutex<Session>) {
    let transaction = session.lock().transaction.take();
    if let Some(transaction) = transaction {
        transaction.rollback();
    }
}

/// What the sessions of one opening of a store have in common: its end.
struct Database {
    store: Arc<Store>,
    read_only: bool,
    open: AtomicBool,
    /// Sessions that have begun a transaction.
    began: Mutex<Vec<Weak<Mutex<Session>>>>,
}

impl Database {
    fn new(store: Arc<Store>, read_only: bool) -> Self {
        Self { store, read_only, open: AtomicBool::new(true), began: Mutex::default() }
    }

    /// 08003 after the end.
    fn usable(&self) -> Result<()> {
        if self.open.load(Ordering::Acquire) { Ok(()) } else { Err(Error::closed("the store is closed")) }
    }

    /// Note that a session begins a transaction.
    fn begins(&self, session: &Arc<Mutex<Session>>) -> Result<()> {
        let mut began = self.began.lock();
        began.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(session)));
        began.push(Arc::downgrade(session));
        drop(began);
        self.usable()
    }

    /// Refuse everything from now on, undo what is open, and let go of the store.
    fn close(&self) {
        if self.open.swap(false, Ordering::AcqRel) {
            let began = std::mem::take(&mut *self.began.lock());
            began.iter().filter_map(Weak::upgrade).for_each(|session| undo(&session));
            self.store.leave();
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}
