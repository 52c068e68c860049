//! Connections: one at a time by arguments and dicts, many at once by Arrow.

use ng_core::Error;
use ng_core::columns::{CONNECTION_COLUMNS, TableKind, cell};
use ng_core::commit::Working;
use ng_core::index::adjacency::Direction;
use ng_core::ops::scan::list;
use ng_core::ops::{View, mutate};
use ng_core::request::{ConnectionPatch, NewConnection};
use ng_core::snapshot::Snapshot;
use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::tokens::{bits, given, paging, real, signed, text};
use super::{PyRuntimeStorage, rows};
use crate::arrow::{batches, json_text, to_python};
use crate::convert::{fail, ids, integer, metric, token_ref};
use crate::error::raise;

/// `out`, `in` or `both`.
pub(super) fn direction(py: Python<'_>, name: &str) -> PyResult<Direction> {
    match name {
        "out" => Ok(Direction::Out),
        "in" => Ok(Direction::In),
        "both" => Ok(Direction::Both),
        _ => fail(py, Error::invalid_value("the direction is out, in or both")),
    }
}

fn find(snapshot: &Snapshot, id: i64) -> Option<u32> {
    snapshot.connections.find(u64::try_from(id).ok()?)
}

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (
        source, target, r#type=None, weight=None, confidence=None, rigidity=None, mutability=None, levels=None, props=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn create_connection(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        r#type: Option<&Bound<'_, PyAny>>,
        weight: Option<&Bound<'_, PyAny>>,
        confidence: Option<&Bound<'_, PyAny>>,
        rigidity: Option<&Bound<'_, PyAny>>,
        mutability: Option<&Bound<'_, PyAny>>,
        levels: Option<&Bound<'_, PyAny>>,
        props: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let (kind, mutability) = (given(r#type, |v| text(v, "type"))?, given(mutability, |v| text(v, "mutability"))?);
        let props = given(props, json_text)?.flatten();
        let new = NewConnection {
            id: None,
            source: token_ref(source)?,
            target: token_ref(target)?,
            kind: kind.as_deref(),
            weight: given(weight, |v| real(v, "weight"))?,
            confidence: given(confidence, |v| real(v, "confidence"))?,
            rigidity: given(rigidity, |v| real(v, "rigidity"))?,
            mutability: mutability.as_deref(),
            levels: given(levels, |v| bits(v, "levels"))?,
            props: props.as_deref(),
        };
        let create = |working: &mut Working| working.create_connection(&new, Default::default());
        let created = self.change(py, || self.storage.write_rows(1, create))?;
        created.ok_or_else(|| raise(py, &Error::duplicate("the connection exists already")))
    }

    fn get_connection<'py>(&self, py: Python<'py>, id: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (id, snapshot) = (integer(id, "a connection's id")?, self.glance(py)?);
        let Some(row) = find(&snapshot, id) else {
            return Ok(None);
        };
        let dict = PyDict::new(py);
        for (name, column) in CONNECTION_COLUMNS {
            let value = to_python(py, cell(&snapshot, TableKind::Connections, row, column))?;
            dict.set_item(PyString::intern(py, name), value)?;
        }
        Ok(Some(dict))
    }

    #[pyo3(signature = (id, **fields))]
    fn update_connection(
        &self,
        py: Python<'_>,
        id: &Bound<'_, PyAny>,
        fields: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        let id = integer(id, "a connection's id")?;
        let (mut patch, mut mutability, mut props) = (ConnectionPatch::default(), None, None);
        for (name, value) in fields.into_iter().flatten() {
            let name: String = name.extract()?;
            match name.as_str() {
                "weight" => patch.weight = Some(real(&value, "weight")?),
                "confidence" => patch.confidence = Some(real(&value, "confidence")?),
                "rigidity" => patch.rigidity = Some(real(&value, "rigidity")?),
                "mutability" => mutability = Some(text(&value, "mutability")?),
                "levels" => patch.levels = Some(bits(&value, "levels")?),
                "props" => props = Some(json_text(&value)?),
                "source" | "target" | "type" => {
                    let message = format!("the {name} of a connection cannot be changed");
                    return fail(py, Error::not_supported(message).hint("delete the connection and create another"));
                }
                name => {
                    return Err(PyTypeError::new_err(format!("a connection has no field '{name}' to update")));
                }
            }
        }
        patch.mutability = mutability.as_deref();
        patch.props = props.as_ref().map(|p| p.as_deref());
        self.change(py, || {
            self.storage.write_rows(1, |working| match mutate::find_connection(working, id) {
                Some(row) => working.update_connection(row, &patch).map(|()| true),
                None => Ok(false),
            })
        })
    }

    fn delete_connection(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id = integer(id, "a connection's id")?;
        self.change(py, || self.storage.write_rows(1, |working| Ok(mutate::delete_connections(working, &[id])? == 1)))
    }

    #[pyo3(signature = (limit=None, offset=None))]
    fn list_connections(
        &self,
        py: Python<'_>,
        limit: Option<&Bound<'_, PyAny>>,
        offset: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<u64>> {
        let (limit, offset) = paging(limit, offset)?;
        let view = self.view(py)?;
        self.run(py, || {
            let connections = &view.snapshot.connections;
            let rows = list(connections, Some(limit), offset, &view.cancel)?;
            Ok(rows.into_iter().map(|row| connections.id(row)).collect())
        })
    }

    fn count_connections(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.glance(py)?.connections.live())
    }

    #[pyo3(signature = (token, direction="both"))]
    fn get_connections_for_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        direction: &str,
    ) -> PyResult<Vec<u64>> {
        let (token, direction, view) = (token_ref(token)?, self::direction(py, direction)?, self.view(py)?);
        self.run(py, || {
            let snapshot = &view.snapshot;
            let (row, mut ids) = (snapshot.token(&token)?, Vec::new());
            snapshot.adjacency.hops(snapshot, row, direction, |hop| ids.push(snapshot.connections.id(hop.connection)));
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        })
    }

    #[pyo3(signature = (arrow, *, on_conflict=None))]
    fn create_connections<'py>(
        &self,
        py: Python<'py>,
        arrow: &Bound<'py, PyAny>,
        on_conflict: Option<&str>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let (batches, action) = (batches(arrow)?, super::on_conflict(py, on_conflict)?);
        let create = |working: &mut Working| mutate::create_connections(working, &batches, action);
        let ids = self.change(py, || self.storage.write_rows(rows(&batches), create))?;
        Ok(signed(ids).into_pyarray(py))
    }

    fn update_connections(&self, py: Python<'_>, arrow: &Bound<'_, PyAny>) -> PyResult<usize> {
        let batches = batches(arrow)?;
        self.change(py, || {
            self.storage.write_rows(rows(&batches), |working| mutate::update_connections(working, &batches))
        })
    }

    fn delete_connections(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<usize> {
        let ids = crate::convert::ids(ids)?;
        self.change(py, || self.storage.write_rows(ids.len(), |working| mutate::delete_connections(working, &ids)))
    }

    #[pyo3(signature = (tokens, k, *, r#type="associated_with", weight=None, confidence=None, metric=None, on_conflict=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn weave<'py>(
        &self,
        py: Python<'py>,
        tokens: &Bound<'py, PyAny>,
        k: &Bound<'py, PyAny>,
        r#type: &str,
        weight: Option<&Bound<'py, PyAny>>,
        confidence: Option<&Bound<'py, PyAny>>,
        metric: Option<&Bound<'py, PyAny>>,
        on_conflict: Option<&str>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let (ids, by) = (ids(tokens)?, self::metric(metric)?);
        let action = super::on_conflict(py, on_conflict)?;
        let weave = mutate::Weave {
            k: crate::convert::count(k, "k")?,
            kind: r#type,
            weight: given(weight, |v| real(v, "weight"))?.unwrap_or(1.0),
            confidence: given(confidence, |v| real(v, "confidence"))?.unwrap_or(0.5),
            metric: by.as_ref(),
        };
        let session_metric = self.peek(py)?.metric;
        let ids = self.change(py, || {
            self.storage.write(|working| {
                let snapshot = std::sync::Arc::new(working.snapshot().clone());
                let (cancel, memory) = (working.cancel().clone(), working.memory().clone());
                let view = View { snapshot, metric: session_metric.clone(), cancel, memory };
                mutate::weave(working, &view, &ids, &weave, action)
            })
        })?;
        Ok(signed(ids).into_pyarray(py))
    }
}
