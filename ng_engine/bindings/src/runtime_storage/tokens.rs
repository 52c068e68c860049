//! Tokens: one at a time by arguments and dicts, many at once by Arrow.

use ng_core::Error;
use ng_core::columns::{Cell, TOKEN_COLUMNS, TableKind, cell};
use ng_core::commit::Working;
use ng_core::ops::scan::{Scan, list};
use ng_core::ops::{lookup, mutate};
use ng_core::request::{NewToken, TokenPatch};
use ng_core::snapshot::TokenRef;
use numpy::{IntoPyArray, PyArray1};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use super::{PyRuntimeStorage, rows};
use crate::arrow::{PyRelation, batches, json_text, to_python};
use crate::convert::{count, ids, integer, point, real_number, token_ref};
use crate::enter::stay;
use crate::error::raise;

/// A weight or other float32: 22003 where float32 has no such number.
pub(super) fn real(value: &Bound<'_, PyAny>, what: &str) -> PyResult<f32> {
    let number = real_number(value, what)?;
    let narrowed = number as f32;
    if number.is_finite() && narrowed.is_finite() {
        return Ok(narrowed);
    }
    Err(raise(value.py(), &Error::out_of_range(format!("{what} is not a finite number that float32 can hold"))))
}

/// A bit mask of the given width.
pub(super) fn bits<T: TryFrom<i64>>(value: &Bound<'_, PyAny>, what: &str) -> PyResult<T> {
    T::try_from(integer(value, what)?)
        .map_err(|_| raise(value.py(), &Error::out_of_range(format!("{what} is out of range"))))
}

/// Text, or TypeError; text that is no Unicode is 22P02.
pub(super) fn text(value: &Bound<'_, PyAny>, what: &str) -> PyResult<PyBackedStr> {
    let Ok(string) = value.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!("{what} must be a str, not {}", value.get_type().name()?)));
    };
    string
        .extract::<PyBackedStr>()
        .map_err(|_| raise(value.py(), &Error::invalid_text(format!("{what} is not valid Unicode"))))
}

