//! Many rows at once are what they are one by one: the same rows, ids, names and errors, or nothing at all.

#![allow(clippy::unwrap_used, reason = "a test")]

use ng_core::cancel::Cancel;
use ng_core::catalog::Catalog;
use ng_core::commit::Working;
use ng_core::connection::Connection;
use ng_core::error::Error;
use ng_core::memory::Allowance;
use ng_core::redo::Redo;
use ng_core::request::{NewConnection, NewToken, OnConflict};
use ng_core::segment::{Record, Table};
use ng_core::snapshot::{Snapshot, TokenRef};
use ng_core::token::Token;
use proptest::prelude::*;

/// Rows of the store before.
const BEFORE: usize = 5000;

#[derive(Clone, Copy, Debug)]
enum Ids {
    None,
    Rising,
    Shuffled,
    /// Those of the rows from here on.
    From(usize),
    /// Those of the rows up to here.
    To(usize),
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    KeyTwice,
    KeyThere,
    KeyEmpty,
    IdTwice,
    IdThere,
    IdZero,
    Infinite,
    Refused,
    Props,
    Unreadable,
}

#[derive(Clone, Debug)]
struct Load {
    count: usize,
    ids: Ids,
    keys: Option<usize>,
    types: Option<usize>,
    trouble: Option<(Trouble, usize)>,
    on_conflict: OnConflict,
}

/// The numbers below `count` in another order.
fn shuffled(number: usize, count: usize) -> usize {
    let step = [7919, 7907, 7901].into_iter().find(|step| !count.is_multiple_of(*step)).unwrap();
    number * step % count
}

fn load(counts: std::ops::Range<usize>) -> impl Strategy<Value = Load> {
    let ids = prop_oneof![
        Just(Ids::None),
        Just(Ids::Rising),
        Just(Ids::Shuffled),
        (1usize..9000).prop_map(Ids::From),
        (1usize..9000).prop_map(Ids::To)
    ];
    use Trouble::*;
    let trouble = prop::sample::select(vec![
        KeyTwice, KeyThere, KeyEmpty, IdTwice, IdThere, IdZero, Infinite, Refused, Props, Unreadable,
    ]);
    let trouble = proptest::option::of((trouble, 1usize..12_000));
    let on_conflict = prop::sample::select(vec![OnConflict::Fail, OnConflict::Nothing]);
    (counts, ids, proptest::option::of(1usize..4), proptest::option::of(1usize..40), trouble, on_conflict).prop_map(
        |(count, ids, keys, types, trouble, on_conflict)| {
            let trouble = trouble.map(|(trouble, at)| (trouble, at % (count - 1) + 1));
            Load { count, ids, keys, types, trouble, on_conflict }
        },
    )
}

impl Load {
    fn texts(&self) -> Vec<(String, String)> {
        (0..self.count).map(|n| (format!("new {n}"), format!("Type {}", n / 5 % self.types.unwrap_or(1)))).collect()
    }

    fn id(&self, number: usize) -> Option<i64> {
        let (first, id) = (3 * BEFORE, number as i64);
        match self.ids {
            Ids::None => None,
            Ids::Rising => Some(first as i64 + 3 * id),
            Ids::Shuffled => Some((first + shuffled(number, self.count)) as i64),
            Ids::From(start) => (number >= start).then_some(first as i64 + 2 * id),
            Ids::To(end) => (number < end).then_some(first as i64 + 2 * id),
        }
    }

    fn token<'a>(&self, texts: &'a [(String, String)], number: usize) -> ng_core::Result<NewToken<'a>> {
        let mut new = NewToken {
            id: self.id(number),
            key: self.keys.filter(|every| number.is_multiple_of(*every)).map(|_| &*texts[number].0),
            kind: self.types.map(|_| &*texts[number].1),
            coords: [number as f32; 8],
            props: number.is_multiple_of(1000).then_some("{}"),
            ..NewToken::default()
        };
        match self.trouble.filter(|(_, at)| *at == number).map(|(trouble, _)| trouble) {
            Some(Trouble::KeyTwice) => new.key = Some(&texts[0].0),
            Some(Trouble::KeyThere) => new.key = Some("old 4999"),
            Some(Trouble::KeyEmpty) => new.key = Some(""),
            Some(Trouble::IdTwice) => new.id = self.id(number - 1),
            Some(Trouble::IdThere) => new.id = Some(BEFORE as i64),
            Some(Trouble::IdZero) => new.id = Some(0),
            Some(Trouble::Infinite) => new.coords[3] = f32::INFINITY,
            Some(Trouble::Refused) => new.weight = Some(1.5),
            Some(Trouble::Props) => new.props = Some("["),
            Some(Trouble::Unreadable) => return Err(Error::invalid_text("cannot be read")),
            None => {}
        }
        Ok(new)
    }

    fn connection<'a>(&self, texts: &'a [(String, String)], number: usize) -> ng_core::Result<NewConnection<'a>> {
        let (source, target) = (number % BEFORE, number / BEFORE);
        let mut new = NewConnection {
            id: self.id(number),
            source: TokenRef::Id(source as i64 + 1),
            target: TokenRef::Key(format!("old {target}")),
            kind: self.types.map(|_| &*texts[number].1),
            weight: None,
            confidence: None,
            rigidity: None,
            mutability: None,
            levels: None,
            props: number.is_multiple_of(1000).then_some("{}"),
        };
        match self.trouble.filter(|(_, at)| *at == number).map(|(trouble, _)| trouble) {
            Some(Trouble::KeyTwice) => {
                let kind = self.types.map(|_| &*texts[number - 1].1);
                return Ok(NewConnection { id: new.id, kind, ..self.connection(texts, number - 1)? });
            }
            Some(Trouble::KeyThere) => new.target = TokenRef::Key("not there".to_owned()),
            Some(Trouble::KeyEmpty) => new.kind = Some(""),
            Some(Trouble::IdTwice) => new.id = self.id(number - 1),
            Some(Trouble::IdThere) => new.id = Some(1),
            Some(Trouble::IdZero) => new.id = Some(0),
            Some(Trouble::Infinite) => new.weight = Some(f32::INFINITY),
            Some(Trouble::Refused) => new.rigidity = Some(-1.0),
            Some(Trouble::Props) => new.props = Some("["),
            Some(Trouble::Unreadable) => return Err(Error::invalid_text("cannot be read")),
            None => {}
        }
        Ok(new)
    }
}

