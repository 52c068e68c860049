//! The f32 preselection: lower bounds of many distances at once, and the proof that they lose nothing.
//!
//! # What is computed
//!
//! Let `D` be `Metric::distance` (f64), `s` the largest scale and `σ[i] = scale[i] / s ≤ 1`, to begin with. The kernels
//! compute in f32 `K ≈ S = Σ (σ[i] · δ[i])²`, so `D ≈ s · √S`; for a box, `δ[i]` is the distance to the box
//! along the axis, so that the exact `S` of the box is at most that of any point in it. A point or box is
//! passed over only if `K > bar(limit)`.
//!
//! # Why `K > bar(limit)` implies `D > limit`
//!
//! Let `u = 2⁻²⁴`, and assume first that nothing overflows or underflows.
//! - `σ` as f32 carries two roundings of at most `1 + u`, `x − q` one, the product with `σ` one: `t =
//!   σδ(1+u)⁴`. Each `t²` enters a sum of eight through at most eight more roundings (fused or not, in
//!   whatever order). So `K ≤ S(1+u)¹⁷ < S(1 + 2⁻¹⁹)`.
//! - `D² = s²S` up to the roundings of f64: at most `(1 + 2⁻⁵³)³⁰`, far below `2⁻⁴⁰`. So if `D ≤ limit`, then
//!   `S ≤ (limit/s)²(1 + 2⁻⁴⁰)` and `K ≤ (limit/s)²(1 + 2⁻¹⁸) ≤ bar(limit)`, as `bar` is rounded upwards.
//! - Likewise `K ≥ S(1 − 2⁻¹⁹)` for a point: one whose `K'` exceeds `K(1 + 2⁻¹⁶)` (`bar_beyond`, whose own
//!   rounding is at most `2⁻²³`) is at a greater computed distance.
//!
//! Circular axes (`ROUND`): with `d = |x − q|` and `p` the period, `m = min(d, p − d)` is `δ` if `d ≤ p` and
//! at most `δ` otherwise, being then negative. For a box, with `d` between `near` and `far`, `min(near, p −
//! far)` is at most that. `p − d` has been rounded thrice, its error is at most `3up`; and `p` may be
//! infinite as f32, which makes the axis linear as far as f32 can tell. The kernels take `max(m − 4up, 0) ≤
//! δ(1 + u)²`, so the bound on `K` above holds; `p·2⁻⁵²`, what the f64 of the metric itself may be off, is
//! well within the `4up`. `K` is no longer near `S`, so `bar_beyond` is not for it.
//!
//! Manhattan distances (`TAXI`): `S = Σ σ[i] · δ[i]`, so `D ≈ s · S`, and no `t` is squared. `K` carries at most twelve
//! roundings, `D` at most seventeen of f64, so the bounds above hold with room to spare.
//!
//! Underflow: a difference of two f32 is exact where it is subnormal, and `Probe::new` refuses a scale whose
//! `σ` would be. A subnormal `t` or `t²` is off by at most `2⁻¹⁴⁹`, and all eight by less than the `2⁻¹⁴⁰`
//! which `bar` adds. In f64, `s` within `2^±300` keeps `(sδ)²` of any two f32 normal on the axis of the
//! largest scale; parts lost on other axes are below `2⁻⁴⁷⁰` in units of `S`, within the `2⁻¹⁴⁰` too.
//!
//! Overflow: `Probe::new` refuses a query, and the caller a tree, with a coordinate beyond `2¹²⁶`, so every
//! difference and every `t` is finite, nothing is NaN, and `K` is infinite only if its true value is beyond
//! every finite bar; an infinite bar is exceeded by nothing.
//!
//! Very large or small coordinates: all `K` would be infinite, or drown in the `2⁻¹⁴⁰`. So where they are beyond `2^±30`,
//! `σ` is multiplied by a power of two which makes the largest about 1. Every step above is the same but for the unit,
//! which `s` has to be divided by; what f64 may lose is then below `2⁻¹⁷²`. Where `σ` cannot be as f32, the query is refused.
//!
//! Scanned rows have no such promise, so there an
//! infinite or NaN `K` never dismisses a row. What is refused here is searched in f64 (`exact`).

use super::isa::{Isa, fused};
use crate::metric::{AXES, Metric, Norm, Point};

/// Children of an inner node, and rows the scan takes at a time.
pub(super) const WIDE: usize = 16;
/// Points of a leaf.
pub(super) const LEAF: usize = 32;

/// Coordinates of a leaf's points, axis by axis; lanes beyond the last point repeat it.
#[repr(C, align(64))]
#[derive(Clone)]
pub(super) struct Leaf(pub(super) [[f32; LEAF]; AXES]);

