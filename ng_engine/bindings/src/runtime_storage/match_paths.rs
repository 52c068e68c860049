//! Paths that a pattern describes.

use ng_core::Error;
use ng_core::ops::match_paths::{self, EdgePattern, Mode, NodePattern, Output, Pattern, Selector};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::PyRuntimeStorage;
use super::connections::direction;
use crate::arrow::PyRelation;
use crate::convert::{Count, cost, fail, ids, metric, predicate};

/// What the dict of an element has under a name; None counts as nothing.
fn item<'py>(element: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(element.get_item(name)?.filter(|value| !value.is_none()))
}

/// Refuse an element with anything but these.
fn only(element: &Bound<'_, PyDict>, names: &[&str]) -> PyResult<()> {
    for name in element.keys() {
        let name: String = name.extract()?;
        if !names.contains(&name.as_str()) {
            let message = format!("unknown part \"{}\" of a pattern", name.escape_debug());
            return fail(element.py(), Error::invalid_value(message).hint(format!("one of {}", names.join(", "))));
        }
    }
    Ok(())
}

fn node(element: &Bound<'_, PyDict>) -> PyResult<NodePattern> {
    only(element, &["ids", "filter", "same"])?;
    Ok(NodePattern {
        ids: item(element, "ids")?.as_ref().map(ids).transpose()?,
        predicate: predicate(item(element, "filter")?.as_ref())?,
        same: item(element, "same")?.map(|same| same.extract::<Count>()).transpose()?.map(|count| count.0),
    })
}

fn edge(element: &Bound<'_, PyDict>) -> PyResult<EdgePattern> {
    only(element, &["via", "direction", "filter", "hops", "cost"])?;
    let hops = |count: Count| u32::try_from(count.0).unwrap_or(u32::MAX);
    let (low, high) = match item(element, "hops")? {
        Some(range) => range.extract::<(Count, Option<Count>)>()?,
        None => (Count(1), Some(Count(1))),
    };
    let way = item(element, "direction")?.map(|name| name.extract::<String>()).transpose()?;
    Ok(EdgePattern {
        via: item(element, "via")?.map(|names| names.extract()).transpose()?,
        direction: direction(element.py(), way.as_deref().unwrap_or("out"))?,
        predicate: predicate(item(element, "filter")?.as_ref())?,
        hops: (hops(low), high.map(hops)),
        cost: cost(item(element, "cost")?.as_ref())?,
    })
}

fn mode(py: Python<'_>, name: &str) -> PyResult<Mode> {
    match name {
        "walk" => Ok(Mode::Walk),
        "trail" => Ok(Mode::Trail),
        "acyclic" => Ok(Mode::Acyclic),
        "simple" => Ok(Mode::Simple),
        _ => fail(py, Error::invalid_value("the mode is walk, trail, acyclic or simple")),
    }
}

fn selector(py: Python<'_>, name: Option<&str>, k: Option<Count>) -> PyResult<Selector> {
    match (name, k) {
        (None, None) => Ok(Selector::All),
        (Some("any" | "any shortest"), None) => Ok(Selector::AnyShortest),
        (Some("all shortest"), None) => Ok(Selector::AllShortest),
        (Some("any cheapest"), None) => Ok(Selector::Cheapest(1)),
        (Some("shortest"), Some(k)) => Ok(Selector::Shortest(k.0)),
        (Some("cheapest"), Some(k)) => Ok(Selector::Cheapest(k.0)),
        _ => fail(
            py,
            Error::invalid_value("unknown selector")
                .hint("any, any shortest, all shortest or any cheapest; shortest or cheapest with k"),
        ),
    }
}

fn output(py: Python<'_>, column: &(String, Option<usize>, String)) -> PyResult<Output> {
    match (column.0.as_str(), column.1, column.2.as_str()) {
        ("node", Some(place), name) => Ok(Output::Node(place, name.to_owned())),
        ("edge", Some(place), name) => Ok(Output::Edge(place, name.to_owned())),
        ("path", None, "tokens") => Ok(Output::Tokens),
        ("path", None, "connections") => Ok(Output::Connections),
        ("path", None, "length") => Ok(Output::Length),
        ("path", None, "cost") => Ok(Output::Cost),
        _ => fail(py, Error::invalid_value("unknown column of a pattern")),
    }
}

#[pymethods]
impl PyRuntimeStorage {
    #[pyo3(signature = (nodes, edges, columns, *, mode="walk", selector=None, k=None, metric=None, limit=None))]
    #[expect(clippy::too_many_arguments, reason = "what a pattern consists of")]
    fn match_paths(
        &self,
        py: Python<'_>,
        nodes: Vec<Bound<'_, PyDict>>,
        edges: Vec<Bound<'_, PyDict>>,
        columns: &Bound<'_, PyDict>,
        mode: &str,
        selector: Option<&str>,
        k: Option<Count>,
        metric: Option<&Bound<'_, PyAny>>,
        limit: Option<Count>,
    ) -> PyResult<PyRelation> {
        let by = self::metric(metric)?;
        let columns = columns.iter().map(|(name, column)| {
            Ok((name.extract::<String>()?, output(py, &column.extract::<(String, Option<usize>, String)>()?)?))
        });
        let pattern = Pattern {
            nodes: nodes.iter().map(node).collect::<PyResult<_>>()?,
            edges: edges.iter().map(edge).collect::<PyResult<_>>()?,
            mode: self::mode(py, mode)?,
            selector: self::selector(py, selector, k)?,
            metric: by.as_ref(),
            columns: columns.collect::<PyResult<_>>()?,
            limit: limit.map(|limit| limit.0),
        };
        let view = self.view(py)?;
        self.run(py, || match_paths::match_paths(&view, &pattern)).map(PyRelation::from)
    }
}
