//! Compressed rows: the hops of every token in one run, those out of it by the token they lead to.
//!
//! Connections are sorted into buckets of tokens twice: by where they lead, and what comes of it by where they begin. A
//! bucket is then filled by itself, and fits the cache. As the second pass takes what the first has sorted, hops out of
//! a token come by the token they lead to, so a connection is found by its ends in a few steps.

use std::ops::Range;

use rayon::prelude::*;

use super::{Direction, Hop, Link};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::prefetch::prefetch;
use crate::segment::row_at;
use crate::snapshot::Snapshot;

/// Tokens of a bucket at least: their offsets stay in the cache while it is filled.
const BUCKET: usize = 1 << 14;

/// One direction: the hops of token row `t` are `[offsets[t], offsets[t + 1])`.
#[derive(Debug, Default)]
pub(super) struct Compressed {
    offsets: Vec<u32>,
    tokens: Vec<u32>,
    connections: Vec<u32>,
    kinds: Vec<u16>,
}

/// Both directions.
#[derive(Debug, Default)]
pub(super) struct Both {
    pub(super) outward: Compressed,
    pub(super) inward: Compressed,
}

impl Both {
    /// Of every live connection, made on as many threads as the caller's pool has.
    pub(super) fn build(snapshot: &Snapshot, cancel: &Cancel) -> Result<Self> {
        let nodes = snapshot.tokens.extent() as usize;
        let inward = Compressed::build(nodes, from_columns(snapshot, Buckets::of(nodes), cancel)?, cancel)?;
        let outward = Compressed::build(nodes, inward.turned(Buckets::of(nodes), cancel)?, cancel)?;
        Ok(Self { outward, inward })
    }

    /// Those that are walked in this direction.
    pub(super) fn of(&self, direction: Direction) -> impl Iterator<Item = &Compressed> {
        let outward = (direction != Direction::In).then_some(&self.outward);
        outward.into_iter().chain((direction != Direction::Out).then_some(&self.inward))
    }
}

/// How the tokens are divided.
#[derive(Clone, Copy)]
struct Buckets {
    width: usize,
    count: usize,
}

impl Buckets {
    fn of(nodes: usize) -> Self {
        let width = BUCKET.max((nodes / 256).next_power_of_two());
        Self { width, count: nodes.div_ceil(width) }
    }

    /// Room for about so many steps.
    fn room(self, steps: usize) -> Scattered {
        let each = steps / self.count.max(1);
        (0..self.count).map(|_| Vec::with_capacity(each + each / 8)).collect()
    }
}

/// A hop and the token it starts from.
type Step = (u32, Hop);

/// The steps of some connections, by bucket of the token they start from.
type Scattered = Vec<Vec<Step>>;

/// Connections of the table as steps against their direction, in runs, by row.
fn from_columns(snapshot: &Snapshot, buckets: Buckets, cancel: &Cancel) -> Result<Vec<Scattered>> {
    let connections = &snapshot.connections;
    let finder = snapshot.tokens.finder();
    let scatter = |numbers: Range<usize>| {
        let mut steps = buckets.room(numbers.clone().map(|number| connections.segment(number).live_len()).sum());
        for number in numbers {
            cancel.check()?;
            let segment = connections.segment(number);
            let columns = segment.columns();
            for slot in segment.live_slots() {
                let ends = (finder.find(columns.source.get(slot)), finder.find(columns.target.get(slot)));
                if let (Some(source), Some(target)) = ends {
                    let (connection, kind) = (row_at(number, slot), columns.kind.get(slot));
                    let link = Link { source, target, connection, kind };
                    steps[target as usize / buckets.width].push((target, link.inward()));
                }
            }
        }
        Ok(steps)
    };
    let (segments, runs) = (connections.segments(), 4 * rayon::current_num_threads());
    let runs = runs.min(segments);
    (0..runs).into_par_iter().map(|run| scatter(run * segments / runs..(run + 1) * segments / runs)).collect()
}

