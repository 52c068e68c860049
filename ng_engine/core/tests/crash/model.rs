//! What a store should hold, in plain maps, and what each commit of a history does to it.
//!
//! A commit is a function of (seed, lane, number) alone, so the process that drives knows what the one that it kills was
//! doing. Lanes (threads, processes) touch names of their own: what one has written does not depend on another.

use std::collections::BTreeMap;

use crate::seeds::Rng;

/// Names of tokens in one lane.
const NAMES: u64 = 24;
const TOKEN_TYPES: [&str; 5] = ["undefined", "object", "word", "made_here", "made_there"];
const LINK_TYPES: [&str; 4] = ["cause", "similar", "own_kind", "other_kind"];

/// A token, named by its key, or without one by its id as `#id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub kind: String,
    pub coords: [f32; 8],
    pub weight: f32,
    pub props: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub weight: f32,
    pub confidence: f32,
    pub props: Option<String>,
}

/// Source, target, type.
pub type Triple = (String, String, String);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub tokens: BTreeMap<String, Token>,
    pub links: BTreeMap<Triple, Link>,
    /// Scales of the profile, once they were set.
    pub scales: Option<[f32; 8]>,
}

#[derive(Clone, Debug)]
pub enum Op {
    /// Make the token, or change it to this.
    Put(String, Token),
    Delete(String),
    /// Give a token another key, unless that is taken.
    Rename(String, String),
    /// Connect, or change the connection that is there; nothing without both ends.
    Connect(Triple, Link),
    Disconnect(Triple),
    Scales([f32; 8]),
    /// Delete every token.
    Clear,
}

/// How a commit is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// One statement.
    Statement,
    /// A transaction of a statement per operation; those from the first number to the second are undone by a savepoint.
    Transaction(Option<(usize, usize)>),
    /// A transaction that is rolled back in the end: nothing is committed.
    RolledBack,
    /// A statement that writes and then fails: nothing is committed.
    Failed,
}

#[derive(Clone, Debug)]
pub struct Commit {
    pub ops: Vec<Op>,
    pub style: Style,
}

impl Model {
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Put(name, token) => {
                self.tokens.insert(name.clone(), token.clone());
            }
            Op::Delete(name) => {
                self.tokens.remove(name);
                self.links.retain(|(source, target, _), _| source != name && target != name);
            }
            Op::Rename(from, to) => {
                if self.tokens.contains_key(to) {
                    return;
                }
                let Some(token) = self.tokens.remove(from) else { return };
                self.tokens.insert(to.clone(), token);
                let named = |name: String| if name == *from { to.clone() } else { name };
                let links = std::mem::take(&mut self.links);
                self.links = links.into_iter().map(|((s, t, k), link)| ((named(s), named(t), k), link)).collect();
            }
            Op::Connect(triple, link) => {
                if self.tokens.contains_key(&triple.0) && self.tokens.contains_key(&triple.1) {
                    self.links.insert(triple.clone(), link.clone());
                }
            }
            Op::Disconnect(triple) => {
                self.links.remove(triple);
            }
            Op::Scales(scales) => self.scales = Some(*scales),
            Op::Clear => {
                self.tokens.clear();
                self.links.clear();
            }
        }
    }

    pub fn commit(&mut self, commit: &Commit) {
        let undone = match commit.style {
            Style::Statement | Style::Transaction(None) => 0..0,
            Style::Transaction(Some((from, to))) => from..to,
            Style::RolledBack | Style::Failed => return,
        };
        for (number, op) in commit.ops.iter().enumerate() {
            if !undone.contains(&number) {
                self.apply(op);
            }
        }
    }

    /// What one lane has written.
    pub fn lane(&self, lane: u64) -> Self {
        let prefix = format!("{lane}.");
        let of = |name: &str| lane_of(name) == Some(lane) || name.starts_with(&prefix);
        Self {
            tokens: self.tokens.iter().filter(|(name, _)| of(name)).map(|(n, t)| (n.clone(), t.clone())).collect(),
            links: self.links.iter().filter(|((s, _, _), _)| of(s)).map(|(t, l)| (t.clone(), l.clone())).collect(),
            scales: self.scales.filter(|_| lane == 0),
        }
    }
}

