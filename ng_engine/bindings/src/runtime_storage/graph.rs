//! Walks along connections.

use ng_core::ops::neighbors::{self, Walk};
use ng_core::ops::pagerank::{self, Ranking};
use ng_core::ops::path::{self, Route};
use ng_core::ops::spread::{self, Spreading};
use ng_core::ops::{components, paths};
use ng_core::snapshot::TokenRef;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::PyRuntimeStorage;
use super::connections::direction;
use super::tokens::given;
use crate::arrow::PyRelation;
use crate::convert::{Count, cost, metric, point, predicate, real_number, token_ref, token_refs};

/// `n` hops, or `(m, n)` for m to n.
fn depth(value: Option<&Bound<'_, PyAny>>) -> PyResult<(u32, u32)> {
    let Some(value) = value else { return Ok((1, 1)) };
    let (fewest, most) = match value.cast::<PyTuple>() {
        Ok(range) => range.extract::<(Count, Count)>()?,
        Err(_) => (value.extract()?, value.extract()?),
    };
    Ok((hops(fewest), hops(most)))
}

/// So many hops; what no walk can have is as good as no limit.
fn hops(n: Count) -> u32 {
    u32::try_from(n.0).unwrap_or(u32::MAX)
}

/// Tokens, each with what it is given: 1, or as a dict says.
fn seeds(value: &Bound<'_, PyAny>) -> PyResult<Vec<(TokenRef, f64)>> {
    match value.cast::<PyDict>() {
        Ok(dict) => dict
            .iter()
            .map(|(token, activation)| Ok((token_ref(&token)?, real_number(&activation, "an activation")?)))
            .collect(),
        Err(_) => Ok(token_refs(value)?.into_iter().map(|token| (token, 1.0)).collect()),
    }
}

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (
        tokens, depth=None, *, via=None, direction="out", filter=None, near=None, radius=None, metric=None, k=None, offset=None,
        columns=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn neighbors(
        &self,
        py: Python<'_>,
        tokens: &Bound<'_, PyAny>,
        depth: Option<&Bound<'_, PyAny>>,
        via: Option<Vec<String>>,
        direction: &str,
        filter: Option<&Bound<'_, PyAny>>,
        near: Option<&Bound<'_, PyAny>>,
        radius: Option<&Bound<'_, PyAny>>,
        metric: Option<&Bound<'_, PyAny>>,
        k: Option<Count>,
        offset: Option<Count>,
        columns: Option<Vec<String>>,
    ) -> PyResult<PyRelation> {
        let (starts, filter, by) = (token_refs(tokens)?, predicate(filter)?, self::metric(metric)?);
        let walk = Walk {
            depth: self::depth(depth)?,
            via: via.as_deref(),
            direction: self::direction(py, direction)?,
            predicate: filter.as_ref(),
            near: given(near, point)?,
            radius: given(radius, |v| real_number(v, "the radius"))?,
            metric: by.as_ref(),
            limit: k.map(|k| k.0),
            offset: offset.unwrap_or_default().0,
            columns: columns.as_deref(),
        };
        let view = self.view(py)?;
        self.run(py, || neighbors::neighbors(&view, &starts, &walk)).map(PyRelation::from)
    }

    #[pyo3(signature = (source, target, *, via=None, max_depth=None, direction="out", cost=None, metric=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn path(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        via: Option<Vec<String>>,
        max_depth: Option<Count>,
        direction: &str,
        cost: Option<&Bound<'_, PyAny>>,
        metric: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyRelation> {
        let (cost, by) = (self::cost(cost)?, self::metric(metric)?);
        let (source, target, view) = (token_ref(source)?, token_ref(target)?, self.view(py)?);
        let max_depth = max_depth.map(hops);
        let direction = self::direction(py, direction)?;
        let route = Route { via: via.as_deref(), max_depth, direction, cost: cost.as_ref(), metric: by.as_ref() };
        self.run(py, || path::path(&view, &source, &target, &route)).map(PyRelation::from)
    }

    #[pyo3(signature = (*, damping=None, seeds=None, via=None, tolerance=None, max_iterations=None))]
    fn pagerank(
        &self,
        py: Python<'_>,
        damping: Option<&Bound<'_, PyAny>>,
        seeds: Option<&Bound<'_, PyAny>>,
        via: Option<Vec<String>>,
        tolerance: Option<&Bound<'_, PyAny>>,
        max_iterations: Option<Count>,
    ) -> PyResult<PyRelation> {
        let seeds = given(seeds, token_refs)?;
        let most = max_iterations.map_or(100, hops);
        let ranking = Ranking {
            damping: given(damping, |v| real_number(v, "damping"))?.unwrap_or(0.85),
            seeds: seeds.as_deref(),
            via: via.as_deref(),
            tolerance: given(tolerance, |v| real_number(v, "the tolerance"))?.unwrap_or(1e-6),
            max_iterations: most,
        };
        let view = self.view(py)?;
        self.run(py, || pagerank::pagerank(&view, &ranking)).map(PyRelation::from)
    }

    #[pyo3(signature = (*, via=None))]
    fn components(&self, py: Python<'_>, via: Option<Vec<String>>) -> PyResult<PyRelation> {
        let view = self.view(py)?;
        self.run(py, || components::components(&view, via.as_deref())).map(PyRelation::from)
    }

    #[pyo3(
        signature = (
            source, target, k=Some(Count(1)), *, via=None, max_depth=None, direction="out", cost=None, metric=None
        ),
        text_signature = "($self, source, target, k=1, *, via=None, max_depth=None, direction='out', cost=None, metric=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn paths(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        k: Option<Count>,
        via: Option<Vec<String>>,
        max_depth: Option<Count>,
        direction: &str,
        cost: Option<&Bound<'_, PyAny>>,
        metric: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyRelation> {
        let (cost, by) = (self::cost(cost)?, self::metric(metric)?);
        let (source, target, view) = (token_ref(source)?, token_ref(target)?, self.view(py)?);
        let (k, max_depth) = (k.map(|k| k.0), max_depth.map(hops));
        let direction = self::direction(py, direction)?;
        let route = Route { via: via.as_deref(), max_depth, direction, cost: cost.as_ref(), metric: by.as_ref() };
        self.run(py, || paths::paths(&view, &source, &target, k, &route)).map(PyRelation::from)
    }

    #[pyo3(signature = (
        seeds, *, via=None, direction="out", steps=None, decay=None, threshold=None, limit=None, offset=None, columns=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn spread(
        &self,
        py: Python<'_>,
        seeds: &Bound<'_, PyAny>,
        via: Option<Vec<String>>,
        direction: &str,
        steps: Option<Count>,
        decay: Option<&Bound<'_, PyAny>>,
        threshold: Option<&Bound<'_, PyAny>>,
        limit: Option<Count>,
        offset: Option<Count>,
        columns: Option<Vec<String>>,
    ) -> PyResult<PyRelation> {
        let spreading = Spreading {
            via: via.as_deref(),
            direction: self::direction(py, direction)?,
            steps: steps.map_or(3, hops),
            decay: given(decay, |v| real_number(v, "the decay"))?.unwrap_or(0.6),
            threshold: given(threshold, |v| real_number(v, "the threshold"))?.unwrap_or(0.0),
            limit: limit.map(|limit| limit.0),
            offset: offset.unwrap_or_default().0,
            columns: columns.as_deref(),
        };
        let (seeds, view) = (self::seeds(seeds)?, self.view(py)?);
        self.run(py, || spread::spread(&view, &seeds, &spreading)).map(PyRelation::from)
    }
}
