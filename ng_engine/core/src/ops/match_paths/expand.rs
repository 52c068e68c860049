//! Every path of a pattern: all that have come so far go one hop further, together.

use crate::error::Result;
use crate::ops::match_paths::found::Found;
use crate::ops::match_paths::trail::{At, Trails};

/// Find all paths that begin at these rows.
pub(super) fn every(trails: &mut Trails<'_>, starts: &[u32], found: &mut Found) -> Result<()> {
    trails.clear();
    let mut paths = starts.iter().map(|row| trails.begin(*row)).collect::<Result<Vec<_>>>()?;
    for step in 0..trails.ready.steps.len() {
        for at in &mut paths {
            *at = trails.enter(step, *at);
        }
        paths =
            if trails.edge(step).is_single() { along(trails, step, &paths)? } else { quantified(trails, step, paths)? };
    }
    paths.into_iter().try_for_each(|at| found.add(trails, at))
}

/// The paths that come along one connection to the next token of the pattern.
fn along(trails: &mut Trails<'_>, step: usize, paths: &[At]) -> Result<Vec<At>> {
    let (mut reached, mut hops) = (Vec::new(), Vec::new());
    for at in paths.iter().filter(|at| !at.closed) {
        trails.hops(step, at.row, &mut hops)?;
        for hop in &hops {
            if let Some(closed) = trails.allows(*at, *hop)
                && trails.arrives(step, *at, hop.token)
            {
                reached.push(trails.go(*at, *hop, closed)?);
            }
        }
    }
    Ok(reached)
}

/// The paths that come along any number of connections that the quantifier allows.
fn quantified(trails: &mut Trails<'_>, step: usize, mut paths: Vec<At>) -> Result<Vec<At>> {
    let edge = trails.edge(step);
    let (mut reached, mut hops) = (Vec::new(), Vec::new());
    for count in 0.. {
        if count >= edge.low {
            for at in &paths {
                if trails.arrives(step, *at, at.row) {
                    reached.push(trails.end(*at, count)?);
                }
            }
        }
        if edge.high == Some(count) || paths.is_empty() {
            break;
        }
        let mut further = Vec::new();
        for at in paths.iter().filter(|at| !at.closed) {
            trails.hops(step, at.row, &mut hops)?;
            for hop in &hops {
                if let Some(closed) = trails.allows(*at, *hop) {
                    further.push(trails.go(*at, *hop, closed)?);
                }
            }
        }
        paths = further;
    }
    Ok(reached)
}
