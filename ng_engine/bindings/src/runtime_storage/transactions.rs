//! Transactions of a session.

use std::time::Duration;

use ng_core::Error;
use pyo3::prelude::*;

use super::PyRuntimeStorage;
use crate::convert::fail;
use crate::enter::enter;

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (read_only=false))]
    fn begin(&self, py: Python<'_>, read_only: bool) -> PyResult<()> {
        enter(py, || self.storage.begin(read_only))
    }

    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || self.storage.commit())
    }

    fn rollback(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || self.storage.rollback())
    }

    fn savepoint(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        enter(py, || self.storage.savepoint(name))
    }

    fn rollback_to(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        enter(py, || self.storage.rollback_to(name))
    }

    fn release(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        enter(py, || self.storage.release(name))
    }

    #[getter]
    fn in_transaction(&self) -> bool {
        self.storage.in_transaction()
    }

    #[getter]
    fn read_only(&self) -> bool {
        self.storage.read_only()
    }

    /// Seconds that a write waits for another writer.
    fn set_busy_timeout(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        match Duration::try_from_secs_f64(seconds) {
            Ok(timeout) => {
                self.storage.set_busy_timeout(timeout);
                Ok(())
            }
            Err(_) => fail(py, Error::out_of_range("busy_timeout is a number of seconds ≥ 0")),
        }
    }
}
