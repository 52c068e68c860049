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
                w.sweep()?;
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

/// Change some bytes, or the length.
fn damage(payload: &[u8], flips: &[(u32, u8)], cut: Option<u32>) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    if let Some(cut) = cut {
        bytes.truncate(cut as usize % (bytes.len() + 1));
    }
    for (at, value) in flips {
        let len = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(*at as usize % len) {
            *byte ^= value;
        }
    }
    bytes
}

fn flips() -> impl Strategy<Value = (Vec<(u32, u8)>, Option<u32>)> {
    (prop::collection::vec((any::<u32>(), 1u8..), 0..6), proptest::option::of(any::<u32>()))
}

fn legible<T>(result: ng_core::Result<T>) -> Option<T> {
    result.map_err(|error| assert_eq!(error.sqlstate, "XX001", "{error}")).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_payloads_are_refused_or_read(
        acts in prop::collection::vec(act(), 10..40),
        at in any::<prop::sample::Index>(),
        (flips, cut) in flips(),
    ) {
        let (log, versions) = go(&acts, false);
        if log.is_empty() {
            return Ok(());
        }
        let at = at.index(log.len());
        let base = reopened(&versions[at]);
        let mut working = Working::new(&base);
        legible(working.replay(&damage(&log[at], &flips, cut)));

        let last = &versions[log.len()];
        for number in 0..last.tokens.filled() {
            let payload = codec::encode(last.tokens.segment(number)).unwrap();
            legible(codec::decode::<Token>(&damage(&payload, &flips, cut), 1));
            // Where descriptions of lengths and offsets are.
            let head: Vec<_> = flips.iter().map(|(at, value)| (at % 2048, *value)).collect();
            legible(codec::decode::<Token>(&damage(&payload, &head, None), 1));
        }
        for number in 0..last.connections.filled() {
            let payload = codec::encode(last.connections.segment(number)).unwrap();
            let head: Vec<_> = flips.iter().map(|(at, value)| (at % 2048, *value)).collect();
            legible(codec::decode::<Connection>(&damage(&payload, &head, None), 1));
            prop_assert!(codec::decode::<Token>(&payload, 1).is_err());
        }
        let encoded = state::encode(last, 3);
        if let Some(state) = legible(state::decode(&damage(&encoded, &flips, cut))) {
            let tokens = legible(Table::assemble(segments::<Token>(&last.tokens), state.last_token()));
            let connections = legible(Table::assemble(segments::<Connection>(&last.connections), state.last_connection()));
            if let (Some(tokens), Some(connections)) = (tokens, connections) {
                legible(Snapshot::assemble(state, tokens, connections));
            }
        }
    }
}

fn tokens(working: &mut Working, count: usize) {
    for i in 0..count {
        let key = i.is_multiple_of(7).then(|| format!("key {i}"));
        let new = NewToken {
            key: key.as_deref(),
            coords: [i as f32; 8],
            props: i.is_multiple_of(1000).then_some(PROPS),
            ..NewToken::default()
        };
        working.create_token(&new, OnConflict::Fail).unwrap();
    }
}

fn ring(working: &mut Working, count: usize) {
    let row = |i: usize| {
        let i = i as i64;
        Ok(NewConnection {
            id: None,
            source: TokenRef::Id(i + 1),
            target: TokenRef::Id((i + 1) % count as i64 + 1),
            kind: None,
            weight: None,
            confidence: None,
            rigidity: None,
            mutability: None,
            levels: None,
            props: None,
        })
    };
    working.create_connections(count, row, OnConflict::Fail).unwrap();
}

