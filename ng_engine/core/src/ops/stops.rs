//! Every operation ends where its [`Cancel`] says so, at whichever look, and keeps to the memory it may take.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};

use super::r#box::within_box;
use super::components::components;
use super::count::{count, count_box, count_within};
use super::join::{Join, join};
use super::lookup::lookup;
use super::match_paths::{EdgePattern, Mode, NodePattern, Output, Pattern, Selector, match_paths};
use super::nearest::{Search, nearest, nearest_batch};
use super::neighbors::{Walk, neighbors};
use super::pagerank::{Ranking, pagerank};
use super::path::{Route, path};
use super::paths::paths;
use super::scan::{Scan, bounds, list, scan};
use super::spread::{Spreading, spread};
use super::within::{within, within_batch};
use super::{View, mutate};
use crate::batch::Relation;
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::columns::TableKind;
use crate::commit::Working;
use crate::cost::{End, Expression, Place};
use crate::error::Result;
use crate::filter::{Op, Predicate, Value};
use crate::guardian;
use crate::index::adjacency::Direction;
use crate::index::forest::{Chore, Forest};
use crate::memory::Allowance;
use crate::metric::{Metric, Point};
use crate::request::OnConflict;
use crate::snapshot::{Snapshot, TokenRef};

const TOKENS: i64 = 12_000;

fn point(i: i64) -> Point {
    std::array::from_fn(|axis| ((i * 7919 + axis as i64 * 104_729) % 1009) as f32 / 1009.0)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn points(range: std::ops::Range<i64>) -> ArrayRef {
    let values = Float32Array::from_iter_values(range.flat_map(point));
    let field = Arc::new(Field::new("item", DataType::Float32, false));
    Arc::new(FixedSizeListArray::new(field, 8, Arc::new(values), None))
}

fn ids(range: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(range))
}

fn edges(step: i64) -> RecordBatch {
    let target = |id| (id + step - 1) % TOKENS + 1;
    batch(vec![("source", ids(1..=TOKENS)), ("target", ids((1..=TOKENS).map(target)))])
}

/// A ring of tokens, three quarters of them in a tree, with ids that do not rise with their rows.
fn world() -> Snapshot {
    let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    let rows = |range: std::ops::Range<i64>| vec![batch(vec![("id", ids(range.clone())), ("coords", points(range))])];
    mutate::create_tokens(&mut working, &rows(2..TOKENS * 3 / 4), OnConflict::Fail).unwrap();
    let mut planted = working.snapshot().clone();
    planted.spatial = Arc::new(Forest::adopt(&planted, &planted, Chore::Plant(0).build(&planted)).unwrap());
    let mut working = Working::new(&planted);
    mutate::create_tokens(&mut working, &rows(TOKENS * 3 / 4..TOKENS + 1), OnConflict::Fail).unwrap();
    mutate::create_tokens(&mut working, &rows(1..2), OnConflict::Fail).unwrap();
    mutate::create_connections(&mut working, &[edges(1)], OnConflict::Fail).unwrap();
    working.finish()
}

fn view(snapshot: &Arc<Snapshot>, cancel: Cancel, memory: Allowance) -> View {
    View { snapshot: snapshot.clone(), metric: Metric::new([1.0; 8], [0.0; 8]), cancel, memory }
}

fn heavy() -> Predicate {
    Predicate::Compare(Op::Ge, "weight".to_owned(), Value::Float(0.25))
}

fn walk<'a>(most: u32) -> Walk<'a> {
    Walk {
        depth: (1, most),
        via: None,
        direction: Direction::Out,
        predicate: None,
        near: None,
        radius: None,
        metric: None,
        limit: None,
        offset: 0,
        columns: None,
    }
}

fn route(cost: Option<&Expression>) -> Route<'_> {
    Route { via: None, max_depth: None, direction: Direction::Out, cost, metric: None }
}

fn hop() -> Expression {
    Expression::Distance(Place::End(End::From), Place::End(End::To))
}

fn way_round(view: &View, cost: Option<&Expression>) -> Result<Relation> {
    path(view, &TokenRef::Id(1), &TokenRef::Id(TOKENS), &route(cost))
}

fn ways_round(view: &View, k: Option<usize>, cost: Option<&Expression>) -> Result<Relation> {
    paths(view, &TokenRef::Id(1), &TokenRef::Id(TOKENS), k, &route(cost))
}

