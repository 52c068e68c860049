//! The profile: the metric of searches and the gate of writes.

use ng_core::Error;
use ng_core::cdna::{Profile, flags};
use ng_core::metric::Metric;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::PyRuntimeStorage;
use crate::convert::{checked, eight, integer, metric};

/// (scale, period) as lists.
fn metric_pair(metric: &Metric) -> (Vec<f64>, Vec<f64>) {
    (metric.scale().to_vec(), metric.period().to_vec())
}

fn profile_dict<'py>(py: Python<'py>, profile: &Profile) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let aliases: Vec<&str> = Some(profile.alias).filter(|a| !a.is_empty()).into_iter().collect();
    let bounds = profile.bounds.map(|b| b.map(|r| (r.low, r.high)));
    dict.set_item("id", profile.id)?;
    dict.set_item("name", profile.name)?;
    dict.set_item("aliases", aliases)?;
    dict.set_item("scale", profile.metric.scale().to_vec())?;
    dict.set_item("period", profile.metric.period().to_vec())?;
    dict.set_item("bounds", bounds)?;
    dict.set_item("token_weight", (profile.token_weight.low, profile.token_weight.high))?;
    dict.set_item("connection_weight", (profile.connection_weight.low, profile.connection_weight.high))?;
    dict.set_item("rigidity", (profile.rigidity.low, profile.rigidity.high))?;
    dict.set_item("max_out_degree", profile.degrees.outward)?;
    dict.set_item("max_in_degree", profile.degrees.inward)?;
    dict.set_item("max_degree", profile.degrees.total)?;
    dict.set_item("flags", profile.flags)?;
    for (name, bit) in flags::NAMES {
        dict.set_item(name, profile.has(bit))?;
    }
    dict.set_item("mode", profile.mode.name())?;
    dict.set_item("rate", profile.rate)?;
    dict.set_item("decay", profile.decay)?;
    Ok(dict)
}

/// A profile's id or name as an argument.
enum Choice {
    Id(i64),
    Name(String),
}

fn choice(profile: &Bound<'_, PyAny>) -> PyResult<Choice> {
    match profile.cast::<PyString>() {
        Ok(name) => crate::convert::text(name).map(Choice::Name),
        Err(_) => integer(profile, "a CDNA profile's id").map(Choice::Id),
    }
}

#[pymethods]
impl PyRuntimeStorage {
    fn get_cdna_config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        profile_dict(py, &self.peek(py)?.cdna.active)
    }

    fn cdna_profiles<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let profiles = self.peek(py)?.cdna;
        let profiles = profiles.known.iter().map(|p| profile_dict(py, p)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, profiles)
    }

    fn get_cdna_scales(&self, py: Python<'_>) -> PyResult<Vec<f64>> {
        Ok(self.peek(py)?.cdna.active.metric.scale().to_vec())
    }

    fn update_cdna_scales(&self, py: Python<'_>, scales: &Bound<'_, PyAny>) -> PyResult<bool> {
        let scales = eight(scales, "scales")?;
        self.change(py, || {
            self.storage.write(|working| {
                let cdna = working.snapshot().cdna.with_scales(scales)?;
                working.set_cdna(cdna);
                Ok(true)
            })
        })
    }

    fn get_cdna_profile(&self, py: Python<'_>) -> PyResult<u8> {
        Ok(self.peek(py)?.cdna.active.id)
    }

    fn set_cdna_profile(&self, py: Python<'_>, profile: &Bound<'_, PyAny>) -> PyResult<()> {
        let chosen = choice(profile)?;
        self.change(py, || {
            self.storage.write(|working| {
                let cdna = working.snapshot().cdna.clone();
                let profile = match &chosen {
                    Choice::Id(id) => cdna.by_id(*id)?,
                    Choice::Name(name) => cdna.by_name(name)?,
                };
                working.set_cdna(cdna.with_active(profile));
                Ok(())
            })
        })
    }

    fn get_cdna_flags(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.peek(py)?.cdna.active.flags)
    }

    fn set_cdna_flags(&self, py: Python<'_>, flags: &Bound<'_, PyAny>) -> PyResult<()> {
        let flags = integer(flags, "CDNA flags")?;
        self.change(py, || {
            self.storage.write(|working| {
                let cdna = working.snapshot().cdna.with_flags(flags)?;
                working.set_cdna(cdna);
                Ok(())
            })
        })
    }

    fn validate_cdna(&self, py: Python<'_>) -> PyResult<bool> {
        let view = self.view(py)?;
        self.run(py, || match ng_core::guardian::validate(&view.snapshot, &view.cancel) {
            Err(error) if error.is_cancelled() => Err(error),
            legal => Ok(legal.is_ok()),
        })
    }

    /// (scale, period) in force for this session's reads, or of a named profile.
    #[pyo3(signature = (profile=None))]
    fn metric<'py>(&self, py: Python<'py>, profile: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let seen = self.peek(py)?;
        let metric = match profile.map(choice).transpose()? {
            None => metric_pair(&seen.metric),
            Some(Choice::Id(id)) => metric_pair(&checked(py, seen.cdna.by_id(id))?.metric),
            Some(Choice::Name(name)) => metric_pair(&checked(py, seen.cdna.by_name(&name))?.metric),
        };
        metric.into_bound_py_any(py)
    }

    #[pyo3(signature = (metric))]
    fn set_local_metric(&self, py: Python<'_>, metric: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let metric = self::metric(metric)?;
        if metric.as_ref().is_some_and(|m| m.live_axes() == 0) {
            return crate::convert::fail(py, Error::invalid_text("the metric has no live axis: every scale is 0"));
        }
        self.run(py, || self.storage.set_local_metric(metric))
    }
}
