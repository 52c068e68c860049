//! `match_paths`: the paths that a pattern of tokens and connections describes, as a row each.
//!
//! A pattern is tokens and connections in turn, `(t0)-[c0]->(t1)-[c1]->…`, each with its conditions; a connection with
//! a quantifier stands for that many hops. Without a selector every path is found, level by level from the token of
//! the pattern that the fewest rows can be (`expand`). A selector picks, for each pair of first and last token, among the
//! paths between them: breadth first where only the fewest hops are asked for (`fewest`), in the order of cost otherwise
//! (`cheapest`). With a mode that forbids repetitions it picks from what `expand` finds.

mod cheapest;
mod expand;
mod fewest;
mod found;
mod pairs;
mod trail;

use rayon::prelude::*;

use crate::batch::{Relation, Work};
use crate::cost::{Cost, Expression};
use crate::error::{Error, Result};
use crate::filter::{Filter, Predicate};
use crate::index::adjacency::Direction;
use crate::metric::Metric;
use crate::ops::{Via, View, candidates, on_pool, scan};
use crate::snapshot::TokenRef;
use crate::token::Token;
use found::{Found, Wanted};
use trail::{Step, Trails};

/// First tokens that one thread goes on from at a time.
const CHUNK: usize = 256;

/// Tokens, connections and nodes at the most.
const MOST_NODES: usize = 64;

/// A token of a pattern.
#[derive(Clone, Debug, Default)]
pub struct NodePattern {
    /// One of these.
    pub ids: Option<Vec<i64>>,
    /// Passes.
    pub predicate: Option<Predicate>,
    /// Is the same token as this one, which stands before it.
    pub same: Option<usize>,
}

/// A connection of a pattern, or a walk along several.
#[derive(Clone, Debug)]
pub struct EdgePattern {
    /// Of one of these types.
    pub via: Option<Vec<String>>,
    /// From left to right, from right to left, or either.
    pub direction: Direction,
    /// Each passes.
    pub predicate: Option<Predicate>,
    /// So many at the least, and at the most.
    pub hops: (u32, Option<u32>),
    /// What each costs, from left to right; 1 unless given.
    pub cost: Option<Expression>,
}

/// What a path may come to more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Anything.
    #[default]
    Walk,
    /// Tokens, but no connection.
    Trail,
    /// Nothing.
    Acyclic,
    /// Nothing, but it may end where it began.
    Simple,
}

/// Which of the paths with the same ends are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// All.
    #[default]
    All,
    /// One of the fewest hops.
    AnyShortest,
    /// All of the fewest hops.
    AllShortest,
    /// So many, by hops.
    Shortest(usize),
    /// So many, by cost.
    Cheapest(usize),
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A column of a token of the pattern.
    Node(usize, String),
    /// A column of a connection of the pattern, which has no quantifier.
    Edge(usize, String),
    /// Ids of the path's tokens.
    Tokens,
    /// Ids of its connections.
    Connections,
    /// How many these are.
    Length,
    /// What they cost.
    Cost,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Pattern<'a> {
    /// Its tokens.
    pub nodes: Vec<NodePattern>,
    /// Its connections, each between two of the tokens: one fewer.
    pub edges: Vec<EdgePattern>,
    /// What may repeat.
    pub mode: Mode,
    /// Which of many.
    pub selector: Selector,
    /// Of the distances in costs; the session's unless given.
    pub metric: Option<&'a Metric>,
    /// The result's columns, with their names.
    pub columns: Vec<(String, Output)>,
    /// So many paths at the most.
    pub limit: Option<usize>,
}

/// A token of the pattern, compiled.
struct Node {
    /// The rows that it can be, in order; `None` is all that the filter passes.
    rows: Option<Vec<u32>>,
    filter: Filter,
    same: Option<usize>,
}

/// A connection of the pattern, compiled.
struct Edge {
    via: Via,
    direction: Direction,
    filter: Filter,
    low: u32,
    high: Option<u32>,
}

impl Edge {
    /// Whether it stands for one connection.
    fn is_single(&self) -> bool {
        (self.low, self.high) == (1, Some(1))
    }
}

/// A pattern compiled against a view.
struct Ready<'a> {
    view: &'a View,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// What a hop of each edge costs.
    costs: Vec<Option<&'a Expression>>,
    /// Of the distances in them.
    metric: &'a Metric,
    mode: Mode,
    selector: Selector,
    /// Whether it asks for a path between a few pairs of tokens, which are searched from both ends.
    by_pairs: bool,
    /// The edges in the order in which they are walked.
    steps: Vec<Step>,
    /// The token where that begins.
    anchor: usize,
    wanted: Wanted,
}

