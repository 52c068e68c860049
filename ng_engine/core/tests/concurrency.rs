//! Readers beside a writer and the gardener: every snapshot is whole, and every search is exact in its own snapshot.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ng_core::commit::Working;
use ng_core::index::adjacency::Direction;
use ng_core::metric::Point;
use ng_core::ops::View;
use ng_core::ops::nearest::{Search, hits};
use ng_core::request::{NewConnection, NewToken, OnConflict, TokenPatch};
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::snapshot::TokenRef;

fn point(seed: u64) -> Point {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    })
}

/// Tokens come in pairs of the same weight and are connected with each other.
fn pair(working: &mut Working, number: u64) -> ng_core::Result<()> {
    let weight = Some((number % 100) as f32 / 100.0);
    let mut ids = [0; 2];
    for (i, id) in ids.iter_mut().enumerate() {
        let new = NewToken { coords: point(number * 2 + i as u64), weight, ..NewToken::default() };
        *id = working.create_token(&new, OnConflict::Fail)?.expect("no conflict") as i64;
    }
    let connection = NewConnection {
        id: None,
        source: TokenRef::Id(ids[0]),
        target: TokenRef::Id(ids[1]),
        kind: None,
        weight: None,
        confidence: None,
        rigidity: None,
        mutability: None,
        levels: None,
        props: None,
    };
    working.create_connection(&connection, OnConflict::Fail).map(|_| ())
}

fn check(view: &View, query: &Point) -> usize {
    let snapshot = &view.snapshot;
    let rows: Vec<u32> = snapshot.tokens.live_rows().collect();
    assert_eq!(rows.len(), snapshot.connections.live() * 2, "half a commit is visible");
    let mut expected: Vec<(f64, u64)> =
        rows.iter().map(|r| (view.metric.distance(&snapshot.coords(*r), query), snapshot.tokens.id(*r))).collect();
    expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let found = hits(view, query, &Search { k: Some(5), ..Search::default() }).unwrap();
    let found: Vec<(f64, u64)> = found.iter().map(|hit| (hit.distance, hit.id)).collect();
    assert_eq!(found, expected[..5.min(expected.len())]);
    for row in rows.iter().step_by(97) {
        let mut reached = Vec::new();
        snapshot.adjacency.hops(snapshot, *row, Direction::Both, |hop| reached.push(hop.token));
        let partner = *reached.first().expect("every token has its partner");
        let weight = |row| {
            let (columns, slot) = snapshot.tokens.columns(row);
            columns.weight.get(slot)
        };
        assert_eq!((reached.len(), weight(partner)), (1, weight(*row)));
    }
    rows.len()
}

#[test]
fn readers_see_whole_commits_and_exact_answers() {
    let storage = RuntimeStorage::memory(None).unwrap();
    let (done, checks) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for reader in 0..2 {
            let (session, done, checks) = (storage.session(), &done, &checks);
            scope.spawn(move || {
                let (mut last, mut round) = (0, 0);
                while !done.load(Ordering::Relaxed) {
                    round += 1;
                    let seen = check(&session.view().unwrap(), &point(1_000_003 * (round + reader)));
                    assert!(seen + 2_000 >= last, "time ran backwards");
                    last = seen;
                    checks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..12_000 {
            storage.write(|working| pair(working, number)).unwrap();
            if number % 5 == 4 {
                storage
                    .write(|working| {
                        let moved = TokenRef::Id(1 + (number as i64 * 7) % (number as i64));
                        match working.snapshot().find_token(&moved) {
                            Some(row) => {
                                let coords = Some(point(number * 31 + 7));
                                working.update_token(row, &TokenPatch { coords, ..TokenPatch::default() })
                            }
                            None => Ok(()),
                        }
                    })
                    .unwrap();
            }
            if number % 50 == 49 {
                storage
                    .write(|working| {
                        let first = number as i64 / 50 * 2 + 1;
                        for id in [first, first + 1] {
                            let row = working.snapshot().token(&TokenRef::Id(id))?;
                            working.delete_token(row);
                        }
                        Ok(())
                    })
                    .unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(checks.load(Ordering::Relaxed) > 10);
    storage.settle().unwrap();
    let view = storage.view().unwrap();
    assert_eq!(check(&view, &point(3)), 24_000 - 480);
    assert!(!view.snapshot.spatial.trees().is_empty());
}
