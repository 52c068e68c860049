//! The thread that keeps log and WAL short: checkpoints by size and by time, while everybody goes on.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Store;
use super::file;
use crate::cancel::Cancel;
use crate::error::Result;

/// WAL bytes from which they are copied into the main file.
const WAL_BYTES: u64 = 3 << 20;
/// Log bytes from which segments are written: about a quarter of a second of replay.
const LOG_BYTES: u64 = 16 << 20;
/// How long a commit stays in the log alone.
const AGE: Duration = Duration::from_secs(300);
/// How long a checkpoint waits for a writer; the next commit asks again.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the thread is told.
#[derive(Default)]
struct Orders {
    stop: bool,
    /// WAL and log bytes written since they were last dealt with.
    wal: u64,
    log: u64,
    /// When the oldest commit that is in the log alone was made.
    since: Option<Instant>,
}

/// The thread and its orders.
#[derive(Default)]
pub(super) struct Keeper {
    orders: Arc<(Mutex<Orders>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Start the thread.
    pub(super) fn start(&self, store: &Arc<Store>, connection: file::Keeper) {
        let (orders, store) = (self.orders.clone(), Arc::downgrade(store));
        let run = move || tend(&orders, &store, connection);
        *self.thread.lock() = std::thread::Builder::new().name("neurograph-keeper".into()).spawn(run).ok();
    }

    /// A commit of this size was appended to the log.
    pub(super) fn wrote(&self, bytes: u64) {
        let (orders, wake) = &*self.orders;
        let mut orders = orders.lock();
        orders.log += bytes;
        // A commit changes whole pages.
        orders.wal += bytes.next_multiple_of(4096) + 4096;
        orders.since.get_or_insert_with(Instant::now);
        if orders.log >= LOG_BYTES || orders.wal >= WAL_BYTES {
            wake.notify_one();
        }
    }

    /// Segments up to the current version are written: nothing is in the log alone.
    pub(super) fn checkpointed(&self) {
        let mut orders = self.orders.0.lock();
        (orders.log, orders.since) = (0, None);
    }

    /// End the thread and wait for it.
    pub(super) fn stop(&self) {
        self.orders.0.lock().stop = true;
        self.orders.1.notify_one();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic in there has been caught; there is nothing else to learn from it.
            let _ = thread.join();
        }
    }
}

fn tend(orders: &(Mutex<Orders>, Condvar), store: &Weak<Store>, mut connection: file::Keeper) {
    let (lock, wake) = orders;
    loop {
        let (physical, logical) = {
            let mut orders = lock.lock();
            loop {
                let old = orders.since.is_some_and(|since| since.elapsed() >= AGE);
                if orders.stop || orders.wal >= WAL_BYTES || orders.log >= LOG_BYTES || old {
                    break;
                }
                wake.wait_for(&mut orders, AGE);
            }
            if orders.stop {
                return;
            }
            let physical = std::mem::take(&mut orders.wal) >= WAL_BYTES;
            let old = orders.since.is_some_and(|since| since.elapsed() >= AGE);
            let logical = orders.log >= LOG_BYTES || old;
            if logical {
                // Whether it succeeds or not: the next try comes after as much again.
                (orders.log, orders.since) = (0, None);
            }
            (physical, logical)
        };
        let Some(store) = store.upgrade() else { return };
        if logical && let Err(error) = store.checkpoint(PATIENCE, &Cancel::default()) {
            store.note_failure(error);
        }
        if (physical || logical)
            && let Err(error) = shorten(&store, &mut connection)
        {
            store.note_failure(error);
        }
    }
}

/// Move the WAL into the main file: most of it beside the writers, and what came meanwhile while they wait.
fn shorten(store: &Arc<Store>, connection: &mut file::Keeper) -> Result<()> {
    connection.passive()?;
    match store.lock(PATIENCE, &Cancel::default()) {
        Ok(_writer) => connection.catch_up().map(drop),
        Err(error) if error.sqlstate == Store::busy().sqlstate => Ok(()),
        Err(error) => Err(error),
    }
}