fn lane_of(name: &str) -> Option<u64> {
    let id: u64 = name.strip_prefix('#')?.parse().ok()?;
    Some(id / LANE_IDS)
}

/// Ids that are given explicitly: far apart from those that the engine gives, and out of order.
const LANE_IDS: u64 = 1 << 32;

/// How a history is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Whether `Clear` and the profile are touched: not beside other lanes.
    pub alone: bool,
    /// Whether now and then a commit is too large for a row of the log.
    pub bulk: bool,
}

fn name(rng: &mut Rng, lane: u64) -> String {
    let number = rng.below(NAMES);
    // Every fourth has no key.
    if number % 4 == 3 { format!("#{}", lane * LANE_IDS + 1 + number * 7 % NAMES) } else { format!("{lane}.k{number}") }
}

fn keyed(rng: &mut Rng, lane: u64) -> String {
    loop {
        let name = name(rng, lane);
        if !name.starts_with('#') {
            return name;
        }
    }
}

fn props(rng: &mut Rng) -> Option<String> {
    match rng.below(8) {
        0..4 => None,
        7 => Some(format!("{{\"text\": \"{}\"}}", "é".repeat(rng.below(3000) as usize))),
        n => Some(format!("{{\"n\": {n}, \"m\": {}}}", rng.below(1000))),
    }
}

fn token(rng: &mut Rng) -> Token {
    let kind = (*rng.pick(&TOKEN_TYPES)).to_owned();
    let coords = std::array::from_fn(|_| rng.number());
    Token { kind, coords, weight: rng.below(101) as f32 / 128.0, props: props(rng) }
}

fn op(rng: &mut Rng, lane: u64, mix: Mix) -> Op {
    let triple = |rng: &mut Rng| (name(rng, lane), name(rng, lane), (*rng.pick(&LINK_TYPES)).to_owned());
    match rng.below(24) {
        0..9 => Op::Put(name(rng, lane), token(rng)),
        9..11 => Op::Delete(name(rng, lane)),
        11..13 => Op::Rename(keyed(rng, lane), keyed(rng, lane)),
        13..20 => {
            let triple = triple(rng);
            let link = Link { weight: rng.number() / 16.0, confidence: rng.below(65) as f32 / 64.0, props: props(rng) };
            Op::Connect(triple, link)
        }
        20..22 => Op::Disconnect(triple(rng)),
        _ if mix.alone && rng.once_in(4) => Op::Scales(std::array::from_fn(|_| rng.below(5) as f32 / 2.0)),
        _ if mix.alone && rng.once_in(6) => Op::Clear,
        _ => Op::Put(name(rng, lane), token(rng)),
    }
}

/// The commit with this number in this lane's history.
pub fn commit(seed: u64, lane: u64, number: u64, mix: Mix) -> Commit {
    let mut rng = Rng::part(seed, lane, number);
    if mix.bulk && rng.once_in(97) {
        // Text of more than 8 MiB in all.
        let wide = |i: u64| {
            let text = char::from(b'a' + (number % 26) as u8).to_string().repeat(1 << 20);
            Op::Put(
                format!("{lane}.k{i}"),
                Token { props: Some(format!("{{\"wide\": \"{text}\"}}")), ..token(&mut Rng::new(i)) },
            )
        };
        let ops = (0..9).map(|i| wide([0, 1, 2, 4, 5, 6, 8, 9, 10][i])).collect();
        return Commit { ops, style: Style::Statement };
    }
    let ops: Vec<Op> = (0..1 + rng.below(6)).map(|_| op(&mut rng, lane, mix)).collect();
    let style = match rng.below(12) {
        0..7 => Style::Statement,
        7..9 => Style::Transaction(None),
        9 => {
            let from = rng.below(ops.len() as u64) as usize;
            Style::Transaction(Some((from, from + rng.below((ops.len() - from) as u64 + 1) as usize)))
        }
        10 => Style::RolledBack,
        _ => Style::Failed,
    };
    Commit { ops, style }
}

/// A lane's state after so many of its commits.
pub fn after(seed: u64, lane: u64, count: u64, mix: Mix) -> Model {
    let mut model = Model::default();
    (0..count).for_each(|number| model.commit(&commit(seed, lane, number, mix)));
    model
}
