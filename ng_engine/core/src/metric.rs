//! The weighted distance on eight axes: the one definition every plan, index and oracle must agree with.

/// Number of axes of a token's position.
pub const AXES: usize = 8;

/// A position on the eight axes, in the units of the axes.
pub type Point = [f32; AXES];

/// How the axes add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Norm {
    /// `sqrt(Σ (scale[i] · δ[i])²)`: the Euclidean distance.
    #[default]
    L2,
    /// `Σ scale[i] · δ[i]`: the Manhattan distance.
    L1,
}

/// Scales and periods of the axes: what makes a distance out of two points.
///
/// `distance(a, b)` is the [`Norm`] of `scale[i] · δ[i]`, where `δ[i] = |a[i] − b[i]|` on a linear axis and the shorter
/// way round on a circular one. A scale of zero ignores the axis; a period of zero makes it linear.
///
/// ```
/// use ng_core::metric::Metric;
/// let metric = Metric::new([1.0; 8], [24.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// let (late, early) = ([23.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// assert_eq!(metric.distance(&late, &early), 2.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    scale: [f64; AXES],
    period: [f64; AXES],
    live: usize,
    circular: bool,
    norm: Norm,
}

impl Metric {
    /// Builds a Euclidean metric. Scales and periods are finite and not negative: the caller has checked them.
    pub fn new(scale: [f64; AXES], period: [f64; AXES]) -> Self {
        debug_assert!(scale.iter().chain(&period).all(|v| v.is_finite() && *v >= 0.0));
        let live = scale.iter().filter(|s| **s != 0.0).count();
        let circular = scale.iter().zip(&period).any(|(s, p)| *s != 0.0 && *p != 0.0);
        Self { scale, period, live, circular, norm: Norm::L2 }
    }

    /// The same scales and periods under another norm.
    #[must_use]
    pub fn with_norm(self, norm: Norm) -> Self {
        Self { norm, ..self }
    }

    /// How the axes add up.
    pub fn norm(&self) -> Norm {
        self.norm
    }

    /// The scale of each axis; 0 = the axis is ignored.
    pub fn scale(&self) -> &[f64; AXES] {
        &self.scale
    }

    /// The period of each axis; 0 = linear.
    pub fn period(&self) -> &[f64; AXES] {
        &self.period
    }

    /// How many axes count at all.
    pub fn live_axes(&self) -> usize {
        self.live
    }

    /// Whether an axis that counts is circular.
    pub fn is_circular(&self) -> bool {
        self.circular
    }

    /// The sum that the distance is made of, before the root if there is one: f64, in axis order, no fused multiply-add.
    ///
    /// Every step is a rounded, hence monotone function of each `δ[i]`: the spatial index relies on it.
    #[inline(always)]
    pub fn sum(&self, a: &Point, b: &Point) -> f64 {
        let mut delta: [f64; AXES] = std::array::from_fn(|i| (f64::from(a[i]) - f64::from(b[i])).abs());
        if self.circular {
            self.go_round(&mut delta);
        }
        self.combine(&delta)
    }

    /// The distance between two points.
    #[inline(always)]
    pub fn distance(&self, a: &Point, b: &Point) -> f64 {
        self.root(self.sum(a, b))
    }

    /// Set apart, so that linear metrics, the rule, stay short where they are inlined.
    #[inline(never)]
    fn go_round(&self, delta: &mut [f64; AXES]) {
        for (delta, period) in delta.iter_mut().zip(&self.period) {
            *delta = shorter_way(*delta, *period);
        }
    }

    #[inline(always)]
    fn power(&self, part: f64) -> f64 {
        if self.norm == Norm::L1 { part } else { part * part }
    }

    /// The distance that a sum makes.
    #[inline(always)]
    pub(crate) fn root(&self, sum: f64) -> f64 {
        if self.norm == Norm::L1 { sum } else { sum.sqrt() }
    }

    /// `Σ (scale[i] · δ[i])²`, or without the square. An ignored axis adds exactly nothing, whatever stands there.
    #[inline(always)]
    pub(crate) fn combine(&self, delta: &[f64; AXES]) -> f64 {
        let parts: [f64; AXES] = std::array::from_fn(|i| {
            let part = self.scale[i] * delta[i];
            if self.scale[i] == 0.0 { 0.0 } else { self.power(part) }
        });
        parts.iter().fold(0.0, |sum, part| sum + part)
    }
}

/// The shorter way round a circle: `delta` is the distance along the axis; a period of zero leaves it alone.
#[inline]
pub(crate) fn shorter_way(delta: f64, period: f64) -> f64 {
    if period == 0.0 {
        return delta;
    }
    let delta = if delta > period { delta % period } else { delta };
    let back = period - delta;
    if back < delta { back } else { delta }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: [f64; AXES] = [0.0; AXES];

    #[test]
    fn axes_are_weighted_before_they_are_squared() {
        let metric = Metric::new([1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], LINEAR);
        let far = [3.0, 2.0, 100.0, 0.0, 0.0, 0.0, 0.0, f32::NAN];
        assert_eq!(metric.distance(&far, &[0.0; 8]), 5.0);
        assert_eq!((metric.live_axes(), metric.is_circular()), (2, false));
    }

    #[test]
    fn a_circle_is_walked_the_shorter_way_however_often_round() {
        let mut period = LINEAR;
        period[0] = 10.0;
        let metric = Metric::new([1.0; AXES], period);
        let at = |x: f32| [x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        for (a, b, expected) in [(1.0, 9.0, 2.0), (0.0, 5.0, 5.0), (0.0, 10.0, 0.0), (0.0, 37.0, 3.0), (-4.0, 4.0, 2.0)]
        {
            assert_eq!(metric.distance(&at(a), &at(b)), expected, "{a} {b}");
            assert_eq!(metric.distance(&at(b), &at(a)), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_sum_is_in_axis_order_and_the_root_comes_last() {
        let metric = Metric::new([1.0, 1e-3, 1e8, 1.0, 0.3, 1.7, 1e-9, 2.0], LINEAR);
        let (a, b) = ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8f32], [0.9, 0.7, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6f32]);
        let mut sum = 0.0f64;
        for axis in 0..AXES {
            let part = metric.scale()[axis] * (f64::from(a[axis]) - f64::from(b[axis])).abs();
            sum += part * part;
        }
        assert_eq!(metric.distance(&a, &b).to_bits(), sum.sqrt().to_bits());
    }
}
