//! A store: the current snapshot, the writer's lock, and the background work on indexes.
//!
//! Readers take the current snapshot and never wait. One writer at a time makes the next one and publishes it whole.

pub mod assemble;
pub mod codec;
pub mod file;
mod gardener;
pub mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

use crate::cancel::{Cancel, Interrupts};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use gardener::Gardener;

/// The writer's lock, held.
pub type WriterGuard = ArcMutexGuard<RawMutex, ()>;

/// One store, shared by all its sessions.
pub struct Store {
    current: ArcSwap<Snapshot>,
    writer: Arc<Mutex<()>>,
    /// How often everything that runs has been interrupted.
    interrupts: Arc<AtomicU64>,
    gardener: Gardener,
}

impl Store {
    /// A new store in memory.
    pub fn memory(axes: Option<&[String]>) -> Result<Arc<Self>> {
        let snapshot = Snapshot::new(Catalog::new(axes)?);
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(snapshot),
            writer: Arc::default(),
            interrupts: Arc::default(),
            gardener: Gardener::default(),
        }))
    }

    /// The latest version.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Catch up with what other processes have committed: statements and transactions ask when they begin.
    pub fn follow(&self) -> Result<()> {
        Ok(())
    }

    /// The same, at most once a millisecond: bare look-ups ask.
    pub fn follow_lately(&self) -> Result<()> {
        Ok(())
    }

    /// Whether asking for the present version may take locks or touch files.
    pub fn may_wait(&self) -> bool {
        false
    }

    /// Cancel what runs now, in every session.
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    /// The interrupts of a session.
    pub fn interrupts(&self) -> Interrupts {
        Interrupts::new(self.interrupts.clone())
    }

    /// Become the writer, or 55P03 after the timeout, or 57014.
    pub fn lock(&self, timeout: Duration, cancel: &Cancel) -> Result<WriterGuard> {
        if let Some(guard) = self.writer.try_lock_arc() {
            return Ok(guard);
        }
        cancel.wait(timeout, |slice| self.writer.try_lock_arc_for(slice))?.ok_or_else(|| {
            Error::lock_timeout("another session is writing")
                .hint("commit or roll back its transaction, or raise busy_timeout")
        })
    }

    /// Make a snapshot the latest; the caller holds the writer's lock.
    pub fn publish(self: &Arc<Self>, _writer: &WriterGuard, snapshot: Arc<Snapshot>) {
        self.current.store(snapshot.clone());
        self.tend(&snapshot);
    }
}
