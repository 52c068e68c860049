//! What a commit writes down does it again: in another process, after a crash, and through a checkpoint's segments.

#![allow(clippy::unwrap_used, reason = "a test")]

use ng_core::catalog::Catalog;
use ng_core::commit::Working;
use ng_core::connection::Connection;
use ng_core::index::adjacency::Direction;
use ng_core::redo::Redo;
use ng_core::request::{ConnectionPatch, NewConnection, NewToken, OnConflict, TokenPatch};
use ng_core::segment::{Record, Segment, Table};
use ng_core::snapshot::{Snapshot, TokenRef};
use ng_core::store::codec::{self, Stored};
use ng_core::store::state;
use ng_core::token::Token;
use proptest::prelude::*;

/// A write, whose numbers pick among what there is.
#[derive(Clone, Debug)]
enum Act {
    Token {
        id: Option<u16>,
        key: Option<u8>,
        kind: Option<u8>,
        x: f32,
        props: bool,
    },
    Update {
        at: u16,
        key: Option<Option<u8>>,
        x: Option<f32>,
        kind: Option<u8>,
        props: Option<bool>,
    },
    Delete {
        at: u16,
    },
    Connect {
        from: u16,
        to: u16,
        id: Option<u16>,
        kind: Option<u8>,
        props: bool,
    },
    Strengthen {
        at: u16,
        weight: f32,
        props: Option<bool>,
    },
    Cut {
        at: u16,
    },
    Scales {
        scale: f64,
    },
    Flags {
        bits: u8,
    },
    Profile {
        id: u8,
    },
    Clear,
    Compact,
    /// Many rows at once.
    Many {
        count: u16,
    },
    /// The next acts are done and undone.
    Undo {
        count: u8,
        exposed: bool,
    },
    Commit,
}

fn act() -> impl Strategy<Value = Act> {
    let x = -10.0f32..10.0;
    let maybe = |strategy: std::ops::Range<u8>| proptest::option::weighted(0.6, strategy);
    prop_oneof![
        8 => (proptest::option::weighted(0.2, 1u16..400), maybe(0..30), maybe(0..6), x.clone(), any::<bool>())
            .prop_map(|(id, key, kind, x, props)| Act::Token { id, key, kind, x, props }),
        6 => (any::<u16>(), proptest::option::of(proptest::option::of(0u8..30)), proptest::option::of(x.clone()),
            maybe(0..6), proptest::option::of(any::<bool>()))
            .prop_map(|(at, key, x, kind, props)| Act::Update { at, key, x, kind, props }),
        2 => any::<u16>().prop_map(|at| Act::Delete { at }),
        8 => (any::<u16>(), any::<u16>(), proptest::option::weighted(0.2, 1u16..400), maybe(0..6), any::<bool>())
            .prop_map(|(from, to, id, kind, props)| Act::Connect { from, to, id, kind, props }),
        4 => (any::<u16>(), x, proptest::option::of(any::<bool>()))
            .prop_map(|(at, weight, props)| Act::Strengthen { at, weight, props }),
        2 => any::<u16>().prop_map(|at| Act::Cut { at }),
        1 => (0.0f64..9.0).prop_map(|scale| Act::Scales { scale }),
        1 => (0u8..8).prop_map(|bits| Act::Flags { bits }),
        1 => (0u8..4).prop_map(|id| Act::Profile { id }),
        1 => Just(Act::Clear),
        1 => Just(Act::Compact),
        1 => (1u16..6000).prop_map(|count| Act::Many { count }),
        2 => (1u8..6, any::<bool>()).prop_map(|(count, exposed)| Act::Undo { count, exposed }),
        5 => Just(Act::Commit),
    ]
}

fn pick<R: Record>(table: &Table<R>, at: u16) -> Option<u32> {
    let rows: Vec<u32> = table.live_rows().collect();
    (!rows.is_empty()).then(|| rows[at as usize % rows.len()])
}

const PROPS: &str = "{\"a\": [1, 2, \"ä\"]}";

