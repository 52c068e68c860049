//! Pairs of tokens by the distance between them.

use ng_core::Error;
use ng_core::ops::join::{self, Join};
use pyo3::prelude::*;

use super::PyRuntimeStorage;
use crate::arrow::PyRelation;
use crate::convert::{fail, metric, op, predicate, real_number};

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (radius, *, strict=false, filter_a=None, filter_b=None, metric=None, ids=None, columns=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn join(
        &self,
        py: Python<'_>,
        radius: &Bound<'_, PyAny>,
        strict: bool,
        filter_a: Option<&Bound<'_, PyAny>>,
        filter_b: Option<&Bound<'_, PyAny>>,
        metric: Option<&Bound<'_, PyAny>>,
        ids: Option<&str>,
        columns: Option<Vec<String>>,
    ) -> PyResult<PyRelation> {
        let (a, b, by) = (predicate(filter_a)?, predicate(filter_b)?, self::metric(metric)?);
        let compared = ids.map(|name| (name, op(name)));
        if let Some((name, None)) = compared {
            let message = format!("ids are compared with = <> < <= > >=, not with \"{}\"", name.escape_debug());
            return fail(py, Error::invalid_value(message));
        }
        let wanted = Join {
            radius: real_number(radius, "the radius")?,
            strict,
            metric: by.as_ref(),
            a: a.as_ref(),
            b: b.as_ref(),
            ids: compared.and_then(|(_, op)| op),
            columns: columns.as_deref(),
        };
        let view = self.view(py)?;
        self.run(py, || join::join(&view, &wanted)).map(PyRelation::from)
    }
}
