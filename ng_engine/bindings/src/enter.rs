//! The one way out of Python: detach, run, look for signals meanwhile, map what went wrong.
//!
//! And the way back: an interpreter that runs one thread at a time lets it run for 5 ms while others wait, so four
//! threads of quick look-ups hold up each commit of a fifth for 20 ms, and mostly for five times that. A look-up
//! therefore makes way for a thread that has been waiting to come back from a write for a while.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ng_core::cancel;
use ng_core::store::file::process_generation;
use pyo3::prelude::*;

use crate::error::{internal, raise};

thread_local! {
    /// Whether this is the thread that Python runs signal handlers in; unknown until it enters for the first time.
    static MAIN: Cell<Option<bool>> = const { Cell::new(None) };
    /// What a signal handler raised while the engine was at work.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// How many threads have written and wait to come back to Python. Above them the number of the process that counts: a
/// forked child has none of its parent's threads.
static RETURNING: AtomicU64 = AtomicU64::new(0);
/// When the first of them began to wait, in nanoseconds since `START`.
static SINCE: AtomicU64 = AtomicU64::new(0);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// How long they wait before others make way: shorter, and a busy writer takes more of its readers' time than a tenth.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long others make way at most: somebody who knows nothing of this may have been faster.
const COURTESY: Duration = Duration::from_micros(200);
/// How long they sleep before they look again; a lock to wait at could be locked in a forked child.
const NAP: Duration = Duration::from_micros(50);

/// Counts a thread as returning until it is back.
struct Returning;

impl Returning {
    fn new() -> Self {
        let none = process_generation() << 32;
        let count = |returning: u64| Some(returning.max(none) + 1);
        if RETURNING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok_and(|before| before <= none) {
            SINCE.store(START.elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
        Self
    }

    fn is_late() -> bool {
        RETURNING.load(Ordering::Relaxed) > process_generation() << 32
            && START.elapsed().saturating_sub(Duration::from_nanos(SINCE.load(Ordering::Relaxed))) >= PATIENCE
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        RETURNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Leave the interpreter to a thread that has waited for it long enough.
fn make_way(py: Python<'_>) {
    if Returning::is_late() {
        py.detach(|| {
            let since = Instant::now();
            while Returning::is_late() && since.elapsed() < COURTESY {
                thread::sleep(NAP);
            }
        });
    }
}

/// Let long operations notice signals.
pub(crate) fn notice_signals() {
    cancel::on_pulse(signalled);
}

/// Run the handlers of signals that have come; whether one of them raised, as that of Ctrl-C does.
fn signalled() -> bool {
    if MAIN.get() != Some(true) {
        return false;
    }
    match Python::attach(|py| py.check_signals()) {
        Ok(()) => false,
        Err(raised) => {
            RAISED.set(Some(raised));
            true
        }
    }
}

/// Whether Python runs signal handlers in the calling thread.
fn is_main(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    threading.call_method0("get_ident")?.eq(main)
}

/// Run engine code detached from the interpreter; its error, or its panic, becomes a `neurograph.Error`.
pub(crate) fn enter<T: Send>(py: Python<'_>, work: impl FnOnce() -> ng_core::Result<T> + Send) -> PyResult<T> {
    detached(py, work, || ())
}

/// The same for what writes: it comes back before its time.
pub(crate) fn enter_to_write<T: Send>(py: Python<'_>, work: impl FnOnce() -> ng_core::Result<T> + Send) -> PyResult<T> {
    detached(py, work, Returning::new)
}

fn detached<T: Send, R: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> ng_core::Result<T> + Send,
    returning: impl FnOnce() -> R + Send,
) -> PyResult<T> {
    if MAIN.get().is_none() {
        MAIN.set(Some(is_main(py)?));
    }
    cancel::entered();
    let (done, _) = py.detach(|| (catch_unwind(AssertUnwindSafe(work)), returning()));
    if let Some(raised) = RAISED.take() {
        return Err(raised);
    }
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(raise(py, &error)),
        Err(panic) => Err(internal(py, panic.as_ref())),
    }
}

/// Run engine code that takes no time and no lock without detaching.
pub(crate) fn stay<T>(py: Python<'_>, work: impl FnOnce() -> ng_core::Result<T>) -> PyResult<T> {
    make_way(py);
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| raise(py, &error)),
        Err(panic) => Err(internal(py, panic.as_ref())),
    }
}