/// Do it as a statement would; refusals are as good as anything.
fn run(working: &mut Working, act: &Act) {
    let name = |kind: &Option<u8>| kind.map(|kind| ["event", "Own", "ÄRGER", "goal", "own 2", "rule"][kind as usize]);
    let text = |has: bool| has.then_some(PROPS);
    let _ = working.statement(|w| match act {
        Act::Token { id, key, kind, x, props } => {
            let key = key.map(|key| format!("key {key}"));
            let new = NewToken {
                id: id.map(i64::from),
                key: key.as_deref(),
                kind: name(kind),
                coords: [*x, 0.0, 1.0, *x, 0.0, 0.0, 0.0, -0.0],
                props: text(*props),
                ..NewToken::default()
            };
            w.create_token(&new, OnConflict::Nothing).map(|_| ())
        }
        Act::Update { at, key, x, kind, props } => {
            let Some(row) = pick(&w.snapshot().tokens, *at) else { return Ok(()) };
            let key = key.map(|key| key.map(|key| format!("key {key}")));
            let patch = TokenPatch {
                key: key.as_ref().map(|key| key.as_deref()),
                kind: name(kind),
                coords: x.map(|x| [x; 8]),
                flags: kind.map(|kind| 5 + 256 * u16::from(kind)),
                weight: x.map(|x| x.abs() / 10.0),
                props: props.map(text),
                ..TokenPatch::default()
            };
            w.update_token(row, &patch)
        }
        Act::Delete { at } => {
            if let Some(row) = pick(&w.snapshot().tokens, *at) {
                w.delete_token(row);
                w.sweep();
            }
            Ok(())
        }
        Act::Connect { from, to, id, kind, props } => {
            let tokens = &w.snapshot().tokens;
            let (Some(from), Some(to)) = (pick(tokens, *from), pick(tokens, *to)) else { return Ok(()) };
            let end = |row: u32| TokenRef::Id(w.snapshot().tokens.id(row) as i64);
            let new = NewConnection {
                id: id.map(i64::from),
                source: end(from),
                target: end(to),
                kind: name(kind),
                weight: None,
                confidence: Some(0.25),
                rigidity: None,
                mutability: None,
                levels: Some(3),
                props: text(*props),
            };
            w.create_connection(&new, OnConflict::Nothing).map(|_| ())
        }
        Act::Strengthen { at, weight, props } => {
            let Some(row) = pick(&w.snapshot().connections, *at) else { return Ok(()) };
            let patch = ConnectionPatch {
                weight: Some(*weight),
                mutability: Some(if *weight < 0.0 { "hypothesis" } else { "learnable" }),
                props: props.map(text),
                ..ConnectionPatch::default()
            };
            w.update_connection(row, &patch)
        }
        Act::Cut { at } => {
            if let Some(row) = pick(&w.snapshot().connections, *at) {
                w.delete_connection(row);
            }
            Ok(())
        }
        Act::Scales { scale } => {
            let cdna = w.snapshot().cdna.with_scales([*scale; 8])?;
            w.set_cdna(cdna);
            Ok(())
        }
        Act::Flags { bits } => {
            let cdna = w.snapshot().cdna.with_flags(i64::from(*bits))?;
            w.set_cdna(cdna);
            Ok(())
        }
        Act::Profile { id } => {
            let known = w.snapshot().cdna.clone();
            w.set_cdna(known.with_active(known.by_id(i64::from(*id))?));
            Ok(())
        }
        Act::Clear => {
            w.clear();
            Ok(())
        }
        Act::Compact => w.compact().map(|_| ()),
        Act::Many { count } => {
            for i in 0..*count {
                let new = NewToken { coords: [f32::from(i); 8], ..NewToken::default() };
                w.create_token(&new, OnConflict::Fail)?;
            }
            Ok(())
        }
        Act::Undo { .. } | Act::Commit => Ok(()),
    });
}

fn rows<R: Record + std::fmt::Debug>(table: &Table<R>) -> Vec<(usize, u64, bool, Option<String>)> {
    let mut all = Vec::new();
    for number in 0..table.segments() {
        let segment: &Segment<R> = table.segment(number);
        for slot in 0..segment.len() {
            let row = (!segment.is_hollow()).then(|| format!("{:?}", R::read(segment.columns(), slot)));
            all.push((number, segment.version(), segment.is_live(slot), row));
        }
    }
    all
}

/// Both are the same store: rows in their places, names, profile, ids, and what the indexes answer.
fn same(a: &Snapshot, b: &Snapshot) {
    assert_eq!(
        (a.version, a.epoch, a.next_token, a.next_connection),
        (b.version, b.epoch, b.next_token, b.next_connection)
    );
    assert_eq!(rows(&a.tokens), rows(&b.tokens));
    assert_eq!(rows(&a.connections), rows(&b.connections));
    assert_eq!((a.tokens.live(), a.connections.live()), (b.tokens.live(), b.connections.live()));
    assert_eq!((a.tokens.last_id(), a.connections.last_id()), (b.tokens.last_id(), b.connections.last_id()));
    assert!(a.catalog.token_types.iter().eq(b.catalog.token_types.iter()));
    assert!(a.catalog.connection_types.iter().eq(b.catalog.connection_types.iter()));
    assert_eq!((&a.catalog.axes, &a.cdna.active, &a.cdna.known), (&b.catalog.axes, &b.cdna.active, &b.cdna.known));
    for key in 0..30 {
        let key = format!("key {key}");
        assert_eq!(a.find_key(&key), b.find_key(&key), "{key}");
    }
    for id in 0..a.next_token.max(500) {
        assert_eq!(a.tokens.find(id), b.tokens.find(id), "token {id}");
    }
    for id in 0..a.next_connection.max(500) {
        assert_eq!(a.connections.find(id), b.connections.find(id), "connection {id}");
    }
    for row in a.connections.live_rows() {
        let c = a.connections.read(row);
        assert_eq!(b.find_triple(c.source, c.target, c.kind), Some(row));
    }
    for row in a.tokens.live_rows() {
        for direction in [Direction::Out, Direction::In] {
            let hops = |s: &Snapshot| {
                let mut hops = Vec::new();
                s.adjacency.hops(s, row, direction, |hop| hops.push((hop.connection, hop.token, hop.kind)));
                hops.sort_unstable();
                hops
            };
            let expected = a.connections.live_rows().filter(|c| {
                let c = a.connections.read(*c);
                a.tokens.id(row) == if direction == Direction::Out { c.source } else { c.target }
            });
            if a.connections.live() * a.tokens.live() < 20_000 {
                assert!(hops(a).iter().map(|hop| hop.0).eq(expected), "hops of row {row}");
            }
            assert_eq!(hops(a), hops(b), "row {row}");
        }
    }
}

