//! Stores in files, through sessions: what was committed is there, for everybody and after every end.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use ng_core::commit::Working;
use ng_core::request::{NewConnection, NewToken, OnConflict, TokenPatch};
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::snapshot::TokenRef;
use ng_core::store::Store;
use ng_core::store::open::OpenOptions;

/// A folder of its own, gone at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("ng-durable-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> std::path::PathBuf {
        self.0.join("world.ng")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> RuntimeStorage {
    RuntimeStorage::open(path, &OpenOptions::default()).unwrap()
}

fn reader(path: &Path) -> RuntimeStorage {
    RuntimeStorage::open(path, &OpenOptions { read_only: true, ..OpenOptions::default() }).unwrap()
}

fn token(working: &mut Working, i: u64) -> ng_core::Result<u64> {
    let key = format!("k{i}");
    let new = NewToken { key: Some(&key), coords: [i as f32; 8], ..NewToken::default() };
    Ok(working.create_token(&new, OnConflict::Fail)?.unwrap())
}

fn count(storage: &RuntimeStorage) -> (usize, usize) {
    let snapshot = storage.view().unwrap().snapshot;
    (snapshot.tokens.live(), snapshot.connections.live())
}

/// Everything there is, for comparison.
fn contents(storage: &RuntimeStorage) -> (u64, Vec<String>) {
    let snapshot = storage.view().unwrap().snapshot;
    let tokens = snapshot.tokens.live_rows().map(|row| format!("{:?}", snapshot.tokens.read(row)));
    let connections = snapshot.connections.live_rows().map(|row| format!("{:?}", snapshot.connections.read(row)));
    (snapshot.version, tokens.chain(connections).collect())
}

fn connect(working: &mut Working, source: u64, target: u64) -> ng_core::Result<u64> {
    let new = NewConnection {
        id: None,
        source: TokenRef::Id(source as i64),
        target: TokenRef::Id(target as i64),
        kind: Some("knows"),
        weight: None,
        confidence: None,
        rigidity: None,
        mutability: None,
        levels: None,
        props: Some("{\"a\": 1}"),
    };
    Ok(working.create_connection(&new, OnConflict::Fail)?.unwrap())
}

#[test]
fn a_store_is_what_it_was_after_it_is_closed_and_opened() {
    let folder = Folder::new();
    let before = {
        let storage = open(&folder.store());
        for i in 1..=100 {
            storage.write_rows(1, |working| token(working, i)).unwrap();
        }
        storage.write_rows(1, |working| connect(working, 1, 2)).unwrap();
        storage.write_rows(1, |working| connect(working, 2, 3)).unwrap();
        storage
            .write(|working| working.update_token(4, &TokenPatch { weight: Some(0.75), ..Default::default() }))
            .unwrap();
        storage
            .write(|working| {
                working.delete_token(9);
                Ok(())
            })
            .unwrap();
        let before = contents(&storage);
        storage.close();
        assert_eq!(storage.view().err().unwrap().sqlstate, "08003");
        before
    };
    assert_eq!(before.0, 104);
    let storage = open(&folder.store());
    assert_eq!(contents(&storage), before);
    assert_eq!(storage.view().unwrap().snapshot.find_key("k4"), Some(3));
    assert_eq!(storage.check_file().unwrap(), []);
    // Without closing: the log alone has the last commit.
    storage.write_rows(1, |working| token(working, 101)).unwrap();
    let copy = folder.0.join("copy.ng");
    storage.backup(&copy).unwrap();
    assert_eq!(storage.backup(&copy).unwrap_err().sqlstate, "58P02");
    assert_eq!(contents(&open(&copy)), contents(&storage));
}

#[test]
fn a_large_commit_is_segments_and_a_follower_loads_them() {
    let folder = Folder::new();
    let writer = open(&folder.store());
    let follower = reader(&folder.store());
    writer.write_rows(1, |working| token(working, 1)).unwrap();
    assert_eq!(count(&follower), (1, 0));
    writer.write(|working| (2..=200_000).try_for_each(|i| token(working, i).map(|_| ()))).unwrap();
    assert_eq!(count(&follower), (200_000, 0));
    writer.write_rows(1, |working| connect(working, 1, 200_000)).unwrap();
    writer
        .write(|working| working.update_token(7, &TokenPatch { coords: Some([9.0; 8]), ..Default::default() }))
        .unwrap();
    assert_eq!(contents(&follower), contents(&writer));
    let snapshot = follower.view().unwrap().snapshot;
    assert_eq!(snapshot.find_key("k150000"), Some(149_999));
    assert!(snapshot.find_triple(1, 200_000, snapshot.catalog.connection_types.code("knows").unwrap()).is_some());
    writer.vacuum().unwrap();
    writer.write(|working| Ok(working.clear())).unwrap();
    assert_eq!(count(&follower), (0, 0));
    assert_eq!(contents(&follower), contents(&writer));
    drop((writer, follower));
    assert_eq!(count(&open(&folder.store())), (0, 0));
}

