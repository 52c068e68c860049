//! `ng_core::Error` as the Python class that its SQLSTATE names.

use std::any::Any;

use ng_core::Error;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static FROM_SQLSTATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn build(py: Python<'_>, sqlstate: &str, message: &str, hint: Option<&str>) -> PyResult<PyErr> {
    let from_sqlstate = FROM_SQLSTATE
        .get_or_try_init(py, || py.import("ng_engine.errors")?.getattr("from_sqlstate").map(Bound::unbind))?;
    Ok(PyErr::from_value(from_sqlstate.bind(py).call1((sqlstate, message, hint))?))
}

/// The Python exception of an engine error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error.sqlstate, &error.message, error.hint.as_deref()).unwrap_or_else(|e| e)
}

/// The Python exception of a panic: a bug of ours, told as such.
pub(crate) fn internal(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("internal error: {}", text.unwrap_or("panic"));
    build(py, "XX000", &message, Some("this is a bug of NeuroGraph; please report it")).unwrap_or_else(|e| e)
}
