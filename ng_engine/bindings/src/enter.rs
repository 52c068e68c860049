//! The one way out of Python: detach, run, look for signals meanwhile, map what went wrong.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ng_core::cancel;
use pyo3::prelude::*;

use crate::error::{internal, raise};

thread_local! {
    /// Whether this is the thread that Python runs signal handlers in; unknown until it enters for the first time.
    static MAIN: Cell<Option<bool>> = const { Cell::new(None) };
    /// What a signal handler raised while the engine was at work.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
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
    if MAIN.get().is_none() {
        MAIN.set(Some(is_main(py)?));
    }
    cancel::entered();
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
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
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| raise(py, &error)),
        Err(panic) => Err(internal(py, panic.as_ref())),
    }
}
