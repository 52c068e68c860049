//! Who is connected with whom: typed compressed rows over the connections [0, k), and lists for those that came later.
//!
//! Both only hint: whether a connection still exists is asked of the reader's own snapshot, so one adjacency serves every
//! snapshot since it was built. Links of an open transaction are listed apart until it commits.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rayon::prelude::*;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::ops::on_pool;
use crate::segment::{Table, row_at};
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
    /// The steps of every run are sorted into the buckets; each bucket is then filled by itself, and fits the cache.
    fn build(nodes: usize, width: usize, runs: &[Scattered], cancel: &Cancel) -> Result<Self> {
        let buckets = nodes.div_ceil(width);
        let len = |bucket: usize| runs.iter().map(|run| run[bucket].len()).sum::<usize>();
        let total: usize = (0..buckets).map(len).sum();
        let mut this = Self {
            offsets: vec![0; nodes + 1],
            tokens: vec![0; total],
            connections: vec![0; total],
            kinds: vec![0; total],
        };
        let mut rest = Bucket {
            number: 0,
            start: 0,
            ends: &mut this.offsets[1..],
            tokens: &mut this.tokens,
            connections: &mut this.connections,
            kinds: &mut this.kinds,
        };
        let mut parts = Vec::with_capacity(buckets);
        for bucket in 0..buckets {
            let part;
            (part, rest) = rest.split(width.min(nodes - bucket * width), len(bucket));
            parts.push(part);
        }
        parts.into_par_iter().try_for_each(|part| part.fill(width, runs, cancel))?;
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

/// A hop and the token it starts from.
type Step = (u32, Hop);

/// The steps of some connections, by bucket of the token they start from.
type Scattered = Vec<Vec<Step>>;

/// Tokens of a bucket at least: their offsets stay in the cache while it is filled.
const BUCKET: usize = 1 << 14;

/// The part of compressed rows that belongs to consecutive tokens.
struct Bucket<'a> {
    number: usize,
    /// Where its hops begin among all.
    start: u32,
    /// Where the hops of each of its tokens end among all.
    ends: &'a mut [u32],
    tokens: &'a mut [u32],
    connections: &'a mut [u32],
    kinds: &'a mut [u16],
}

impl<'a> Bucket<'a> {
    /// The first so many tokens with their hops, and what comes after.
    fn split(self, nodes: usize, hops: usize) -> (Self, Self) {
        let (ends, later_ends) = self.ends.split_at_mut(nodes);
        let (tokens, later_tokens) = self.tokens.split_at_mut(hops);
        let (connections, later_connections) = self.connections.split_at_mut(hops);
        let (kinds, later_kinds) = self.kinds.split_at_mut(hops);
        let later = Self {
            number: self.number + 1,
            start: self.start + hops as u32,
            ends: later_ends,
            tokens: later_tokens,
            connections: later_connections,
            kinds: later_kinds,
        };
        (Self { ends, tokens, connections, kinds, ..self }, later)
    }

