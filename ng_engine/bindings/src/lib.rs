//! The Python face of `ng-core`: convert in, one [`enter::enter`], wrap out.

mod arrow;
mod convert;
mod enter;
mod error;
mod runtime_storage;

use pyo3::prelude::*;

/// The native module `ng_engine._native`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    enter::notice_signals();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<arrow::PyRelation>()?;
    module.add_class::<runtime_storage::PyRuntimeStorage>()
}