/// Tokens with keys, of which some are deleted, and a connection.
fn before() -> Snapshot {
    let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    for number in 0..BEFORE {
        let key = format!("old {number}");
        let new = NewToken { key: Some(&key), ..NewToken::default() };
        working.create_token(&new, OnConflict::Fail).unwrap();
    }
    let load = Load { count: 1, ids: Ids::None, keys: None, types: None, trouble: None, on_conflict: OnConflict::Fail };
    let texts = load.texts();
    let new = NewConnection { kind: Some("causes"), ..load.connection(&texts, 0).unwrap() };
    working.create_connection(&new, OnConflict::Fail).unwrap();
    working.finish()
}

fn rows<R: Record>(table: &Table<R>) -> Vec<R> {
    table.live_rows().map(|row| table.read(row)).collect()
}

fn same(a: &Snapshot, b: &Snapshot) {
    assert_eq!((a.next_token, a.next_connection), (b.next_token, b.next_connection));
    assert_eq!((a.tokens.extent(), a.tokens.last_id()), (b.tokens.extent(), b.tokens.last_id()));
    assert_eq!((a.connections.extent(), a.connections.last_id()), (b.connections.extent(), b.connections.last_id()));
    assert!(rows::<Token>(&a.tokens) == rows(&b.tokens) && rows::<Connection>(&a.connections) == rows(&b.connections));
    assert!(a.catalog.token_types.iter().eq(b.catalog.token_types.iter()));
    assert!(a.catalog.connection_types.iter().eq(b.catalog.connection_types.iter()));
    for row in a.tokens.live_rows() {
        let token = a.tokens.read(row);
        assert_eq!((a.tokens.find(token.id), b.tokens.find(token.id)), (Some(row), Some(row)));
        if let Some(key) = token.key {
            assert_eq!((a.find_key(&key), b.find_key(&key)), (Some(row), Some(row)));
        }
    }
    for row in a.connections.live_rows() {
        let c = a.connections.read(row);
        let triple = |snapshot: &Snapshot| snapshot.find_triple(c.source, c.target, c.kind);
        assert_eq!((triple(a), triple(b)), (Some(row), Some(row)));
        assert_eq!((a.connections.find(c.id), b.connections.find(c.id)), (Some(row), Some(row)));
    }
    let absent = [1, BEFORE as u64 + 1, 3 * BEFORE as u64 - 1, a.next_token];
    assert_eq!(absent.map(|id| a.tokens.find(id)), absent.map(|id| b.tokens.find(id)));
}

type Done = Result<Vec<u64>, (usize, Error)>;

fn told(done: &Done) -> Result<&[u64], (usize, &str, &str)> {
    done.as_deref().map_err(|(row, error)| (*row, error.sqlstate, &*error.message))
}

