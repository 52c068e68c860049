//! Python values in: points, token references, predicates, metrics.

use ng_core::Error;
use ng_core::cost::{Binary, End, Expression, Place, Unary};
use ng_core::error::Result as CoreResult;
use ng_core::filter::{Op, Predicate, Value};
use ng_core::metric::{Metric, Norm, Point};
use ng_core::snapshot::TokenRef;
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDateTime, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::error::raise;

/// An engine error as a Python one.
pub(crate) fn fail<T>(py: Python<'_>, error: Error) -> PyResult<T> {
    Err(raise(py, &error))
}

/// Keep a Rust error of the engine's kind.
pub(crate) fn checked<T>(py: Python<'_>, result: CoreResult<T>) -> PyResult<T> {
    result.map_err(|error| raise(py, &error))
}

/// A float32 from a Python number: 22003 if float32 cannot hold it.
fn narrow(py: Python<'_>, value: f64) -> PyResult<f32> {
    let narrowed = value as f32;
    if value.is_finite() && narrowed.is_finite() {
        return Ok(narrowed);
    }
    fail(py, Error::out_of_range("a coordinate is not a finite number that float32 can hold"))
}

fn wrong_count(py: Python<'_>, count: usize) -> PyErr {
    raise(py, &Error::invalid_text(format!("a point has eight coordinates, not {count}")))
}

/// A number as float64, or TypeError; one that float64 cannot hold is 22003.
pub(crate) fn real_number(value: &Bound<'_, PyAny>, what: &str) -> PyResult<f64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            return raise(value.py(), &Error::out_of_range(format!("{what} is out of range")));
        }
        match value.get_type().name() {
            Ok(name) => PyTypeError::new_err(format!("{what} must be a number, not {name}")),
            Err(error) => error,
        }
    })
}

/// A number that is no bool and no text.
fn number(item: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(float) = item.cast_exact::<PyFloat>() {
        return Ok(float.value());
    }
    if item.is_instance_of::<PyString>() || item.is_instance_of::<PyBool>() || item.is_none() {
        return fail(item.py(), Error::invalid_text("a coordinate is not a number"));
    }
    item.extract::<f64>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(item.py()) {
            return raise(item.py(), &Error::out_of_range("a coordinate is out of range"));
        }
        raise(item.py(), &Error::invalid_text("a coordinate is not a number"))
    })
}

/// Eight numbers: a list, tuple, one-dimensional array or any other sequence.
pub(crate) fn point(value: &Bound<'_, PyAny>) -> PyResult<Point> {
    let py = value.py();
    let mut point = [0.0f32; 8];
    if let Ok(list) = value.cast_exact::<PyList>() {
        if list.len() != 8 {
            return Err(wrong_count(py, list.len()));
        }
        for (axis, item) in list.iter().enumerate() {
            point[axis.min(7)] = narrow(py, number(&item)?)?;
        }
        return Ok(point);
    }
    if let Ok(array) = value.extract::<PyReadonlyArray1<'_, f32>>() {
        return row(py, array.as_array().iter().map(|x| f64::from(*x)), array.as_array().len());
    }
    if let Ok(array) = value.extract::<PyReadonlyArray1<'_, f64>>() {
        return row(py, array.as_array().iter().copied(), array.as_array().len());
    }
    if value.is_instance_of::<PyString>() {
        return fail(py, Error::invalid_text("a point is eight numbers, not text"));
    }
    let Ok(items) = value.try_iter() else {
        return Err(PyTypeError::new_err(format!("a point is eight numbers, not {}", value.get_type().name()?)));
    };
    let mut count = 0;
    for item in items {
        if count < 8 {
            point[count] = narrow(py, number(&item?)?)?;
        }
        count += 1;
        if count > 64 {
            break;
        }
    }
    if count == 8 { Ok(point) } else { Err(wrong_count(py, count)) }
}

fn row(py: Python<'_>, values: impl Iterator<Item = f64>, len: usize) -> PyResult<Point> {
    if len != 8 {
        return Err(wrong_count(py, len));
    }
    let mut point = [0.0f32; 8];
    for (to, from) in point.iter_mut().zip(values) {
        *to = narrow(py, from)?;
    }
    Ok(point)
}

