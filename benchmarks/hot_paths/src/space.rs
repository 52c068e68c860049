//! Searches among points, and the scan.

use ng_core::Result;
use ng_core::batch::Relation;
use ng_core::columns::TableKind;
use ng_core::error::Error;
use ng_core::filter::{Op, Predicate, Value};
use ng_core::metric::{Metric, Point};
use ng_core::ops::r#box::within_box;
use ng_core::ops::nearest::{Search, nearest, nearest_batch};
use ng_core::ops::scan::{Scan, scan};
use ng_core::ops::within::within;
use ng_core::runtime_storage::RuntimeStorage;

use crate::random::Random;
use crate::tables::{store, tokens};

const TOKENS: usize = 100_000;
/// So few are not indexed.
const FEW: usize = 1_000;
const QUERIES: usize = 1_000;
/// Some ten points are as near as that.
const RADIUS: f64 = 0.3;
/// Half the side of a box with some ten points in it.
const REACH: f32 = 0.18;

/// Points anywhere in the unit cube, and points to ask for.
pub(crate) struct Space {
    storage: RuntimeStorage,
    few: RuntimeStorage,
    queries: Vec<Point>,
    one_percent: Predicate,
    skewed: Metric,
    circular: Metric,
}

/// The search for ten.
fn ten<'a>() -> Search<'a> {
    Search { k: Some(10), ..Search::default() }
}

/// How many rows there are, found as they should have been.
fn rows(found: &Relation, access: &str) -> Result<usize> {
    let found_by = found.access.name();
    if found_by == access { Ok(found.len()) } else { Err(Error::internal(format!("found by {found_by}"))) }
}

impl Space {
    pub(crate) fn new() -> Result<Self> {
        let mut random = Random(2);
        let (linear, mut periods) = ([0.0; 8], [0.0; 8]);
        (periods[0], periods[6]) = (1.0, 0.7);
        let this = Self {
            storage: store(&tokens(TOKENS, false, &mut random)?)?,
            few: store(&tokens(FEW, false, &mut random)?)?,
            queries: (0..QUERIES).map(|_| random.point()).collect(),
            one_percent: Predicate::Compare(Op::Lt, "weight".to_owned(), Value::Float(0.01)),
            skewed: Metric::new([1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0], linear),
            circular: Metric::new([1.0; 8], periods),
        };
        // What a filter chooses is kept from the second time on.
        for query in &this.queries[..2] {
            nearest(&this.storage.view()?, query, &Search { predicate: Some(&this.one_percent), ..ten() })?;
        }
        Ok(this)
    }

    fn search(&self, i: usize, search: &Search<'_>) -> Result<usize> {
        rows(&nearest(&self.storage.view()?, &self.queries[i], search)?, "kd-tree")
    }

    pub(crate) fn nearest(&self, i: usize) -> Result<usize> {
        self.search(i, &ten())
    }

    pub(crate) fn nearest_filtered(&self, i: usize) -> Result<usize> {
        let search = Search { predicate: Some(&self.one_percent), ..ten() };
        rows(&nearest(&self.storage.view()?, &self.queries[i], &search)?, "kd-tree + bitmap")
    }

    pub(crate) fn nearest_skewed(&self, i: usize) -> Result<usize> {
        self.search(i, &Search { metric: Some(&self.skewed), ..ten() })
    }

    pub(crate) fn nearest_circular(&self, i: usize) -> Result<usize> {
        self.search(i, &Search { metric: Some(&self.circular), ..ten() })
    }

    pub(crate) fn nearest_batch(&self) -> Result<usize> {
        rows(&nearest_batch(&self.storage.view()?, &self.queries, &ten())?, "kd-tree")
    }

    pub(crate) fn nearest_scanned(&self, i: usize) -> Result<usize> {
        rows(&nearest(&self.few.view()?, &self.queries[i], &ten())?, "scan")
    }

    pub(crate) fn within(&self, i: usize) -> Result<usize> {
        rows(&within(&self.storage.view()?, &self.queries[i], RADIUS, &Search::default())?, "kd-tree")
    }

    pub(crate) fn within_box(&self, i: usize) -> Result<usize> {
        let (low, high) = (self.queries[i].map(|x| x - REACH), self.queries[i].map(|x| x + REACH));
        rows(&within_box(&self.storage.view()?, &low, &high, &Scan::default())?, "kd-tree")
    }

    pub(crate) fn scan(&self) -> Result<usize> {
        let wanted = Scan { predicate: Some(&self.one_percent), ..Scan::default() };
        rows(&scan(&self.storage.view()?, TableKind::Tokens, &wanted)?, "scan")
    }
}