    fn fill(self, width: usize, runs: &[Scattered], cancel: &Cancel) -> Result<()> {
        cancel.check()?;
        let first = (self.number * width) as u32;
        let steps = || runs.iter().flat_map(|run| &run[self.number]);
        steps().for_each(|(from, _)| self.ends[(from - first) as usize] += 1);
        let mut next = Vec::with_capacity(self.ends.len());
        let mut end = 0;
        for count in self.ends.iter_mut() {
            next.push(end);
            end += *count;
            *count = self.start + end;
        }
        for (from, hop) in steps() {
            let at = &mut next[(from - first) as usize];
            let to = *at as usize;
            *at += 1;
            (self.tokens[to], self.connections[to], self.kinds[to]) = (hop.token, hop.connection, hop.kind);
        }
        Ok(())
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
        self.outward.push(link.source, link.outward());
        self.inward.push(link.target, link.inward());
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
    own: Option<Own>,
}

/// The links of a transaction's connections, which are those from row `from` on.
#[derive(Clone, Debug)]
struct Own {
    from: u32,
    links: Arc<Later>,
}

impl Adjacency {
    /// Compressed rows over every live connection of the snapshot, made on the engine's threads.
    pub fn build(snapshot: &Snapshot, cancel: &Cancel) -> Result<Self> {
        let nodes = snapshot.tokens.extent() as usize;
        let connections = &snapshot.connections;
        let width = BUCKET.max((nodes / 256).next_power_of_two());
        let buckets = nodes.div_ceil(width);
        let finder = snapshot.tokens.finder();
        let runs = (4 * rayon::current_num_threads()).min(connections.segments());
        let scatter = |run: usize| {
            let numbers = run * connections.segments() / runs..(run + 1) * connections.segments() / runs;
            let expected = numbers.clone().map(|number| connections.segment(number).live_len()).sum::<usize>();
            let room = || -> Scattered {
                (0..buckets).map(|_| Vec::with_capacity(expected / buckets + expected / buckets / 8)).collect()
            };
            let (mut outward, mut inward) = (room(), room());
            for number in numbers {
                cancel.check()?;
                let segment = connections.segment(number);
                let columns = segment.columns();
                for slot in segment.live_slots() {
                    let ends = (finder.find(columns.source.get(slot)), finder.find(columns.target.get(slot)));
                    if let (Some(source), Some(target)) = ends {
                        let (connection, kind) = (row_at(number, slot), columns.kind.get(slot));
                        let link = Link { source, target, connection, kind };
                        outward[source as usize / width].push((source, link.outward()));
                        inward[target as usize / width].push((target, link.inward()));
                    }
                }
            }
            Ok((outward, inward))
        };
        let both = on_pool(cancel, || {
            let scattered = (0..runs).into_par_iter().map(scatter).collect::<Result<Vec<_>>>()?;
            let (outward, inward): (Vec<Scattered>, Vec<Scattered>) = scattered.into_iter().unzip();
            let outward = Compressed::build(nodes, width, &outward, cancel)?;
            Ok(Both { outward, inward: Compressed::build(nodes, width, &inward, cancel)? })
        });
        Ok(Self { covered: connections.extent(), compressed: Arc::new(both?), ..Self::default() })
    }

    /// How many connections are in the compressed rows.
    pub fn compressed(&self) -> usize {
        self.compressed.outward.connections.len()
    }

    /// Rows [0, `covered`) of the connections are in the compressed rows.
    pub fn covered(&self) -> u32 {
        self.covered
    }

    /// The same for a transaction, with links of its own: of connections from row `from` on, unless it has some already.
    #[must_use]
    pub fn with_own(&self, links: &[Link], from: u32) -> Self {
        let own = Later::default();
        links.iter().for_each(|link| own.push(*link));
        let from = self.own.as_ref().map_or(from, |own| own.from);
        Self { own: Some(Own { from, links: Arc::new(own) }), ..self.clone() }
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
        self.own.as_ref().map_or(&self.later, |own| &own.links).push(link);
    }

    /// Take back the latest push, which was of this link.
    pub fn pop(&self, link: Link) {
        self.own.as_ref().map_or(&self.later, |own| &own.links).pop(link);
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
        // Once the transaction has committed, its links are among everybody's too: a reader who stays behind sees them once.
        let lists = || {
            let own = self.own.as_ref().map(|own| (own.from..u32::MAX, &own.links));
            let before = 0..own.as_ref().map_or(u32::MAX, |(rows, _)| rows.start);
            [Some((before, &self.later)), own].into_iter().flatten()
        };
        if direction != Direction::In {
            let live = |hop: &Hop| connections.is_live(hop.connection);
            self.compressed.outward.hops(token).filter(live).for_each(&mut visit);
            for (rows, later) in lists() {
                later.outward.visit(token, |hop| {
                    if rows.contains(&hop.connection) && same(&hop, true) {
                        visit(hop);
                    }
                });
            }
        }
        if direction != Direction::Out {
            let live = |hop: &Hop| connections.is_live(hop.connection);
            self.compressed.inward.hops(token).filter(live).for_each(&mut visit);
            for (rows, later) in lists() {
                later.inward.visit(token, |hop| {
                    if rows.contains(&hop.connection) && same(&hop, false) {
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
    fn outward(self) -> Hop {
        Hop { token: self.target, connection: self.connection, kind: self.kind }
    }

    fn inward(self) -> Hop {
        Hop { token: self.source, connection: self.connection, kind: self.kind }
    }

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