fn everywhere() -> Vec<(TokenRef, f64)> {
    (1..=TOKENS).map(|id| (TokenRef::Id(id), 1.0)).collect()
}

const SPREADING: Spreading<'_> = Spreading {
    via: None,
    direction: Direction::Out,
    steps: 3,
    decay: 0.6,
    threshold: 0.0,
    limit: None,
    offset: 0,
    columns: None,
};

/// Along one to so many connections, from the tokens with these ids.
fn pattern(ids: Option<Vec<i64>>, most: Option<u32>, selector: Selector) -> Pattern<'static> {
    let edge =
        EdgePattern { via: None, direction: Direction::Out, predicate: None, hops: (1, most), cost: Some(hop()) };
    Pattern {
        nodes: vec![NodePattern { ids, ..NodePattern::default() }, NodePattern::default()],
        edges: vec![edge],
        mode: Mode::Walk,
        selector,
        metric: None,
        columns: vec![("tokens".to_owned(), Output::Tokens)],
        limit: None,
    }
}

type Read = Box<dyn Fn(&View) -> Result<usize>>;

/// Each operation with how often it has to look at least.
fn reads() -> Vec<(&'static str, u64, Read)> {
    fn rows(relation: Result<Relation>) -> Result<usize> {
        relation.map(|relation| relation.len())
    }
    let filtered = |limit| {
        move |view: &View| {
            let predicate = heavy();
            rows(scan(view, TableKind::Tokens, &Scan { predicate: Some(&predicate), limit, ..Scan::default() }))
        }
    };
    let queries: Arc<Vec<Point>> = Arc::new((0..64).map(point).collect());
    let (many, more) = (queries.clone(), queries);
    let all = |k| Search { k, ..Search::default() };
    vec![
        ("nearest", 2, Box::new(move |view| rows(nearest(view, &point(5), &all(Some(10)))))),
        ("nearest, all", 3, Box::new(move |view| rows(nearest(view, &point(5), &all(None))))),
        ("within", 3, Box::new(|view| rows(within(view, &point(5), 9.0, &Search::default())))),
        ("nearest of many", 64, Box::new(move |view| rows(nearest_batch(view, &many, &all(Some(3)))))),
        ("within of many", 64, Box::new(move |view| rows(within_batch(view, &more, 0.1, &Search::default())))),
        ("box", 3, Box::new(|view| rows(within_box(view, &[0.0; 8], &[0.9; 8], &Scan::default())))),
        ("join", 200, Box::new(|view| rows(join(view, &Join { radius: 0.01, ..Join::default() })))),
        (
            "join of few",
            60,
            Box::new(|view| {
                let few = Predicate::Compare(Op::Le, "id".to_owned(), Value::Int(100));
                rows(join(view, &Join { radius: 0.01, a: Some(&few), ..Join::default() }))
            }),
        ),
        ("scan", 4, Box::new(filtered(None))),
        (
            "scan of connections",
            3,
            Box::new(|view| {
                let predicate = heavy();
                let wanted = Scan { predicate: Some(&predicate), ..Scan::default() };
                rows(scan(view, TableKind::Connections, &wanted))
            }),
        ),
        ("list", 4, Box::new(|view| list(&view.snapshot.tokens, Some(5), 7, &view.cancel).map(|rows| rows.len()))),
        ("count", 3, Box::new(|view| count(view, TableKind::Tokens, Some(&heavy())).map(|found| found.count))),
        (
            "count within",
            2,
            Box::new(|view| {
                let (predicate, point) = (heavy(), point(5));
                let search = Search { predicate: Some(&predicate), ..Search::default() };
                count_within(view, &point, 9.0, &search).map(|found| found.count)
            }),
        ),
        (
            "count in a box",
            2,
            Box::new(|view| count_box(view, &[0.0; 8], &[0.9; 8], Some(&heavy())).map(|found| found.count)),
        ),
        ("bounds", 3, Box::new(|view| bounds(view).map(|bounds| bounds.iter().count()))),
        (
            "lookup",
            12,
            Box::new(|view| {
                let wanted: Vec<TokenRef> = (1..=TOKENS).map(TokenRef::Id).collect();
                rows(lookup(view, TableKind::Tokens, &wanted, &Scan::default()))
            }),
        ),
        ("neighbors", 20, Box::new(|view| rows(neighbors(view, &[TokenRef::Id(1)], &walk(u32::MAX))))),
        ("components", 15, Box::new(|view| rows(components(view, None)))),
        (
            "pagerank",
            30,
            Box::new(|view| {
                let (seeds, via) = (Some(&[TokenRef::Id(1)][..]), None);
                let ranking = Ranking { damping: 0.9, seeds, via, tolerance: 0.0, max_iterations: 10 };
                rows(pagerank(view, &ranking))
            }),
        ),
        (
            "neighbors, near",
            30,
            Box::new(|view| {
                let walk = Walk { near: Some(point(1)), ..walk(u32::MAX) };
                rows(neighbors(view, &[TokenRef::Id(1)], &walk))
            }),
        ),
        ("path", 20, Box::new(|view| rows(way_round(view, None)))),
        ("path by distance", 10, Box::new(|view| rows(way_round(view, Some(&hop()))))),
        ("paths", 40, Box::new(|view| rows(ways_round(view, Some(3), None)))),
        ("paths by distance", 40, Box::new(|view| rows(ways_round(view, Some(3), Some(&hop()))))),
        ("all shortest", 20, Box::new(|view| rows(ways_round(view, None, None)))),
        ("match", 47, Box::new(|view| rows(match_paths(view, &pattern(None, Some(3), Selector::All))))),
        (
            "match along",
            12,
            Box::new(|view| rows(match_paths(view, &pattern(Some(vec![1]), Some(9_000), Selector::All)))),
        ),
        (
            "match shortest",
            12,
            Box::new(|view| rows(match_paths(view, &pattern(Some(vec![1]), Some(9_000), Selector::AllShortest)))),
        ),
        (
            "match cheapest",
            12,
            Box::new(|view| rows(match_paths(view, &pattern(Some(vec![1]), Some(3_000), Selector::Cheapest(1))))),
        ),
        ("spread", 60, Box::new(|view| rows(spread(view, &everywhere(), &SPREADING)))),
        ("validate", 22, Box::new(|view| guardian::validate(&view.snapshot, &view.cancel).map(|()| 1))),
    ]
}

