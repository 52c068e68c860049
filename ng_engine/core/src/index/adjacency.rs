//! Who is connected with whom: typed compressed rows over the connections [0, k), and lists for those that came later.
//!
//! Both only hint: whether a connection still exists is asked of the reader's own snapshot, so one adjacency serves every
//! snapshot since it was built. Links of an open transaction are listed apart until it commits.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::segment::Table;
use crate::snapshot::Snapshot;
use crate::token::Token;

const SHARDS: usize = 64;

/// Which way connections are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From source to target.
    Out,
    /// From target to source.
    In,
    /// Either way.
    Both,
}

impl Direction {
    /// The opposite way.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Out => Self::In,
            Self::In => Self::Out,
            Self::Both => Self::Both,
        }
    }
}

/// One step along a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Row of the token reached.
    pub token: u32,
    /// Row of the connection walked.
    pub connection: u32,
    /// Its type.
    pub kind: u16,
}

/// A connection by the rows of everything in it.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Row of the token it leaves.
    pub source: u32,
    /// Row of the token it enters.
    pub target: u32,
    /// Its own row.
    pub connection: u32,
    /// Its type.
    pub kind: u16,
}

/// One direction: the hops of token row `t` are `[offsets[t], offsets[t + 1])`.
#[derive(Debug, Default)]
struct Compressed {
    offsets: Vec<u32>,
    tokens: Vec<u32>,
    connections: Vec<u32>,
    kinds: Vec<u16>,
}

impl Compressed {
    fn build(nodes: usize, hops: &[(u32, Hop)], cancel: &Cancel) -> Result<Self> {
        let mut pace = cancel.pace();
        let mut offsets = vec![0u32; nodes + 1];
        for (from, _) in hops {
            pace.tick()?;
            offsets[*from as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut this =
            Self { offsets, tokens: vec![0; hops.len()], connections: vec![0; hops.len()], kinds: vec![0; hops.len()] };
        for (from, hop) in hops {
            pace.tick()?;
            let at = next[*from as usize] as usize;
            next[*from as usize] += 1;
            (this.tokens[at], this.connections[at], this.kinds[at]) = (hop.token, hop.connection, hop.kind);
        }
        Ok(this)
    }

    fn hops(&self, token: u32) -> impl Iterator<Item = Hop> + '_ {
        let at = |i: usize| self.offsets.get(i).map(|o| *o as usize);
        let range = match (at(token as usize), at(token as usize + 1)) {
            (Some(start), Some(end)) => start..end,
            _ => 0..0,
        };
        range.map(|i| Hop { token: self.tokens[i], connection: self.connections[i], kind: self.kinds[i] })
    }

    fn memory(&self) -> usize {
        self.offsets.len() * 4 + self.tokens.len() * 10
    }
}

type Lists = HashMap<u32, Vec<Hop>, foldhash::fast::RandomState>;

/// Links that came after the compressed rows, one direction of them, by token.
#[derive(Debug)]
struct Listed {
    shards: Box<[RwLock<Lists>]>,
}

impl Default for Listed {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

impl Listed {
    fn shard(&self, token: u32) -> &RwLock<Lists> {
        &self.shards[token as usize % SHARDS]
    }

    fn push(&self, from: u32, hop: Hop) {
        self.shard(from).write().entry(from).or_default().push(hop);
    }

    /// Take back the latest push from this token.
    fn pop(&self, from: u32) {
        if let Some(hops) = self.shard(from).write().get_mut(&from) {
            hops.pop();
        }
    }

    fn visit(&self, from: u32, mut visit: impl FnMut(Hop)) {
        if let Some(hops) = self.shard(from).read().get(&from) {
            hops.iter().for_each(|hop| visit(*hop));
        }
    }
}

/// Both directions of later links. They only hint, like every shared map: the reader's snapshot has the connection, or not.
#[derive(Debug, Default)]
struct Later {
    outward: Listed,
    inward: Listed,
}

impl Later {
    fn push(&self, link: Link) {
        let Link { source, target, connection, kind } = link;
        self.outward.push(source, Hop { token: target, connection, kind });
        self.inward.push(target, Hop { token: source, connection, kind });
    }

