//! Who is connected with whom: typed compressed rows over the connections [0, k), and lists for those that came later.
//!
//! Both only hint: whether a connection still exists is asked of the reader's own snapshot, so one adjacency serves every
//! snapshot since it was built. Links of an open transaction are listed apart until it commits.

mod compressed;
mod listed;

use std::ops::ControlFlow::{self, Continue};
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::ops::on_pool;
use crate::segment::Table;
use crate::snapshot::Snapshot;
use crate::token::Token;
use compressed::Both;
use listed::Later;

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
        let both = on_pool(cancel, || Both::build(snapshot, cancel))?;
        Ok(Self { covered: snapshot.connections.extent(), compressed: Arc::new(both), ..Self::default() })
    }

    /// Whether two connections in the compressed rows have the same ends and type.
    pub fn has_twins(&self, cancel: &Cancel) -> bool {
        on_pool(cancel, || self.compressed.outward.has_twins())
    }

    /// How many connections are in the compressed rows.
    pub fn compressed(&self) -> usize {
        self.compressed.outward.len()
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

    /// The live connection of this type from one token to another, if it is among the compressed rows.
    pub fn find(&self, snapshot: &Snapshot, source: u32, target: u32, kind: u16) -> Option<u32> {
        let mut between = self.compressed.outward.between(source, target);
        between.find(|hop| hop.kind == kind && snapshot.connections.is_live(hop.connection)).map(|hop| hop.connection)
    }

    /// Visit every live hop from a token; a self loop is visited once in each direction asked for.
    #[inline]
    pub fn hops(&self, snapshot: &Snapshot, token: u32, direction: Direction, mut visit: impl FnMut(Hop)) {
        let all = self.try_hops(snapshot, token, direction, |hop| {
            visit(hop);
            Continue::<()>(())
        });
        debug_assert!(all.is_continue());
    }

    /// The same until `visit` breaks off.
    #[inline]
    pub fn try_hops<B>(
        &self,
        snapshot: &Snapshot,
        token: u32,
        direction: Direction,
        mut visit: impl FnMut(Hop) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let connections = &snapshot.connections;
        let dense = connections.is_dense();
        for compressed in self.compressed.of(direction) {
            if dense {
                compressed.hops(token).try_for_each(&mut visit)?;
            } else {
                compressed.hops(token).filter(|hop| connections.is_live(hop.connection)).try_for_each(&mut visit)?;
            }
        }
        if self.own.is_some() || !self.later.is_empty() {
            self.later_hops(snapshot, token, direction, visit)?;
        }
        Continue(())
    }

    /// Ask for where the hops of a token are, which [`Self::fetch_hops`] will need soon.
    #[inline]
    pub fn fetch_place(&self, token: u32, direction: Direction) {
        self.compressed.of(direction).for_each(|compressed| compressed.fetch_place(token));
    }

    /// Ask for the hops of a token, which will be visited soon; for their types too if they are looked at.
    #[inline]
    pub fn fetch_hops(&self, token: u32, direction: Direction, kinds: bool) {
        self.compressed.of(direction).for_each(|compressed| compressed.fetch_hops(token, kinds));
    }

    #[inline(never)]
    fn later_hops<B>(
        &self,
        snapshot: &Snapshot,
        token: u32,
        direction: Direction,
        mut visit: impl FnMut(Hop) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
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
        let own = self.own.as_ref().map(|own| (own.from..u32::MAX, &own.links));
        let before = 0..own.as_ref().map_or(u32::MAX, |(rows, _)| rows.start);
        for (rows, later) in [Some((before, &self.later)), own].into_iter().flatten() {
            if direction != Direction::In {
                let known = |hop: &Hop| rows.contains(&hop.connection) && same(hop, true);
                later.outward.try_visit(token, |hop| if known(&hop) { visit(hop) } else { Continue(()) })?;
            }
            if direction != Direction::Out {
                let known = |hop: &Hop| rows.contains(&hop.connection) && same(hop, false);
                later.inward.try_visit(token, |hop| if known(&hop) { visit(hop) } else { Continue(()) })?;
            }
        }
        Continue(())
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
