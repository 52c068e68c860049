//! Links that came after the compressed rows: lists by token, shared by every snapshot since.

use std::collections::HashMap;
use std::ops::ControlFlow::{self, Continue};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::{Hop, Link};

const SHARDS: usize = 64;

type Lists = HashMap<u32, Vec<Hop>, foldhash::fast::RandomState>;

/// One direction of them.
#[derive(Debug)]
pub(super) struct Listed {
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

    /// Visit the links from a token, until `visit` breaks off.
    pub(super) fn try_visit<B>(&self, from: u32, visit: impl FnMut(Hop) -> ControlFlow<B>) -> ControlFlow<B> {
        let shard = self.shard(from).read();
        shard.get(&from).map_or(Continue(()), |hops| hops.iter().copied().try_for_each(visit))
    }
}

/// Both directions of later links. They only hint, like every shared map: the reader's snapshot has the connection, or not.
#[derive(Debug, Default)]
pub(super) struct Later {
    pub(super) outward: Listed,
    pub(super) inward: Listed,
    /// How many there are.
    len: AtomicUsize,
}

impl Later {
    /// Whether there is no link: a snapshot that has one was published after it was listed.
    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    pub(super) fn push(&self, link: Link) {
        self.len.fetch_add(1, Ordering::Relaxed);
        self.outward.push(link.source, link.outward());
        self.inward.push(link.target, link.inward());
    }

    pub(super) fn pop(&self, link: Link) {
        self.outward.pop(link.source);
        self.inward.pop(link.target);
        self.len.fetch_sub(1, Ordering::Relaxed);
    }
}