impl Ready<'_> {
    /// Whether a live token's row can be this token of the pattern, but for what it has to be the same as.
    fn admits(&self, node: usize, row: u32) -> bool {
        let node = &self.nodes[node];
        match &node.rows {
            Some(rows) => rows.binary_search(&row).is_ok(),
            None => node.filter.is_all() || node.filter.token(&self.view.snapshot, row),
        }
    }

    /// What a hop of each edge costs, for one thread.
    fn costs(&self) -> Result<Vec<Option<Cost<'_>>>> {
        let compile = |cost: &Expression| Cost::compile(cost, &self.view.snapshot, self.metric);
        self.costs.iter().map(|cost| cost.map(compile).transpose()).collect()
    }

    /// The rows that the walk begins with.
    fn starts(&self) -> Result<Vec<u32>> {
        let node = &self.nodes[self.anchor];
        match &node.rows {
            Some(rows) => Ok(rows.clone()),
            None => scan::all_passing(&self.view.snapshot.tokens, &node.filter, &self.view.cancel),
        }
    }
}

/// The paths, in no particular order, which is the same at every run over the same data.
pub fn match_paths(view: &View, pattern: &Pattern<'_>) -> Result<Relation> {
    view.cancel.check()?;
    let ready = compile(view, pattern)?;
    let starts = ready.starts()?;
    view.memory.take(size_of_val(&*starts))?;
    let limit = pattern.limit.unwrap_or(usize::MAX);
    if ready.by_pairs {
        let (mut found, work) = pairs::paths(&ready)?;
        found.truncate(limit);
        return Ok(found::relation(view, &ready, pattern, found)?.found("adjacency", work));
    }
    let mut all = Found::default();
    let mut work = Work { rows_examined: starts.len() as u64, ..Work::default() };
    let chunk = |starts: &[u32]| search(&ready, starts);
    if pattern.limit.is_some() || starts.len() <= CHUNK {
        for starts in starts.chunks(CHUNK) {
            if all.len() >= limit {
                break;
            }
            let (found, spent) = chunk(starts)?;
            all.append(found);
            work.edges_examined += spent;
        }
    } else {
        let parts: Vec<(Found, u64)> =
            on_pool(&view.cancel, || starts.par_chunks(CHUNK).map(chunk).collect::<Result<_>>())?;
        for (found, spent) in parts {
            all.append(found);
            work.edges_examined += spent;
        }
    }
    all.truncate(limit);
    Ok(found::relation(view, &ready, pattern, all)?.found("adjacency", work))
}

/// The paths that begin at these rows, and how many connections were looked at.
fn search(ready: &Ready<'_>, starts: &[u32]) -> Result<(Found, u64)> {
    ready.view.cancel.poll()?;
    let mut trails = Trails::new(ready)?;
    let mut found = Found::default();
    match (ready.mode, ready.selector) {
        (_, Selector::All) => expand::every(&mut trails, starts, &mut found)?,
        (Mode::Walk, Selector::AnyShortest) => fewest::paths(&mut trails, starts, false, &mut found)?,
        (Mode::Walk, Selector::AllShortest) => fewest::paths(&mut trails, starts, true, &mut found)?,
        (Mode::Walk, Selector::Shortest(k)) => cheapest::paths(&mut trails, starts, k, false, &mut found)?,
        (Mode::Walk, Selector::Cheapest(k)) => cheapest::paths(&mut trails, starts, k, true, &mut found)?,
        _ => {
            expand::every(&mut trails, starts, &mut found)?;
            found.select(ready.selector);
        }
    }
    Ok((found, trails.edges))
}

fn compile<'a>(view: &'a View, pattern: &'a Pattern<'_>) -> Result<Ready<'a>> {
    check(pattern)?;
    let snapshot = &*view.snapshot;
    let metric = pattern.metric.unwrap_or(&view.metric);
    let nodes = pattern.nodes.iter().map(|node| compile_node(view, node)).collect::<Result<Vec<_>>>()?;
    let edge = |edge: &EdgePattern| {
        Ok(Edge {
            via: Via::new(edge.via.as_deref(), &snapshot.catalog)?,
            direction: edge.direction,
            filter: Filter::compile::<crate::connection::Connection>(edge.predicate.as_ref(), snapshot, &view.metric)?,
            low: edge.hops.0,
            high: edge.hops.1,
        })
    };
    let edges = pattern.edges.iter().map(edge).collect::<Result<Vec<_>>>()?;
    let by_pairs = pairs::suits(&nodes, &edges, pattern);
    let anchor = if by_pairs { 0 } else { anchor(view, &nodes, pattern) };
    let steps = trail::steps(edges.len(), anchor, &nodes);
    let wanted = Wanted::new(pattern);
    let costs = pattern.edges.iter().map(|edge| edge.cost.as_ref()).collect();
    let (mode, selector) = (pattern.mode, pattern.selector);
    // A search that settles a token does not know what the pattern's other tokens were.
    if selector != Selector::All
        && mode == Mode::Walk
        && steps.iter().any(|s| s.same.is_some_and(|node| node != anchor))
    {
        return Err(Error::not_supported(
            "a token that stands twice inside a pattern with a selector is not supported yet",
        )
        .hint("compare the ids of two tokens in WHERE"));
    }
    let ready = Ready { view, nodes, edges, costs, metric, mode, selector, by_pairs, steps, anchor, wanted };
    ready.costs().map(drop)?;
    Ok(ready)
}

