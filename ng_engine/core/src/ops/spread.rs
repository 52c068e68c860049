//! `spread`: how much of the activation of some tokens comes to others, along connections and step by step.

use std::collections::HashMap;

use arrow_array::Float64Array;

use crate::batch::{Extra, Relation, Rows, Work};
use crate::cancel::Pace;
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::index::adjacency::{Direction, Hop};
use crate::ops::{Via, View, order, page};
use crate::snapshot::TokenRef;

/// How activation spreads.
#[derive(Clone, Debug)]
pub struct Spreading<'a> {
    /// Names of the connection types walked; all unless given.
    pub via: Option<&'a [String]>,
    /// Which way connections are walked.
    pub direction: Direction,
    /// How often what came is passed on.
    pub steps: u32,
    /// How much of it is passed on, 0 ≤ `decay` ≤ 1.
    pub decay: f64,
    /// Less than this, of either sign, is not passed on.
    pub threshold: f64,
    /// So many tokens at the most.
    pub limit: Option<usize>,
    /// So many left out first.
    pub offset: usize,
    /// Columns of the result; all unless given.
    pub columns: Option<&'a [String]>,
}

/// What a token that was reached takes.
const REACHED_BYTES: usize = 48;
/// Tokens reached between two looks at what memory there is.
const CHUNK: usize = 1 << 12;

type Activation = HashMap<u32, f64, foldhash::fast::RandomState>;

/// The tokens that activation came to, the seeds among them: their columns and `activation`, the most active first.
///
/// With x₀ what the seeds are given, a connection's strength s = weight · confidence, and r(e) = s(e) / Σ |s| its share of
/// the strengths of all connections walked from the same token:
///
/// xₜ(v) = Σ decay · xₜ₋₁(u) · r(e) over the connections e from u to v, and activation = x₀ + x₁ + … + x of the last step.
///
/// Sums are made in the order of the ids of u, then of e, so an answer is always the same to the last bit.
pub fn spread(view: &View, seeds: &[(TokenRef, f64)], spreading: &Spreading<'_>) -> Result<Relation> {
    if !(0.0..=1.0).contains(&spreading.decay) {
        return Err(Error::out_of_range("the decay is not a number with 0 ≤ decay ≤ 1"));
    }
    if !spreading.threshold.is_finite() || spreading.threshold < 0.0 {
        return Err(Error::out_of_range("the threshold is not a finite number ≥ 0"));
    }
    let (snapshot, cancel) = (&view.snapshot, &view.cancel);
    cancel.check()?;
    let via = Via::new(spreading.via, &snapshot.catalog)?;
    let mut activation = given(view, seeds)?;
    let mut level: Vec<(u32, f64)> = activation.iter().map(|(row, x)| (*row, *x)).collect();
    let (mut work, mut pace, mut hops) = (Work::default(), cancel.pace(), Vec::new());
    for _ in 0..spreading.steps {
        order::sort_by_key(cancel, &mut level, |(row, _)| snapshot.tokens.id(*row))?;
        let (mut came, mut held) = (Activation::default(), 0);
        for (row, x) in level {
            if x == 0.0 || x.abs() < spreading.threshold {
                continue;
            }
            let passed = spreading.decay * x;
            shares(view, &via, (row, spreading.direction), &mut hops, (&mut work, &mut pace))?;
            let all: f64 = hops.iter().map(|(_, strength)| strength.abs()).sum();
            for (hop, strength) in hops.iter().filter(|(_, strength)| *strength != 0.0) {
                *came.entry(hop.token).or_insert(0.0) += passed * (strength / all);
            }
            if came.len() >= held + CHUNK {
                view.memory.take((came.len() - held) * REACHED_BYTES)?;
                held = came.len();
            }
        }
        if came.is_empty() {
            break;
        }
        for (row, x) in &came {
            pace.tick()?;
            *activation.entry(*row).or_insert(0.0) += x;
        }
        level = came.into_iter().collect();
    }
    view.memory.take(activation.len() * REACHED_BYTES)?;
    work.rows_examined = activation.len() as u64;
    relation(view, activation, spreading).map(|relation| relation.found("adjacency", work))
}

/// The activation that the seeds are given, by row.
fn given(view: &View, seeds: &[(TokenRef, f64)]) -> Result<Activation> {
    let mut activation = Activation::default();
    for (seed, x) in seeds {
        if !x.is_finite() {
            return Err(Error::out_of_range(format!("the activation {x} of a seed is not a finite number")));
        }
        let row = view.snapshot.token(seed)?;
        if activation.insert(row, *x).is_some_and(|before| before != *x) {
            let id = view.snapshot.tokens.id(row);
            return Err(Error::invalid_value(format!("token {id} is a seed twice, with different activations")));
        }
    }
    Ok(activation)
}

/// The connections walked from a token and their strengths, by id.
fn shares(
    view: &View,
    via: &Via,
    (row, direction): (u32, Direction),
    hops: &mut Vec<(Hop, f64)>,
    (work, pace): (&mut Work, &mut Pace<'_>),
) -> Result<()> {
    let (connections, before) = (&view.snapshot.connections, work.edges_examined);
    hops.clear();
    view.snapshot.adjacency.hops(&view.snapshot, row, direction, |hop| {
        work.edges_examined += 1;
        if via.contains(hop.kind) {
            let (columns, slot) = connections.columns(hop.connection);
            hops.push((hop, f64::from(columns.weight.get(slot)) * f64::from(columns.confidence.get(slot))));
        }
    });
    if connections.in_id_order() {
        hops.sort_unstable_by_key(|(hop, _)| hop.connection);
    } else {
        hops.sort_by_cached_key(|(hop, _)| connections.id(hop.connection));
    }
    pace.ticks(1 + u32::try_from(work.edges_examined - before).unwrap_or(u32::MAX - 1))
}

fn relation(view: &View, activation: Activation, spreading: &Spreading<'_>) -> Result<Relation> {
    let tokens = &view.snapshot.tokens;
    // Not −0, which would come after 0.
    let mut found: Vec<(u32, f64)> = activation.into_iter().map(|(row, x)| (row, x + 0.0)).collect();
    // As whole numbers in the opposite order: a float's bits, all of them turned round but where it is negative.
    let falling = |x: f64| if x < 0.0 { x.to_bits() } else { !x.to_bits() & !(1 << 63) };
    order::sort_by_key(&view.cancel, &mut found, |(row, x)| (falling(*x), tokens.id(*row)))?;
    let found = page(found, spreading.limit, spreading.offset);
    let rows = Rows::List(found.iter().map(|(row, _)| *row).collect());
    let extras = vec![("activation", Extra::Double(Float64Array::from_iter_values(found.iter().map(|(_, x)| *x))))];
    Relation::new(view.snapshot.clone(), TableKind::Tokens, rows, extras, spreading.columns)
}
