//! The same searches over rows without a tree: the newest rows of a table, and small tables.
//!
//! `points` lie one after the other; row `first_row` comes first.

use super::isa::Isa;
use super::kernel::{Probe, WIDE};
use super::topk::{Hit, TopK};
use super::work::Work;
use crate::metric::{AXES, Metric, Norm, Point};

/// Rows between two looks at what may end the search.
const STRIDE: usize = 4096;

/// Feeds `top` with every row which belongs among its best.
#[expect(clippy::too_many_arguments, reason = "the rows, the question, where the answer goes")]
pub fn scan_nearest(
    points: &[Point],
    first_row: u32,
    metric: &Metric,
    query: &Point,
    top: &mut TopK,
    passes: &mut impl FnMut(u32) -> bool,
    id: &mut impl FnMut(u32) -> u64,
    work: &mut Work<'_>,
) {
    let limit = top.limit();
    let mut offer = |distance, row| {
        if passes(row) {
            top.push(Hit { distance, id: id(row), row });
        }
        top.limit()
    };
    scan(points, first_row, metric, query, limit, &mut offer, work);
}

/// Appends every row no further away than `radius`, in row order.
#[expect(clippy::too_many_arguments, reason = "the rows, the question, where the answer goes")]
pub fn scan_within(
    points: &[Point],
    first_row: u32,
    metric: &Metric,
    query: &Point,
    radius: f64,
    passes: &mut impl FnMut(u32) -> bool,
    id: &mut impl FnMut(u32) -> u64,
    hits: &mut Vec<Hit>,
    work: &mut Work<'_>,
) {
    let mut offer = |distance, row| {
        if passes(row) {
            hits.push(Hit { distance, id: id(row), row });
        }
        radius
    };
    scan(points, first_row, metric, query, radius, &mut offer, work);
}

/// Reports every row with `low[i] <= x[i] <= high[i]` on all axes, in row order; infinite = open.
pub fn scan_box(
    points: &[Point],
    first_row: u32,
    low: &Point,
    high: &Point,
    passes: &mut impl FnMut(u32) -> bool,
    hit: &mut impl FnMut(u32),
    work: &mut Work<'_>,
) {
    let mut row = first_row;
    for stride in points.chunks(STRIDE) {
        if work.stride() {
            return;
        }
        work.rows_examined += stride.len() as u64;
        for point in stride {
            let inside =
                (0..AXES).fold(true, |all, axis| all & (point[axis] >= low[axis]) & (point[axis] <= high[axis]));
            if inside && passes(row) {
                hit(row);
            }
            row = row.wrapping_add(1);
        }
    }
}

type Offer<'a> = dyn FnMut(f64, u32) -> f64 + 'a;

fn scan(
    points: &[Point],
    first_row: u32,
    metric: &Metric,
    query: &Point,
    mut limit: f64,
    offer: &mut Offer<'_>,
    work: &mut Work<'_>,
) {
    let possible = limit >= 0.0;
    if !possible {
        return;
    }
    let isa = Isa::best();
    let worth_it = points.len() >= WIDE && !metric.is_circular() && metric.norm() == Norm::L2;
    let probe = if worth_it { Probe::new(metric, query, 1.0) } else { None };
    let mut row = first_row;
    for stride in points.chunks(STRIDE) {
        if work.stride() {
            return;
        }
        work.rows_examined += stride.len() as u64;
        limit = match &probe {
            Some(probe) => scan_stride(isa, probe, stride, row, metric, query, limit, offer),
            None => scan_exact(stride, row, metric, query, limit, offer),
        };
        row = row.wrapping_add(stride.len() as u32);
    }
}

#[expect(clippy::too_many_arguments, reason = "a loop body set apart")]
fn scan_stride(
    isa: Isa,
    probe: &Probe,
    points: &[Point],
    first_row: u32,
    metric: &Metric,
    query: &Point,
    mut limit: f64,
    offer: &mut Offer<'_>,
) -> f64 {
    let mut bar = probe.bar(limit);
    let mut row = first_row;
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
                    limit = offer(distance, row.wrapping_add(lane as u32));
                    bar = probe.bar(limit);
                }
            }
        }
        row = row.wrapping_add(WIDE as u32);
    }
    scan_exact(rest, row, metric, query, limit, offer)
}

fn scan_exact(
    points: &[Point],
    first_row: u32,
    metric: &Metric,
    query: &Point,
    mut limit: f64,
    offer: &mut Offer<'_>,
) -> f64 {
    for (place, point) in points.iter().enumerate() {
        let distance = metric.distance(query, point);
        if distance <= limit {
            limit = offer(distance, first_row.wrapping_add(place as u32));
        }
    }
    limit
}
