//! The one way out of Python: detach, run, map what went wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use crate::error::{internal, raise};

/// Run engine code detached from the interpreter; its error, or its panic, becomes a `neurograph.Error`.
pub(crate) fn enter<T: Send>(py: Python<'_>, work: impl FnOnce() -> ng_core::Result<T> + Send) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
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