#[test]
fn segments_without_live_rows_and_with_few_are_stored() {
    let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    working.record();
    tokens(&mut working, 12_500);
    ring(&mut working, 12_500);
    // The first segment has no live row, the second a single one, the last lies empty.
    (0..8191).chain(12_288..12_500).for_each(|row| {
        working.delete_token(row);
    });
    let Redo::Operations(payload) = working.end_commit() else { panic!("too large") };
    let snapshot = working.finish();
    assert!(snapshot.tokens.segment(0).is_hollow() && !snapshot.tokens.segment(3).is_hollow());
    let size = |n: usize| codec::encode(snapshot.tokens.segment(n)).unwrap().len();
    assert!(size(0) < 1024, "{}", size(0));
    let mut replayed = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    replayed.replay(&payload).unwrap();
    let replayed = replayed.finish();
    same(&snapshot, &replayed);
    let again = reopened(&snapshot);
    same(&snapshot, &again);
    // Both go on alike.
    for base in [&snapshot, &again, &replayed] {
        let mut working = Working::new(base);
        let id = working.create_token(&NewToken::default(), OnConflict::Fail).unwrap();
        assert_eq!((id, working.snapshot().tokens.find(12_501)), (Some(12_501), Some(12_500)));
    }
    let mut working = Working::new(&again);
    assert!(working.compact().unwrap());
    assert!(!working.compact().unwrap());
    let compact = working.finish();
    assert_eq!((compact.tokens.extent(), compact.connections.extent()), (4097, 4096));
    assert_eq!((compact.epoch, compact.tokens.last_id()), (again.epoch + 1, 12_500));
    same(&compact, &reloaded(&reopened(&snapshot), &compact));
}

#[test]
fn a_commit_too_large_to_list_is_loaded_by_segments() {
    let empty = Snapshot::new(Catalog::new(None).unwrap());
    let mut working = Working::new(&empty);
    working.record();
    tokens(&mut working, 1000);
    let mark = working.mark();
    tokens_without_keys(&mut working, 300_000);
    // What was too large and is undone costs nothing.
    working.restore(mark, false);
    let Redo::Operations(payload) = working.end_commit() else { panic!("too large") };
    assert!(payload.len() < 100_000);
    let before = working.snapshot().clone();
    tokens_without_keys(&mut working, 300_000);
    assert_eq!(working.end_commit(), Redo::Bulk);
    working.update_token(3, &TokenPatch { weight: Some(0.25), ..TokenPatch::default() }).unwrap();
    let Redo::Operations(last) = working.end_commit() else { panic!("too large") };
    let snapshot = working.finish();
    let stamps = |s: &Snapshot| (0..s.tokens.segments()).map(|n| s.tokens.segment(n).version()).collect::<Vec<_>>();
    assert_eq!(stamps(&snapshot)[..2], [3, 2]);

    let mut other = Working::new(&empty);
    other.replay(&payload).unwrap();
    let other = other.finish();
    assert_eq!(stamps(&other), stamps(&before));
    let caught_up = reloaded(&other, &snapshot);
    assert_eq!(stamps(&caught_up), stamps(&snapshot));
    assert_eq!(caught_up.tokens.live(), 301_000);
    assert_eq!(caught_up.find_key("key 700"), Some(700));
    assert_eq!(caught_up.tokens.find(300_999), Some(300_998));
    assert!(Working::new(&caught_up).replay(&last).is_ok());
    assert_eq!(Working::new(&caught_up).replay(&payload).unwrap_err().sqlstate, "XX001");
    assert_eq!(Working::new(&caught_up).replay(&ng_core::redo::RELOAD).unwrap_err().sqlstate, "XX001");
}

fn tokens_without_keys(working: &mut Working, count: usize) {
    for i in 0..count {
        working.create_token(&NewToken { coords: [i as f32; 8], ..NewToken::default() }, OnConflict::Fail).unwrap();
    }
}

#[test]
fn commits_that_could_not_be_written_are_undone() {
    for bulk in [false, true] {
        let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
        tokens(&mut working, 20);
        ring(&mut working, 10);
        let base = working.finish();
        // A group of commits, none of which reaches the disk.
        let mut working = Working::new(&base);
        working.record();
        let start = working.mark();
        let connection = NewConnection {
            id: None,
            source: TokenRef::Id(15),
            target: TokenRef::Id(16),
            kind: None,
            weight: None,
            confidence: None,
            rigidity: None,
            mutability: None,
            levels: None,
            props: None,
        };
        working.create_connection(&connection, OnConflict::Fail).unwrap();
        working.end_commit();
        if bulk {
            tokens_without_keys(&mut working, 100_000);
            let many = |i: usize| Ok(NewConnection { target: TokenRef::Id(i as i64 + 21), ..connection.clone() });
            working.create_connections(100_000, many, OnConflict::Fail).unwrap();
            working.end_commit();
        }
        working.restore(start, false);
        assert!(!working.changed());
        // The next writer takes the same rows.
        working.create_connection(&connection, OnConflict::Fail).unwrap();
        let Redo::Operations(payload) = working.end_commit() else { panic!("too large") };
        let again = working.finish();
        let mut hops = 0;
        again.adjacency.hops(&again, 14, Direction::Out, |_| hops += 1);
        assert_eq!((hops, again.version, again.connections.live()), (1, 2, 11));
        let mut other = Working::new(&reopened(&base));
        other.replay(&payload).unwrap();
        same(&again, &other.finish());
    }
}

