//! `RuntimeStorage`: one session on a store, by room: tokens, connections, search, graph, cdna, transactions.

mod cdna;
mod connections;
mod count;
mod explain;
mod graph;
mod join;
mod match_paths;
mod search;
mod store;
mod tokens;
mod transactions;

use std::sync::Arc;

use arrow_array::RecordBatch;
use ng_core::Error;
use ng_core::columns::TableKind;
use ng_core::ops::View;
use ng_core::request::OnConflict;
use ng_core::runtime_storage::{Peek, RuntimeStorage};
use ng_core::snapshot::{Snapshot, TokenRef};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{checked, fail};
use crate::enter::{enter, enter_to_write, stay};
use crate::error::raise;

/// One session on a store; see `ng_engine/_native.pyi`.
#[pyclass(name = "RuntimeStorage", module = "ng_engine", frozen)]
pub(crate) struct PyRuntimeStorage {
    storage: RuntimeStorage,
}

/// `tokens` or `connections`.
fn table(py: Python<'_>, name: &str) -> PyResult<TableKind> {
    match name {
        "tokens" => Ok(TableKind::Tokens),
        "connections" => Ok(TableKind::Connections),
        _ => fail(py, Error { sqlstate: "42P01", message: "unknown table".into(), hint: None }),
    }
}

/// How many rows there are in all.
fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// `None` or `"nothing"`.
fn on_conflict(py: Python<'_>, action: Option<&str>) -> PyResult<OnConflict> {
    match action {
        None => Ok(OnConflict::Fail),
        Some("nothing") => Ok(OnConflict::Nothing),
        Some(_) => fail(py, Error::invalid_value("on_conflict is None or \"nothing\"")),
    }
}

#[pymethods]
impl PyRuntimeStorage {
    #[staticmethod]
    #[pyo3(signature = (axes=None))]
    fn memory(py: Python<'_>, axes: Option<Vec<String>>) -> PyResult<Self> {
        let storage = checked(py, RuntimeStorage::memory(axes.as_deref()))?;
        Ok(Self { storage })
    }

    fn session(&self) -> Self {
        Self { storage: self.storage.session() }
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Self> {
        self.ask(py, RuntimeStorage::snapshot).map(|storage| Self { storage })
    }

    #[getter]
    fn axes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.peek(py)?.catalog.axes.iter().map(ToString::to_string).collect())
    }

    #[getter]
    fn version(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.peek(py)?.version)
    }

    #[getter]
    fn catalog_version(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.peek(py)?.catalog.version)
    }

    fn token_types<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let types = PyDict::new(py);
        for (name, code) in self.peek(py)?.catalog.token_types.iter() {
            types.set_item(name, code)?;
        }
        Ok(types)
    }

    fn connection_types<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let types = PyDict::new(py);
        for (name, code) in self.peek(py)?.catalog.connection_types.iter() {
            let family = ng_core::vocabulary::family_of(code).map(|f| f.name);
            types.set_item(name, (code, family, ng_core::vocabulary::default_mutability(code).name()))?;
        }
        Ok(types)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = PyDict::new(py);
        for (name, value) in self.figures(py)? {
            stats.set_item(name, value)?;
        }
        Ok(stats)
    }

    fn export_metrics(&self, py: Python<'_>) -> PyResult<String> {
        let line = |(name, value)| format!("# TYPE neurograph_{name} gauge\nneurograph_{name} {value}\n");
        Ok(self.figures(py)?.into_iter().map(line).collect())
    }

    fn settle(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || self.storage.settle())
    }

    #[pyo3(signature = (path, format=None, limit=None, progress=None))]
    fn bootstrap(
        &self,
        py: Python<'_>,
        path: Bound<'_, PyAny>,
        format: Option<Bound<'_, PyAny>>,
        limit: Option<Bound<'_, PyAny>>,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = (path, format, limit, progress);
        fail(py, Error::not_supported("bootstrap from a file of vectors is not supported yet"))
    }

    #[pyo3(signature = (text, top_k=10, context=None))]
    fn query(
        &self,
        py: Python<'_>,
        text: Bound<'_, PyAny>,
        top_k: usize,
        context: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = (text, top_k, context);
        fail(
            py,
            Error::not_supported("query by text is not supported yet").hint("search by coordinates: nearest, within"),
        )
    }

    fn feedback(&self, py: Python<'_>, signal_id: Bound<'_, PyAny>, kind: Bound<'_, PyAny>) -> PyResult<bool> {
        let _ = (signal_id, kind);
        fail(py, Error::not_supported("feedback on a query by text is not supported yet"))
    }
}

impl PyRuntimeStorage {
    /// Run engine code of a call; its error fails the transaction that the session has open, unless a statement decides.
    fn run<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> ng_core::Result<T> + Send) -> PyResult<T> {
        enter(py, work).inspect_err(|_| self.storage.call_failed())
    }

    /// The same for what writes.
    fn change<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> ng_core::Result<T> + Send) -> PyResult<T> {
        enter_to_write(py, work).inspect_err(|_| self.storage.call_failed())
    }

    /// Ask the session, detached if that may have to wait.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&RuntimeStorage) -> ng_core::Result<T> + Send,
    ) -> PyResult<T> {
        if self.storage.may_wait() {
            enter(py, || ask(&self.storage))
        } else {
            ask(&self.storage).map_err(|error| raise(py, &error))
        }
    }

    /// What this session sees.
    fn view(&self, py: Python<'_>) -> PyResult<View> {
        self.ask(py, RuntimeStorage::view)
    }

    /// The same for a look-up that takes no time.
    fn glance(&self, py: Python<'_>) -> PyResult<Arc<Snapshot>> {
        if self.storage.glance_waits() {
            self.ask(py, RuntimeStorage::glance)
        } else {
            stay(py, || self.storage.glance())
        }
    }

    /// Names, profile and metric, without reading a row.
    fn peek(&self, py: Python<'_>) -> PyResult<Peek> {
        if self.storage.glance_waits() { self.ask(py, RuntimeStorage::peek) } else { stay(py, || self.storage.peek()) }
    }

    /// The row of a token in what the session sees, or 42704.
    fn row(&self, py: Python<'_>, snapshot: &Snapshot, token: &TokenRef) -> PyResult<u32> {
        snapshot.token(token).map_err(|error| {
            self.storage.call_failed();
            raise(py, &error)
        })
    }

    /// What `stats` and `export_metrics` tell.
    fn figures(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, u64)>> {
        let snapshot = self.view(py)?.snapshot;
        let (tokens, connections, forest) = (&snapshot.tokens, &snapshot.connections, &snapshot.spatial);
        let figures = [
            ("version", snapshot.version as usize),
            ("tokens", tokens.live()),
            ("connections", connections.live()),
            ("token_segments", tokens.segments()),
            ("connection_segments", connections.segments()),
            ("spatial_trees", forest.parts().count()),
            ("spatial_rows_indexed", forest.trees().iter().map(|t| t.tree.len()).sum()),
            ("spatial_rows_scanned", (tokens.extent() - forest.covered()) as usize + forest.moves().live()),
            ("spatial_index_bytes", forest.memory()),
            ("adjacency_connections_covered", snapshot.adjacency.covered() as usize),
            ("adjacency_bytes", snapshot.adjacency.memory()),
            ("key_map_bytes", snapshot.keys.memory()),
            ("triple_map_bytes", snapshot.triples.memory()),
        ];
        let figures = figures.into_iter().map(|(name, value)| (name, value as u64));
        Ok(figures.chain(enter(py, || self.storage.store().figures())?).collect())
    }
}
