//! The instruction sets searches are compiled for, and the few operations spelt out for each.
//!
//! Functions generic over `const ISA` are inlined into ones which enable its instructions (`search::walk_avx512`),
//! so plain loops over arrays in them become its vector code.

use super::kernel::{LEAF, WIDE};

/// Which instructions the running CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// All that this CPU can run, the best first.
    pub(super) fn available() -> impl Iterator<Item = Isa> {
        #[cfg(target_arch = "x86_64")]
        let wide = [
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma"))
            .then_some(Isa::Avx512),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Isa::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [None, None];
        wide.into_iter().flatten().chain([Isa::Portable])
    }

    #[inline]
    pub(super) fn best() -> Isa {
        Isa::available().next().unwrap_or(Isa::Portable)
    }
}

/// The same as constants, for functions compiled once for each.
pub(super) const PORTABLE: u8 = 0;
pub(super) const AVX2: u8 = 1;
pub(super) const AVX512: u8 = 2;

/// `a · b + c`, with one rounding where that is one instruction, and not a call into the C library.
#[inline(always)]
pub(super) fn fused<const ISA: u8>(a: f32, b: f32, c: f32) -> f32 {
    if ISA == PORTABLE && !cfg!(target_arch = "aarch64") { a * b + c } else { a.mul_add(b, c) }
}

/// A bit for each of 32 lanes which is not beyond the bar.
#[inline(always)]
pub(super) fn within32<const ISA: u8>(sums: &[f32; LEAF], bar: f32) -> u32 {
    let (halves, _) = sums.as_chunks::<WIDE>();
    within16::<ISA>(&halves[0], bar) | within16::<ISA>(&halves[1], bar) << WIDE
}

/// A bit for each of sixteen lanes which is not beyond the bar; NaN never is.
#[inline(always)]
pub(super) fn within16<const ISA: u8>(sums: &[f32; WIDE], bar: f32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        // SAFETY: code for `ISA` runs only where the CPU has it; the loads are of the sixteen f32 of `sums`.
        unsafe {
            if ISA == AVX512 {
                let beyond = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(_mm512_loadu_ps(sums.as_ptr()), _mm512_set1_ps(bar));
                return u32::from(!beyond);
            }
            if ISA == AVX2 {
                let bar = _mm256_set1_ps(bar);
                let half =
                    |at: *const f32| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NGT_UQ>(_mm256_loadu_ps(at), bar)) as u32;
                return half(sums.as_ptr()) | half(sums.as_ptr().add(WIDE / 2)) << (WIDE / 2);
            }
        }
    }
    let mut mask = 0;
    for lane in 0..WIDE {
        let beyond = sums[lane] > bar;
        mask |= u32::from(!beyond) << lane;
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_dismissed_only_by_a_comparison_that_holds() {
        let mut sums = [1.0; LEAF];
        (sums[0], sums[5], sums[16], sums[30], sums[31]) = (2.0, f32::NAN, 3.0, f32::INFINITY, 2.0f32.next_up());
        let expected = !(1 << 16 | 1 << 30 | 1 << 31);
        assert_eq!(within32::<PORTABLE>(&sums, 2.0), expected);
        for isa in Isa::available() {
            match isa {
                Isa::Portable => {}
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => assert_eq!(within32::<AVX2>(&sums, 2.0), expected),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => assert_eq!(within32::<AVX512>(&sums, 2.0), expected),
            }
        }
        assert_eq!(within32::<PORTABLE>(&sums, f32::INFINITY), u32::MAX);
    }
}