impl Compressed {
    /// The steps of every run, in order.
    fn build(nodes: usize, runs: Vec<Scattered>, cancel: &Cancel) -> Result<Self> {
        let buckets = Buckets::of(nodes);
        let len = |bucket: usize| runs.iter().map(|run| run[bucket].len()).sum::<usize>();
        let total: usize = (0..buckets.count).map(len).sum();
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
        let mut parts = Vec::with_capacity(buckets.count);
        for bucket in 0..buckets.count {
            let part;
            (part, rest) = rest.split(buckets.width.min(nodes - bucket * buckets.width), len(bucket));
            parts.push(part);
        }
        parts.into_par_iter().try_for_each(|part| part.fill(buckets.width, &runs, cancel))?;
        Ok(this)
    }

    /// Its hops as steps the other way, in runs, by the token that they now lead to.
    fn turned(&self, buckets: Buckets, cancel: &Cancel) -> Result<Vec<Scattered>> {
        let nodes = self.offsets.len() - 1;
        let runs = (4 * rayon::current_num_threads()).min(nodes);
        // Runs of about as many hops.
        let begin =
            |run: usize| self.offsets.partition_point(|end| (*end as usize) < run * self.len() / runs).min(nodes);
        let scatter = |run: usize| {
            let tokens = if run == 0 { 0 } else { begin(run) }..if run + 1 == runs { nodes } else { begin(run + 1) };
            let mut steps = buckets.room(self.len() / runs);
            let mut pace = cancel.pace();
            for token in tokens {
                let token = token as u32;
                for hop in self.hops(token) {
                    pace.tick()?;
                    steps[hop.token as usize / buckets.width].push((hop.token, Hop { token, ..hop }));
                }
            }
            Ok(steps)
        };
        (0..runs).into_par_iter().map(scatter).collect()
    }

    fn range(&self, token: u32) -> Range<usize> {
        let at = |i: usize| self.offsets.get(i).map(|o| *o as usize);
        match (at(token as usize), at(token as usize + 1)) {
            (Some(start), Some(end)) => start..end,
            _ => 0..0,
        }
    }

    pub(super) fn hops(&self, token: u32) -> impl Iterator<Item = Hop> + '_ {
        let range = self.range(token);
        let (tokens, connections) = (&self.tokens[range.clone()], &self.connections[range.clone()]);
        let kinds = &self.kinds[range];
        let hops = tokens.iter().zip(connections).zip(kinds);
        hops.map(|((token, connection), kind)| Hop { token: *token, connection: *connection, kind: *kind })
    }

    #[inline]
    pub(super) fn fetch_place(&self, token: u32) {
        if let Some(offset) = self.offsets.get(token as usize) {
            prefetch(offset);
        }
    }

    #[inline]
    pub(super) fn fetch_hops(&self, token: u32, kinds: bool) {
        let Some(start) = self.offsets.get(token as usize) else { return };
        if let Some(hop) = self.tokens.get(*start as usize) {
            prefetch(hop);
        }
        if kinds && let Some(kind) = self.kinds.get(*start as usize) {
            prefetch(kind);
        }
    }

    /// The hops from one token to another, where they come in order of the tokens they lead to.
    pub(super) fn between(&self, from: u32, to: u32) -> impl Iterator<Item = Hop> + '_ {
        let range = self.range(from);
        let first = range.start + self.tokens[range.clone()].partition_point(|token| *token < to);
        let hop = |i: usize| Hop { token: self.tokens[i], connection: self.connections[i], kind: self.kinds[i] };
        (first..range.end).map(hop).take_while(move |hop| hop.token == to)
    }

    /// Whether two hops lead from the same token to the same, by connections of the same type.
    pub(super) fn has_twins(&self) -> bool {
        let nodes = self.offsets.len().saturating_sub(1) as u32;
        (0..nodes).into_par_iter().with_min_len(1 << 10).any(|token| {
            let range = self.range(token);
            let kinds = |run: &[u32], start: usize| {
                let mut kinds = self.kinds[start..start + run.len()].to_vec();
                kinds.sort_unstable();
                kinds.windows(2).any(|pair| pair[0] == pair[1])
            };
            let mut start = range.start;
            self.tokens[range].chunk_by(|a, b| a == b).any(|run| {
                start += run.len();
                run.len() > 1 && kinds(run, start - run.len())
            })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn memory(&self) -> usize {
        self.offsets.len() * 4 + self.tokens.len() * 10
    }
}

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