/// An optional argument, absent if None.
pub(super) fn given<T>(
    value: Option<&Bound<'_, PyAny>>,
    read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    value.filter(|v| !v.is_none()).map(read).transpose()
}

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (key=None, r#type=None, coords=None, weight=None, flags=None, props=None, id=None))]
    #[expect(clippy::too_many_arguments, reason = "the contract's signature")]
    fn create_token(
        &self,
        py: Python<'_>,
        key: Option<&Bound<'_, PyAny>>,
        r#type: Option<&Bound<'_, PyAny>>,
        coords: Option<&Bound<'_, PyAny>>,
        weight: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
        props: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let coords = coords.ok_or_else(|| PyTypeError::new_err("create_token() needs coords: eight numbers"))?;
        let (key, kind) = (given(key, |v| text(v, "key"))?, given(r#type, |v| text(v, "type"))?);
        let props = given(props, json_text)?.flatten();
        let new = NewToken {
            id: given(id, |v| integer(v, "id"))?,
            key: key.as_deref(),
            kind: kind.as_deref(),
            coords: point(coords)?,
            weight: given(weight, |v| real(v, "weight"))?,
            flags: given(flags, |v| bits(v, "flags"))?,
            props: props.as_deref(),
        };
        let created =
            self.change(py, || self.storage.write_rows(1, |working| working.create_token(&new, Default::default())))?;
        created.ok_or_else(|| raise(py, &Error::duplicate("the token exists already")))
    }

    fn get_token<'py>(&self, py: Python<'py>, token: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (token, snapshot) = (token_ref(token)?, self.glance(py)?);
        let Some(row) = stay(py, || Ok(snapshot.find_token(&token)))? else {
            return Ok(None);
        };
        // A copy of a dict with all the keys never grows.
        static FIELDS: PyOnceLock<(Py<PyDict>, [Py<PyString>; TOKEN_COLUMNS.len()])> = PyOnceLock::new();
        let (template, names) = FIELDS.get_or_try_init(py, || {
            let names = TOKEN_COLUMNS.map(|(name, _)| PyString::intern(py, name));
            let template = PyDict::new(py);
            names.iter().try_for_each(|name| template.set_item(name, py.None()))?;
            PyResult::Ok((template.unbind(), names.map(Bound::unbind)))
        })?;
        let dict = template.bind(py).copy()?;
        let mut created = None;
        for ((_, column), name) in TOKEN_COLUMNS.into_iter().zip(names) {
            let value = match cell(&snapshot, TableKind::Tokens, row, column) {
                // The two times are mostly the same one.
                Cell::Time(at) => match &created {
                    Some((same, value)) if *same == at => Bound::clone(value),
                    _ => created.insert((at, to_python(py, Cell::Time(at))?)).1.clone(),
                },
                other => to_python(py, other)?,
            };
            dict.set_item(name.bind(py), value)?;
        }
        Ok(Some(dict))
    }

    #[pyo3(signature = (token, **fields))]
    fn update_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        fields: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        let token = token_ref(token)?;
        let (mut patch, mut key, mut kind, mut props) = (TokenPatch::default(), None, None, None);
        let catalog = self.peek(py)?.catalog.clone();
        for (name, value) in fields.into_iter().flatten() {
            let name: String = name.extract()?;
            match name.as_str() {
                "key" => key = Some(given(Some(&value), |v| text(v, "key"))?),
                "props" => props = Some(json_text(&value)?),
                "type" => kind = Some(text(&value, "type")?),
                "coords" => patch.coords = Some(point(&value)?),
                "weight" => patch.weight = Some(real(&value, "weight")?),
                "flags" => patch.flags = Some(bits(&value, "flags")?),
                name => match catalog.axis(name) {
                    Some(axis) => patch.axes[axis] = Some(real(&value, "a coordinate")?),
                    None => {
                        return Err(PyTypeError::new_err(format!("a token has no field '{name}' to update")));
                    }
                },
            }
        }
        patch.key = key.as_ref().map(|k| k.as_deref());
        patch.props = props.as_ref().map(|p| p.as_deref());
        patch.kind = kind.as_deref();
        self.change(py, || {
            self.storage.write_rows(1, |working| match working.snapshot().find_token(&token) {
                Some(row) => working.update_token(row, &patch).map(|()| true),
                None => Ok(false),
            })
        })
    }

    fn delete_token(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<bool> {
        let token = token_ref(token)?;
        self.change(py, || {
            self.storage.write_rows(1, |working| {
                let row = working.snapshot().find_token(&token);
                if let Some(row) = row {
                    working.delete_token(row);
                    working.sweep()?;
                }
                Ok(row.is_some())
            })
        })
    }

    #[pyo3(signature = (limit=None, offset=None))]
    fn list_tokens(
        &self,
        py: Python<'_>,
        limit: Option<&Bound<'_, PyAny>>,
        offset: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<u64>> {
        let (limit, offset) = paging(limit, offset)?;
        let view = self.view(py)?;
        self.run(py, || {
            let tokens = &view.snapshot.tokens;
            let rows = list(tokens, Some(limit), offset, &view.cancel)?;
            Ok(rows.into_iter().map(|row| tokens.id(row)).collect())
        })
    }

    fn count_tokens(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.glance(py)?.tokens.live())
    }

    fn clear_tokens(&self, py: Python<'_>) -> PyResult<usize> {
        self.change(py, || self.storage.write(|working| Ok(working.clear())))
    }

    /// The id of a token, or 42704.
    fn resolve(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<u64> {
        let (token, snapshot) = (token_ref(token)?, self.glance(py)?);
        let row = self.row(py, &snapshot, &token)?;
        Ok(snapshot.tokens.id(row))
    }

    /// The coordinates of a token, or 42704.
    fn point(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
        let (token, snapshot) = (token_ref(token)?, self.glance(py)?);
        let row = self.row(py, &snapshot, &token)?;
        Ok(snapshot.coords(row).map(f64::from).to_vec())
    }

    #[pyo3(signature = (arrow, *, on_conflict=None))]
    fn create_tokens<'py>(
        &self,
        py: Python<'py>,
        arrow: &Bound<'py, PyAny>,
        on_conflict: Option<&str>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let (batches, action) = (batches(arrow)?, super::on_conflict(py, on_conflict)?);
        let create = |working: &mut Working| mutate::create_tokens(working, &batches, action);
        let ids = self.change(py, || self.storage.write_rows(rows(&batches), create))?;
        Ok(signed(ids).into_pyarray(py))
    }

    fn update_tokens(&self, py: Python<'_>, arrow: &Bound<'_, PyAny>) -> PyResult<usize> {
        let batches = batches(arrow)?;
        self.change(py, || self.storage.write_rows(rows(&batches), |working| mutate::update_tokens(working, &batches)))
    }

    fn delete_tokens(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<usize> {
        let ids = crate::convert::ids(ids)?;
        self.change(py, || self.storage.write_rows(ids.len(), |working| mutate::delete_tokens(working, &ids)))
    }

    /// Rows of the tokens with these ids, by id.
    fn get_tokens<'py>(&self, py: Python<'py>, tokens: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let wanted: Vec<TokenRef> = ids(tokens)?.into_iter().map(TokenRef::Id).collect();
        let view = self.view(py)?;
        let relation = self.run(py, || lookup::lookup(&view, TableKind::Tokens, &wanted, &Scan::default()))?;
        PyRelation::from(relation).into_bound_py_any(py)
    }
}

/// The default page of a list is the first hundred.
pub(super) fn paging(limit: Option<&Bound<'_, PyAny>>, offset: Option<&Bound<'_, PyAny>>) -> PyResult<(usize, usize)> {
    let limit = given(limit, |v| count(v, "limit"))?.unwrap_or(100);
    Ok((limit, given(offset, |v| count(v, "offset"))?.unwrap_or(0)))
}

/// Ids as numpy's int64.
pub(super) fn signed(ids: Vec<u64>) -> Vec<i64> {
    ids.into_iter().map(|id| id as i64).collect()
}
