//! What a search finds, and the best `k` of it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Up to this many answers are kept in order by insertion, which is cheaper than a heap for few.
const SORTED: usize = 48;

/// One row found. Hits are ordered by distance, then id.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// `Metric::distance` to the query, never NaN.
    pub distance: f64,
    /// The token's id.
    pub id: u64,
    /// The row it was found in.
    pub row: u32,
}

impl Ord for Hit {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Hit {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Hit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Hit {}

enum Kept {
    Sorted(Vec<Hit>),
    Heap(BinaryHeap<Hit>),
}

/// The best `k` hits so far, fed by any number of trees and scans in turn: its limit prunes all that follow.
pub struct TopK {
    k: usize,
    radius: f64,
    kept: Kept,
}

impl TopK {
    /// An empty answer of at most `k` hits, none further away than `radius` (not NaN, not negative).
    pub fn new(k: usize, radius: Option<f64>) -> Self {
        let room = k.min(1024);
        let kept = if k <= SORTED {
            Kept::Sorted(Vec::with_capacity(room))
        } else {
            Kept::Heap(BinaryHeap::with_capacity(room))
        };
        Self { k, radius: radius.unwrap_or(f64::INFINITY), kept }
    }

    /// Hits held.
    pub fn len(&self) -> usize {
        match &self.kept {
            Kept::Sorted(hits) => hits.len(),
            Kept::Heap(hits) => hits.len(),
        }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many hits are wanted.
    pub(super) fn k(&self) -> usize {
        self.k
    }

    /// Whether so few are wanted that they are kept in order.
    pub(super) fn is_small(&self) -> bool {
        matches!(self.kept, Kept::Sorted(_))
    }

    /// The hits held, in order, if few are wanted.
    pub(super) fn small(&self) -> &[Hit] {
        match &self.kept {
            Kept::Sorted(hits) => hits,
            Kept::Heap(_) => &[],
        }
    }

    /// The greatest distance which may still enter; below zero when none may.
    #[inline]
    pub fn limit(&self) -> f64 {
        let worst = match &self.kept {
            Kept::Sorted(hits) if hits.len() == self.k => hits.last(),
            Kept::Heap(hits) if hits.len() == self.k => hits.peek(),
            _ => return self.radius,
        };
        worst.map_or(f64::NEG_INFINITY, |hit| hit.distance)
    }

    /// Takes a hit in if it is among the best; `hit.distance` must not exceed the radius.
    #[inline]
    pub fn push(&mut self, hit: Hit) {
        match &mut self.kept {
            Kept::Sorted(hits) => {
                if hits.len() < self.k {
                    hits.push(hit);
                } else if hits.last().is_none_or(|worst| hit >= *worst) {
                    return;
                }
                let mut place = hits.len() - 1;
                while place > 0 && hit < hits[place - 1] {
                    hits[place] = hits[place - 1];
                    place -= 1;
                }
                hits[place] = hit;
            }
            Kept::Heap(hits) => {
                if hits.len() < self.k {
                    hits.push(hit);
                } else if let Some(mut worst) = hits.peek_mut().filter(|worst| hit < **worst) {
                    *worst = hit;
                }
            }
        }
    }

    /// The hits, nearest first, equal distances by id.
    pub fn into_sorted(self) -> Vec<Hit> {
        match self.kept {
            Kept::Sorted(hits) => hits,
            Kept::Heap(hits) => hits.into_sorted_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(distance: f64, id: u64) -> Hit {
        Hit { distance, id, row: id as u32 }
    }

    #[test]
    fn both_ways_of_keeping_give_the_best_by_distance_then_id() {
        let hits: Vec<Hit> = (0..500u64).map(|i| hit(((i * 7919) % 100) as f64, (i * 31) % 500)).collect();
        let mut expected = hits.clone();
        expected.sort();
        for k in [0, 1, 2, 10, SORTED, SORTED + 1, 499, 500, 501, usize::MAX] {
            let mut top = TopK::new(k, None);
            hits.iter().for_each(|hit| top.push(*hit));
            let found = top.into_sorted();
            assert_eq!(found.len(), k.min(500));
            assert!(found.iter().zip(&expected).all(|(a, b)| (a.distance, a.id) == (b.distance, b.id)), "k = {k}");
        }
    }

    #[test]
    fn the_limit_is_the_radius_until_k_are_held() {
        let mut top = TopK::new(2, Some(9.0));
        assert!(top.is_empty());
        top.push(hit(1.0, 1));
        assert_eq!((top.limit(), top.len()), (9.0, 1));
        top.push(hit(3.0, 2));
        assert_eq!(top.limit(), 3.0);
        top.push(hit(2.0, 3));
        assert_eq!(top.limit(), 2.0);
        assert!(TopK::new(0, None).limit() < 0.0);
    }
}