/// Refuse what is no pattern, and what might never end.
fn check(pattern: &Pattern<'_>) -> Result<()> {
    let Pattern { nodes, edges, .. } = pattern;
    if nodes.len() != edges.len() + 1 || nodes.len() > MOST_NODES {
        return Err(Error::limit_exceeded(format!(
            "a pattern has 1 to {MOST_NODES} tokens, and a connection between any two"
        )));
    }
    if nodes.iter().enumerate().any(|(i, node)| node.same.is_some_and(|same| same >= i)) {
        return Err(Error::invalid_value("a token can only be the same as one that stands before it"));
    }
    if matches!(pattern.selector, Selector::Shortest(0) | Selector::Cheapest(0)) {
        return Err(Error::invalid_value("k is not a whole number ≥ 1"));
    }
    if edges.iter().any(|edge| edge.hops.1.is_some_and(|high| high < edge.hops.0 || high == 0)) {
        return Err(Error::invalid_value("a quantifier is {m,n} with m ≤ n and n ≥ 1"));
    }
    let endless = pattern.selector == Selector::All && pattern.mode == Mode::Walk;
    if endless && edges.iter().any(|edge| edge.hops.1.is_none()) {
        return Err(Error::invalid_value("the pattern has no end: any number of hops, and any of them again").hint(
            "give the quantifier an upper bound, or the pattern a selector like ANY SHORTEST or a mode like TRAIL",
        ));
    }
    let columns = pattern.columns.iter().map(|(_, output)| output);
    for output in columns {
        let is_there = match output {
            Output::Node(node, _) => *node < nodes.len(),
            Output::Edge(edge, _) => edges.get(*edge).is_some_and(|edge| edge.hops == (1, Some(1))),
            _ => true,
        };
        if !is_there {
            return Err(Error::invalid_value("a column of no token or single connection of the pattern"));
        }
    }
    Ok(())
}

fn compile_node(view: &View, node: &NodePattern) -> Result<Node> {
    let snapshot = &*view.snapshot;
    let filter = Filter::compile::<Token>(node.predicate.as_ref(), snapshot, &view.metric)?;
    let named = node.predicate.as_ref().and_then(|predicate| candidates::tokens(predicate, snapshot));
    let given = node.ids.as_ref().map(|ids| {
        let mut rows: Vec<u32> = ids.iter().filter_map(|id| snapshot.find_token(&TokenRef::Id(*id))).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    });
    let mut rows = match (given, named) {
        (Some(given), Some(named)) => {
            Some(given.into_iter().filter(|row| named.binary_search(row).is_ok()).collect::<Vec<_>>())
        }
        (given, named) => given.or(named),
    };
    if let Some(rows) = &mut rows {
        rows.retain(|row| filter.token(snapshot, *row));
        view.memory.take(size_of_val(rows.as_slice()))?;
    }
    Ok(Node { rows, filter, same: node.same })
}

/// The token to begin with: that which the fewest rows can be. Selectors and closed paths need an end.
fn anchor(view: &View, nodes: &[Node], pattern: &Pattern<'_>) -> usize {
    let tokens = view.snapshot.tokens.live();
    // What passes a filter is not known; that there is one makes it fewer.
    let few = |node: &usize| match &nodes[*node] {
        Node { rows: Some(rows), .. } => rows.len(),
        Node { filter, .. } if filter.is_all() => tokens,
        _ => tokens / 2,
    };
    let last = nodes.len() - 1;
    let ends_only = pattern.selector != Selector::All || pattern.mode == Mode::Simple;
    let anchor = if ends_only { [0, last].into_iter().min_by_key(few) } else { (0..nodes.len()).min_by_key(few) };
    anchor.unwrap_or(0)
}
