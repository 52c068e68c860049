//! The CDNA profile: one value that is the metric of every search and the gate of every write.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::metric::Metric;

mod image;

pub(crate) use image::CdnaImage;

/// Bits of a profile's `flags`.
pub mod flags {
    /// Writes are checked against the profile, not for integrity alone.
    pub const VALIDATION: u32 = 1;
    /// Writes feed the change stream.
    pub const EVENTS: u32 = 2;
    /// Learning may change connections.
    pub const MUTATION: u32 = 4;
    /// Unknown type names are refused.
    pub const STRICT: u32 = 8;
    /// Every bit in use, by name.
    pub const NAMES: [(&str, u32); 4] =
        [("validation", VALIDATION), ("events", EVENTS), ("mutation", MUTATION), ("strict", STRICT)];
    /// All of them.
    pub const ALL: u32 = VALIDATION | EVENTS | MUTATION | STRICT;
}

/// What happens to an illegal write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It is stored apart.
    Quarantine,
    /// It passes and is recorded.
    Audit,
}

impl Mode {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Quarantine => "quarantine",
            Self::Audit => "audit",
        }
    }
}

/// An inclusive range of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Smallest value allowed.
    pub low: f32,
    /// Largest value allowed.
    pub high: f32,
}

impl Range {
    /// Whether the value is inside; NaN never is.
    pub fn contains(&self, value: f32) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Largest numbers of connections a token may have; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DegreeLimits {
    /// Incoming.
    pub inward: u32,
    /// Outgoing.
    pub outward: u32,
    /// Both together.
    pub total: u32,
}

/// One profile, with everything that a write is checked against.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// 0–4 built in, 255 the user's.
    pub id: u8,
    /// Its name.
    pub name: &'static str,
    /// A second name, or "".
    pub alias: &'static str,
    /// Scales and periods of the eight axes.
    pub metric: Metric,
    /// Allowed range of each axis; `None` is unbounded.
    pub bounds: [Option<Range>; 8],
    /// Allowed weights of tokens.
    pub token_weight: Range,
    /// Allowed weights of connections.
    pub connection_weight: Range,
    /// Allowed rigidity of connections.
    pub rigidity: Range,
    /// Degree limits.
    pub degrees: DegreeLimits,
    /// See [`flags`].
    pub flags: u32,
    /// What happens to an illegal write.
    pub mode: Mode,
    /// Learning rate.
    pub rate: f64,
    /// Decay of a hypothesis' confidence in an hour.
    pub decay: f64,
}

/// Id of the user's own profile.
pub const CUSTOM: u8 = 255;

impl Profile {
    fn built_in(id: u8, name: &'static str, alias: &'static str, scale: [f64; 8], limits: [u32; 3], bits: u32) -> Self {
        Self {
            id,
            name,
            alias,
            metric: Metric::new(scale, [0.0; 8]),
            bounds: [None; 8],
            token_weight: Range { low: 0.0, high: 1.0 },
            connection_weight: Range { low: -10.0, high: 10.0 },
            rigidity: Range { low: 0.0, high: 1.0 },
            degrees: DegreeLimits { outward: limits[0], inward: limits[1], total: limits[2] },
            flags: bits,
            mode: if name == "quarantine" { Mode::Quarantine } else { Mode::Enforce },
            rate: 0.125,
            decay: 0.0625,
        }
    }

    /// Whether a flag is on.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// This profile with other values, which makes it the user's own.
    fn customised(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        (next.id, next.name, next.alias) = (CUSTOM, "custom", "");
        next
    }
}

/// The profile in force and those that can be chosen.
#[derive(Clone, Debug)]
pub struct Cdna {
    /// The one in force.
    pub active: Arc<Profile>,
    /// The built-in ones, and the user's last own as `custom`.
    pub known: Arc<Vec<Profile>>,
}

