//! Results out and tables in, both as Arrow streams.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::{ArrowError, DataType, Field};
use ng_core::Error;
use ng_core::batch::Relation;
use ng_core::columns::Cell;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCapsule, PyDict, PyList, PyTuple};
use pyo3_arrow::PyTable;
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};

use crate::enter::stay;
use crate::error::raise;

/// Rows made into Python objects between two looks for signals.
const ROWS_BETWEEN_SIGNALS: usize = 1024;

/// A finished result: rows of one version of the store, made Arrow or Python only when asked for.
#[pyclass(name = "Relation", module = "ng_engine", frozen)]
pub(crate) struct PyRelation {
    relation: Arc<Relation>,
}

impl From<Relation> for PyRelation {
    fn from(relation: Relation) -> Self {
        Self { relation: Arc::new(relation) }
    }
}

#[pymethods]
impl PyRelation {
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.relation.names().collect()
    }

    #[getter]
    fn types(&self) -> Vec<&'static str> {
        self.relation.types().collect()
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.relation.len()
    }

    fn __len__(&self) -> usize {
        self.relation.len()
    }

    #[getter]
    fn access(&self) -> &'static str {
        self.relation.access.name()
    }

    #[getter]
    fn reason(&self) -> String {
        self.relation.access.reason()
    }

    #[getter]
    fn work<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (work, dict) = (self.relation.work, PyDict::new(py));
        dict.set_item("rows_examined", work.rows_examined)?;
        dict.set_item("leaves_visited", work.leaves_visited)?;
        dict.set_item("leaves_total", work.leaves_total)?;
        dict.set_item("edges_examined", work.edges_examined)?;
        Ok(dict)
    }

    #[pyo3(signature = (start=0, count=None))]
    fn rows<'py>(&self, py: Python<'py>, start: usize, count: Option<usize>) -> PyResult<Bound<'py, PyList>> {
        let width = self.relation.names().count();
        let rows = PyList::empty(py);
        let mut row: Vec<Bound<'py, PyAny>> = Vec::with_capacity(width);
        let mut failed = None;
        let count = count.unwrap_or(usize::MAX);
        if width == 0 {
            let left = self.relation.len().saturating_sub(start).min(count);
            (0..left).try_for_each(|_| rows.append(PyTuple::empty(py)))?;
            return Ok(rows);
        }
        let visit = |row_number: usize, column, cell: Cell<'_>| {
            if failed.is_none() && column == 0 && row_number.is_multiple_of(ROWS_BETWEEN_SIGNALS) {
                failed = py.check_signals().err();
            }
            if failed.is_some() {
                return;
            }
            let done = to_python(py, cell).and_then(|value| {
                row.push(value);
                if column + 1 == width { rows.append(PyTuple::new(py, row.drain(..))?) } else { Ok(()) }
            });
            failed = done.err();
        };
        stay(py, || {
            self.relation.visit(start, count, visit);
            Ok(())
        })?;
        failed.map_or(Ok(rows), Err)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let field = Field::new_struct("", self.relation.schema().fields().clone(), false);
        let mut batches = self.relation.batches();
        // A panic must not cross into the C that asks for batches.
        let arrays = std::iter::from_fn(move || match catch_unwind(AssertUnwindSafe(|| batches.next())) {
            Ok(None) => None,
            Ok(Some(Ok(batch))) => Some(Ok(Arc::new(StructArray::from(batch)) as _)),
            Ok(Some(Err(error))) => Some(Err(ArrowError::ComputeError(error.to_string()))),
            Err(_) => Some(Err(ArrowError::ComputeError("internal error: panic".to_owned()))),
        });
        let reader = ArrayIterator::new(arrays, field.into());
        Ok(to_stream_pycapsule(py, Box::new(reader), requested_schema)?)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.relation.schema().as_ref())?)
    }
}

