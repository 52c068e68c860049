//! Set-at-a-time operations: one file, one operation, one name from here to the language.

pub mod r#box;
mod candidates;
pub mod components;
pub mod count;
pub mod explain;
pub mod ingest;
pub mod join;
pub mod lookup;
pub mod match_paths;
pub mod mutate;
pub mod nearest;
pub mod neighbors;
mod order;
pub mod pagerank;
pub mod path;
pub mod paths;
pub mod scan;
pub mod spread;
#[cfg(test)]
mod stops;
mod walk;
pub mod within;

use std::ops::Range;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::{Condvar, Mutex};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::batch;
use crate::cancel::{Cancel, SLICE};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::index::spatial;
use crate::memory::Allowance;
use crate::metric::Metric;
use crate::snapshot::Snapshot;
use crate::store::file;

/// What an operation reads: one snapshot, and the metric in force for the session. And what bounds it.
#[derive(Clone)]
pub struct View {
    /// The version.
    pub snapshot: Arc<Snapshot>,
    /// Scales and periods unless the call brings its own.
    pub metric: Metric,
    /// Every operation looks at it.
    pub cancel: Cancel,
    /// What it may take for its answer.
    pub memory: Allowance,
}

/// Worker threads of the engine; its own, so that no host library's pool is blocked.
pub fn pool() -> Option<&'static ThreadPool> {
    /// A pool, and the process that it was made in: a forked child has none of its threads.
    struct Pool {
        process: u64,
        threads: Option<&'static ThreadPool>,
    }
    static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();
    let process = file::process_generation();
    if let Some(pool) = POOL.load().as_ref().filter(|pool| pool.process == process) {
        return pool.threads;
    }
    let threads = ThreadPoolBuilder::new().thread_name(|i| format!("neurograph-{i}")).build().ok();
    let threads = threads.map(|threads| &*Box::leak(Box::new(threads)));
    POOL.store(Some(Arc::new(Pool { process, threads })));
    threads
}

/// Run on the engine's threads; on the caller's alone if there are none to be had.
///
/// `work` has to look at `cancel` by itself; the caller meanwhile looks for signals, which no other thread would notice.
pub fn on_pool<T: Send>(cancel: &Cancel, work: impl FnOnce() -> T + Send) -> T {
    let Some(pool) = pool().filter(|pool| pool.current_thread_index().is_none()) else {
        return work();
    };
    if cancel.is_never() {
        return pool.install(work);
    }
    let (ended, mut done) = (Ended::default(), None);
    pool.in_place_scope(|scope| {
        scope.spawn(|_| {
            // Dropped by a panic too, which the scope hands on to the caller.
            let _told = Told(&ended);
            done = Some(work());
        });
        let mut over = ended.over.lock();
        while !*over {
            if ended.changed.wait_for(&mut over, SLICE).timed_out() {
                // An interrupt is counted where `work` sees it: its own look is what ends it.
                let _ = parking_lot::MutexGuard::unlocked(&mut over, || cancel.poll());
            }
        }
    });
    match done {
        Some(done) => done,
        None => unreachable!("the scope has ended without a panic, so the work is done"),
    }
}

#[derive(Default)]
struct Ended {
    over: Mutex<bool>,
    changed: Condvar,
}

struct Told<'a>(&'a Ended);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        *self.0.over.lock() = true;
        self.0.changed.notify_all();
    }
}

impl From<&spatial::Work<'_>> for batch::Work {
    fn from(work: &spatial::Work<'_>) -> Self {
        Self {
            rows_examined: work.rows_examined,
            leaves_visited: work.leaves_visited,
            leaves_total: work.leaves_total,
            edges_examined: 0,
        }
    }
}

/// A set of connection types; `None` is all.
pub struct Via(Option<Vec<u64>>);

impl Via {
    /// By names, in any case; 42704 for an unknown one.
    pub fn new(names: Option<&[String]>, catalog: &Catalog) -> Result<Self> {
        let Some(names) = names else { return Ok(Self(None)) };
        let mut bits = vec![0; catalog.connection_types.len().div_ceil(64)];
        for name in names {
            let code = catalog.connection_types.code(name).ok_or_else(|| {
                Error::undefined_object(format!("connection type \"{}\" does not exist", name.escape_debug()))
            })?;
            bits[code as usize / 64] |= 1u64 << (code % 64);
        }
        Ok(Self(Some(bits)))
    }

    /// Whether every type is in the set.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a type is in the set.
    pub fn contains(&self, kind: u16) -> bool {
        self.0.as_ref().is_none_or(|bits| bits[kind as usize / 64] >> (kind % 64) & 1 == 1)
    }
}

/// Rows of a table that one thread works through at a time.
const BLOCK: u32 = 1 << 12;

/// The rows [0, `extent`) in blocks, for the engine's threads.
fn blocks(extent: u32) -> impl IndexedParallelIterator<Item = Range<u32>> {
    (0..extent.div_ceil(BLOCK)).into_par_iter().map(move |block| block * BLOCK..extent.min((block + 1) * BLOCK))
}

/// The page of a list that LIMIT and OFFSET leave.
pub fn page<T>(mut rows: Vec<T>, limit: Option<usize>, offset: usize) -> Vec<T> {
    rows.truncate(limit.map_or(usize::MAX, |limit| limit.saturating_add(offset)));
    rows.drain(..offset.min(rows.len()));
    rows
}