impl Cdna {
    /// The built-in profiles, `default` in force.
    pub fn new() -> Self {
        use flags::{EVENTS, MUTATION, STRICT, VALIDATION};
        let usual = VALIDATION | EVENTS;
        let known = vec![
            Profile::built_in(0, "default", "balanced", [1.0; 8], [0, 0, 0], usual),
            Profile::built_in(1, "explorer", "", [1.0, 1.5, 1.2, 2.0, 3.0, 2.5, 2.0, 5.0], [2000, 2000, 4000], usual),
            Profile::built_in(
                2,
                "analyst",
                "analyzer",
                [1.0, 1.0, 1.0, 1.5, 10.0, 5.0, 3.0, 20.0],
                [500, 500, 1000],
                usual | STRICT,
            ),
            Profile::built_in(
                3,
                "creative",
                "",
                [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0],
                [1000, 1000, 2000],
                usual | MUTATION,
            ),
            Profile::built_in(
                4,
                "quarantine",
                "",
                [1.0, 1.0, 1.0, 1.0, 2.0, 1.5, 1.0, 3.0],
                [100, 100, 200],
                usual | STRICT,
            ),
        ];
        Self { active: Arc::new(known[0].clone()), known: Arc::new(known) }
    }

    /// A profile by id.
    pub fn by_id(&self, id: i64) -> Result<&Profile> {
        self.known.iter().find(|p| i64::from(p.id) == id).ok_or_else(|| self.unknown(&id.to_string()))
    }

    /// A profile by name or alias, in any case.
    pub fn by_name(&self, name: &str) -> Result<&Profile> {
        let lower = name.to_lowercase();
        let found = self.known.iter().find(|p| p.name == lower || (!p.alias.is_empty() && p.alias == lower));
        found.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<_> = self.known.iter().map(|p| p.name).collect();
        Error::undefined_object(format!("CDNA profile \"{}\" does not exist", name.escape_debug()))
            .hint(format!("profiles: {}", names.join(", ")))
    }

    /// Put a known profile in force.
    #[must_use]
    pub fn with_active(&self, profile: &Profile) -> Self {
        Self { active: Arc::new(profile.clone()), known: self.known.clone() }
    }

    /// Put the user's own profile in force: the present one with other scales.
    pub fn with_scales(&self, scale: [f64; 8]) -> Result<Self> {
        check_scales(&scale)?;
        Ok(self.with_custom(self.active.customised(|p| p.metric = Metric::new(scale, *p.metric.period()))))
    }

    /// Put the user's own profile in force: the present one with other flags.
    pub fn with_flags(&self, bits: i64) -> Result<Self> {
        let known = u32::try_from(bits).ok().filter(|b| b & !flags::ALL == 0);
        let bits = known.ok_or_else(|| {
            Error::out_of_range("CDNA flags out of range").hint("validation 1, events 2, mutation 4, strict 8")
        })?;
        Ok(self.with_custom(self.active.customised(|p| p.flags = bits)))
    }

    fn with_custom(&self, custom: Profile) -> Self {
        let mut known = (*self.known).clone();
        known.retain(|p| p.id != CUSTOM);
        known.push(custom.clone());
        Self { active: Arc::new(custom), known: Arc::new(known) }
    }
}

impl Default for Cdna {
    fn default() -> Self {
        Self::new()
    }
}

/// Scales are finite and not negative.
pub fn check_scales(scale: &[f64; 8]) -> Result<()> {
    match scale.iter().position(|s| !s.is_finite() || *s < 0.0) {
        Some(axis) => Err(Error::out_of_range(format!("the scale of axis {} is not a finite number ≥ 0", axis + 1))),
        None => Ok(()),
    }
}

/// Periods are finite and not negative; 0 is a linear axis.
pub fn check_periods(period: &[f64; 8]) -> Result<()> {
    match period.iter().position(|p| !p.is_finite() || *p < 0.0) {
        Some(axis) => Err(Error::out_of_range(format!("the period of axis {} is not a finite number ≥ 0", axis + 1))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changing_a_value_makes_it_custom() {
        let cdna = Cdna::new();
        let changed = cdna.with_scales([2.0; 8]).unwrap();
        assert_eq!((changed.active.id, changed.active.name), (CUSTOM, "custom"));
        assert_eq!(changed.by_name("default").unwrap().metric.scale(), &[1.0; 8]);
        assert_eq!(changed.by_id(255).unwrap().metric.scale(), &[2.0; 8]);
        assert_eq!(cdna.by_name("Analyzer").unwrap().id, 2);
        assert_eq!(cdna.by_name("").unwrap_err().sqlstate, "42704");
        assert_eq!(cdna.with_scales([f64::NAN; 8]).unwrap_err().sqlstate, "22003");
        assert_eq!(cdna.with_flags(16).unwrap_err().sqlstate, "22003");
    }
}
