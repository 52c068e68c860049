//! Paths in the making: each hop knows the one before it, so that paths share what they have in common.

use crate::cancel::Pace;
use crate::cost::{self, Cost};
use crate::error::{Error, Result};
use crate::index::adjacency::{Direction, Hop};
use crate::ops::match_paths::{Edge, Mode, Node, Ready};

/// No entry: what the first has before it.
pub(super) const NONE: u32 = u32::MAX;
/// In the place of a connection: here a quantified edge ends, after `row` hops.
pub(super) const END: u32 = u32::MAX;

/// Entries between two looks at what memory there is.
const TAKEN: usize = 1 << 10;

/// One hop of a path, or the end of a quantified edge.
#[derive(Clone, Copy, Debug)]
struct Entry {
    parent: u32,
    /// The token reached; at an end the number of its hops.
    row: u32,
    /// The connection walked, or `END`; `NONE` at the first.
    connection: u32,
}

/// An edge of the pattern, as it is walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) edge: usize,
    /// Whether from left to right.
    pub(super) forward: bool,
    /// The token of the pattern that it leads to.
    pub(super) node: usize,
    /// Whether it begins at the anchor again.
    pub(super) turns: bool,
    /// A token of the pattern known before, which the one reached has to be.
    pub(super) same: Option<usize>,
}

impl Step {
    /// The token of the pattern that it begins at.
    pub(super) fn from(&self) -> usize {
        if self.forward { self.edge } else { self.edge + 1 }
    }
}

/// From the anchor to the right, then from the anchor to the left.
pub(super) fn steps(edges: usize, anchor: usize, nodes: &[Node]) -> Vec<Step> {
    let right = (anchor..edges).map(|edge| (edge, true, edge + 1));
    let left = (0..anchor).rev().map(|edge| (edge, false, edge));
    // The first token of those that are the same: each stands before the one that names it.
    let first = |node: usize| {
        let earlier = |node: &usize| nodes[*node].same;
        std::iter::successors(Some(node), earlier).last().unwrap_or(node)
    };
    let mut known = vec![anchor];
    let mut steps = Vec::with_capacity(edges);
    for (edge, forward, node) in right.chain(left) {
        let same = known.iter().copied().find(|other| first(*other) == first(node));
        let turns = !forward && edge + 1 == anchor && anchor < edges;
        steps.push(Step { edge, forward, node, turns, same });
        known.push(node);
    }
    steps
}

/// A path as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) entry: u32,
    /// The token it has come to.
    pub(super) row: u32,
    /// The token it began at.
    pub(super) root: u32,
    /// The entry where the present step began.
    pub(super) begun: u32,
    /// Whether it has come back there and may not go on.
    pub(super) closed: bool,
}

/// A path from end to end, by rows.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// The row of each token of the pattern.
    pub(super) nodes: Vec<u32>,
    /// The connection of each edge of the pattern that stands for one.
    pub(super) edges: Vec<u32>,
    /// (edge of the pattern, token left, connection, token reached) of each hop, from left to right.
    pub(super) hops: Vec<(usize, u32, u32, u32)>,
}

/// The paths of one search.
pub(super) struct Trails<'a> {
    pub(super) ready: &'a Ready<'a>,
    entries: Vec<Entry>,
    pub(super) pace: Pace<'a>,
    /// Connections looked at.
    pub(super) edges: u64,
    /// Entries that memory was taken for.
    taken: usize,
    /// Each edge's hops, while a path is put together.
    traced: Vec<Vec<(u32, u32)>>,
    costs: Vec<Option<Cost<'a>>>,
}

impl<'a> Trails<'a> {
    pub(super) fn new(ready: &'a Ready<'a>) -> Result<Self> {
        let (traced, costs, pace) = (vec![Vec::new(); ready.edges.len()], ready.costs()?, ready.view.cancel.pace());
        Ok(Self { ready, entries: Vec::new(), pace, edges: 0, taken: 0, traced, costs })
    }

