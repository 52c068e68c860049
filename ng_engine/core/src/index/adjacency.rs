//! Who is connected with whom: typed compressed rows over the connections [0, k), and lists for those that came later.
//!
//! Both only hint: whether a connection still exists is asked of the reader's own snapshot, so one adjacency serves every
//! snapshot since it was built.

use std::collections::HashMap;

use parking_lot::RwLock;

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
    fn build(nodes: usize, hops: &[(u32, Hop)]) -> Self {
        let mut offsets = vec![0u32; nodes + 1];
        for (from, _) in hops {
            offsets[*from as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut this = Self {
            offsets,
            tokens: vec![0; hops.len()],
            connections: vec![0; hops.len()],
            kinds: vec![0; hops.len()],
        };
        for (from, hop) in hops {
            let at = next[*from as usize] as usize;
            next[*from as usize] += 1;
            (this.tokens[at], this.connections[at], this.kinds[at]) = (hop.token, hop.connection, hop.kind);
        }
        this
    }

    fn hops(&self, token: u32) -> impl Iterator<Item = Hop> + '_ {
        let at = |i: usize| self.offsets.get(i).map(|o| *o as usize);
        let range = match (at(token as usize), at(token as usize + 1)) {
            (Some(start), Some(end)) => start..end,
            _ => 0..0,
        };
        range.map(|i| Hop {
            token: self.tokens[i],
            connection: self.connections[i],
            kind: self.kinds[i],
        })
    }

    fn memory(&self) -> usize {
        self.offsets.len() * 4 + self.tokens.len() * 10
    }
}

type Lists = HashMap<u32, Vec<Hop>, foldhash::fast::RandomState>;

/// Hops of connections that came after the compressed rows, by token; shared by all snapshots since.
#[derive(Debug)]
struct Later {
    shards: Box<[RwLock<Lists>]>,
}

impl Default for Later {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
        }
    }
}

impl Later {
    fn shard(&self, token: u32) -> &RwLock<Lists> {
        &self.shards[token as usize % SHARDS]
    }

    fn push(&self, from: u32, hop: Hop) {
        self.shard(from).write().entry(from).or_default().push(hop);
    }

    fn remove(&self, from: u32, connection: u32) {
        if let Some(hops) = self.shard(from).write().get_mut(&from) {
            hops.retain(|hop| hop.connection != connection);
        }
    }

    fn visit(&self, from: u32, mut visit: impl FnMut(Hop)) {
        if let Some(hops) = self.shard(from).read().get(&from) {
            hops.iter().for_each(|hop| visit(*hop));
        }
    }
}

/// Both directions over the connections of a store.
#[derive(Debug, Default)]
pub struct Adjacency {
    covered: u32,
    outward: Compressed,
    inward: Compressed,
    later_outward: Later,
    later_inward: Later,
}

impl Adjacency {
    /// Compressed rows over every live connection of the snapshot.
    pub fn build(snapshot: &Snapshot) -> Self {
        let nodes = snapshot.tokens.extent() as usize;
        let connections = &snapshot.connections;
        let (mut outward, mut inward) = (
            Vec::with_capacity(connections.live()),
            Vec::with_capacity(connections.live()),
        );
        for row in connections.live_rows() {
            if let Some(Link {
                source,
                target,
                connection,
                kind,
            }) = Link::of(snapshot, row)
            {
                outward.push((
                    source,
                    Hop {
                        token: target,
                        connection,
                        kind,
                    },
                ));
                inward.push((
                    target,
                    Hop {
                        token: source,
                        connection,
                        kind,
                    },
                ));
            }
        }
        Self {
            covered: connections.extent(),
            outward: Compressed::build(nodes, &outward),
            inward: Compressed::build(nodes, &inward),
            ..Self::default()
        }
    }

    /// Rows [0, `covered`) of the connections are in the compressed rows.
    pub fn covered(&self) -> u32 {
        self.covered
    }

    /// List the connection `row` of the snapshot, from token row `source` to `target`, among the later ones.
    pub fn push(&self, link: Link) {
        let Link {
            source,
            target,
            connection,
            kind,
        } = link;
        self.later_outward.push(
            source,
            Hop {
                token: target,
                connection,
                kind,
            },
        );
        self.later_inward.push(
            target,
            Hop {
                token: source,
                connection,
                kind,
            },
        );
    }

    /// Take back what `push` did.
    pub fn remove(&self, link: Link) {
        self.later_outward.remove(link.source, link.connection);
        self.later_inward.remove(link.target, link.connection);
    }

    /// Visit every live hop from a token; a self loop is visited once in each direction asked for.
    pub fn hops(&self, snapshot: &Snapshot, token: u32, direction: Direction, mut visit: impl FnMut(Hop)) {
        let live = |hop: &Hop| snapshot.connections.is_live(hop.connection);
        if direction != Direction::In {
            self.outward.hops(token).filter(live).for_each(&mut visit);
            self.later_outward.visit(token, |hop| {
                if live(&hop) {
                    visit(hop)
                }
            });
        }
        if direction != Direction::Out {
            self.inward.hops(token).filter(live).for_each(&mut visit);
            self.later_inward.visit(token, |hop| {
                if live(&hop) {
                    visit(hop)
                }
            });
        }
    }

    /// Bytes of the compressed rows.
    pub fn memory(&self) -> usize {
        self.outward.memory() + self.inward.memory()
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
