//! Profiles as they are stored: every value of the one in force and of the user's own, so that a release with other
//! built-in values changes no store.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CUSTOM, Cdna, DegreeLimits, Mode, Profile, Range, check_periods, check_scales, flags};
use crate::metric::Metric;

/// A profile's values; its names follow from the id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ProfileImage {
    id: u8,
    scale: [f64; 8],
    period: [f64; 8],
    bounds: [Option<(f32, f32)>; 8],
    token_weight: (f32, f32),
    connection_weight: (f32, f32),
    rigidity: (f32, f32),
    inward: u32,
    outward: u32,
    total: u32,
    flags: u32,
    mode: u8,
    rate: f64,
    decay: f64,
}

/// The profile in force and the user's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CdnaImage {
    active: ProfileImage,
    custom: Option<ProfileImage>,
}

const MODES: [Mode; 3] = [Mode::Enforce, Mode::Quarantine, Mode::Audit];

impl ProfileImage {
    fn of(profile: &Profile) -> Self {
        let pair = |range: &Range| (range.low, range.high);
        Self {
            id: profile.id,
            scale: *profile.metric.scale(),
            period: *profile.metric.period(),
            bounds: std::array::from_fn(|axis| profile.bounds[axis].as_ref().map(pair)),
            token_weight: pair(&profile.token_weight),
            connection_weight: pair(&profile.connection_weight),
            rigidity: pair(&profile.rigidity),
            inward: profile.degrees.inward,
            outward: profile.degrees.outward,
            total: profile.degrees.total,
            flags: profile.flags,
            mode: MODES.iter().position(|mode| *mode == profile.mode).unwrap_or_default() as u8,
            rate: profile.rate,
            decay: profile.decay,
        }
    }

    /// The profile, if the values are possible.
    fn restore(&self, built_in: &Cdna) -> Option<Profile> {
        let (name, alias) = match self.id {
            CUSTOM => ("custom", ""),
            id => built_in.known.iter().find(|p| p.id == id).map(|p| (p.name, p.alias))?,
        };
        check_scales(&self.scale).ok()?;
        check_periods(&self.period).ok()?;
        let range = |(low, high): (f32, f32)| Range { low, high };
        let ranges = [self.token_weight, self.connection_weight, self.rigidity];
        let numbers = ranges.iter().chain(self.bounds.iter().flatten());
        let possible = numbers.into_iter().all(|(low, high)| !low.is_nan() && !high.is_nan())
            && self.rate.is_finite()
            && self.decay.is_finite()
            && self.flags & !flags::ALL == 0;
        possible.then_some(())?;
        Some(Profile {
            id: self.id,
            name,
            alias,
            metric: Metric::new(self.scale, self.period),
            bounds: self.bounds.map(|bounds| bounds.map(range)),
            token_weight: range(self.token_weight),
            connection_weight: range(self.connection_weight),
            rigidity: range(self.rigidity),
            degrees: DegreeLimits { inward: self.inward, outward: self.outward, total: self.total },
            flags: self.flags,
            mode: *MODES.get(self.mode as usize)?,
            rate: self.rate,
            decay: self.decay,
        })
    }
}

impl CdnaImage {
    pub(crate) fn of(cdna: &Cdna) -> Self {
        let custom = cdna.known.iter().find(|p| p.id == CUSTOM);
        Self { active: ProfileImage::of(&cdna.active), custom: custom.map(ProfileImage::of) }
    }

    /// The profiles, if their values are possible.
    pub(crate) fn restore(&self) -> Option<Cdna> {
        let mut cdna = Cdna::new();
        let active = self.active.restore(&cdna)?;
        if let Some(custom) = &self.custom {
            let custom = custom.restore(&cdna).filter(|p| p.id == CUSTOM)?;
            Arc::make_mut(&mut cdna.known).push(custom);
        }
        cdna.active = Arc::new(active);
        Some(cdna)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_come_back_as_they_were() {
        let mut cdna = Cdna::new().with_scales([2.5; 8]).unwrap();
        cdna = cdna.with_active(&cdna.by_id(2).unwrap().clone());
        let back = CdnaImage::of(&cdna).restore().unwrap();
        assert_eq!((&back.active, &back.known), (&cdna.active, &cdna.known));
        let mut bad = CdnaImage::of(&cdna);
        bad.active.scale[3] = f64::NAN;
        assert!(bad.restore().is_none());
        bad.active = ProfileImage { id: 77, ..CdnaImage::of(&cdna).active };
        assert!(bad.restore().is_none());
    }
}