    fn pop(&self, link: Link) {
        self.outward.pop(link.source);
        self.inward.pop(link.target);
    }
}

#[derive(Debug, Default)]
struct Both {
    outward: Compressed,
    inward: Compressed,
}

/// Both directions over the connections of a store. Cloning costs three reference counts.
#[derive(Clone, Debug, Default)]
pub struct Adjacency {
    covered: u32,
    compressed: Arc<Both>,
    /// Committed links, shared by every snapshot since the compressed rows were built.
    later: Arc<Later>,
    /// Links of one transaction, seen by its own snapshots alone.
    own: Option<Arc<Later>>,
}

impl Adjacency {
    /// Compressed rows over every live connection of the snapshot.
    pub fn build(snapshot: &Snapshot, cancel: &Cancel) -> Result<Self> {
        let mut pace = cancel.pace();
        let nodes = snapshot.tokens.extent() as usize;
        let connections = &snapshot.connections;
        let (mut outward, mut inward) =
            (Vec::with_capacity(connections.live()), Vec::with_capacity(connections.live()));
        for row in connections.live_rows() {
            pace.tick()?;
            if let Some(Link { source, target, connection, kind }) = Link::of(snapshot, row) {
                outward.push((source, Hop { token: target, connection, kind }));
                inward.push((target, Hop { token: source, connection, kind }));
            }
        }
        let outward = Compressed::build(nodes, &outward, cancel)?;
        let both = Both { outward, inward: Compressed::build(nodes, &inward, cancel)? };
        Ok(Self { covered: connections.extent(), compressed: Arc::new(both), ..Self::default() })
    }

    /// Rows [0, `covered`) of the connections are in the compressed rows.
    pub fn covered(&self) -> u32 {
        self.covered
    }

    /// The same for a transaction, with links of its own.
    #[must_use]
    pub fn with_own(&self, links: &[Link]) -> Self {
        let own = Later::default();
        links.iter().for_each(|link| own.push(*link));
        Self { own: Some(Arc::new(own)), ..self.clone() }
    }

    /// The same for everybody: links of the transaction join those that all can see.
    #[must_use]
    pub fn without_own(&self, links: &[Link]) -> Self {
        if self.own.is_some() {
            links.iter().for_each(|link| self.later.push(*link));
        }
        Self { own: None, ..self.clone() }
    }

    /// Whether it is a transaction's.
    pub fn has_own(&self) -> bool {
        self.own.is_some()
    }

    /// List a link among the later ones: those of the transaction, if there is one.
    pub fn push(&self, link: Link) {
        self.own.as_ref().unwrap_or(&self.later).push(link);
    }

    /// Take back the latest push, which was of this link.
    pub fn pop(&self, link: Link) {
        self.own.as_ref().unwrap_or(&self.later).pop(link);
    }

    /// Visit every live hop from a token; a self loop is visited once in each direction asked for.
    pub fn hops(&self, snapshot: &Snapshot, token: u32, direction: Direction, mut visit: impl FnMut(Hop)) {
        let connections = &snapshot.connections;
        let id = snapshot.tokens.id(token);
        // A listed row may since be another connection's: rolled back rows are numbered again.
        let same = |hop: &Hop, outward: bool| {
            connections.is_live(hop.connection) && snapshot.tokens.is_live(hop.token) && {
                let (columns, slot) = connections.columns(hop.connection);
                let ends = (columns.source.get(slot), columns.target.get(slot));
                let other = snapshot.tokens.id(hop.token);
                columns.kind.get(slot) == hop.kind && ends == if outward { (id, other) } else { (other, id) }
            }
        };
        let lists = || [Some(&self.later), self.own.as_ref()].into_iter().flatten();
        if direction != Direction::In {
            let live = |hop: &Hop| connections.is_live(hop.connection);
            self.compressed.outward.hops(token).filter(live).for_each(&mut visit);
            for later in lists() {
                later.outward.visit(token, |hop| {
                    if same(&hop, true) {
                        visit(hop);
                    }
                });
            }
        }
        if direction != Direction::Out {
            let live = |hop: &Hop| connections.is_live(hop.connection);
            self.compressed.inward.hops(token).filter(live).for_each(&mut visit);
            for later in lists() {
                later.inward.visit(token, |hop| {
                    if same(&hop, false) {
                        visit(hop);
                    }
                });
            }
        }
    }

    /// Bytes of the compressed rows.
    pub fn memory(&self) -> usize {
        self.compressed.outward.memory() + self.compressed.inward.memory()
    }
}

impl Link {
    /// The connection in this row of the snapshot.
    pub fn of(snapshot: &Snapshot, connection: u32) -> Option<Self> {
        let (columns, slot) = snapshot.connections.columns(connection);
        let tokens: &Table<Token> = &snapshot.tokens;
        Some(Self {
            source: tokens.find(columns.source.get(slot))?,
            target: tokens.find(columns.target.get(slot))?,
            connection,
            kind: columns.kind.get(slot),
        })
    }
}