/// The tight boxes of up to sixteen sibling nodes, axis by axis.
#[repr(C, align(64))]
#[derive(Clone)]
pub(super) struct Group {
    pub(super) low: [[f32; WIDE]; AXES],
    pub(super) high: [[f32; WIDE]; AXES],
}

/// Shapes of the inner loop, chosen once a query.
pub(super) const EQUAL: u8 = 0; // all eight axes, one scale
pub(super) const FULL: u8 = 1; // all eight axes
pub(super) const SOME: u8 = 2; // the live axes only
pub(super) const ROUND: u8 = 3; // the live axes only, some of them circular
pub(super) const TAXI: u8 = 4; // the live axes only, circular or not, without the square

/// A query in the kernels' units. Only for what the proof above allows.
pub(super) struct Probe {
    /// Query, 0 on axes left out.
    pub(super) q: [f32; AXES],
    /// `σ`, 0 on axes left out.
    pub(super) sigma: [f32; AXES],
    /// Infinite on a linear axis.
    period: [f32; AXES],
    /// What rounding may have added on a circular axis.
    excess: [f32; AXES],
    axes: [u8; AXES],
    live: usize,
    per_unit: f64,
    pub(super) shape: u8,
}

/// Beyond this, differences may overflow.
pub(super) const REACH: f32 = f32::from_bits((126 + 127) << 23);

/// The power of two that makes this magnitude about 1; 1 if it is not far from it.
fn unit(reach: f32) -> f64 {
    let ordinary = 2f32.powi(-30)..=2f32.powi(30);
    if reach == 0.0 || ordinary.contains(&reach) {
        return 1.0;
    }
    let exponent = (f64::from(reach).to_bits() >> 52) as i32 - 1023;
    2f64.powi(-exponent)
}

impl Probe {
    /// The query as the kernels want it for points of up to this magnitude, or None where the f32 bounds do not hold.
    pub(super) fn new(metric: &Metric, query: &Point, reach: f32) -> Option<Self> {
        let largest = metric.scale().iter().fold(0.0, |a: f64, b| a.max(*b));
        let range = 2f64.powi(-300)..=2f64.powi(300);
        if !range.contains(&largest) {
            return None;
        }
        let live = metric.scale().iter().zip(query).filter(|(scale, _)| **scale != 0.0);
        let unit = unit(live.fold(reach, |reach, (_, q)| reach.max(q.abs())));
        let mut probe = Self {
            q: [0.0; AXES],
            sigma: [0.0; AXES],
            period: [f32::INFINITY; AXES],
            excess: [0.0; AXES],
            axes: [0; AXES],
            live: 0,
            per_unit: unit / largest,
            shape: SOME,
        };
        for (axis, (scale, q)) in metric.scale().iter().zip(query).enumerate() {
            if *scale == 0.0 {
                continue;
            }
            let sigma = (scale / largest * unit) as f32;
            // The latter is false for NaN.
            let covered = sigma.is_normal() && q.abs() <= REACH;
            if !covered {
                return None;
            }
            probe.q[axis] = *q;
            probe.sigma[axis] = sigma;
            let period = metric.period()[axis] as f32;
            if metric.period()[axis] != 0.0 && period.is_finite() {
                probe.period[axis] = period;
                probe.excess[axis] = (4.0 * f64::from(period) / f64::from(1u32 << 24)) as f32;
            }
            probe.axes[probe.live] = axis as u8;
            probe.live += 1;
        }
        if metric.norm() == Norm::L1 {
            probe.shape = TAXI;
        } else if metric.is_circular() {
            probe.shape = ROUND;
        } else if probe.live == AXES {
            probe.shape = if probe.sigma == [1.0; AXES] { EQUAL } else { FULL };
        }
        Some(probe)
    }

    /// What a `K` must exceed to be out of the question for distances up to `limit`.
    #[inline(always)]
    pub(super) fn bar(&self, limit: f64) -> f32 {
        const SLACK: f64 = 1.0 + 1.0 / (1u64 << 18) as f64;
        const TINY: f64 = f64::from_bits((1023 - 140) << 52);
        let reach = limit * self.per_unit;
        let sum = if self.shape == TAXI { reach } else { reach * reach };
        ((sum * SLACK + TINY) as f32).next_up()
    }

    /// What a `K` must exceed to be certainly further away than a point whose `K` is `sum`.
    #[inline(always)]
    pub(super) fn bar_beyond(sum: f32) -> f32 {
        const SLACK: f32 = 1.0 + 1.0 / (1u64 << 16) as f32;
        const TINY: f32 = f32::from_bits((127 - 126) << 23);
        sum * SLACK + TINY
    }

