//! A store: the current snapshot, the writer's lock, and the background work on indexes.
//!
//! Readers take the current snapshot and never wait. One writer at a time makes the next one and publishes it whole.

pub mod file;
mod gardener;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

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
    gardener: Gardener,
}

impl Store {
    /// A new store in memory.
    pub fn memory(axes: Option<&[String]>) -> Result<Arc<Self>> {
        let snapshot = Snapshot::new(Catalog::new(axes)?);
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(snapshot),
            writer: Arc::default(),
            gardener: Gardener::default(),
        }))
    }

    /// The latest version.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Become the writer, or 55P03 after the timeout.
    pub fn lock(&self, timeout: Duration) -> Result<WriterGuard> {
        match self.writer.try_lock_arc() {
            Some(guard) => Ok(guard),
            None => self.writer.try_lock_arc_for(timeout).ok_or_else(|| {
                Error::lock_timeout("another session is writing")
                    .hint("commit or roll back its transaction, or raise busy_timeout")
            }),
        }
    }

    /// Make a snapshot the latest; the caller holds the writer's lock.
    pub fn publish(self: &Arc<Self>, _writer: &WriterGuard, snapshot: Arc<Snapshot>) {
        self.current.store(snapshot.clone());
        self.tend(&snapshot);
    }
}
