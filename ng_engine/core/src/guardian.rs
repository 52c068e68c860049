//! The one gate every write passes, whatever door it came through.
//!
//! Integrity (finite numbers, ends that exist, unique keys) is checked where rows are made; the Guardian checks what the
//! CDNA profile says. It sees rows before they are stored and decides only; it changes nothing.

use crate::cancel::Cancel;
use crate::cdna::{Mode, Profile, Range, flags};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::index::adjacency::Direction;
use crate::snapshot::Snapshot;
use crate::token::Token;

/// A write as the Guardian sees it.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A token as it would be stored.
    Token(&'a Token),
    /// A connection as it would be stored.
    Connection(&'a Connection),
    /// The numbers of connections that an end would have with a new one.
    Degree {
        /// Outgoing connections.
        outward: usize,
        /// Incoming connections.
        inward: usize,
    },
    /// A type name not seen before.
    NewType(&'a str),
}

/// Why a write is not legal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The profile's rule.
    pub rule: String,
    /// What the write has.
    pub value: String,
    /// What the profile allows.
    pub limit: String,
}

impl Refusal {
    #[cold]
    fn new(rule: impl Into<String>, value: impl ToString, limit: impl Into<String>) -> Self {
        Self { rule: rule.into(), value: value.to_string(), limit: limit.into() }
    }

    /// The error that the writer gets.
    #[cold]
    fn into_error(self, profile: &Profile) -> Error {
        let what = format!("{} is {}, allowed is {}", self.rule, self.value, self.limit);
        match profile.mode {
            Mode::Enforce => {
                Error::check_violation(format!("CDNA profile \"{}\" refuses the write: {what}", profile.name))
            }
            mode => Error::not_supported(format!(
                "{} mode is not supported yet: CDNA profile \"{}\" would not accept the write: {what}",
                mode.name(),
                profile.name
            ))
            .hint("SET CDNA PROFILE to one whose mode is enforce"),
        }
    }
}

/// Whether the profile allows the change; an error names rule, value and limit.
#[inline]
pub fn check(profile: &Profile, change: Change<'_>) -> Result<()> {
    judge(profile, change).map_err(|refusal| refusal.into_error(profile))
}

/// Whether every stored row is legal under the profile in force; the first that is not says why, or 57014.
pub fn validate(snapshot: &Snapshot, cancel: &Cancel) -> Result<()> {
    let (profile, mut pace) = (&snapshot.cdna.active, cancel.pace());
    cancel.check()?;
    for row in snapshot.tokens.live_rows() {
        pace.tick()?;
        check(profile, Change::Token(&snapshot.tokens.read(row)))?;
        if limits_degrees(profile) {
            let degree = |direction| {
                let mut count = 0;
                snapshot.adjacency.hops(snapshot, row, direction, |_| count += 1);
                count
            };
            check(profile, Change::Degree { outward: degree(Direction::Out), inward: degree(Direction::In) })?;
        }
    }
    let connections = &snapshot.connections;
    connections.live_rows().try_for_each(|row| {
        pace.tick()?;
        check(profile, Change::Connection(&connections.read(row)))
    })
}

/// Whether any degree is limited: counting costs, so callers ask first.
pub fn limits_degrees(profile: &Profile) -> bool {
    profile.has(flags::VALIDATION) && profile.degrees != crate::cdna::DegreeLimits::default()
}

#[inline]
fn judge(profile: &Profile, change: Change<'_>) -> std::result::Result<(), Refusal> {
    if !profile.has(flags::VALIDATION) {
        return Ok(());
    }
    match change {
        Change::Token(token) => {
            within("token weight", token.weight, profile.token_weight)?;
            for (axis, bounds) in profile.bounds.iter().enumerate() {
                if let Some(range) = bounds {
                    within(&format!("axis {}", axis + 1), token.coords[axis], *range)?;
                }
            }
            Ok(())
        }
        Change::Connection(connection) => {
            within("connection weight", connection.weight, profile.connection_weight)?;
            within("rigidity", connection.rigidity, profile.rigidity)
        }
        Change::Degree { outward, inward } => {
            at_most("out-degree", outward, profile.degrees.outward)?;
            at_most("in-degree", inward, profile.degrees.inward)?;
            at_most("degree", outward + inward, profile.degrees.total)
        }
        Change::NewType(_) if profile.has(flags::STRICT) => {
            Err(Refusal::new("type name", "new", "only known names, as the profile is strict"))
        }
        Change::NewType(_) => Ok(()),
    }
}

#[inline]
fn within(rule: &str, value: f32, range: Range) -> std::result::Result<(), Refusal> {
    if range.contains(value) {
        return Ok(());
    }
    Err(Refusal::new(rule, value, format!("{} to {}", range.low, range.high)))
}

fn at_most(rule: &str, value: usize, limit: u32) -> std::result::Result<(), Refusal> {
    if limit == 0 || value <= limit as usize {
        return Ok(());
    }
    Err(Refusal::new(rule, value, format!("at most {limit}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdna::Cdna;

    #[test]
    fn names_rule_value_and_limit() {
        let cdna = Cdna::new();
        let token = Token { weight: 1.5, ..Token::default() };
        let error = check(&cdna.active, Change::Token(&token)).unwrap_err();
        assert_eq!(error.sqlstate, "23514");
        assert!(error.message.contains("token weight is 1.5, allowed is 0 to 1"), "{error}");
    }

    #[test]
    fn validation_off_lets_everything_pass() {
        let cdna = Cdna::new().with_flags(0).unwrap();
        let token = Token { weight: f32::MAX, ..Token::default() };
        assert!(check(&cdna.active, Change::Token(&token)).is_ok());
    }

    #[test]
    fn degrees_and_strictness() {
        let cdna = Cdna::new();
        let analyst = cdna.by_name("analyst").unwrap();
        assert!(check(analyst, Change::Degree { outward: 500, inward: 500 }).is_ok());
        assert_eq!(check(analyst, Change::Degree { outward: 501, inward: 0 }).unwrap_err().sqlstate, "23514");
        assert_eq!(check(analyst, Change::NewType("x")).unwrap_err().sqlstate, "23514");
        assert!(check(&cdna.active, Change::NewType("x")).is_ok());
        let quarantine = cdna.by_name("quarantine").unwrap();
        assert_eq!(check(quarantine, Change::NewType("x")).unwrap_err().sqlstate, "0A000");
    }
}
