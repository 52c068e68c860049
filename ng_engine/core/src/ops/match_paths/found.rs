//! The paths found: of each what the result's columns are made of.

use std::collections::HashMap;

use arrow_array::{Float64Array, Int32Array, Int64Array, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use crate::batch::{Extra, Origin, Part, Relation};
use crate::columns::{TableKind, column};
use crate::error::{Error, Result};
use crate::ops::View;
use crate::ops::match_paths::trail::{At, Path, Trails};
use crate::ops::match_paths::{Output, Pattern, Ready, Selector};

/// Bytes between two looks at what memory there is.
const TAKEN: usize = 1 << 16;

/// What has to be kept of a path.
pub(super) struct Wanted {
    nodes: Vec<usize>,
    edges: Vec<usize>,
    tokens: bool,
    connections: bool,
    cost: bool,
}

impl Wanted {
    pub(super) fn new(pattern: &Pattern<'_>) -> Self {
        let outputs = || pattern.columns.iter().map(|(_, output)| output);
        let mut nodes: Vec<usize> =
            outputs().filter_map(|o| if let Output::Node(node, _) = o { Some(*node) } else { None }).collect();
        let mut edges: Vec<usize> =
            outputs().filter_map(|o| if let Output::Edge(edge, _) = o { Some(*edge) } else { None }).collect();
        for places in [&mut nodes, &mut edges] {
            places.sort_unstable();
            places.dedup();
        }
        let has = |wanted: &Output| outputs().any(|output| output == wanted);
        Self {
            nodes,
            edges,
            tokens: has(&Output::Tokens),
            connections: has(&Output::Connections),
            cost: has(&Output::Cost) || matches!(pattern.selector, Selector::Cheapest(_)),
        }
    }
}

/// A list for each path.
#[derive(Default)]
struct Lists {
    values: Vec<i64>,
    ends: Vec<usize>,
}

impl Lists {
    fn push(&mut self, values: impl Iterator<Item = i64>) {
        self.values.extend(values);
        self.ends.push(self.values.len());
    }

    fn append(&mut self, other: Self) {
        let before = self.values.len();
        self.values.extend(other.values);
        self.ends.extend(other.ends.into_iter().map(|end| end + before));
    }

    fn keep(&mut self, kept: &[usize]) {
        let list = |i: usize| i.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[i];
        let mut new = Self::default();
        kept.iter().for_each(|i| new.push(self.values[list(*i)].iter().copied()));
        *self = new;
    }

    fn array(self) -> Result<ListArray> {
        let ends = std::iter::once(0).chain(self.ends);
        let ends: Option<Vec<i32>> = ends.map(|end| i32::try_from(end).ok()).collect();
        let ends = ends.ok_or_else(|| {
            Error::limit_exceeded("the paths come to more than 2^31 tokens in all").hint("give the pattern a LIMIT")
        })?;
        let field = Field::new_list_field(DataType::Int64, false).into();
        let values = std::sync::Arc::new(Int64Array::from(self.values));
        Ok(ListArray::new(field, OffsetBuffer::new(ends.into()), values, None))
    }
}

/// The paths, in the order in which they were found.
#[derive(Default)]
pub(super) struct Found {
    /// (first, last) token, by rows.
    ends: Vec<(u32, u32)>,
    lengths: Vec<i32>,
    costs: Vec<f64>,
    /// Rows of the tokens and connections wanted.
    nodes: Vec<Vec<u32>>,
    edges: Vec<Vec<u32>>,
    tokens: Lists,
    connections: Lists,
    path: Path,
    owed: usize,
}

impl Found {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Take in a path that has come to its end.
    pub(super) fn add(&mut self, trails: &mut Trails<'_>, at: At) -> Result<()> {
        let ready = trails.ready;
        let (snapshot, wanted) = (&*ready.view.snapshot, &ready.wanted);
        trails.path(at, &mut self.path)?;
        let path = &self.path;
        self.nodes.resize_with(wanted.nodes.len(), Vec::new);
        self.edges.resize_with(wanted.edges.len(), Vec::new);
        self.ends.push((path.nodes[0], path.nodes[path.nodes.len() - 1]));
        self.lengths.push(path.hops.len() as i32);
        for (rows, node) in self.nodes.iter_mut().zip(&wanted.nodes) {
            rows.push(path.nodes[*node]);
        }
        for (rows, edge) in self.edges.iter_mut().zip(&wanted.edges) {
            rows.push(path.edges[*edge]);
        }
        if wanted.cost {
            let price = |cost, &(edge, from, connection, to): &_| Ok(cost + trails.price(edge, from, connection, to)?);
            self.costs.push(path.hops.iter().try_fold(0.0, price)?);
        }
        if wanted.tokens {
            let rows = std::iter::once(path.nodes[0]).chain(path.hops.iter().map(|(_, _, _, to)| *to));
            self.tokens.push(rows.map(|row| snapshot.tokens.id(row) as i64));
        }
        if wanted.connections {
            self.connections.push(path.hops.iter().map(|(_, _, row, _)| snapshot.connections.id(*row) as i64));
        }
        let lists = usize::from(wanted.tokens) + usize::from(wanted.connections);
        self.owed += 20 + 4 * (wanted.nodes.len() + wanted.edges.len()) + 8 * lists * (path.hops.len() + 2);
        if self.owed > TAKEN {
            ready.view.memory.take(std::mem::take(&mut self.owed))?;
        }
        Ok(())
    }

    /// Take in what another search has found.
    pub(super) fn append(&mut self, other: Self) {
        self.ends.extend(other.ends);
        self.lengths.extend(other.lengths);
        self.costs.extend(other.costs);
        for (mine, others) in [(&mut self.nodes, other.nodes), (&mut self.edges, other.edges)] {
            mine.resize_with(mine.len().max(others.len()), Vec::new);
            mine.iter_mut().zip(others).for_each(|(mine, rows)| mine.extend(rows));
        }
        self.tokens.append(other.tokens);
        self.connections.append(other.connections);
    }

    /// Keep so many at the most.
    pub(super) fn truncate(&mut self, limit: usize) {
        if self.len() > limit {
            self.keep(&(0..limit).collect::<Vec<_>>());
        }
    }

    /// Keep those that the selector picks among the paths with the same ends.
    pub(super) fn select(&mut self, selector: Selector) {
        let by_cost = matches!(selector, Selector::Cheapest(_));
        let weight = |i: usize| if by_cost { self.costs[i] } else { f64::from(self.lengths[i]) };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| weight(*a).total_cmp(&weight(*b)).then(self.lengths[*a].cmp(&self.lengths[*b])));
        // How many of a pair were picked, and what the first of them weighs.
        let mut picked: HashMap<(u32, u32), (usize, f64)> = HashMap::new();
        let mut kept: Vec<usize> = Vec::new();
        for i in order {
            let (count, least) = picked.entry(self.ends[i]).or_insert((0, weight(i)));
            let wanted = match selector {
                Selector::All => true,
                Selector::AnyShortest => *count == 0,
                Selector::AllShortest => weight(i) == *least,
                Selector::Shortest(k) | Selector::Cheapest(k) => *count < k,
            };
            if wanted {
                *count += 1;
                kept.push(i);
            }
        }
        self.keep(&kept);
    }

    fn keep(&mut self, kept: &[usize]) {
        self.ends = kept.iter().map(|i| self.ends[*i]).collect();
        self.lengths = kept.iter().map(|i| self.lengths[*i]).collect();
        if !self.costs.is_empty() {
            self.costs = kept.iter().map(|i| self.costs[*i]).collect();
        }
        for rows in self.nodes.iter_mut().chain(&mut self.edges) {
            *rows = kept.iter().map(|i| rows[*i]).collect();
        }
        for lists in [&mut self.tokens, &mut self.connections] {
            if !lists.ends.is_empty() {
                lists.keep(kept);
            }
        }
    }
}

