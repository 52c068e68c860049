//! Walks, ways, and what is asked of the whole graph.

use ng_core::Result;
use ng_core::cost::{Binary, Expression};
use ng_core::error::Error;
use ng_core::index::adjacency::Direction;
use ng_core::ops::components::components;
use ng_core::ops::neighbors::{Walk, neighbors};
use ng_core::ops::pagerank::{Ranking, pagerank};
use ng_core::ops::path::{Route, path};
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::snapshot::TokenRef;

use crate::random::Random;
use crate::tables::{connections, load_connections, store, tokens};

const TOKENS: usize = 20_000;
const CONNECTIONS: usize = 160_000;
const STARTS: usize = 2_048;

/// A graph, and tokens to start from.
pub(crate) struct Graph {
    storage: RuntimeStorage,
    starts: Vec<TokenRef>,
    /// What a hop costs: the more, the weaker the connection.
    cost: Expression,
}

impl Graph {
    pub(crate) fn new() -> Result<Self> {
        let mut random = Random(3);
        let storage = store(&tokens(TOKENS, false, &mut random)?)?;
        load_connections(&storage, &connections(CONNECTIONS, TOKENS, &mut random)?)?;
        storage.settle()?;
        let snapshot = storage.store().current();
        if snapshot.adjacency.compressed() < snapshot.connections.live() {
            return Err(Error::internal("the graph is not compressed"));
        }
        let (weak, weight) = (Expression::Number(1.5), Expression::Connection("weight".to_owned()));
        Ok(Self {
            starts: (0..STARTS).map(|_| TokenRef::Id(random.below(TOKENS) as i64 + 1)).collect(),
            cost: Expression::Binary(Binary::Subtract, Box::new(weak), Box::new(weight)),
            storage,
        })
    }

    pub(crate) fn neighbors(&self, i: usize, hops: u32) -> Result<usize> {
        let walk = Walk {
            depth: (1, hops),
            via: None,
            direction: Direction::Out,
            predicate: None,
            near: None,
            radius: None,
            metric: None,
            limit: None,
            offset: 0,
            columns: None,
        };
        Ok(neighbors(&self.storage.view()?, std::slice::from_ref(&self.starts[i]), &walk)?.len())
    }

    fn way(&self, i: usize, cost: Option<&Expression>) -> Result<usize> {
        let route = Route { via: None, max_depth: None, direction: Direction::Out, cost, metric: None };
        Ok(path(&self.storage.view()?, &self.starts[i], &self.starts[STARTS - 1 - i], &route)?.len())
    }

    pub(crate) fn path(&self, i: usize) -> Result<usize> {
        self.way(i, None)
    }

    pub(crate) fn cheapest(&self, i: usize) -> Result<usize> {
        self.way(i, Some(&self.cost))
    }

    pub(crate) fn pagerank(&self) -> Result<usize> {
        let ranking = Ranking { damping: 0.85, seeds: None, via: None, tolerance: 0.0, max_iterations: 20 };
        Ok(pagerank(&self.storage.view()?, &ranking)?.len())
    }

    pub(crate) fn components(&self) -> Result<usize> {
        Ok(components(&self.storage.view()?, None)?.len())
    }
}