fn segments<R: Stored>(table: &Table<R>) -> Vec<Segment<R>> {
    let stored = (0..table.filled()).map(|n| (codec::encode(table.segment(n)).unwrap(), table.segment(n).version()));
    stored.map(|(payload, version)| codec::decode(&payload, version).unwrap()).collect()
}

/// Written by a checkpoint and read again.
fn reopened(snapshot: &Snapshot) -> Snapshot {
    let state = state::decode(&state::encode(snapshot, 7)).unwrap();
    assert_eq!(state.list_checksum, 7);
    let tokens = Table::assemble(segments::<Token>(&snapshot.tokens), state.last_token()).unwrap();
    let connections = Table::assemble(segments::<Connection>(&snapshot.connections), state.last_connection()).unwrap();
    Snapshot::assemble(state, tokens, connections).unwrap()
}

/// What another process makes of it that saw `seen` last.
fn reloaded(seen: &Snapshot, snapshot: &Snapshot) -> Snapshot {
    fn changed<R: Stored>(old: &Table<R>, new: &Table<R>, all: bool) -> Vec<(usize, Segment<R>)> {
        let stamp = |n: usize| if n < old.filled() && !all { old.segment(n).version() } else { 0 };
        let loaded = segments(new).into_iter().enumerate();
        loaded.filter(|(n, segment)| segment.version() > stamp(*n)).collect()
    }
    let state = state::decode(&state::encode(snapshot, 0)).unwrap();
    let all = seen.epoch != snapshot.epoch;
    let tokens = changed(&seen.tokens, &snapshot.tokens, all);
    let connections = changed(&seen.connections, &snapshot.connections, all);
    seen.reloaded(state, tokens, connections).unwrap()
}

fn go(acts: &[Act], in_transaction: bool) -> (Vec<Vec<u8>>, Vec<Snapshot>) {
    let start = |base: &Snapshot| {
        let mut working = if in_transaction { Working::transaction(base) } else { Working::new(base) };
        working.record();
        working
    };
    let mut working = start(&Snapshot::new(Catalog::new(None).unwrap()));
    let (mut log, mut versions) = (Vec::new(), vec![working.snapshot().clone()]);
    let mut undo = None;
    for act in acts {
        if let Some((left, mark, exposed, held)) = undo.take() {
            if left > 0 && !matches!(act, Act::Commit | Act::Undo { .. }) {
                run(&mut working, act);
                // Somebody holds the state that will be undone.
                let held = if exposed { Some(working.snapshot().clone()) } else { held };
                undo = Some((left - 1, mark, exposed, held));
                continue;
            }
            working.restore(mark, exposed);
        }
        match act {
            Act::Undo { count, exposed } => {
                undo = Some((*count, working.mark(), *exposed && in_transaction, None::<Snapshot>));
            }
            Act::Commit if working.changed() => {
                if log.len() % 2 == 0 {
                    // The end of a transaction, or of a statement by itself.
                    let Redo::Operations(payload) = working.end_commit() else { panic!("too large") };
                    let snapshot = working.finish();
                    assert!(!payload.is_empty());
                    log.push(payload);
                    working = start(&snapshot);
                    versions.push(snapshot);
                } else {
                    // One of several commits that are published together.
                    let Redo::Operations(payload) = working.end_commit() else { panic!("too large") };
                    log.push(payload);
                    versions.push(working.snapshot().clone());
                }
            }
            Act::Commit => {}
            act => run(&mut working, act),
        }
    }
    (log, versions)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn replay_gives_the_same_store(acts in prop::collection::vec(act(), 1..60), in_transaction in any::<bool>()) {
        let (log, versions) = go(&acts, in_transaction);
        // Another process: nothing is shared with the one that wrote.
        let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
        for (payload, version) in log.iter().zip(&versions[1..]) {
            working.replay(payload).unwrap();
            prop_assert_eq!(working.snapshot().version, version.version);
        }
        let (last, replayed) = (&versions[log.len()], working.finish());
        same(last, &replayed);
        same(last, &reopened(last));
        let middle = &versions[versions.len() / 2];
        same(last, &reloaded(&reopened(middle), last));
        same(middle, &reopened(middle));
    }
}
