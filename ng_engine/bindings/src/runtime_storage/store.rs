//! The store behind a session: opening, closing, upkeep.

use std::ffi::OsString;
use std::path::PathBuf;

use ng_core::Error;
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::store::Store;
use ng_core::store::file::Synchronous;
use ng_core::store::open::OpenOptions;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::PyRuntimeStorage;
use crate::convert::fail;
use crate::enter::enter;

/// `"full"`, `"normal"` or `"off"`.
fn synchronous(py: Python<'_>, name: &str) -> PyResult<Synchronous> {
    match name {
        "full" => Ok(Synchronous::Full),
        "normal" => Ok(Synchronous::Normal),
        "off" => Ok(Synchronous::Off),
        _ => fail(py, Error::invalid_value("synchronous is full, normal or off")),
    }
}

#[pymethods]
impl PyRuntimeStorage {
    #[staticmethod]
    #[pyo3(signature = (path, *, read_only=false, synchronous="full", axes=None, history_versions=1000, accept_history=false))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        read_only: bool,
        synchronous: &str,
        axes: Option<Vec<String>>,
        history_versions: u64,
        accept_history: bool,
    ) -> PyResult<Self> {
        let synchronous = self::synchronous(py, synchronous)?;
        let options = OpenOptions { read_only, synchronous, axes, history_versions, accept_history };
        enter(py, || RuntimeStorage::open(&path, &options)).map(|storage| Self { storage })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || {
            self.storage.close();
            Ok(())
        })
    }

    #[getter]
    fn file(&self) -> Option<OsString> {
        self.storage.store().path().map(|path| path.as_os_str().to_owned())
    }

    #[getter]
    fn synchronous(&self) -> &'static str {
        match self.storage.store().synchronous() {
            Synchronous::Full => "full",
            Synchronous::Normal => "normal",
            Synchronous::Off => "off",
        }
    }

    fn set_synchronous(&self, py: Python<'_>, synchronous: &str) -> PyResult<()> {
        let synchronous = self::synchronous(py, synchronous)?;
        self.run(py, || self.storage.set_synchronous(synchronous))
    }

    fn checkpoint(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, || self.storage.checkpoint())
    }

    fn vacuum(&self, py: Python<'_>) -> PyResult<()> {
        self.run(py, || self.storage.vacuum())
    }

    fn backup(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.run(py, || self.storage.backup(&path))
    }

    fn check_file(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        self.run(py, || self.storage.check_file())
    }

    /// Copy what is whole of a damaged store into a new one.
    #[staticmethod]
    fn salvage<'py>(py: Python<'py>, src: PathBuf, dst: PathBuf) -> PyResult<Bound<'py, PyDict>> {
        let salvaged = enter(py, || Store::salvage(&src, &dst))?;
        let report = PyDict::new(py);
        report.set_item("tokens", salvaged.tokens)?;
        report.set_item("connections", salvaged.connections)?;
        report.set_item("lost", salvaged.lost)?;
        Ok(report)
    }
}