/// A segment none of whose rows is left.
fn hollow<R: Stored>() -> Segment<R> {
    Segment::from_parts(R::columns(), 4096, Some([0; 64]), 0).unwrap()
}

#[test]
fn what_is_left_of_a_damaged_store_goes_on() {
    for lost in 0..3 {
        let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
        tokens(&mut working, 9000);
        ring(&mut working, 9000);
        let checkpoint = working.finish();
        let mut working = Working::new(&checkpoint);
        working.record();
        let lost_row = lost * 4096 + 7;
        let kept_row = (lost * 4096 + 4103) % 9000;
        for row in [lost_row, kept_row] {
            let patch = TokenPatch { weight: Some(0.75), ..TokenPatch::default() };
            working.update_token(row as u32, &patch).unwrap();
        }
        tokens_without_keys(&mut working, 10);
        working.delete_token(kept_row as u32 + 1);
        let Redo::Operations(payload) = working.end_commit() else { panic!("too large") };
        let whole = working.finish();

        let mut left = segments::<Token>(&checkpoint.tokens);
        if lost == 2 {
            left.truncate(2)
        } else {
            left[lost] = hollow()
        }
        let mut state = state::decode(&state::encode(&checkpoint, 0)).unwrap();
        let tokens = Table::assemble(left, state.last_token()).unwrap();
        let mut connections =
            Table::assemble(segments::<Connection>(&checkpoint.connections), state.last_connection()).unwrap();
        let endless: Vec<u32> = connections.live_rows().collect();
        for row in endless {
            let (columns, slot) = connections.columns(row);
            if [columns.source.get(slot), columns.target.get(slot)].iter().any(|end| tokens.find(*end).is_none()) {
                connections.delete(row);
            }
        }
        state.token_segments = tokens.filled();
        let mut working = Working::new(&Snapshot::assemble(state, tokens, connections).unwrap());
        assert_eq!(working.replay_remains(&payload).unwrap(), 1, "{lost}");
        let left = working.snapshot();
        assert_eq!((left.version, left.tokens.extent()), (whole.version, whole.tokens.extent()));
        assert_eq!(left.tokens.read(kept_row as u32).weight, 0.75);
        for row in left.tokens.live_rows() {
            assert_eq!(left.tokens.read(row), whole.tokens.read(row));
            assert_eq!(left.tokens.find(left.tokens.id(row)), Some(row));
        }
        assert_eq!(left.tokens.find(9010), whole.tokens.find(9010));
        assert!(working.compact().unwrap());
        assert_eq!(working.snapshot().tokens.find(9010), Some(working.snapshot().tokens.extent() - 1));
    }
}