/// One point, or many: an N×8 array or a sequence of points.
pub(crate) enum Points {
    /// Eight numbers.
    One(Point),
    /// N × 8 numbers.
    Many(Vec<Point>),
}

pub(crate) fn points(value: &Bound<'_, PyAny>) -> PyResult<Points> {
    let py = value.py();
    if let Ok(array) = value.extract::<PyReadonlyArray2<'_, f32>>() {
        let rows = array.as_array();
        let many = rows.rows().into_iter().map(|r| row(py, r.iter().map(|x| f64::from(*x)), r.len()));
        return many.collect::<PyResult<_>>().map(Points::Many);
    }
    if let Ok(array) = value.extract::<PyReadonlyArray2<'_, f64>>() {
        let rows = array.as_array();
        return rows
            .rows()
            .into_iter()
            .map(|r| row(py, r.iter().copied(), r.len()))
            .collect::<PyResult<_>>()
            .map(Points::Many);
    }
    if (value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>())
        && value.get_item(0).is_ok_and(|first| !first.is_instance_of::<PyString>() && first.len().is_ok())
    {
        return value.try_iter()?.map(|item| point(&item?)).collect::<PyResult<_>>().map(Points::Many);
    }
    point(value).map(Points::One)
}

/// Eight f64 numbers, which are not narrowed: scales, periods.
pub(crate) fn eight(value: &Bound<'_, PyAny>, what: &str) -> PyResult<[f64; 8]> {
    let py = value.py();
    let mut numbers = Vec::with_capacity(8);
    for item in value.try_iter()? {
        numbers.push(number(&item?)?);
    }
    let count = numbers.len();
    numbers.try_into().map_err(|_| raise(py, &Error::invalid_text(format!("{what} are eight numbers, not {count}"))))
}

/// An integer in i64's range, or TypeError, or 22003.
pub(crate) fn integer(value: &Bound<'_, PyAny>, what: &str) -> PyResult<i64> {
    if let Ok(int) = value.cast::<PyInt>() {
        if !value.is_instance_of::<PyBool>() {
            return int
                .extract()
                .map_err(|_| raise(value.py(), &Error::out_of_range(format!("{what} is out of range"))));
        }
    } else if let Ok(index) = value.call_method0("__index__") {
        // numpy's integers
        return index.extract().map_err(|_| raise(value.py(), &Error::out_of_range(format!("{what} is out of range"))));
    }
    Err(PyTypeError::new_err(format!("{what} must be an integer, not {}", value.get_type().name()?)))
}

/// A count: an integer ≥ 0, or 22023.
pub(crate) fn count(value: &Bound<'_, PyAny>, what: &str) -> PyResult<usize> {
    let number = integer(value, what)?;
    usize::try_from(number)
        .map_err(|_| raise(value.py(), &Error::invalid_value(format!("{what} must not be negative"))))
}

/// A count as an argument: a number of rows, of hops.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count(pub(crate) usize);

impl<'a, 'py> FromPyObject<'a, 'py> for Count {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        count(&value, "a count").map(Self)
    }
}

/// An id or a key.
pub(crate) fn token_ref(value: &Bound<'_, PyAny>) -> PyResult<TokenRef> {
    if let Ok(key) = value.cast::<PyString>() {
        return text(key).map(TokenRef::Key);
    }
    integer(value, "a token's id").map(TokenRef::Id)
}

/// Text that is valid Unicode: a lone surrogate is 22P02.
pub(crate) fn text(value: &Bound<'_, PyString>) -> PyResult<String> {
    value.extract::<String>().map_err(|_| raise(value.py(), &Error::invalid_text("the text is not valid Unicode")))
}

/// One token or many.
pub(crate) fn token_refs(value: &Bound<'_, PyAny>) -> PyResult<Vec<TokenRef>> {
    if value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyInt>()
        || value.hasattr("__index__")? && value.len().is_err()
    {
        return Ok(vec![token_ref(value)?]);
    }
    value.try_iter()?.map(|item| token_ref(&item?)).collect()
}

