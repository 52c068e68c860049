//! Reads of the tables and searches in space.

use ng_core::Error;
use ng_core::columns::TableKind;
use ng_core::index::spatial::Hit;
use ng_core::metric::Point;
use ng_core::ops::nearest::Search;
use ng_core::ops::scan::Scan;
use ng_core::ops::{r#box, lookup, nearest, scan, within};
use ng_core::snapshot::TokenRef;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{PyRuntimeStorage, table};
use crate::arrow::PyRelation;
use crate::convert::{Count, Points, fail, metric_in, point, points, predicate, real_number, token_ref};
use crate::error::raise;

/// The ids or keys that `lookup` is given.
pub(super) fn looked_up(
    py: Python<'_>,
    table: TableKind,
    column: &str,
    values: &Bound<'_, PyAny>,
) -> PyResult<Vec<TokenRef>> {
    if column != "id" && !(column == "key" && table == TableKind::Tokens) {
        return fail(py, Error::undefined_column("rows are looked up by id, tokens by key too"));
    }
    let wanted = values.try_iter()?.map(|v| token_ref(&v?)).collect::<PyResult<Vec<_>>>()?;
    if wanted.iter().any(|token| matches!(token, TokenRef::Key(_)) != (column == "key")) {
        return fail(py, Error::type_mismatch("an id is a number, a key is text"));
    }
    Ok(wanted)
}

/// One bound of a box: eight numbers, None where it is open.
pub(super) fn bound(value: &Bound<'_, PyAny>, open: f32) -> PyResult<Point> {
    let py = value.py();
    let items = value.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    if items.len() != 8 {
        let message = format!("a corner of a box has eight coordinates, not {}", items.len());
        return fail(py, Error::invalid_text(message));
    }
    let mut corner = [open; 8];
    for (axis, item) in items.iter().enumerate().filter(|(_, item)| !item.is_none()) {
        corner[axis] = super::tokens::real(item, "a coordinate")?;
    }
    Ok(corner)
}

fn radius(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let radius = real_number(value, "the radius")?;
    if radius.is_finite() && radius >= 0.0 {
        return Ok(radius);
    }
    Err(raise(value.py(), &Error::out_of_range("the radius is not a finite number ≥ 0")))
}

impl PyRuntimeStorage {
    pub(super) fn excluded(
        &self,
        py: Python<'_>,
        token: Option<&Bound<'_, PyAny>>,
        view: &ng_core::ops::View,
    ) -> PyResult<Option<u32>> {
        let token = token.filter(|t| !t.is_none()).map(token_ref).transpose()?;
        token.map(|token| self.row(py, &view.snapshot, &token)).transpose()
    }
}

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (table, *, columns=None, filter=None, limit=None, offset=None))]
    fn scan(
        &self,
        py: Python<'_>,
        table: &str,
        columns: Option<Vec<String>>,
        filter: Option<&Bound<'_, PyAny>>,
        limit: Option<Count>,
        offset: Option<Count>,
    ) -> PyResult<PyRelation> {
        let (table, filter) = (self::table(py, table)?, predicate(filter)?);
        let view = self.view(py)?;
        let wanted = Scan {
            predicate: filter.as_ref(),
            columns: columns.as_deref(),
            limit: limit.map(|n| n.0),
            offset: offset.unwrap_or_default().0,
        };
        self.run(py, || scan::scan(&view, table, &wanted)).map(PyRelation::from)
    }

    #[pyo3(signature = (table, column, values, *, columns=None, filter=None, limit=None, offset=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn lookup(
        &self,
        py: Python<'_>,
        table: &str,
        column: &str,
        values: &Bound<'_, PyAny>,
        columns: Option<Vec<String>>,
        filter: Option<&Bound<'_, PyAny>>,
        limit: Option<Count>,
        offset: Option<Count>,
    ) -> PyResult<PyRelation> {
        let (table, filter) = (self::table(py, table)?, predicate(filter)?);
        let wanted = looked_up(py, table, column, values)?;
        let view = self.view(py)?;
        let page = Scan {
            predicate: filter.as_ref(),
            columns: columns.as_deref(),
            limit: limit.map(|n| n.0),
            offset: offset.unwrap_or_default().0,
        };
        self.run(py, || lookup::lookup(&view, table, &wanted, &page)).map(PyRelation::from)
    }

    #[pyo3(
        signature = (points, k=Some(Count(10)), *, radius=None, filter=None, metric=None, norm=None, exclude=None, columns=None, offset=None),
        text_signature = "($self, points, k=10, *, radius=None, filter=None, metric=None, norm=None, exclude=None, columns=None, offset=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn nearest(
        &self,
        py: Python<'_>,
        points: &Bound<'_, PyAny>,
        k: Option<Count>,
        radius: Option<&Bound<'_, PyAny>>,
        filter: Option<&Bound<'_, PyAny>>,
        metric: Option<&Bound<'_, PyAny>>,
        norm: Option<&str>,
        exclude: Option<&Bound<'_, PyAny>>,
        columns: Option<Vec<String>>,
        offset: Option<Count>,
    ) -> PyResult<PyRelation> {
        let (filter, view) = (predicate(filter)?, self.view(py)?);
        let by = metric_in(metric, norm, &view.metric, py)?;
        let search = Search {
            k: k.map(|k| k.0),
            radius: radius.map(self::radius).transpose()?,
            metric: Some(&by),
            predicate: filter.as_ref(),
            exclude: self.excluded(py, exclude, &view)?,
            offset: offset.unwrap_or_default().0,
            columns: columns.as_deref(),
        };
        let found = match self::points(points)? {
            Points::One(point) => self.run(py, || nearest::nearest(&view, &point, &search)),
            Points::Many(points) => self.run(py, || nearest::nearest_batch(&view, &points, &search)),
        };
        found.map(PyRelation::from)
    }

    #[pyo3(signature = (points, radius, *, filter=None, metric=None, norm=None, exclude=None, columns=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn within(
        &self,
        py: Python<'_>,
        points: &Bound<'_, PyAny>,
        radius: &Bound<'_, PyAny>,
        filter: Option<&Bound<'_, PyAny>>,
        metric: Option<&Bound<'_, PyAny>>,
        norm: Option<&str>,
        exclude: Option<&Bound<'_, PyAny>>,
        columns: Option<Vec<String>>,
    ) -> PyResult<PyRelation> {
        let (filter, view) = (predicate(filter)?, self.view(py)?);
        let by = metric_in(metric, norm, &view.metric, py)?;
        let radius = self::radius(radius)?;
        let search = Search {
            metric: Some(&by),
            predicate: filter.as_ref(),
            exclude: self.excluded(py, exclude, &view)?,
            columns: columns.as_deref(),
            ..Search::default()
        };
        let found = match self::points(points)? {
            Points::One(point) => self.run(py, || within::within(&view, &point, radius, &search)),
            Points::Many(points) => self.run(py, || within::within_batch(&view, &points, radius, &search)),
        };
        found.map(PyRelation::from)
    }

    #[pyo3(name = "box", signature = (low, high, *, filter=None, columns=None, limit=None, offset=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn in_box(
        &self,
        py: Python<'_>,
        low: &Bound<'_, PyAny>,
        high: &Bound<'_, PyAny>,
        filter: Option<&Bound<'_, PyAny>>,
        columns: Option<Vec<String>>,
        limit: Option<Count>,
        offset: Option<Count>,
    ) -> PyResult<PyRelation> {
        let (low, high) = (bound(low, f32::NEG_INFINITY)?, bound(high, f32::INFINITY)?);
        let (filter, view) = (predicate(filter)?, self.view(py)?);
        let page = Scan {
            predicate: filter.as_ref(),
            columns: columns.as_deref(),
            limit: limit.map(|n| n.0),
            offset: offset.unwrap_or_default().0,
        };
        self.run(py, || r#box::within_box(&view, &low, &high, &page)).map(PyRelation::from)
    }

    #[pyo3(signature = (token, radius, max_results=None))]
    fn find_neighbors(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        radius: &Bound<'_, PyAny>,
        max_results: Option<Count>,
    ) -> PyResult<Vec<(u64, f64)>> {
        let (token, radius, view) = (token_ref(token)?, self::radius(radius)?, self.view(py)?);
        self.run(py, || {
            let row = view.snapshot.token(&token)?;
            let search =
                Search { k: max_results.map(|n| n.0), radius: Some(radius), exclude: Some(row), ..Search::default() };
            pairs(nearest::hits(&view, &view.snapshot.coords(row), &search))
        })
    }

    fn range_query(
        &self,
        py: Python<'_>,
        center: &Bound<'_, PyAny>,
        radius: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<(u64, f64)>> {
        let (center, radius, view) = (point(center)?, self::radius(radius)?, self.view(py)?);
        let search = Search { radius: Some(radius), ..Search::default() };
        self.run(py, || pairs(nearest::hits(&view, &center, &search)))
    }

    fn get_grid_info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let view = self.view(py)?;
        let bounds = self.run(py, || scan::bounds(&view))?;
        let (info, index, forest) = (PyDict::new(py), PyDict::new(py), &view.snapshot.spatial);
        info.set_item("count", view.snapshot.tokens.live())?;
        match bounds {
            Some(bounds) => info.set_item("bounds", bounds.map(|(low, high)| (f64::from(low), f64::from(high))))?,
            None => info.set_item("bounds", [(None::<f64>, None::<f64>); 8])?,
        }
        index.set_item("kind", if forest.trees().is_empty() { "scan" } else { "kd-tree" })?;
        index.set_item("trees", forest.trees().len())?;
        index.set_item("leaves", forest.trees().iter().map(|t| t.tree.leaves()).sum::<usize>())?;
        index.set_item("rows_indexed", forest.trees().iter().map(|t| t.tree.len()).sum::<usize>())?;
        index.set_item("bytes", forest.memory())?;
        info.set_item("index", index)?;
        Ok(info)
    }
}

fn pairs(hits: ng_core::Result<Vec<Hit>>) -> ng_core::Result<Vec<(u64, f64)>> {
    Ok(hits?.into_iter().map(|hit| (hit.id, hit.distance)).collect())
}