#[test]
#[ignore = "prints times: for release builds"]
fn times() {
    use std::time::Instant;
    let each = |what: &str, rows: usize, began: Instant| {
        eprintln!("{what}: {:.0} ns a row", began.elapsed().as_nanos() as f64 / rows as f64);
    };
    const ROWS: usize = 100_000;
    let empty = Snapshot::new(Catalog::new(None).unwrap());
    for recorded in [false, true, false, true, false, true, false, true] {
        let mut working = Working::new(&empty);
        if recorded {
            working.record();
        }
        let began = Instant::now();
        tokens_without_keys(&mut working, ROWS);
        each(&format!("create tokens, recorded {recorded}"), ROWS, began);
        let began = Instant::now();
        for row in 0..ROWS as u32 {
            working.update_token(row, &TokenPatch { weight: Some(0.25), ..TokenPatch::default() }).unwrap();
        }
        each(&format!("update tokens, recorded {recorded}"), ROWS, began);
        let payload = working.end_commit();
        if let Redo::Operations(payload) = payload
            && recorded
        {
            eprintln!("{} bytes a row", payload.len() / ROWS);
            let mut other = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
            let began = Instant::now();
            other.replay(&payload).unwrap();
            each("replay create and update", 2 * ROWS, began);
        }
        let began = Instant::now();
        ring(&mut working, ROWS - 1);
        each(&format!("connect, recorded {recorded}"), ROWS, began);
        if let Redo::Operations(payload) = working.end_commit()
            && recorded
        {
            eprintln!("{} bytes a row", payload.len() / ROWS);
            let mut other = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
            tokens_without_keys(&mut other, ROWS);
            other.end_commit();
            let began = Instant::now();
            other.replay(&payload).unwrap();
            each("replay connections", ROWS, began);
        }
    }
    let mut working = Working::new(&empty);
    tokens_without_keys(&mut working, 1_000_000);
    for _ in 0..3 {
        let snapshot = working.snapshot();
        let began = Instant::now();
        let payloads: Vec<_> = (0..244).map(|n| codec::encode(snapshot.tokens.segment(n)).unwrap()).collect();
        each("encode tokens without text", 244 * 4096, began);
        let began = Instant::now();
        let decoded: Vec<_> = payloads.iter().map(|p| codec::decode::<Token>(p, 1).unwrap()).collect();
        each("decode tokens without text", 244 * 4096, began);
        drop(decoded);
    }
    let mut working = Working::new(&empty);
    tokens(&mut working, 1_000_000);
    ring(&mut working, 1_000_000);
    let snapshot = working.finish();
    for _ in 0..2 {
        let began = Instant::now();
        let payloads: Vec<_> = (0..244).map(|n| codec::encode(snapshot.tokens.segment(n)).unwrap()).collect();
        each("encode tokens", 244 * 4096, began);
        let began = Instant::now();
        let decoded: Vec<_> = payloads.iter().map(|p| codec::decode::<Token>(p, 1).unwrap()).collect();
        each("decode tokens", 244 * 4096, began);
        drop(decoded);
        let payloads: Vec<_> = (0..244).map(|n| codec::encode(snapshot.connections.segment(n)).unwrap()).collect();
        let began = Instant::now();
        let decoded: Vec<_> = payloads.iter().map(|p| codec::decode::<Connection>(p, 1).unwrap()).collect();
        each("decode connections", 244 * 4096, began);
        drop(decoded);
        let state = state::decode(&state::encode(&snapshot, 0)).unwrap();
        let (a, b) = (segments::<Token>(&snapshot.tokens), segments::<Connection>(&snapshot.connections));
        let began = Instant::now();
        let a = Table::assemble(a, state.last_token()).unwrap();
        let b = Table::assemble(b, state.last_connection()).unwrap();
        each("assemble tables", 1_000_000, began);
        let began = Instant::now();
        Snapshot::assemble(state, a, b).unwrap();
        each("assemble snapshot", 1_000_000, began);
    }
}

#[test]
#[ignore = "prints times: for release builds"]
fn times_of_opening() {
    use std::time::Instant;
    let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    for i in 0..1_000_000 {
        let key = format!("key {i}");
        let new = NewToken { key: Some(&key), coords: [i as f32; 8], ..NewToken::default() };
        working.create_token(&new, OnConflict::Fail).unwrap();
    }
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        TokenRef::Id((state >> 33) as i64 % 1_000_000 + 1)
    };
    let rows: Vec<_> = (0..5_000_000).map(|_| (random(), random())).collect();
    let row = |number: usize| {
        let (source, target): (TokenRef, TokenRef) = rows[number].clone();
        Ok(NewConnection {
            id: None,
            source,
            target,
            kind: None,
            weight: None,
            confidence: None,
            rigidity: None,
            mutability: None,
            levels: None,
            props: None,
        })
    };
    working.create_connections(rows.len(), row, OnConflict::Nothing).unwrap();
    let snapshot = working.finish();
    let encoded = state::encode(&snapshot, 0);
    for _ in 0..4 {
        let state = state::decode(&encoded).unwrap();
        let (a, b) = (segments::<Token>(&snapshot.tokens), segments::<Connection>(&snapshot.connections));
        let began = Instant::now();
        let a = Table::assemble(a, state.last_token()).unwrap();
        let b = Table::assemble(b, state.last_connection()).unwrap();
        eprintln!("tables: {:?}", began.elapsed());
        let began = Instant::now();
        Snapshot::assemble(state, a, b).unwrap();
        eprintln!("indexes: {:?}", began.elapsed());
    }
}
