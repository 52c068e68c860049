//! The spatial index says of every live token exactly once where it is, whatever moved while trees were built.

use std::collections::BTreeMap;
use std::sync::Arc;

use ng_core::catalog::Catalog;
use ng_core::commit::Working;
use ng_core::index::forest::{Chore, Forest};
use ng_core::index::spatial::{Hit, Work};
use ng_core::metric::{AXES, Metric, Point};
use ng_core::request::{NewToken, OnConflict, TokenPatch};
use ng_core::snapshot::Snapshot;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    /// Of every so-many-th live token, so far along axis 0.
    Move(usize, usize, f32),
    Delete(usize, usize),
    /// A statement that moves tokens and creates some, and then fails.
    Fail(usize),
    /// Something is built from here on …
    Build(Chore),
    /// … and is adopted here.
    Adopt,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1usize..900).prop_map(Step::Create),
        5 => (1usize..40, 0usize..40, -1.0f32..1.0).prop_map(|(every, from, by)| Step::Move(every, from, by)),
        // Back and forth: a token that comes back to where a tree has it.
        2 => (1usize..9, 0usize..9).prop_map(|(every, from)| Step::Move(every, from, 0.0)),
        2 => (2usize..50, 0usize..50).prop_map(|(every, from)| Step::Delete(every, from)),
        1 => (1usize..20).prop_map(Step::Fail),
        2 => (0u32..4).prop_map(|quarter| Step::Build(Chore::Plant(quarter))),
        3 => Just(Step::Build(Chore::Annex)),
        5 => Just(Step::Adopt),
    ];
    proptest::collection::vec(step, 1..40)
}

fn start(number: usize) -> Point {
    std::array::from_fn(|axis| ((number * 7919 + axis * 104_729) % 1009) as f32 / 1009.0)
}

fn create(working: &mut Working, count: usize) {
    for _ in 0..count {
        let coords = start(working.snapshot().next_token as usize);
        working.create_token(&NewToken { coords, ..NewToken::default() }, OnConflict::Fail).expect("a new token");
    }
}

/// Moves by a distance on one axis, or, if that is zero, to where the token was created.
fn shift(working: &mut Working, every: usize, from: usize, by: f32) {
    let rows: Vec<u32> = working.snapshot().tokens.live_rows().skip(from).step_by(every).collect();
    for row in rows {
        let mut coords = working.snapshot().coords(row);
        if by == 0.0 {
            coords = start(working.snapshot().tokens.id(row) as usize);
        } else {
            coords[0] += by;
        }
        working.update_token(row, &TokenPatch { coords: Some(coords), ..TokenPatch::default() }).expect("a move");
    }
}

fn change(base: &Snapshot, step: &Step) -> Snapshot {
    let mut working = Working::new(base);
    match step {
        Step::Create(count) => create(&mut working, *count),
        Step::Move(every, from, by) => shift(&mut working, *every, *from, *by),
        Step::Delete(every, from) => {
            let rows: Vec<u32> = working.snapshot().tokens.live_rows().skip(*from).step_by(*every).collect();
            for row in rows {
                working.delete_token(row);
            }
        }
        Step::Fail(every) => {
            let failed = working.statement(|working| {
                create(working, *every);
                shift(working, *every, 0, 0.5);
                Err::<(), _>(ng_core::Error::out_of_range("no"))
            });
            assert!(failed.is_err());
            // What comes next begins where the failed statement did.
            shift(&mut working, 7, 3, 0.25);
        }
        Step::Build(_) | Step::Adopt => {}
    }
    working.finish()
}