/// At once, undone, and one by one: all of it in the same commit.
fn alike(base: &Snapshot, many: impl Fn(&mut Working) -> Done, each: impl Fn(&mut Working) -> Done) {
    let mut working = Working::transaction(base);
    let mark = working.mark();
    let done = many(&mut working);
    let at_once = done.is_ok().then(|| working.snapshot().clone());
    working.restore(mark, true);
    same(base, working.snapshot());
    let expected = each(&mut working);
    assert_eq!(told(&done), told(&expected));
    if let Some(at_once) = at_once {
        same(&at_once, working.snapshot());
    }

    let mut working = Working::new(base);
    working.record();
    if many(&mut working).is_err() || !working.changed() {
        return;
    }
    let redo = working.end_commit();
    let after = working.finish();
    if let Redo::Operations(payload) = redo {
        let mut replayed = Working::new(base);
        replayed.replay(&payload).unwrap();
        same(&after, &replayed.finish());
    }
    // The rows that follow go on from there.
    let mut working = Working::new(&after);
    let id = working.create_token(&NewToken { key: Some("last"), ..NewToken::default() }, OnConflict::Fail).unwrap();
    assert_eq!((id, working.snapshot().find_key("last")), (Some(after.next_token), Some(after.tokens.extent())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn tokens_at_once_are_those_one_by_one(load in load(4097..14_000), empty in any::<bool>()) {
        let base = if empty { Snapshot::new(Catalog::new(None).unwrap()) } else { before() };
        let texts = load.texts();
        let many = |w: &mut Working| w.create_tokens(load.count, |n| load.token(&texts, n), load.on_conflict);
        let each = |w: &mut Working| {
            let one = |n| load.token(&texts, n).and_then(|new| w.create_token(&new, load.on_conflict));
            let ids = (0..load.count).map(one).enumerate().map(|(n, done)| done.map_err(|error| (n, error)));
            ids.filter_map(Result::transpose).collect()
        };
        alike(&base, many, each);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn connections_at_once_are_those_one_by_one(load in load(65_536..70_000)) {
        let (base, texts) = (before(), load.texts());
        let many = |w: &mut Working| w.create_connections(load.count, |n| load.connection(&texts, n), load.on_conflict);
        let each = |w: &mut Working| {
            let one = |n| load.connection(&texts, n).and_then(|new| w.create_connection(&new, load.on_conflict));
            let ids = (0..load.count).map(one).enumerate().map(|(n, done)| done.map_err(|error| (n, error)));
            ids.filter_map(Result::transpose).collect()
        };
        alike(&base, many, each);
    }
}

#[test]
fn a_load_that_memory_does_not_hold_leaves_nothing() {
    let base = before();
    let plain = Load {
        count: 70_000,
        ids: Ids::None,
        keys: Some(1),
        types: None,
        trouble: None,
        on_conflict: OnConflict::Fail,
    };
    let texts = plain.texts();
    // Too little for the columns, or for the keys besides.
    for bytes in [plain.count as u64 * 60, plain.count as u64 * 80] {
        let mut working = Working::new(&base);
        working.bound_by(Cancel::default(), Allowance::of(bytes));
        let refused = working.statement(|w| {
            w.create_tokens(plain.count, |n| plain.token(&texts, n), OnConflict::Fail).map_err(|(_, error)| error)
        });
        assert_eq!(refused.unwrap_err().sqlstate, "53200");
        assert!(!working.changed());
        same(&base, working.snapshot());
        let refused = working.statement(|w| {
            let row = |n| plain.connection(&texts, n);
            w.create_connections(plain.count, row, OnConflict::Fail).map_err(|(_, error)| error)
        });
        assert_eq!(refused.unwrap_err().sqlstate, "53200");
        same(&base, working.snapshot());
    }
    // What was tried at once and undone takes nothing from what is then taken one by one.
    let there = Load { trouble: Some((Trouble::KeyThere, 69_999)), on_conflict: OnConflict::Nothing, ..plain };
    let mut working = Working::new(&base);
    working.bound_by(Cancel::default(), Allowance::of(there.count as u64 * 140));
    let ids = working.create_tokens(there.count, |n| there.token(&texts, n), there.on_conflict).unwrap();
    assert_eq!(ids.len(), there.count - 1);
}

#[test]
fn a_column_that_says_nothing_is_one_chunk() {
    let load =
        Load { count: 12_288, ids: Ids::None, keys: None, types: None, trouble: None, on_conflict: OnConflict::Fail };
    let mut working = Working::new(&Snapshot::new(Catalog::new(None).unwrap()));
    let row = |n: usize| Ok(NewToken { weight: Some(if n < 4096 { 0.25 } else { 0.5 }), ..load.token(&[], n)? });
    working.create_tokens(load.count, row, OnConflict::Fail).unwrap();
    let before = working.snapshot().clone();
    let weights = |snapshot: &Snapshot, n: usize| snapshot.tokens.segment(n).columns().weight.clone();
    let shared = |a: usize, b: usize| std::sync::Arc::ptr_eq(&weights(&before, a), &weights(&before, b));
    assert!([shared(0, 1), shared(0, 2)] == [false; 2]);
    assert_eq!([0, 4095, 4096, 12_287].map(|row| before.tokens.read(row).weight), [0.25, 0.25, 0.5, 0.5]);
    let times = |n: usize| before.tokens.segment(n).columns().created_at.clone();
    assert!(std::sync::Arc::ptr_eq(&times(0), &times(2)));
    // A change of one row is no change of another.
    let patch = ng_core::request::TokenPatch { flags: Some(1), ..Default::default() };
    working.update_token(5000, &patch).unwrap();
    let after = working.finish();
    assert_eq!([904, 5000, 9096].map(|row| after.tokens.read(row).flags), [5, 1, 5]);
    assert_eq!(before.tokens.read(5000).flags, 5);
}