/// Anything with `__arrow_c_stream__` (or `__arrow_c_array__`), read whole.
pub(crate) fn batches(table: &Bound<'_, PyAny>) -> PyResult<Vec<RecordBatch>> {
    if !table.hasattr("__arrow_c_stream__")? && !table.hasattr("__arrow_c_array__")? {
        return Err(PyTypeError::new_err(format!(
            "an Arrow table is expected (anything with __arrow_c_stream__), not {}",
            table.get_type().name()?
        )));
    }
    let table: PyTable = table
        .extract()
        .map_err(|error| raise(table.py(), &Error::bad_content(format!("the Arrow stream cannot be read: {error}"))))?;
    let (batches, _) = table.into_inner();
    for batch in &batches {
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            valid_text(column.as_ref()).map_err(|error| {
                let name = field.name().escape_debug().to_string();
                Python::attach(|py| raise(py, &Error::bad_content(format!("column \"{name}\" is damaged: {error}"))))
            })?;
        }
    }
    Ok(batches)
}

/// Text that came from outside is not trusted to be UTF-8, nor its offsets to be inside the buffer.
fn valid_text(column: &dyn Array) -> Result<(), ArrowError> {
    match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            column.to_data().validate_full()
        }
        _ => column.to_data().validate(),
    }
}

struct Imports {
    datetime: Py<PyAny>,
    utc: Py<PyAny>,
    loads: Py<PyAny>,
    dumps: Py<PyAny>,
}

static IMPORTS: PyOnceLock<Imports> = PyOnceLock::new();

fn imports(py: Python<'_>) -> PyResult<&Imports> {
    IMPORTS.get_or_try_init(py, || {
        let (datetime, json) = (py.import("datetime")?, py.import("json")?);
        Ok(Imports {
            datetime: datetime.getattr("datetime")?.unbind(),
            utc: datetime.getattr("timezone")?.getattr("utc")?.unbind(),
            loads: json.getattr("loads")?.unbind(),
            dumps: json.getattr("dumps")?.unbind(),
        })
    })
}

/// The text of a JSON object made of a dict; None stays None.
pub(crate) fn json_text(props: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = props.py();
    if props.is_none() {
        return Ok(None);
    }
    if !props.is_instance_of::<PyDict>() {
        return Err(PyTypeError::new_err(format!("props must be a dict, not {}", props.get_type().name()?)));
    }
    let keywords = PyDict::new(py);
    keywords.set_item("allow_nan", false)?;
    keywords.set_item("ensure_ascii", false)?;
    let dumped = imports(py)?.dumps.bind(py).call((props,), Some(&keywords)).and_then(|text| text.extract::<String>());
    dumped.map(Some).map_err(|error| {
        let found = raise(py, &Error::invalid_text("props cannot be written as JSON"));
        found.set_cause(py, Some(error));
        found
    })
}

/// Microseconds since 1970 as an aware datetime.
pub(crate) fn datetime(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = civil(days);
    let seconds = rest / 1_000_000;
    let imports = imports(py)?;
    imports.datetime.bind(py).call1((
        year,
        month,
        day,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        rest % 1_000_000,
        imports.utc.bind(py),
    ))
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A value as Python has it.
pub(crate) fn to_python<'py>(py: Python<'py>, cell: Cell<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match cell {
        Cell::Null => py.None().into_bound(py),
        Cell::Int(v) => v.into_pyobject(py)?.into_any(),
        Cell::Real(v) => f64::from(v).into_pyobject(py)?.into_any(),
        Cell::Double(v) => v.into_pyobject(py)?.into_any(),
        Cell::Bigs(v) => v.to_vec().into_pyobject(py)?.into_any(),
        Cell::Text(v) => v.into_pyobject(py)?.into_any(),
        Cell::Json(v) => imports(py)?.loads.bind(py).call1((v,))?,
        Cell::Time(v) => datetime(py, v)?,
        Cell::Coords(point) => PyList::new(py, point.map(f64::from))?.into_any(),
    })
}
