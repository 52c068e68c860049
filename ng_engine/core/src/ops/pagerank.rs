//! `pagerank`: how often a walker is at each token who follows a connection at random or, now and then, starts anew.

use std::ops::Range;

use arrow_array::Float64Array;
use rayon::prelude::*;

use crate::batch::{Extra, Relation, Rows, Work};
use crate::columns::TableKind;
use crate::error::{Error, Result};
use crate::index::adjacency::Direction;
use crate::ops::scan::list;
use crate::ops::{BLOCK, Via, View, blocks, on_pool};
use crate::snapshot::TokenRef;

/// How the walker walks, and how exactly it has to be known.
#[derive(Clone, Debug)]
pub struct Ranking<'a> {
    /// With this probability the walker follows a connection, 0 ≤ `damping` < 1.
    pub damping: f64,
    /// Where the walker starts anew; anywhere unless given.
    pub seeds: Option<&'a [TokenRef]>,
    /// Names of the connection types walked; all unless given.
    pub via: Option<&'a [String]>,
    /// The rounds end when what one of them has changed sums up to no more than this.
    pub tolerance: f64,
    /// So many rounds at the most.
    pub max_iterations: u32,
}

/// Where the connections into consecutive tokens come from; made once, walked in every round.
struct Inflow {
    /// Where each token's end among `sources`.
    ends: Vec<u32>,
    sources: Vec<u32>,
}

/// What a token has, and gives away to each of those that it is connected with.
struct Ranks {
    scores: Vec<f64>,
    shares: Vec<f64>,
}

/// What a block of tokens adds to a round's sums.
#[derive(Default)]
struct Sums {
    /// How far the scores have moved.
    change: f64,
    /// The scores of tokens with no connection to follow: the walker starts anew.
    stuck: f64,
}

/// Each token by id, and its score; the scores sum up to 1.
///
/// Sums are made block by block and in order, so an answer does not depend on how many threads there are.
pub fn pagerank(view: &View, ranking: &Ranking<'_>) -> Result<Relation> {
    let damping = ranking.damping;
    if !(0.0..1.0).contains(&damping) {
        return Err(Error::out_of_range("damping is not a number with 0 ≤ damping < 1"));
    }
    if !ranking.tolerance.is_finite() || ranking.tolerance < 0.0 {
        return Err(Error::out_of_range("the tolerance is not a finite number ≥ 0"));
    }
    let (snapshot, cancel) = (&view.snapshot, &view.cancel);
    let via = Via::new(ranking.via, &snapshot.catalog)?;
    let (starts, rows) = (starts(view, ranking.seeds)?, list(&snapshot.tokens, None, 0, cancel)?);
    let extent = snapshot.tokens.extent();
    view.memory.take(extent as usize * size_of::<(u32, [f64; 5])>())?;
    let (scores, rounds, edges) = on_pool(cancel, || {
        let inflow = blocks(extent).map(|rows| inflow(view, &via, rows)).collect::<Result<Vec<_>>>()?;
        let degrees = blocks(extent).map(|rows| degrees(view, &via, rows)).collect::<Result<Vec<_>>>()?.concat();
        let edges: usize = inflow.iter().map(|block| block.sources.len()).sum();
        let out = |row: usize| f64::from(degrees[row]);
        let share = |row: usize, score: f64| if out(row) > 0.0 { score / out(row) } else { 0.0 };
        let mut ranks = Ranks {
            shares: starts.iter().enumerate().map(|(row, start)| share(row, *start)).collect(),
            scores: starts.clone(),
        };
        let mut next = vec![0.0; starts.len()];
        let mut stuck: f64 = (0..starts.len()).filter(|row| out(*row) == 0.0).map(|row| starts[row]).sum();
        let mut rounds = 0;
        while rounds < ranking.max_iterations {
            let (anew, shares) = (1.0 - damping + damping * stuck, &ranks.shares);
            let round = inflow
                .par_iter()
                .zip(ranks.scores.par_chunks_mut(BLOCK as usize).zip(next.par_chunks_mut(BLOCK as usize)))
                .enumerate()
                .map(|(block, (inflow, (scores, next)))| {
                    cancel.check()?;
                    let (mut sums, mut begin) = (Sums::default(), 0);
                    for (i, end) in inflow.ends.iter().enumerate() {
                        let row = block * BLOCK as usize + i;
                        let came: f64 = inflow.sources[begin..*end as usize].iter().map(|s| shares[*s as usize]).sum();
                        let score = anew * starts[row] + damping * came;
                        sums.change += (score - scores[i]).abs();
                        next[i] = share(row, score);
                        if out(row) == 0.0 {
                            sums.stuck += score;
                        }
                        (scores[i], begin) = (score, *end as usize);
                    }
                    Ok(sums)
                })
                .collect::<Result<Vec<_>>>()?;
            std::mem::swap(&mut ranks.shares, &mut next);
            stuck = round.iter().map(|sums| sums.stuck).sum();
            rounds += 1;
            if round.iter().map(|sums| sums.change).sum::<f64>() <= ranking.tolerance {
                break;
            }
        }
        Result::Ok((ranks.scores, rounds, edges))
    })?;
    let scores = Float64Array::from_iter_values(rows.iter().map(|row| scores[*row as usize]));
    let edges_examined = edges as u64 * u64::from(rounds);
    let work = Work { rows_examined: rows.len() as u64, edges_examined, ..Work::default() };
    let wanted = ["id", "score"].map(str::to_owned);
    let extras = vec![("score", Extra::Double(scores))];
    let relation = Relation::new(snapshot.clone(), TableKind::Tokens, Rows::List(rows), extras, Some(&wanted))?;
    Ok(relation.found("adjacency", work))
}

/// How likely the walker starts at each row.
fn starts(view: &View, seeds: Option<&[TokenRef]>) -> Result<Vec<f64>> {
    let tokens = &view.snapshot.tokens;
    let mut starts = vec![0.0; tokens.extent() as usize];
    match seeds {
        None => tokens.live_rows().for_each(|row| starts[row as usize] = 1.0),
        Some([]) => return Err(Error::invalid_value("there are no seeds")),
        Some(seeds) => {
            for seed in seeds {
                starts[view.snapshot.token(seed)? as usize] = 1.0;
            }
        }
    }
    let count: f64 = starts.iter().sum();
    starts.iter_mut().for_each(|start| *start /= count.max(1.0));
    Ok(starts)
}

/// The connections into some rows.
fn inflow(view: &View, via: &Via, rows: Range<u32>) -> Result<Inflow> {
    view.cancel.check()?;
    let mut inflow = Inflow { ends: Vec::with_capacity(rows.len()), sources: Vec::new() };
    for row in rows {
        view.snapshot.adjacency.hops(&view.snapshot, row, Direction::In, |hop| {
            if via.contains(hop.kind) {
                inflow.sources.push(hop.token);
            }
        });
        inflow.ends.push(inflow.sources.len() as u32);
    }
    view.memory.take(inflow.sources.len() * size_of::<u32>())?;
    Ok(inflow)
}

/// How many connections leave each of some rows.
fn degrees(view: &View, via: &Via, rows: Range<u32>) -> Result<Vec<u32>> {
    view.cancel.check()?;
    let degree = |row| {
        let mut degree = 0;
        view.snapshot.adjacency.hops(&view.snapshot, row, Direction::Out, |hop| {
            degree += u32::from(via.contains(hop.kind));
        });
        degree
    };
    Ok(rows.map(degree).collect())
}
