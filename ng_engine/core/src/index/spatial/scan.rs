//! The same searches over points without a tree: the newest rows of a table, rows that have moved, and small tables.
//!
//! The points lie one after the other, and `row` is asked which row the point at a place is that of: none, if it does not
//! count.

use super::isa::Isa;
use super::kernel::{Probe, WIDE};
use super::topk::{Hit, TopK};
use super::work::Work;
use crate::metric::{AXES, Metric, Norm, Point};

/// Rows between two looks at what may end the search.
const STRIDE: usize = 4096;

/// Feeds `top` with every row which belongs among its best.
pub fn scan_nearest(
    points: &[Point],
    metric: &Metric,
    query: &Point,
    top: &mut TopK,
    row: &mut RowAt<'_>,
    id: &mut impl FnMut(u32) -> u64,
    work: &mut Work<'_>,
) {
    let limit = top.limit();
    let mut offer = |distance, place| {
        if let Some(row) = row(place) {
            top.push(Hit { distance, id: id(row), row });
        }
        top.limit()
    };
    scan(points, metric, query, limit, &mut offer, work);
}

/// Appends every row no further away than `radius`, in the order of the points.
#[expect(clippy::too_many_arguments, reason = "the rows, the question, where the answer goes")]
pub fn scan_within(
    points: &[Point],
    metric: &Metric,
    query: &Point,
    radius: f64,
    row: &mut RowAt<'_>,
    id: &mut impl FnMut(u32) -> u64,
    hits: &mut Vec<Hit>,
    work: &mut Work<'_>,
) {
    let mut offer = |distance, place| {
        if let Some(row) = row(place) {
            hits.push(Hit { distance, id: id(row), row });
        }
        radius
    };
    scan(points, metric, query, radius, &mut offer, work);
}

/// How many rows are no further away than `radius`.
pub fn scan_count_within(
    points: &[Point],
    metric: &Metric,
    query: &Point,
    radius: f64,
    row: &mut RowAt<'_>,
    work: &mut Work<'_>,
) -> usize {
    let mut count = 0;
    let mut offer = |_, place| {
        count += usize::from(row(place).is_some());
        radius
    };
    scan(points, metric, query, radius, &mut offer, work);
    count
}

/// Reports every row with `low[i] <= x[i] <= high[i]` on all axes, in the order of the points; infinite = open.
pub fn scan_box(
    points: &[Point],
    low: &Point,
    high: &Point,
    row: &mut RowAt<'_>,
    hit: &mut impl FnMut(u32),
    work: &mut Work<'_>,
) {
    let mut place = 0;
    for stride in points.chunks(STRIDE) {
        if work.stride() {
            return;
        }
        work.rows_examined += stride.len() as u64;
        for point in stride {
            let inside =
                (0..AXES).fold(true, |all, axis| all & (point[axis] >= low[axis]) & (point[axis] <= high[axis]));
            if inside && let Some(row) = row(place) {
                hit(row);
            }
            place += 1;
        }
    }
}

/// The row of the point at a place, if it counts.
pub type RowAt<'a> = dyn FnMut(u32) -> Option<u32> + 'a;

type Offer<'a> = dyn FnMut(f64, u32) -> f64 + 'a;

fn scan(points: &[Point], metric: &Metric, query: &Point, mut limit: f64, offer: &mut Offer<'_>, work: &mut Work<'_>) {
    let possible = limit >= 0.0;
    if !possible {
        return;
    }
    let isa = Isa::best();
    let worth_it = points.len() >= WIDE && !metric.is_circular() && metric.norm() == Norm::L2;
    let probe = if worth_it { Probe::new(metric, query, 1.0) } else { None };
    let mut first = 0;
    for stride in points.chunks(STRIDE) {
        if work.stride() {
            return;
        }
        work.rows_examined += stride.len() as u64;
        limit = match &probe {
            Some(probe) => scan_stride(isa, probe, stride, first, metric, query, limit, offer),
            None => scan_exact(stride, first, metric, query, limit, offer),
        };
        first += stride.len() as u32;
    }
}

#[expect(clippy::too_many_arguments, reason = "a loop body set apart")]
fn scan_stride(
    isa: Isa,
    probe: &Probe,
    points: &[Point],
    first: u32,
    metric: &Metric,
    query: &Point,
    mut limit: f64,
    offer: &mut Offer<'_>,
) -> f64 {
    let mut bar = probe.bar(limit);
    let mut place = first;
    let (chunks, rest) = points.as_chunks::<WIDE>();
    for chunk in chunks {
        let sums = probe.rows(isa, chunk);
        // Only a finite sum dismisses a row: see the proof in `kernel`.
        if !sums.iter().fold(true, |beyond, sum| beyond & (*sum > bar) & (*sum < f32::INFINITY)) {
            for (lane, point) in chunk.iter().enumerate() {
                if sums[lane] > bar && sums[lane] < f32::INFINITY {
                    continue;
                }
                let distance = metric.distance(query, point);
                if distance <= limit {
                    limit = offer(distance, place + lane as u32);
                    bar = probe.bar(limit);
                }
            }
        }
        place += WIDE as u32;
    }
    scan_exact(rest, place, metric, query, limit, offer)
}

fn scan_exact(
    points: &[Point],
    first: u32,
    metric: &Metric,
    query: &Point,
    mut limit: f64,
    offer: &mut Offer<'_>,
) -> f64 {
    for (place, point) in points.iter().enumerate() {
        let distance = metric.distance(query, point);
        if distance <= limit {
            limit = offer(distance, first + place as u32);
        }
    }
    limit
}
