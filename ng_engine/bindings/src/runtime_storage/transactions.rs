//! Transactions of a session.

use std::time::Duration;

use ng_core::Error;
use pyo3::prelude::*;

use super::PyRuntimeStorage;
use crate::convert::{checked, fail};
use crate::enter::{enter, enter_to_write};

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (read_only=false))]
    fn begin(&self, py: Python<'_>, read_only: bool) -> PyResult<()> {
        enter(py, || self.storage.begin(read_only))
    }

    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        enter_to_write(py, || self.storage.commit())
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

    /// A number of seconds for the calls up to `end_statement`; 25P02 in a failed transaction.
    #[pyo3(signature = (timeout=None))]
    fn start_statement(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let timeout = self::timeout(py, "statement_timeout", timeout)?;
        self.ask(py, |storage| storage.start_statement(timeout))
    }

    fn end_statement(&self) {
        self.storage.end_statement();
    }

    /// 57014 when the statement has been cancelled.
    fn check_interrupt(&self, py: Python<'_>) -> PyResult<()> {
        checked(py, self.storage.check_interrupt())
    }

    /// Bytes that the store may hold; None is no limit.
    #[pyo3(signature = (limit))]
    fn set_memory_limit(&self, limit: Option<u64>) {
        self.storage.set_memory_limit(limit);
    }

    /// How many of them are left; None without a limit.
    fn memory_left(&self) -> Option<u64> {
        self.storage.memory_left()
    }

    /// How many interrupts have reached this session: what compiles a statement compares.
    #[getter]
    fn interrupts(&self) -> u64 {
        self.storage.interrupts()
    }

    /// Cancel what runs now in every session of the store: 57014.
    fn interrupt(&self) {
        self.storage.interrupt();
    }

    /// A statement of the open transaction has failed.
    fn fail_transaction(&self) {
        self.storage.fail_transaction();
    }

    #[getter]
    fn transaction_failed(&self) -> bool {
        self.storage.transaction_failed()
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
        self.storage.set_busy_timeout(timeout(py, "busy_timeout", Some(seconds))?.unwrap_or_default());
        Ok(())
    }

    /// Seconds that a statement, or a call outside of one, may take; None is no end.
    #[pyo3(signature = (seconds))]
    fn set_statement_timeout(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        self.storage.set_statement_timeout(timeout(py, "statement_timeout", seconds)?);
        Ok(())
    }
}

/// A number of seconds, or 22003.
fn timeout(py: Python<'_>, name: &str, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let timeout = seconds.map(Duration::try_from_secs_f64).transpose();
    timeout.or_else(|_| fail(py, Error::out_of_range(format!("{name} is a number of seconds ≥ 0"))))
}
