//! What a cost is at least for each unit of distance between the ends of its hop, proved from the expression alone.
//!
//! Every value is enclosed as it is computed, not as it would be without rounding: addition, multiplication and square
//! roots are rounded monotonously, so the ends of an interval, computed alike, enclose what lies between; what comes of a
//! library's functions is widened. Slopes are real numbers, and lose a little (`LESS`) wherever something is rounded.

use super::{Binary, Cost, Node, Place, Unary};
use crate::columns::Column;
use crate::metric::{AXES, Metric, Point};

/// What a slope keeps where something is rounded.
const LESS: f64 = 1.0 - 4.0 * f64::EPSILON;
/// How far a library's functions may be off, by far.
const OFF: f64 = 1e-12;
/// Slopes and distances that are used: what is computed with them neither overflows nor vanishes.
const USED: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// What is known of a value, whatever the hop.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    /// Unless it is NaN, the value is no less,
    low: f64,
    /// no more,
    high: f64,
    /// and at least so much for each unit of distance between the ends of the hop; −∞ if nothing is known.
    slope: f64,
    /// Whether the value may be NaN.
    nan: bool,
}

const UNKNOWN: Bound = Bound { low: f64::NEG_INFINITY, high: f64::INFINITY, slope: f64::NEG_INFINITY, nan: true };

impl Cost<'_> {
    /// Every hop costs at least so much for each unit of distance between its ends; 0 if nothing is known.
    pub fn slope(&self) -> f64 {
        self.bound(&self.node).slope.max(0.0)
    }

    /// What a way from a token to a place costs at least, if it is known to depend on the distance.
    pub fn floor(&self, to: u32) -> Option<Floor> {
        let (slope, place) = (self.slope(), self.snapshot.coords(to));
        // The way round a circle is computed with an error of what lies along it, which may be any number of times round:
        // only straight axes keep to the triangle inequality.
        let straight = |axis: usize| if self.metric.period()[axis] == 0.0 { self.metric.scale()[axis] } else { 0.0 };
        let metric = Metric::new(std::array::from_fn(straight), [0.0; AXES]);
        (slope > 0.0 && metric.live_axes() > 0).then_some(Floor { slope: slope * (1.0 - KEPT_BACK), metric, place })
    }

    fn bound(&self, node: &Node) -> Bound {
        match node {
            Node::Number(number) => Bound { nan: number.is_nan(), ..between(*number, *number) },
            Node::Connection(column, _) | Node::Token(_, column, _) => column_bound(*column),
            Node::Distance(Place::End(a), Place::End(b)) if a == b => between(0.0, 0.0),
            Node::Distance(a, b) => {
                let hop = matches!((a, b), (Place::End(_), Place::End(_)));
                Bound { slope: if hop { 1.0 } else { 0.0 }, ..between(0.0, widest(&self.metric)) }
            }
            Node::Unary(function, a) => unary(*function, self.bound(a)),
            Node::Binary(function, a, b) => binary(*function, self.bound(a), self.bound(b)),
        }
    }
}

/// What a floor leaves out, of itself.
///
/// It then falls along a hop by no more than the hop costs, although both are rounded, unless the hop costs less than about
/// 10⁻⁶ of the floor. A search that goes on from each token once may then miss the cheapest way for one that costs more by
/// a rounding a hop, as much as sums differ by that are made from the other end.
pub const KEPT_BACK: f64 = 1.0 / (1 << 30) as f64;

/// What a way to a place costs at least.
///
/// The ends of its hops lie at least as far apart in all as its own ends do: the triangle inequality. It holds of the
/// computed distances but for a few roundings of each, as differences, products, sums of positive numbers and roots are
/// each right but for one; `KEPT_BACK` is far more. Distances are cut off where they might overflow and lose what might
/// vanish, both of which leave them no steeper than they were.
pub struct Floor {
    slope: f64,
    metric: Metric,
    place: Point,
}

impl Floor {
    /// What a way from this point costs at least.
    #[inline]
    pub fn from(&self, point: &Point) -> f64 {
        let distance = self.metric.distance(point, &self.place).min(*USED.end()) - USED.start();
        self.slope * distance.max(0.0)
    }
}

/// What a sum is at least, however often it was rounded, that a sum of the same numbers in another order gave: of no more
/// than so many, none of them negative.
#[inline]
pub fn unrounded(sum: f64, terms: u32) -> f64 {
    sum * (1.0 - (4.0 * f64::from(terms) + 64.0) * f64::EPSILON)
}

fn between(low: f64, high: f64) -> Bound {
    Bound { low, high, slope: f64::NEG_INFINITY, nan: false }.settled()
}

/// No two coordinates are further apart.
fn widest(metric: &Metric) -> f64 {
    metric.combine(&[2.0 * f64::from(f32::MAX); AXES]).sqrt()
}

