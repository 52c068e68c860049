//! How a call would find its rows.

use ng_core::Error;
use ng_core::ops::explain::{Call, explain};
use pyo3::prelude::*;

use super::search::looked_up;
use super::{PyRuntimeStorage, table};
use crate::convert::{fail, predicate};

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (call, table="tokens", *, filter=None, column=None, values=None))]
    fn explain(
        &self,
        py: Python<'_>,
        call: &str,
        table: &str,
        filter: Option<&Bound<'_, PyAny>>,
        column: Option<&str>,
        values: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(&'static str, String)> {
        let (table, filter) = (self::table(py, table)?, predicate(filter)?);
        let wanted = match (column, values) {
            (Some(column), Some(values)) if call == "lookup" => looked_up(py, table, column, values)?,
            (None, None) if call != "lookup" => Vec::new(),
            _ => return fail(py, Error::invalid_value("a lookup, and nothing else, has a column and values")),
        };
        let call = match call {
            "scan" => Call::Scan(table),
            "count" => Call::Count(table),
            "lookup" => Call::Lookup(&wanted),
            "nearest" | "within" | "box" | "count_within" | "count_box" => Call::Search,
            _ => return fail(py, Error::invalid_value("there is no such call to explain")),
        };
        let view = self.view(py)?;
        let access = self.run(py, || explain(&view, call, filter.as_ref()))?;
        Ok((access.name(), access.reason()))
    }
}