/// Row → where the index has it; a row that it has twice is an error.
fn places(snapshot: &Snapshot) -> BTreeMap<u32, Point> {
    let (forest, tokens) = (&snapshot.spatial, &snapshot.tokens);
    let metric = Metric::new([1.0; AXES], [0.0; AXES]);
    let mut places = BTreeMap::new();
    let mut found = |row: u32, point: Point| {
        assert!(places.insert(row, point).is_none(), "row {row} is found twice");
    };
    for (tree, moved) in forest.parts() {
        let mut hits: Vec<Hit> = Vec::new();
        let mut passes = |row| tokens.is_live(row) && !moved.contains(row);
        let (mut id, mut work) = (|row| tokens.id(row), Work::default());
        tree.within(&metric, &[0.0; AXES], 1e9, &mut passes, &mut id, &mut hits, &mut work);
        // The distance that the tree computed is that of the present place.
        for hit in hits {
            let point = snapshot.coords(hit.row);
            assert_eq!(hit.distance, metric.distance(&point, &[0.0; AXES]), "row {}", hit.row);
            found(hit.row, point);
        }
    }
    for entry in forest.moves().live_rows() {
        let (columns, slot) = forest.moves().columns(entry);
        let row = columns.row(slot);
        assert!(forest.covers(row));
        if tokens.is_live(row) {
            found(row, columns.coords.get(slot));
        }
    }
    (forest.covered()..tokens.extent())
        .filter(|row| tokens.is_live(*row))
        .for_each(|row| found(row, snapshot.coords(row)));
    places
}

fn check(snapshot: &Snapshot) {
    let expected: BTreeMap<u32, Point> = snapshot.tokens.live_rows().map(|row| (row, snapshot.coords(row))).collect();
    assert_eq!(places(snapshot), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_live_token_is_found_once_at_its_place(steps in steps()) {
        let mut snapshot = Snapshot::new(Catalog::new(None).unwrap());
        let (mut building, mut kept) = (None, Vec::new());
        for step in &steps {
            snapshot = change(&snapshot, step);
            match step {
                Step::Build(chore) if building.is_none() => {
                    let chore = match chore {
                        // A tree begins where others do.
                        Chore::Plant(quarter) => {
                            let trees = snapshot.spatial.trees();
                            let first = trees.get(trees.len().saturating_sub(*quarter as usize)).map(|tree| tree.first);
                            Chore::Plant(first.unwrap_or(snapshot.spatial.covered()))
                        }
                        Chore::Annex => Chore::Annex,
                    };
                    building = Some((snapshot.clone(), chore.build(&snapshot)));
                }
                Step::Adopt => {
                    if let Some((old, built)) = building.take() {
                        let forest = Forest::adopt(&snapshot, &old, built).unwrap();
                        snapshot.spatial = Arc::new(forest);
                    }
                }
                _ => {}
            }
            check(&snapshot);
            kept.push(snapshot.clone());
        }
        // Older versions share what the newer ones have changed.
        kept.iter().for_each(check);
    }
}

#[test]
fn a_long_list_of_moves_calls_for_an_annex_and_many_of_them_for_new_trees() {
    let mut snapshot = change(&Snapshot::new(Catalog::new(None).unwrap()), &Step::Create(50_000));
    let settle = |mut snapshot: Snapshot| {
        let mut done = Vec::new();
        while let Some(chore) = snapshot.spatial.chore(&snapshot.tokens) {
            snapshot.spatial = Arc::new(Forest::adopt(&snapshot, &snapshot, chore.build(&snapshot)).unwrap());
            done.push(chore);
        }
        check(&snapshot);
        (snapshot, done)
    };
    let (planted, done) = settle(snapshot);
    assert_eq!(done, [Chore::Plant(0)]);
    snapshot = change(&planted, &Step::Move(50, 0, 0.5));
    assert_eq!((snapshot.spatial.moves().live(), snapshot.spatial.chore(&snapshot.tokens)), (1000, None));
    let (annexed, done) = settle(change(&snapshot, &Step::Move(1000, 1, 0.5)));
    assert_eq!((annexed.spatial.moves().live(), done), (0, vec![Chore::Annex]));
    let (_, done) = settle(change(&annexed, &Step::Move(12, 5, 0.5)));
    assert_eq!(done, [Chore::Plant(0)]);
}