fn column_bound(column: Column) -> Bound {
    match column {
        Column::Confidence | Column::Rigidity => between(0.0, 1.0),
        Column::Levels => between(0.0, f64::from(u8::MAX)),
        Column::Flags => between(0.0, f64::from(u16::MAX)),
        Column::Evidence => between(0.0, f64::from(u32::MAX)),
        Column::Id | Column::Source | Column::Target => between(1.0, i64::MAX as f64),
        // The profile's range is that of writes to come, not of what is stored.
        Column::Weight | Column::Axis(_) => between(f64::from(f32::MIN), f64::from(f32::MAX)),
        _ => between(f64::NEG_INFINITY, f64::INFINITY),
    }
}

impl Bound {
    /// What follows of itself.
    fn settled(mut self) -> Self {
        if self.low.is_nan() {
            self.low = f64::NEG_INFINITY;
        }
        if self.high.is_nan() {
            self.high = f64::INFINITY;
        }
        if self.low >= 0.0 {
            // Not NaN either.
            self.slope = self.slope.max(0.0);
        }
        if self.slope >= 0.0 {
            self.low = self.low.max(0.0);
            self.slope = if self.slope < *USED.start() { 0.0 } else { self.slope.min(*USED.end()) };
        } else {
            self.slope = f64::NEG_INFINITY;
        }
        self
    }

    fn may_be_infinite(&self) -> bool {
        self.low == f64::NEG_INFINITY || self.high == f64::INFINITY
    }

    fn may_be_zero(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    fn negated(self) -> Self {
        Self { nan: self.nan, ..between(-self.high, -self.low) }
    }
}

fn unary(function: Unary, a: Bound) -> Bound {
    match function {
        Unary::Negate => a.negated(),
        Unary::Abs if a.low >= 0.0 => a,
        Unary::Abs => Bound { nan: a.nan, ..between((-a.high).max(0.0), a.high.max(-a.low)) },
        Unary::Sqrt => Bound { nan: a.nan || a.low < 0.0, ..between(a.low.max(0.0).sqrt(), a.high.max(0.0).sqrt()) },
        Unary::Exp => {
            // exp(x) ≥ 1 + x
            let slope = a.slope * (1.0 - OFF);
            Bound { nan: a.nan, slope, ..between(a.low.exp() * (1.0 - OFF), a.high.exp() * (1.0 + OFF)) }.settled()
        }
        Unary::Ln => {
            let (low, high) = (a.low.max(0.0).ln(), a.high.max(0.0).ln());
            Bound { nan: a.nan || a.low < 0.0, ..between(low - low.abs() * OFF, high + high.abs() * OFF) }
        }
    }
}

fn binary(function: Binary, a: Bound, b: Bound) -> Bound {
    let nan = a.nan || b.nan;
    match function {
        Binary::Add => {
            let opposed = |a: &Bound, b: &Bound| a.high == f64::INFINITY && b.low == f64::NEG_INFINITY;
            let nan = nan || opposed(&a, &b) || opposed(&b, &a);
            let slope = (a.slope + b.slope) * LESS;
            Bound { low: a.low + b.low, high: a.high + b.high, slope, nan }.settled()
        }
        Binary::Subtract => binary(Binary::Add, a, b.negated()),
        Binary::Multiply => {
            let nan = nan || a.may_be_infinite() && b.may_be_zero() || b.may_be_infinite() && a.may_be_zero();
            let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
            let known = a.low >= 0.0 && b.low >= 0.0;
            let steeper = product(a.low, b.slope).max(product(b.low, a.slope)) * LESS;
            let slope = if known { steeper } else { f64::NEG_INFINITY };
            Bound { slope, nan, ..enclosed(a, b, product) }.settled()
        }
        Binary::Divide if b.low > 0.0 || b.high < 0.0 => {
            let slope = if b.low > 0.0 { a.slope / b.high * LESS } else { f64::NEG_INFINITY };
            let nan = nan || a.may_be_infinite() && b.may_be_infinite();
            Bound { slope, nan, ..enclosed(a, b, |a, b| a / b) }.settled()
        }
        // x ≥ 1 and y ≥ 1: xʸ ≥ x
        Binary::Power if a.low >= 1.0 && b.low >= 1.0 => {
            Bound { slope: a.slope * (1.0 - OFF), nan, ..between(a.low * (1.0 - OFF), f64::INFINITY) }.settled()
        }
        Binary::Power if a.low > 0.0 => Bound { nan, ..between(0.0, f64::INFINITY) },
        Binary::Divide | Binary::Power => UNKNOWN,
        // With NaN both give NaN.
        Binary::Least => {
            Bound { low: a.low.min(b.low), high: a.high.min(b.high), slope: a.slope.min(b.slope), nan: a.nan || b.nan }
                .settled()
        }
        Binary::Greatest => {
            Bound { low: a.low.max(b.low), high: a.high.max(b.high), slope: a.slope.max(b.slope), nan: a.nan || b.nan }
                .settled()
        }
    }
}

/// Between the least and the greatest of what the ends give.
fn enclosed(a: Bound, b: Bound, of: impl Fn(f64, f64) -> f64) -> Bound {
    let ends = [of(a.low, b.low), of(a.low, b.high), of(a.high, b.low), of(a.high, b.high)];
    if ends.iter().any(|end| end.is_nan()) {
        return between(f64::NEG_INFINITY, f64::INFINITY);
    }
    between(ends.into_iter().fold(f64::INFINITY, f64::min), ends.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests;