    /// `K` of the sixteen boxes of a group.
    #[inline(always)]
    pub(super) fn boxes<const ISA: u8, const SHAPE: u8>(&self, group: &Group) -> [f32; WIDE] {
        let mut sums = [0.0; WIDE];
        if SHAPE == SOME || SHAPE == ROUND || SHAPE == TAXI {
            for axis in self.axes() {
                self.add_boxes::<ISA, SHAPE>(group, axis, &mut sums);
            }
        } else {
            for axis in 0..AXES {
                self.add_boxes::<ISA, SHAPE>(group, axis, &mut sums);
            }
        }
        sums
    }

    #[inline(always)]
    fn add_boxes<const ISA: u8, const SHAPE: u8>(&self, group: &Group, axis: usize, sums: &mut [f32; WIDE]) {
        let (q, sigma) = (self.q[axis], self.sigma[axis]);
        let (low, high) = (&group.low[axis], &group.high[axis]);
        for lane in 0..WIDE {
            let (below, above) = (low[lane] - q, q - high[lane]);
            let outside = if below > above { below } else { above };
            let mut delta = if outside > 0.0 { outside } else { 0.0 };
            if SHAPE == ROUND || SHAPE == TAXI {
                let (far_below, far_above) = (q - low[lane], high[lane] - q);
                let far = if far_below > far_above { far_below } else { far_above };
                delta = self.go_round(axis, delta, far);
            }
            let part = if SHAPE == EQUAL { delta } else { delta * sigma };
            sums[lane] = if SHAPE == TAXI { sums[lane] + part } else { fused::<ISA>(part, part, sums[lane]) };
        }
    }

    /// `K` of the points of a leaf.
    #[inline(always)]
    pub(super) fn points<const ISA: u8, const SHAPE: u8>(&self, leaf: &Leaf) -> [f32; LEAF] {
        let mut sums = [0.0; LEAF];
        if SHAPE == SOME || SHAPE == ROUND || SHAPE == TAXI {
            for axis in self.axes() {
                self.add_points::<ISA, SHAPE>(leaf, axis, &mut sums);
            }
        } else {
            for axis in 0..AXES {
                self.add_points::<ISA, SHAPE>(leaf, axis, &mut sums);
            }
        }
        sums
    }

    #[inline(always)]
    fn add_points<const ISA: u8, const SHAPE: u8>(&self, leaf: &Leaf, axis: usize, sums: &mut [f32; LEAF]) {
        let (q, sigma) = (self.q[axis], self.sigma[axis]);
        let at = &leaf.0[axis];
        for lane in 0..LEAF {
            let mut delta = at[lane] - q;
            if SHAPE == ROUND || SHAPE == TAXI {
                delta = self.go_round(axis, delta.abs(), delta.abs());
            }
            let part = if SHAPE == EQUAL { delta } else { delta * sigma };
            sums[lane] = if SHAPE == TAXI { sums[lane] + part } else { fused::<ISA>(part, part, sums[lane]) };
        }
    }

    /// At most the shorter way round of anything between `near` and `far`.
    #[inline(always)]
    fn go_round(&self, axis: usize, near: f32, far: f32) -> f32 {
        let back = self.period[axis] - far;
        let delta = (if back < near { back } else { near }) - self.excess[axis];
        if delta > 0.0 { delta } else { 0.0 }
    }

    /// The axes which count, as in-bounds indexes.
    #[inline(always)]
    fn axes(&self) -> impl Iterator<Item = usize> {
        self.axes[..self.live].iter().map(|axis| usize::from(*axis) % AXES)
    }

    /// `K` of sixteen points lying one after the other, for tables without a tree. Not for the shapes `ROUND` and `TAXI`.
    #[inline]
    pub(super) fn rows(&self, isa: Isa, points: &[Point; WIDE]) -> [f32; WIDE] {
        match isa {
            Isa::Portable => self.rows_portable(points),
            // SAFETY: an `Isa` other than `Portable` only comes from `Isa::available`, which asked the CPU; every CPU
            // with AVX-512F has AVX2.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 => unsafe { self.rows_avx2(points) },
        }
    }