/// The paths as a relation.
pub(super) fn relation(view: &View, ready: &Ready<'_>, pattern: &Pattern<'_>, found: Found) -> Result<Relation> {
    let (wanted, len) = (&ready.wanted, found.len());
    let rows = |mut rows: Vec<Vec<u32>>, count: usize| {
        rows.resize_with(count, Vec::new);
        rows.into_iter()
    };
    let nodes = rows(found.nodes, wanted.nodes.len()).map(|rows| Part { table: TableKind::Tokens, rows });
    let edges = rows(found.edges, wanted.edges.len()).map(|rows| Part { table: TableKind::Connections, rows });
    let parts: Vec<Part> = nodes.chain(edges).collect();
    let costs = if wanted.cost { found.costs } else { vec![0.0; len] };
    let extras = vec![
        Extra::Small(Int32Array::from(found.lengths)),
        Extra::Double(Float64Array::from(costs)),
        Extra::Bigs(found.tokens.array()?),
        Extra::Bigs(found.connections.array()?),
    ];
    let at = |places: &[usize], place: usize| places.iter().position(|other| *other == place).unwrap_or(0);
    let origin = |output: &Output| {
        let (part, table, name) = match output {
            Output::Length => return Ok(Origin::Extra(0)),
            Output::Cost => return Ok(Origin::Extra(1)),
            Output::Tokens => return Ok(Origin::Extra(2)),
            Output::Connections => return Ok(Origin::Extra(3)),
            Output::Node(node, name) => (at(&wanted.nodes, *node), TableKind::Tokens, name),
            Output::Edge(edge, name) => (wanted.nodes.len() + at(&wanted.edges, *edge), TableKind::Connections, name),
        };
        let column = column(&view.snapshot, table, name)
            .ok_or_else(|| Error::undefined_column(format!("column \"{}\" does not exist", name.escape_debug())))?;
        Ok(Origin::Part(part, column))
    };
    let columns = pattern.columns.iter().map(|(name, output)| Ok((name.clone(), origin(output)?)));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Relation::of_parts(view.snapshot.clone(), len, parts, extras, columns))
}
