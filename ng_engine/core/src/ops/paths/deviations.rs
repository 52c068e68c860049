//! The k cheapest ways, each found where it leaves those before.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use super::ball::{Ball, meet};
use super::search::{Search, Wanted, rest, unrounded};
use super::{Step, Walker, Way, make_room, order};
use crate::error::Result;
use crate::index::adjacency::Hop;

/// A part of all ways: those that begin as `way` up to `spur`, and go on by none of the `barred` connections.
struct Part {
    /// Its cheapest way, if that is known; any that begins so, if not.
    way: Arc<[Step]>,
    spur: usize,
    /// In order.
    barred: Vec<u32>,
    /// What its cheapest way costs; at least, while that is not known.
    floor: f64,
    known: bool,
}

impl Part {
    fn begin(&self) -> &[Step] {
        if self.known { &self.way } else { &self.way[..=self.spur] }
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Part {}

impl Ord for Part {
    /// A part that is not known comes before a way of the same cost: its own may have fewer hops.
    fn cmp(&self, other: &Self) -> Ordering {
        let first = self.floor.total_cmp(&other.floor).then(self.known.cmp(&other.known));
        first.then_with(|| order(self.begin(), other.begin()))
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The costs of the cheapest ways that are known: none that costs more than the k-th is wanted.
struct Limit {
    k: Option<usize>,
    costs: BinaryHeap<u64>,
}

impl Limit {
    fn add(&mut self, cost: f64) {
        self.costs.push(cost.to_bits());
        if self.costs.len() > self.k.unwrap_or(1) {
            self.costs.pop();
        }
    }

    fn most(&self, walker: &Walker<'_>) -> f64 {
        let full = self.costs.len() >= self.k.unwrap_or(1);
        let worst = self.costs.peek().filter(|_| full).map_or(f64::INFINITY, |cost| f64::from_bits(*cost));
        worst.min(walker.most_cost())
    }
}

/// The `k` cheapest ways, or every one that costs as little as the cheapest, in order.
pub(super) fn cheapest(walker: &mut Walker<'_>, (from, to): (u32, u32), k: Option<usize>) -> Result<Vec<Way>> {
    let (mut search, mut behind, mut ways) = (Search::default(), Ball::new(to, true), Vec::new());
    if !meet(walker, &mut Ball::new(from, false), &mut behind)? {
        return Ok(ways);
    }
    let (mut limit, mut rows, mut hops) = (Limit { k, costs: BinaryHeap::new() }, 0, Vec::new());
    let start = Step { row: from, connection: u32::MAX, id: 0, cost: 0.0 };
    let all = Part { way: [start].into(), spur: 0, barred: Vec::new(), floor: 0.0, known: false };
    let mut parts: BinaryHeap<Reverse<Part>> = [Reverse(all)].into_iter().collect();
    while let Some(Reverse(mut part)) = parts.pop() {
        walker.pace.tick()?;
        let most = limit.most(walker);
        if part.floor > most {
            break;
        }
        if !part.known {
            // Floors get better as the ball grows: it may look at as much as the searches have.
            while behind.edges < search.edges && behind.grow(walker)?.is_some() {}
            let wanted = Wanted { prefix: part.begin(), barred: &part.barred, to, most };
            if let Some(way) = search.run(walker, &behind, &wanted)?
                && let Some(cost) = way.last().map(|step| step.cost).filter(|cost| *cost <= most)
            {
                walker.view.memory.take(size_of_val(&*way) + size_of::<Part>())?;
                limit.add(cost);
                (part.floor, part.known, part.way) = (cost, true, way.into());
                parts.push(Reverse(part));
            }
            continue;
        }
        make_room(walker, rows, part.way.len())?;
        rows += part.way.len();
        ways.push(part.way.to_vec());
        if k == Some(ways.len()) {
            break;
        }
        let places: Places = part.way.iter().zip(0..).map(|(step, place)| (step.row, place)).collect();
        for spur in part.spur..part.way.len() - 1 {
            let mut barred = if spur == part.spur { std::mem::take(&mut part.barred) } else { Vec::new() };
            let taken = part.way[spur + 1].connection;
            barred.insert(barred.partition_point(|connection| *connection < taken), taken);
            let mut deviation = Part { way: part.way.clone(), spur, barred, floor: 0.0, known: false };
            deviation.floor = floor(walker, &behind, &deviation, &places, &mut hops)?;
            if deviation.floor <= most && deviation.floor < f64::INFINITY {
                walker.view.memory.take(size_of::<Part>() + size_of_val(&*deviation.barred))?;
                parts.push(Reverse(deviation));
            }
        }
    }
    // Rounding may have made the costs of two ways the same after the first was chosen.
    ways.sort_by(|a, b| order(a, b));
    Ok(ways)
}

/// Row → its place in a way.
type Places = HashMap<u32, usize, foldhash::fast::RandomState>;

/// What the ways of a part cost at least.
fn floor(
    walker: &mut Walker<'_>,
    behind: &Ball,
    part: &Part,
    places: &Places,
    hops: &mut Vec<(Hop, f64)>,
) -> Result<f64> {
    let (spur, mut least) = (part.way[part.spur], f64::INFINITY);
    if walker.most_hops().is_some_and(|most| part.spur >= most as usize) {
        return Ok(least);
    }
    walker.hops(spur.row, false, hops)?;
    let lowest = spur.cost + rest(walker, behind, spur.row);
    for (hop, price) in hops {
        let again = || places.get(&hop.token).is_some_and(|place| *place <= part.spur);
        if part.barred.binary_search(&hop.connection).is_err() && !again() {
            least = least.min(spur.cost + *price + rest(walker, behind, hop.token));
            if least <= lowest {
                break;
            }
        }
    }
    Ok(unrounded(walker, least))
}