    fn rows_portable(&self, points: &[Point; WIDE]) -> [f32; WIDE] {
        std::array::from_fn(|row| {
            let part: Point = std::array::from_fn(|axis| {
                let part = (points[row][axis] - self.q[axis]) * self.sigma[axis];
                part * part
            });
            ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]))
        })
    }

    /// Eight rows at a time: the horizontal sums are shared between rows, which no compiler finds by itself.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn rows_avx2(&self, points: &[Point; WIDE]) -> [f32; WIDE] {
        use std::arch::x86_64::{
            _mm256_add_ps, _mm256_hadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_storeu_ps,
            _mm256_sub_ps,
        };
        let mut sums = [0.0; WIDE];
        // SAFETY: every load and store is of the eight f32 of an array of at least eight, unaligned.
        unsafe {
            let (q, sigma) = (_mm256_loadu_ps(self.q.as_ptr()), _mm256_loadu_ps(self.sigma.as_ptr()));
            for half in [0, WIDE / 2] {
                let squares = |row: usize| {
                    let part = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(points[half + row].as_ptr()), q), sigma);
                    _mm256_mul_ps(part, part)
                };
                let pair = |row: usize| _mm256_hadd_ps(squares(row), squares(row + 1));
                let (first, last) = (_mm256_hadd_ps(pair(0), pair(2)), _mm256_hadd_ps(pair(4), pair(6)));
                let low = _mm256_permute2f128_ps::<0x20>(first, last);
                let high = _mm256_permute2f128_ps::<0x31>(first, last);
                _mm256_storeu_ps(sums[half..half + WIDE / 2].as_mut_ptr(), _mm256_add_ps(low, high));
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::PORTABLE;
    use super::*;

    #[test]
    fn scanned_rows_get_the_same_sums_from_every_instruction_set() {
        let metric = Metric::new([1.0, 2.0, 0.0, 0.5, 1.0, 1.0, 3.0, 1.0], [0.0; AXES]);
        let points: [Point; WIDE] = std::array::from_fn(|i| std::array::from_fn(|j| (i * 8 + j) as f32 / 7.0));
        let query = [0.3; AXES];
        let probe = Probe::new(&metric, &query, 1.0).expect("ordinary numbers");
        for isa in Isa::available() {
            for (point, sum) in points.iter().zip(probe.rows(isa, &points)) {
                let exact = metric.sum(&query, point) / 9.0;
                assert!((f64::from(sum) / exact - 1.0).abs() < 1e-6, "{isa:?}");
            }
        }
    }

    #[test]
    fn a_bar_is_above_what_it_stands_for_and_not_by_much() {
        let metric = Metric::new([3.0; AXES], [0.0; AXES]);
        let probe = Probe::new(&metric, &[0.0; AXES], 1.0).expect("ordinary numbers");
        assert_eq!(probe.shape, EQUAL);
        for limit in [0.0, 1e-30, 0.1, 3.0, 1e10] {
            let (bar, value) = (f64::from(probe.bar(limit)), limit * limit / 9.0);
            assert!(bar > value && bar <= value * (1.0 + 1e-5) + 1e-40, "{limit}");
        }
        assert_eq!(probe.bar(f64::INFINITY), f32::INFINITY);
        assert!(Probe::bar_beyond(0.0) > 0.0 && Probe::bar_beyond(1.0) < 1.0001);
    }

    #[test]
    fn squares_that_are_rounded_up_from_below_one_ulp_stay_within_the_bar() {
        let metric = Metric::new([1.0; AXES], [0.0; AXES]);
        let probe = Probe::new(&metric, &[0.0; AXES], 1.0).expect("ordinary numbers");
        // Its square is 0.6 of the least subnormal.
        let x = (0.6 * f64::from(f32::from_bits(1))).sqrt() as f32;
        let sums = probe.points::<PORTABLE, EQUAL>(&Leaf([[x; LEAF]; AXES]));
        let distance = metric.distance(&[0.0; AXES], &[x; AXES]);
        assert_eq!(sums[0], f32::from_bits(8), "rounded up eight times");
        assert!(f64::from(sums[0]) > distance * distance * 1.5);
        assert!(sums[0] <= probe.bar(distance));
    }

    #[test]
    fn what_the_proof_does_not_cover_is_refused() {
        let linear = [0.0; AXES];
        let origin = [0.0; AXES];
        assert!(
            Probe::new(&Metric::new([1.0; AXES], [1.0; AXES]), &origin, 1.0).is_some_and(|probe| probe.shape == ROUND)
        );
        assert!(Probe::new(&Metric::new([0.0; AXES], linear), &origin, 1.0).is_none());
        assert!(Probe::new(&Metric::new([1e-200; AXES], linear), &origin, 1.0).is_none());
        assert!(Probe::new(&Metric::new([1e200; AXES], linear), &origin, 1.0).is_none());
        assert!(Probe::new(&Metric::new([1.0; AXES], linear), &[1e38; AXES], 1.0).is_none());
        let first_only = Metric::new([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], linear);
        let starred = [1.0, f32::NAN, 1e38, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert!(
            Probe::new(&first_only, &starred, 1.0)
                .is_some_and(|probe| probe.q == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
        );
    }
}