/// Run it with ever more looks until it gets through; how many were too few.
fn looks(name: &str, run: impl Fn(Cancel) -> Result<usize>) -> u64 {
    let (mut few, mut next) = (0, 0);
    loop {
        match run(Cancel::at_look(next)) {
            Ok(found) => {
                assert!(found > 0, "{name} found nothing");
                return few + 1;
            }
            Err(error) => assert_eq!(error.sqlstate, "57014", "{name}: {error}"),
        }
        (few, next) = (next, next + 1 + next / 4);
    }
}

#[test]
fn reads_end_at_every_look() {
    let world = Arc::new(world());
    for (name, least, read) in reads() {
        let looks = looks(name, |cancel| read(&view(&world, cancel, Allowance::default())));
        assert!(looks >= least, "{name} looks {looks} times, not {least}");
    }
}

#[test]
fn writes_end_at_every_look_and_leave_nothing() {
    type Write = Box<dyn Fn(&mut Working) -> Result<usize>>;
    let world = world();
    let weave = mutate::Weave { k: 2, kind: "similar_to", weight: 1.0, confidence: 0.5, metric: None };
    let writes: Vec<(&str, u64, Write)> = vec![
        (
            "create",
            50,
            Box::new(|working| {
                let rows = vec![batch(vec![("coords", points(0..4000))])];
                mutate::create_tokens(working, &rows, OnConflict::Fail).map(|ids| ids.len())
            }),
        ),
        (
            "create at once",
            128,
            Box::new(|working| {
                let keys = StringArray::from_iter_values((0..12_000).map(|i| format!("key {i}")));
                let rows = vec![batch(vec![("key", Arc::new(keys)), ("coords", points(0..12_000))])];
                mutate::create_tokens(working, &rows, OnConflict::Fail).map(|ids| ids.len())
            }),
        ),
        (
            "update",
            50,
            Box::new(|working| {
                let weights: ArrayRef = Arc::new(Float32Array::from_iter_values((0..4000).map(|_| 0.75)));
                mutate::update_tokens(working, &[batch(vec![("id", ids(1..4001)), ("weight", weights)])])
            }),
        ),
        ("delete", 50, Box::new(|working| mutate::delete_tokens(working, &(1..4001).collect::<Vec<_>>()))),
        (
            "connect",
            150,
            Box::new(|working| mutate::create_connections(working, &[edges(2)], OnConflict::Fail).map(|ids| ids.len())),
        ),
        (
            "update connections",
            50,
            Box::new(|working| {
                let weights: ArrayRef = Arc::new(Float32Array::from_iter_values((0..4000).map(|_| 0.75)));
                mutate::update_connections(working, &[batch(vec![("id", ids(1..4001)), ("weight", weights)])])
            }),
        ),
        ("disconnect", 50, Box::new(|working| mutate::delete_connections(working, &(1..4001).collect::<Vec<_>>()))),
        (
            "weave",
            64,
            Box::new(move |working| {
                let seen = Arc::new(working.snapshot().clone());
                let seen = view(&seen, working.cancel().clone(), working.memory().clone());
                let tokens: Vec<i64> = (1..=64).collect();
                mutate::weave(working, &seen, &tokens, &weave, OnConflict::Nothing).map(|ids| ids.len())
            }),
        ),
    ];
    let sizes = |snapshot: &Snapshot| (snapshot.tokens.live(), snapshot.connections.live());
    for (name, least, write) in writes {
        let run = |cancel, memory| {
            let mut working = Working::new(&world);
            working.bound_by(cancel, memory);
            let done = working.statement(&write);
            if done.is_err() {
                assert!(!working.changed(), "{name} leaves something");
                assert_eq!(sizes(working.snapshot()), sizes(&world));
                assert_eq!(working.snapshot().tokens.read(0), world.tokens.read(0));
            }
            done
        };
        let looks = looks(name, |cancel| run(cancel, Allowance::default()));
        assert!(looks >= least, "{name} looks {looks} times, not {least}");
        if !name.starts_with("d") {
            assert_eq!(run(Cancel::default(), Allowance::of(64 * 72)).unwrap_err().sqlstate, "53200", "{name}");
        }
        assert!(run(Cancel::default(), Allowance::of(8 << 20)).is_ok(), "{name}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_refused() {
    let world = Arc::new(world());
    let roomy = |bytes| view(&world, Cancel::default(), Allowance::of(bytes));
    let queries: Vec<Point> = (0..64).map(point).collect();
    let all = Search { k: Some(1000), ..Search::default() };
    assert_eq!(nearest_batch(&roomy(1 << 20), &queries, &all).err().unwrap().sqlstate, "53200");
    assert!(nearest_batch(&roomy(4 << 20), &queries, &all).is_ok());
    let everything = Scan { limit: Some(usize::MAX), ..Scan::default() };
    assert_eq!(scan(&roomy(1000), TableKind::Tokens, &everything).err().unwrap().sqlstate, "53200");
    for selector in [Selector::All, Selector::AllShortest, Selector::Cheapest(2)] {
        let found = match_paths(&roomy(1 << 16), &pattern(Some(vec![1]), Some(3_000), selector));
        assert_eq!(found.err().unwrap().sqlstate, "53200", "{selector:?}");
    }
    assert_eq!(neighbors(&roomy(1000), &[TokenRef::Id(1)], &walk(u32::MAX)).err().unwrap().sqlstate, "53200");
    let near = Join { radius: 1e-3, ..Join::default() };
    assert_eq!(join(&roomy(1 << 20), &near).err().unwrap().sqlstate, "53200");
    let pairs = join(&roomy(8 << 20), &near).unwrap().len();
    assert!(pairs >= TOKENS as usize, "{pairs}");
    for cost in [None, Some(&hop())] {
        assert_eq!(way_round(&roomy(1000), cost).err().unwrap().sqlstate, "53200");
        for k in [None, Some(2)] {
            assert_eq!(ways_round(&roomy(1000), k, cost).err().unwrap().sqlstate, "53200");
            assert!(ways_round(&roomy(8 << 20), k, cost).is_ok());
        }
    }
    assert_eq!(spread(&roomy(1000), &everywhere(), &SPREADING).err().unwrap().sqlstate, "53200");
    assert!(spread(&roomy(4 << 20), &everywhere(), &SPREADING).is_ok());
}