/// Ids: any iterable of integers, an int64 array at no cost a row.
pub(crate) fn ids(value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    if let Ok(array) = value.extract::<PyReadonlyArray1<'_, i64>>() {
        return Ok(array.as_array().iter().copied().collect());
    }
    value.try_iter()?.map(|item| integer(&item?, "an id")).collect()
}

/// (scale, period), checked.
pub(crate) fn metric(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Metric>> {
    let Some(value) = value else { return Ok(None) };
    let (scale, period): (Bound<'_, PyAny>, Bound<'_, PyAny>) = value.extract()?;
    let (scale, period) = (eight(&scale, "scales")?, eight(&period, "periods")?);
    checked(value.py(), ng_core::cdna::check_scales(&scale).and_then(|()| ng_core::cdna::check_periods(&period)))?;
    Ok(Some(Metric::new(scale, period)))
}

/// A norm by name; `l2` unless told otherwise.
fn norm_named(name: Option<&str>) -> CoreResult<Norm> {
    match name {
        None | Some("l2") => Ok(Norm::L2),
        Some("l1") => Ok(Norm::L1),
        Some(_) => Err(Error::invalid_value("unknown norm").hint("one of l1, l2")),
    }
}

/// The metric of a search: the session's unless given, in the norm of this name.
pub(crate) fn metric_in(
    value: Option<&Bound<'_, PyAny>>,
    norm: Option<&str>,
    session: &Metric,
    py: Python<'_>,
) -> PyResult<Metric> {
    let norm = checked(py, norm_named(norm))?;
    Ok(metric(value)?.unwrap_or_else(|| session.clone()).with_norm(norm))
}

/// A point in time: aware, or UTC if it does not say.
fn time(value: &Bound<'_, PyDateTime>) -> PyResult<i64> {
    let py = value.py();
    let datetime = py.import("datetime")?;
    let utc = datetime.getattr("timezone")?.getattr("utc")?;
    let value = if value.getattr("tzinfo")?.is_none() {
        let keywords = pyo3::types::PyDict::new(py);
        keywords.set_item("tzinfo", &utc)?;
        value.call_method("replace", (), Some(&keywords))?
    } else {
        value.clone().into_any()
    };
    let epoch = datetime.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let since = value.sub(epoch)?;
    since.floor_div(datetime.getattr("timedelta")?.call1((0, 0, 1))?)?.extract()
}

fn value(item: &Bound<'_, PyAny>) -> PyResult<Value> {
    if item.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(text_value) = item.cast::<PyString>() {
        return text(text_value).map(Value::Text);
    }
    if let Ok(float) = item.cast::<PyFloat>() {
        return Ok(Value::Float(float.value()));
    }
    if let Ok(moment) = item.cast::<PyDateTime>() {
        return time(moment).map(Value::Time);
    }
    if item.is_instance_of::<PyBool>() {
        return fail(item.py(), Error::type_mismatch("a column cannot be compared with a boolean"));
    }
    if item.hasattr("__index__")? {
        return match item.extract::<i64>() {
            Ok(int) => Ok(Value::Int(int)),
            Err(_) => real_number(item, "a number").map(Value::Float),
        };
    }
    // numpy's float32, Decimal
    item.extract::<f64>()
        .map(Value::Float)
        .map_err(|_| raise(item.py(), &Error::type_mismatch("a column cannot be compared with a value of this type")))
}

/// A comparison by its sign.
pub(crate) fn op(name: &str) -> Option<Op> {
    Some(match name {
        "=" => Op::Eq,
        "<>" => Op::Ne,
        "<" => Op::Lt,
        "<=" => Op::Le,
        ">" => Op::Gt,
        ">=" => Op::Ge,
        _ => return None,
    })
}

/// A predicate tuple, as described by `Filter` in the stub.
pub(crate) fn predicate(filter: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Predicate>> {
    filter.map(|f| node(f, 0)).transpose()
}

fn node(filter: &Bound<'_, PyAny>, depth: usize) -> PyResult<Predicate> {
    let py = filter.py();
    if depth > 200 {
        return fail(py, Error::limit_exceeded("the filter is nested deeper than 200 levels"));
    }
    let malformed = || PyTypeError::new_err("a filter is a tuple as described by ng_engine.Filter");
    let tuple = filter.cast::<PyTuple>().map_err(|_| malformed())?;
    let name: String = tuple.get_item(0).and_then(|n| n.extract()).map_err(|_| malformed())?;
    let item = |i: usize| tuple.get_item(i).map_err(|_| malformed());
    let column = || -> PyResult<String> { item(1)?.extract().map_err(|_| malformed()) };
    let rest = || tuple.iter().skip(1).map(|child| node(&child, depth + 1)).collect::<PyResult<Vec<_>>>();
    Ok(match name.as_str() {
        "and" => Predicate::And(rest()?),
        "or" => Predicate::Or(rest()?),
        "const" => Predicate::Const(item(1)?.extract()?),
        "in" | "not_in" => {
            let values = item(2)?.try_iter()?.map(|v| value(&v?)).collect::<PyResult<Vec<_>>>()?;
            Predicate::In(column()?, values, name == "not_in")
        }
        "is_null" => Predicate::IsNull(column()?, false),
        "is_not_null" => Predicate::IsNull(column()?, true),
        "distance" => {
            let op = op(&item(1)?.extract::<String>()?).ok_or_else(malformed)?;
            let by = item(3)?;
            let by = if by.is_none() { None } else { metric(Some(&by))? };
            let norm = tuple.get_item(5).ok().map(|name| name.extract::<String>()).transpose()?;
            let norm = checked(filter.py(), norm_named(norm.as_deref()))?;
            Predicate::Distance(op, point(&item(2)?)?, by, norm, item(4)?.extract()?)
        }
        name => Predicate::Compare(op(name).ok_or_else(malformed)?, column()?, value(&item(2)?)?),
    })
}

/// What a hop costs, as described by `ng_engine.Cost`.
pub(crate) fn cost(expression: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Expression>> {
    expression.map(|e| term(e, 0)).transpose()
}

fn term(expression: &Bound<'_, PyAny>, depth: usize) -> PyResult<Expression> {
    if depth > 200 {
        return fail(expression.py(), Error::limit_exceeded("the cost is nested deeper than 200 levels"));
    }
    let malformed = || PyTypeError::new_err("a cost is a number or a tuple as described by ng_engine.Cost");
    let Ok(tuple) = expression.cast::<PyTuple>() else {
        return real_number(expression, "a number in a cost").map(Expression::Number).map_err(|_| malformed());
    };
    let name: String = tuple.get_item(0).and_then(|n| n.extract()).map_err(|_| malformed())?;
    let item = |i: usize| tuple.get_item(i).map_err(|_| malformed());
    let column = || -> PyResult<String> { item(1)?.extract().map_err(|_| malformed()) };
    let one = |function| Ok(Expression::Unary(function, Box::new(term(&item(1)?, depth + 1)?)));
    let two = |function| {
        Ok(Expression::Binary(function, Box::new(term(&item(1)?, depth + 1)?), Box::new(term(&item(2)?, depth + 1)?)))
    };
    match name.as_str() {
        "e" => Ok(Expression::Connection(column()?)),
        "u" => Ok(Expression::Token(End::From, column()?)),
        "v" => Ok(Expression::Token(End::To, column()?)),
        "distance" => Ok(Expression::Distance(spot(&item(1)?)?, spot(&item(2)?)?)),
        "neg" => one(Unary::Negate),
        "abs" => one(Unary::Abs),
        "sqrt" => one(Unary::Sqrt),
        "exp" => one(Unary::Exp),
        "ln" => one(Unary::Ln),
        "+" => two(Binary::Add),
        "-" => two(Binary::Subtract),
        "*" => two(Binary::Multiply),
        "/" => two(Binary::Divide),
        "power" => two(Binary::Power),
        "least" => two(Binary::Least),
        "greatest" => two(Binary::Greatest),
        _ => Err(malformed()),
    }
}

fn spot(value: &Bound<'_, PyAny>) -> PyResult<Place> {
    match value.extract::<&str>() {
        Ok("u") => Ok(Place::End(End::From)),
        Ok("v") => Ok(Place::End(End::To)),
        _ => point(value).map(Place::Point),
    }
}
