//! Background work: plants trees over new rows, compresses new connections, and publishes them as the same version.
//!
//! Nothing waits for it: an index that lags is completed by a scan. So its threads stand back behind all others; with as many
//! of them as there are cores, queries would otherwise have to wait for their turn, some milliseconds at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Store;
use crate::cancel::{Cancel, SLICE};
use crate::error::{Error, Result};
use crate::index::adjacency::{Adjacency, Link};
use crate::index::forest::{self, Forest};
use crate::snapshot::Snapshot;

/// How far the threads stand back: they get about a tenth of a core that another thread wants whole.
#[cfg(target_os = "linux")]
const NICENESS: std::ffi::c_int = 10;

/// Connections listed one by one before they are compressed.
const LISTED_CONNECTIONS: u32 = 1 << 16;

/// Whether a thread is at work.
#[derive(Default)]
pub(super) struct Gardener {
    busy: Mutex<bool>,
    idle: Condvar,
}

/// What is worth doing for a snapshot.
enum Chore {
    Index(forest::Chore),
    Compress,
}

fn chore(snapshot: &Snapshot) -> Option<Chore> {
    if let Some(chore) = snapshot.spatial.chore(&snapshot.tokens) {
        return Some(Chore::Index(chore));
    }
    let listed = snapshot.connections.extent() - snapshot.adjacency.covered();
    (listed > LISTED_CONNECTIONS.max(snapshot.adjacency.covered() / 4)).then_some(Chore::Compress)
}

impl Store {
    /// Start the background work that the snapshot calls for, unless it is running.
    pub(super) fn tend(self: &Arc<Self>, snapshot: &Snapshot) {
        if chore(snapshot).is_none() {
            return;
        }
        let mut busy = self.gardener.busy.lock();
        if *busy {
            return;
        }
        let store = Arc::downgrade(self);
        *busy = std::thread::Builder::new().name("neurograph-index".into()).spawn(move || tend(&store)).is_ok();
    }

    /// Wait until no background work is left to do, or 55P03 where another session's transaction stays in its way.
    pub fn settle(self: &Arc<Self>, timeout: Duration, cancel: &Cancel) -> Result<()> {
        const LOOK: Duration = SLICE;
        let mut blocked = Duration::ZERO;
        loop {
            cancel.poll()?;
            self.tend(&self.current());
            let mut busy = self.gardener.busy.lock();
            if !*busy {
                return Ok(());
            }
            self.gardener.idle.wait_for(&mut busy, LOOK);
            blocked = if self.writer.is_locked() { blocked + LOOK } else { Duration::ZERO };
            if blocked > timeout {
                return Err(Error::lock_timeout("another session is writing"));
            }
        }
    }
}

/// Work until nothing is left to do; a panic, too, leaves the gardener free for the next commit.
fn tend(store: &Weak<Store>) {
    let finished = catch_unwind(AssertUnwindSafe(|| work(store)));
    if let (Err(_), Some(store)) = (finished, store.upgrade()) {
        *store.gardener.busy.lock() = false;
        store.gardener.idle.notify_all();
    }
}

/// Let all other threads go first, where the system knows of such a thing.
fn stand_back() {
    #[cfg(target_os = "linux")]
    // SAFETY: no memory is touched. Linux takes 0 for the calling thread; what cannot be done is left.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
    }
}

/// Threads for one spell of work; none where there are none to be had.
fn helpers() -> Option<ThreadPool> {
    let name = |i| format!("neurograph-index-{i}");
    ThreadPoolBuilder::new().thread_name(name).start_handler(|_| stand_back()).build().ok()
}

/// Do chores until there are none; the store may be dropped meanwhile.
fn work(store: &Weak<Store>) {
    stand_back();
    let helpers = helpers();
    while let Some(store) = store.upgrade() {
        let built = store.current();
        match chore(&built) {
            Some(Chore::Index(chore)) => {
                let build = || chore.build(&built);
                let part = helpers.as_ref().map_or_else(build, |helpers| helpers.install(build));
                store.replace(&built, |now| {
                    // It fails where a list is full; the trees that there are stay.
                    if let Ok(forest) = Forest::adopt(now, &built, part) {
                        now.spatial = Arc::new(forest);
                    }
                });
            }
            Some(Chore::Compress) => {
                // Nothing cancels it.
                if let Ok(adjacency) = Adjacency::build(&built, &Cancel::default()) {
                    store.replace(&built, |now| {
                        let later = adjacency.covered()..now.connections.extent();
                        later.filter_map(|row| Link::of(now, row)).for_each(|link| adjacency.push(link));
                        now.adjacency = Arc::new(adjacency);
                        // Those in the compressed rows are found there.
                        if let Ok(triples) = now.map_triples(&Cancel::default()) {
                            now.triples = Arc::new(triples);
                        }
                    });
                }
            }
            None => {
                let mut busy = store.gardener.busy.lock();
                if chore(&store.current()).is_none() {
                    *busy = false;
                    store.gardener.idle.notify_all();
                    return;
                }
            }
        }
    }
}

impl Store {
    /// Publish the latest version with another index, unless rows were numbered anew since `built`.
    fn replace(&self, built: &Snapshot, change: impl FnOnce(&mut Snapshot)) {
        let _writer = self.writer.lock();
        let _applied = self.durable.as_ref().map(|durable| durable.applied.lock());
        let now = self.current();
        if now.epoch == built.epoch {
            let mut next = (*now).clone();
            change(&mut next);
            self.current.store(Arc::new(next));
        }
    }
}