    pub(super) fn edge(&self, step: usize) -> &'a Edge {
        &self.ready.edges[self.ready.steps[step].edge]
    }

    /// A path that begins at a row.
    pub(super) fn begin(&mut self, row: u32) -> Result<At> {
        let entry = self.push(Entry { parent: NONE, row, connection: NONE })?;
        Ok(At { entry, row, root: row, begun: entry, closed: false })
    }

    fn push(&mut self, entry: Entry) -> Result<u32> {
        if self.entries.len() == self.taken {
            self.ready.view.memory.take(TAKEN * (size_of::<Entry>() + size_of::<At>()))?;
            self.taken += TAKEN;
        }
        let number = u32::try_from(self.entries.len()).ok().filter(|number| *number != NONE);
        self.entries.push(entry);
        number.ok_or_else(|| {
            Error::limit_exceeded("the pattern has more than 2^32 paths in the making")
                .hint("restrict it, or give it a LIMIT")
        })
    }

    /// The path at the beginning of a step.
    pub(super) fn enter(&self, step: usize, at: At) -> At {
        let row = if self.ready.steps[step].turns { at.root } else { at.row };
        At { row, begun: at.entry, ..at }
    }

    /// The path after one more hop.
    pub(super) fn go(&mut self, at: At, hop: Hop, closed: bool) -> Result<At> {
        Ok(At { closed, ..self.go_to(at, hop.token, hop.connection)? })
    }

    /// The same, by rows.
    pub(super) fn go_to(&mut self, at: At, row: u32, connection: u32) -> Result<At> {
        let entry = self.push(Entry { parent: at.entry, row, connection })?;
        Ok(At { entry, row, ..at })
    }

    /// The path after so many hops of a quantified edge, which ends here.
    pub(super) fn end(&mut self, at: At, hops: u32) -> Result<At> {
        let entry = self.push(Entry { parent: at.entry, row: hops, connection: END })?;
        Ok(At { entry, ..at })
    }

    /// Forget all paths.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The hops that a step may take from a row.
    pub(super) fn hops(&mut self, step: usize, row: u32, hops: &mut Vec<Hop>) -> Result<()> {
        hops.clear();
        let (edge, snapshot) = (self.edge(step), &*self.ready.view.snapshot);
        let direction = if self.ready.steps[step].forward { edge.direction } else { edge.direction.reversed() };
        let mut looked_at = 0_u32;
        snapshot.adjacency.hops(snapshot, row, direction, |hop| {
            looked_at += 1;
            if edge.via.contains(hop.kind) && (edge.filter.is_all() || edge.filter.connection(snapshot, hop.connection))
            {
                hops.push(hop);
            }
        });
        if direction == Direction::Both {
            // A self loop is met in both directions; it is one hop.
            let mut loops = Vec::new();
            hops.retain(|hop| {
                hop.token != row
                    || !loops.contains(&hop.connection) && {
                        loops.push(hop.connection);
                        true
                    }
            });
        }
        self.edges += u64::from(looked_at);
        self.pace.ticks(looked_at.saturating_add(1))
    }

    /// Whether the path's mode lets it take a hop: `Some(true)` if it ends the path.
    pub(super) fn allows(&self, at: At, hop: Hop) -> Option<bool> {
        match self.ready.mode {
            Mode::Walk => Some(false),
            Mode::Trail => self.chain(at.entry).all(|entry| entry.connection != hop.connection).then_some(false),
            Mode::Simple if hop.token == at.root => Some(true),
            Mode::Acyclic | Mode::Simple => {
                let met = |entry: &Entry| entry.row == hop.token && (entry.parent == NONE || entry.connection != END);
                (!self.chain(at.entry).any(|entry| met(&entry))).then_some(false)
            }
        }
    }

    /// An entry and those before it.
    fn chain(&self, entry: u32) -> impl Iterator<Item = Entry> {
        let at = |number: u32| self.entries.get(number as usize).copied();
        std::iter::successors(at(entry), move |entry| at(entry.parent))
    }

    /// Whether a row can be the token that a step leads to.
    pub(super) fn arrives(&mut self, step: usize, at: At, row: u32) -> bool {
        let Step { node, same, .. } = self.ready.steps[step];
        if !self.ready.admits(node, row) {
            return false;
        }
        match same {
            None => true,
            Some(same) if same == self.ready.anchor => row == at.root,
            Some(same) => self.trace(at.begun, step)[same] == row,
        }
    }

    /// The rows of the pattern's tokens after so many steps, and each edge's hops in `traced`.
    fn trace(&mut self, mut entry: u32, steps: usize) -> Vec<u32> {
        let mut nodes = vec![0; self.ready.nodes.len()];
        for step in (0..steps).rev() {
            let Step { edge, .. } = self.ready.steps[step];
            let mut hops = std::mem::take(&mut self.traced[edge]);
            hops.clear();
            let count = if self.ready.edges[edge].is_single() {
                1
            } else {
                let end = self.entries[entry as usize];
                entry = end.parent;
                end.row
            };
            for _ in 0..count {
                let hop = self.entries[entry as usize];
                hops.push((hop.connection, hop.row));
                entry = hop.parent;
            }
            hops.reverse();
            self.traced[edge] = hops;
        }
        nodes[self.ready.anchor] = self.entries[entry as usize].row;
        for step in &self.ready.steps[..steps] {
            nodes[step.node] = self.traced[step.edge].last().map_or(nodes[step.from()], |(_, row)| *row);
        }
        nodes
    }

    /// A path that has come to its end.
    pub(super) fn path(&mut self, at: At, path: &mut Path) -> Result<()> {
        let steps = self.ready.steps.len();
        path.nodes = self.trace(at.entry, steps);
        path.edges.clear();
        path.hops.clear();
        for edge in 0..steps {
            let (mut from, hops) = (path.nodes[edge], &self.traced[edge]);
            let forward = edge >= self.ready.anchor;
            if forward {
                for (connection, row) in hops {
                    path.hops.push((edge, from, *connection, *row));
                    from = *row;
                }
            } else {
                // Walked from right to left: the token that a hop led to is the one that it leaves.
                for (i, (connection, _)) in hops.iter().enumerate().rev() {
                    let to = if i == 0 { path.nodes[edge + 1] } else { hops[i - 1].1 };
                    path.hops.push((edge, from, *connection, to));
                    from = to;
                }
            }
            path.edges.push(hops.first().map_or(END, |(connection, _)| *connection));
        }
        // As much work again was to put it together, and will be to write it down.
        self.pace.ticks(1 + path.hops.len() as u32)
    }

    /// What a hop of an edge of the pattern costs, from left to right.
    pub(super) fn price(&self, edge: usize, from: u32, connection: u32, to: u32) -> Result<f64> {
        match &self.costs[edge] {
            Some(cost) => cost.of(cost::Rows { from, to, connection }),
            None => Ok(1.0),
        }
    }
}
