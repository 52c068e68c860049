//! Numbers of rows.

use ng_core::ops::View;
use ng_core::ops::count::{self, Counted};
use ng_core::ops::nearest::Search;
use numpy::IntoPyArray;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use super::search::bound;
use super::{PyRuntimeStorage, table};
use crate::arrow::PyRelation;
use crate::convert::{Points, checked, metric_in, points, predicate, real_number};

/// A number, or the relation that holds it and says what it took.
fn number<'py>(py: Python<'py>, counted: Counted, relation: bool, view: &View) -> PyResult<Bound<'py, PyAny>> {
    if relation {
        return PyRelation::from(checked(py, counted.relation(view))?).into_bound_py_any(py);
    }
    counted.count.into_bound_py_any(py)
}

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (table, filter=None, *, relation=false))]
    fn count<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        filter: Option<&Bound<'py, PyAny>>,
        relation: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (table, filter, view) = (self::table(py, table)?, predicate(filter)?, self.view(py)?);
        let counted = self.run(py, || count::count(&view, table, filter.as_ref()))?;
        number(py, counted, relation, &view)
    }

    #[pyo3(signature = (points, radius, *, strict=false, filter=None, metric=None, norm=None, exclude=None, relation=false))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn count_within<'py>(
        &self,
        py: Python<'py>,
        points: &Bound<'py, PyAny>,
        radius: &Bound<'py, PyAny>,
        strict: bool,
        filter: Option<&Bound<'py, PyAny>>,
        metric: Option<&Bound<'py, PyAny>>,
        norm: Option<&str>,
        exclude: Option<&Bound<'py, PyAny>>,
        relation: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (filter, view) = (predicate(filter)?, self.view(py)?);
        let by = metric_in(metric, norm, &view.metric, py)?;
        let radius = real_number(radius, "the radius")?;
        let radius = if strict { radius.next_down() } else { radius };
        let exclude = self.excluded(py, exclude, &view)?;
        let search = Search { metric: Some(&by), predicate: filter.as_ref(), exclude, ..Search::default() };
        match self::points(points)? {
            Points::One(point) => {
                let counted = self.run(py, || count::count_within(&view, &point, radius, &search))?;
                number(py, counted, relation, &view)
            }
            Points::Many(points) => {
                let counted = self.run(py, || count::count_within_batch(&view, &points, radius, &search))?;
                if relation {
                    return PyRelation::from(checked(py, counted.relation(&view))?).into_bound_py_any(py);
                }
                let counts: Vec<i64> = counted.count.into_iter().map(|count| count as i64).collect();
                counts.into_pyarray(py).into_bound_py_any(py)
            }
        }
    }

    #[pyo3(signature = (low, high, *, filter=None, relation=false))]
    fn count_box<'py>(
        &self,
        py: Python<'py>,
        low: &Bound<'py, PyAny>,
        high: &Bound<'py, PyAny>,
        filter: Option<&Bound<'py, PyAny>>,
        relation: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (low, high) = (bound(low, f32::NEG_INFINITY)?, bound(high, f32::INFINITY)?);
        let (filter, view) = (predicate(filter)?, self.view(py)?);
        let counted = self.run(py, || count::count_box(&view, &low, &high, filter.as_ref()))?;
        number(py, counted, relation, &view)
    }
}