#[test]
fn many_committers_share_syncs_and_each_gets_its_own_answer() {
    let folder = Folder::new();
    let storage = open(&folder.store());
    let (threads, each) = (16, 40);
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads as u64 {
            let (storage, barrier) = (storage.session(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                for i in 0..each {
                    let id = storage.write_rows(1, |working| token(working, thread * each + i)).unwrap();
                    let snapshot = storage.view().unwrap().snapshot;
                    let row = snapshot.tokens.find(id).unwrap();
                    assert_eq!(snapshot.tokens.read(row).coords, [(thread * each + i) as f32; 8]);
                    let again = storage.write_rows(1, |working| token(working, thread * each + i));
                    assert_eq!(again.unwrap_err().sqlstate, "23505");
                }
            });
        }
    });
    let total = threads * each as usize;
    assert_eq!(count(&storage), (total, 0));
    let figures: std::collections::HashMap<_, _> = storage.store().figures().unwrap().into_iter().collect();
    assert_eq!(figures["commits"], total as u64);
    assert!(figures["syncs"] < figures["commits"], "{figures:?}");
    drop(storage);
    assert_eq!(count(&open(&folder.store())), (total, 0));
}

#[test]
fn transactions_are_one_commit_and_closing_rolls_back() {
    let folder = Folder::new();
    let storage = open(&folder.store());
    let session = storage.session();
    session.begin(false).unwrap();
    session.write(|working| token(working, 1)).unwrap();
    session.savepoint("a").unwrap();
    session.write(|working| token(working, 2)).unwrap();
    session.rollback_to("a").unwrap();
    session.write(|working| token(working, 3)).unwrap();
    assert_eq!(count(&storage), (0, 0));
    session.commit().unwrap();
    assert_eq!(count(&storage), (2, 0));
    assert_eq!(storage.view().unwrap().snapshot.version, 1);
    session.begin(false).unwrap();
    session.write(|working| token(working, 4)).unwrap();
    storage.set_busy_timeout(std::time::Duration::from_millis(20));
    assert_eq!(storage.write(|working| token(working, 5)).unwrap_err().sqlstate, "55P03");
    assert_eq!(storage.write_rows(1, |working| token(working, 5)).unwrap_err().sqlstate, "55P03");
    storage.close();
    drop((session, storage));
    assert_eq!(count(&open(&folder.store())), (2, 0));
}

#[test]
fn the_same_file_twice_is_one_store() {
    let folder = Folder::new();
    let (one, two) = (open(&folder.store()), open(&folder.0.join(".").join("world.ng")));
    assert!(std::sync::Arc::ptr_eq(one.store(), two.store()));
    one.write_rows(1, |working| token(working, 1)).unwrap();
    one.close();
    two.write_rows(1, |working| token(working, 2)).unwrap();
    assert_eq!(count(&two), (2, 0));
    drop((one, two));
    let reader = reader(&folder.store());
    assert_eq!(count(&reader), (2, 0));
    assert_eq!(reader.write(|working| token(working, 3)).unwrap_err().sqlstate, "25006");
}

#[test]
fn salvage_of_a_whole_store_is_a_copy() {
    let folder = Folder::new();
    let storage = open(&folder.store());
    storage.write(|working| (1..=5_000).try_for_each(|i| token(working, i).map(|_| ()))).unwrap();
    storage.checkpoint().unwrap();
    storage.write_rows(1, |working| connect(working, 1, 5_000)).unwrap();
    let before = contents(&storage);
    drop(storage);
    let copy = folder.0.join("copy.ng");
    let salvaged = Store::salvage(&folder.store(), &copy).unwrap();
    assert_eq!((salvaged.tokens, salvaged.connections, salvaged.lost), (5_000, 1, vec![]));
    assert_eq!(contents(&open(&copy)), before);
}
