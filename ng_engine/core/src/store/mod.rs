//! A store: the current snapshot, the writer's lock, the log that makes commits durable, and the work in the background.
//!
//! Readers take the current snapshot and never wait. One writer at a time makes the next one and publishes it whole,
//! after the log has it. A store in memory is the same without a log.

#[macro_use] // first: others plant bugs with its macro
pub mod file;

mod assemble;
mod backup;
mod check;
mod checkpoint;
pub mod codec;
mod committing;
mod follow;
mod gardener;
mod keeper;
pub mod open;
mod queue;
mod registry;
mod salvage;
pub mod state;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

use crate::cancel::{Cancel, Interrupts};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::snapshot::Snapshot;
use file::{File, Follower, Log};
use gardener::Gardener;
use keeper::Keeper;
use queue::Queue;

pub use committing::Committing;
pub use salvage::Salvaged;

/// One store, shared by all its sessions.
pub struct Store {
    current: ArcSwap<Snapshot>,
    writer: Arc<Mutex<Writer>>,
    queue: Queue,
    /// How often everything that runs has been interrupted.
    interrupts: Arc<AtomicU64>,
    memory: Memory,
    gardener: Gardener,
    durable: Option<Durable>,
    /// How many databases have it open; at none it closes.
    handles: AtomicUsize,
}

/// What only the holder of the writer's lock touches.
#[derive(Default)]
struct Writer {
    /// The connection that appends to the log; none in memory, when read-only, and after closing.
    log: Option<Log>,
    /// The checksum that the next entry continues.
    chain: u32,
}

/// What a store on disk has besides.
struct Durable {
    file: Arc<File>,
    follower: Mutex<Option<Follower>>,
    /// Held while the current snapshot is replaced by one with more commits.
    applied: Mutex<Applied>,
    keeper: Keeper,
    figures: Figures,
    author: String,
    options: open::OpenOptions,
    opened: Instant,
    /// When the log was last looked at, in microseconds since `opened`.
    looked: AtomicU64,
    /// Commits replayed when it was opened.
    replayed: u64,
}

/// How far the log has been applied.
struct Applied {
    /// Checksum of the entry of the current version, if it is known.
    chain: Option<u32>,
}

/// Counters for `stats`.
#[derive(Default)]
struct Figures {
    commits: AtomicU64,
    syncs: AtomicU64,
    followed: AtomicU64,
    follow_us: AtomicU64,
    lock_waits: AtomicU64,
    lock_wait_us: AtomicU64,
    checkpoints: AtomicU64,
    checkpoint_failures: AtomicU64,
    last_checkpoint_version: AtomicU64,
    last_checkpoint_at: AtomicI64,
}

/// The writer's lock, held, and with it the log's; what was appended and not committed is undone at the end.
pub struct WriterGuard {
    writer: ArcMutexGuard<RawMutex, Writer>,
}

impl WriterGuard {
    /// Whether commits go to a log.
    pub fn is_logged(&self) -> bool {
        self.writer.log.is_some()
    }
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        if let Some(log) = &mut self.writer.log {
            log.rollback();
        }
    }
}

impl Store {
    /// A new store in memory.
    pub fn memory(axes: Option<&[String]>) -> Result<Arc<Self>> {
        Ok(Self::with(Snapshot::new(Catalog::new(axes)?), Writer::default(), None))
    }

    fn with(snapshot: Snapshot, writer: Writer, durable: Option<Durable>) -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwap::from_pointee(snapshot),
            writer: Arc::new(Mutex::new(writer)),
            queue: Queue::default(),
            interrupts: Arc::default(),
            memory: Memory::default(),
            gardener: Gardener::default(),
            durable,
            handles: AtomicUsize::new(1),
        })
    }

    /// The latest version.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Whether commits go to a log.
    fn is_durable(&self) -> bool {
        self.durable.is_some()
    }

    /// Whether asking for the present version may take locks or touch files.
    pub fn may_wait(&self) -> bool {
        self.is_durable()
    }

    /// Cancel what runs now, in every session.
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    /// The interrupts of a session.
    pub fn interrupts(&self) -> Interrupts {
        Interrupts::new(self.interrupts.clone())
    }

    /// The memory that the store may take, and what it has taken.
    pub(crate) fn budget(&self) -> &Memory {
        &self.memory
    }

    /// Become the writer, of this process and of all, with every commit seen; or 55P03 after the timeout.
    pub fn lock(self: &Arc<Self>, timeout: Duration, cancel: &Cancel) -> Result<WriterGuard> {
        let began = Instant::now();
        let writer = match self.writer.try_lock_arc() {
            Some(writer) => writer,
            None => {
                let writer = cancel.wait(timeout, |slice| self.writer.try_lock_arc_for(slice))?;
                if let Some(durable) = &self.durable {
                    durable.figures.waited(began.elapsed());
                }
                writer.ok_or_else(Self::busy)?
            }
        };
        let mut guard = WriterGuard { writer };
        if let Some(durable) = &self.durable {
            durable.file.check_process()?;
            let Writer { log, chain } = &mut *guard.writer;
            let log = log.as_mut().ok_or_else(|| durable.no_log())?;
            log.begin(timeout.saturating_sub(began.elapsed()), &mut || cancel.poll())?;
            *chain = log.read(|log| {
                let (newest, chain) = log.tail()?;
                if newest > self.current().version && !planted!("guardian-outside-lock") {
                    self.catch_up(durable, log)?;
                }
                Ok(chain)
            })?;
        }
        Ok(guard)
    }

    fn busy() -> Error {
        Error::lock_timeout("another session is writing")
            .hint("commit or roll back its transaction, or raise busy_timeout")
    }

    fn closed() -> Error {
        Error::closed("the store is closed")
    }
}

impl Durable {
    fn now(&self) -> u64 {
        self.opened.elapsed().as_micros() as u64
    }

    /// Why there is no connection to write with.
    fn no_log(&self) -> Error {
        if self.options.read_only { Error::read_only("cannot write in a read-only store") } else { Store::closed() }
    }
}

impl Figures {
    fn waited(&self, time: Duration) {
        self.lock_waits.fetch_add(1, Ordering::Relaxed);
        self.lock_wait_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }
}
