//! The n-th write, sync or truncation fails or kills, for n = 1, 2, … until a run gets through.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ng_core::Error;
use ng_core::runtime_storage::RuntimeStorage;

use crate::child::{Child, argument, number, say};
use crate::disk::{Fault, Watch, contents, restore};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::history::Other;
use crate::model::{Mix, Model, commit};
use crate::room::Room;
use crate::seeds::{Rng, base_seed, soak};

/// Commits of a run; a checkpoint comes in the middle.
const COMMITS: u64 = 8;
/// Commits that are there before.
const BEFORE: u64 = 20;
const MIX: Mix = Mix { alone: true, bulk: false };
const PATIENCE: Duration = Duration::from_secs(30);
/// Failures that a disk may cause.
const TYPED: [&str; 2] = ["53100", "58030"];

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A store with a short history, as files: closed, or as a killed process leaves it.
fn base(seed: u64, closed: bool) -> (Files, Model) {
    let room = Room::fast();
    let store = drive::create(&room.join("world.ng")).unwrap();
    let mut model = Model::default();
    for number in 0..BEFORE {
        let commit = commit(seed, 0, number, MIX);
        drive::run(&store, &commit).unwrap();
        model.commit(&commit);
    }
    if closed {
        store.close();
        (contents(room.path()), model)
    } else {
        let files = contents(room.path());
        store.close();
        (files, model)
    }
}

/// What must be in the store, and what may be besides.
struct Expected {
    sure: Model,
    /// With a commit of unknown outcome.
    maybe: Option<Model>,
    /// Writes must be refused until the store is opened again.
    stopped: bool,
}

impl Expected {
    fn allows(&self, is: &Model) -> Result<(), String> {
        if *is == self.sure || self.maybe.as_ref() == Some(is) {
            return Ok(());
        }
        Err(format!("{} (a commit of unknown outcome: {})", difference(is, &self.sure), self.maybe.is_some()))
    }
}

/// A run over a disk that fails; whether the fault was met.
fn failing_run(
    directory: &Path,
    seed: u64,
    before: &Model,
    fault: Fault,
    n: u64,
    other: &mut Other,
) -> Result<bool, String> {
    let path = directory.join("world.ng");
    let watch = Watch::fail(directory, fault, n);
    let mut expected = Expected { sure: before.clone(), maybe: None, stopped: false };
    let ran = match drive::open(&path) {
        Ok(store) => {
            let ran = commits(&store, &watch, seed, fault, &mut expected, other);
            // The checkpoint on closing may fail: the log has everything.
            store.close();
            ran
        }
        Err(error) if TYPED.contains(&error.sqlstate) => Ok(()),
        Err(error) => Err(format!("opening gives {}: {error}", error.sqlstate)),
    };
    watch.stop();
    ran?;
    let tell = |error: Error| format!("afterwards: {}: {error}", error.sqlstate);
    let store = drive::open(&path).map_err(tell)?;
    expected.allows(&read_all(&store)?)?;
    let problems = store.check_file().map_err(tell)?;
    if !problems.is_empty() {
        return Err(format!("afterwards the file is damaged: {problems:?}"));
    }
    drive::run(&store, &commit(seed, 0, BEFORE + COMMITS, MIX)).map_err(tell)?;
    store.close();
    Ok(watch.hit().0)
}

fn commits(
    store: &RuntimeStorage,
    watch: &Watch,
    seed: u64,
    fault: Fault,
    expected: &mut Expected,
    other: &mut Other,
) -> Result<(), String> {
    let mut failures = 0;
    for number in 0..COMMITS {
        if number == COMMITS / 2
            && let Err(error) = store.checkpoint()
        {
            typed("a checkpoint", &error, watch)?;
            // A sync that failed in there stops writes as any other does.
            expected.stopped |= watch.hit().1;
        }
        let commit = commit(seed, 0, BEFORE + number, MIX);
        let mut with = expected.sure.clone();
        with.commit(&commit);
        let idle = with == expected.sure;
        match drive::run(store, &commit) {
            Ok(()) if expected.stopped && !idle => return Err("a write was accepted after a failed sync".into()),
            // Whoever goes on has decided.
            Ok(()) if !idle => (expected.sure, expected.maybe) = (with, None),
            Ok(()) => {}
            Err(error) => {
                typed("a commit", &error, watch)?;
                failures += 1;
                let once = matches!(fault, Fault::Io | Fault::Full);
                if once && failures > 1 && !expected.stopped && error.sqlstate == "53100" {
                    return Err("one full disk failed two commits".into());
                }
                if error.sqlstate == "58030" {
                    if expected.maybe.is_none() && failures == 1 {
                        expected.maybe = Some(with);
                    }
                    expected.stopped |= watch.hit().1;
                } else if expected.stopped {
                    return Err("after a failed sync a write gives something else than 58030".into());
                }
                if failures == 2 {
                    watch.mend();
                }
                if fault == Fault::Full && error.sqlstate == "53100" {
                    // What failed keeps nobody else from writing.
                    let theirs = Rng::part(seed, 5, number).next() >> 1;
                    other.tell(&format!("open {}", watch.directory().join("world.ng").display()))?;
                    other.tell(&format!("commit {theirs}"))?;
                    other.tell("close it")?;
                    expected.sure.commit(&crate::model::commit(theirs, 0, 0, MIX));
                }
            }
        }
        // Reads go on, and show nothing that is not surely committed.
        let is = read_all(store)?;
        if is != expected.sure {
            return Err(format!("after commit {number} readers see: {}", difference(&is, &expected.sure)));
        }
    }
    Ok(())
}

fn typed(what: &str, error: &Error, watch: &Watch) -> Result<(), String> {
    let known = TYPED.contains(&error.sqlstate) && watch.hit().0;
    if known { Ok(()) } else { Err(format!("{what} gives {}: {error}", error.sqlstate)) }
}

#[test]
fn every_failing_call_gives_a_typed_error_and_loses_nothing() {
    let seed = base_seed("faults");
    let mut figures = Figures::of("failing calls");
    let mut other = Other::start();
    let room = Room::fast();
    for round in 0..if soak() { 12 } else { 2 } {
        let seed = Rng::part(seed, 0, round).next() >> 1;
        let (files, model) = base(seed, round % 2 == 0);
        for fault in [Fault::Io, Fault::IoForever, Fault::Full, Fault::ShortThenFull] {
            let (mut n, mut missed) = (0, 0);
            // Background work moves the numbers a little: a few misses in a row are the end.
            while missed < 3 {
                n += 1;
                restore(&files, room.path());
                let hit = failing_run(room.path(), seed, &model, fault, n, &mut other)
                    .unwrap_or_else(|wrong| panic!("SEED={seed}, {fault:?} at call {n}: {wrong}"));
                missed = if hit { 0 } else { missed + 1 };
                figures.add("points", u64::from(hit));
            }
            assert!(n > 20, "{fault:?}: a run makes only {n} calls");
        }
    }
}

/// The job: commits over a disk that kills.
pub fn one_run() {
    let (path, seed) = (PathBuf::from(argument("STORE")), number("WORK_SEED"));
    let fault = if argument("FAULT") == "half" { Fault::KillHalfWay } else { Fault::Kill };
    let watch = Watch::fail(path.parent().unwrap(), fault, number("AT"));
    let store = drive::create(&path).unwrap();
    say("open");
    for count in number("FROM")..BEFORE + COMMITS {
        drive::run(&store, &commit(seed, 0, count, MIX)).unwrap();
        say(&(count + 1).to_string());
        if count == BEFORE + COMMITS / 2 {
            store.checkpoint().unwrap();
        }
    }
    store.close();
    watch.stop();
    say("through");
}

#[test]
fn a_process_killed_in_any_call_leaves_a_store_that_opens_whole() {
    let seed = base_seed("kill in call");
    let mut figures = Figures::of("killing calls");
    let room = Room::fast();
    for round in 0..if soak() { 8 } else { 1 } {
        let seed = Rng::part(seed, 1, round).next() >> 1;
        let ((files, _), nothing) = (base(seed, round % 2 == 0), Files::new());
        for (fault, from) in [("kill", BEFORE), ("half", BEFORE), ("kill", 0), ("half", 0)] {
            for n in 1.. {
                restore(if from == 0 { &nothing } else { &files }, room.path());
                let arguments = [
                    ("STORE", room.join("world.ng").display().to_string()),
                    ("WORK_SEED", seed.to_string()),
                    ("FAULT", fault.to_owned()),
                    ("AT", n.to_string()),
                    // A new store is watched from its first byte to its second commit.
                    ("FROM", if from == 0 { BEFORE + COMMITS - 2 } else { from }.to_string()),
                ];
                let (status, said) = Child::start("fault", &arguments).end(PATIENCE);
                let through = said.iter().any(|line| line == "through");
                let context = format!("SEED={seed}, {fault} at call {n} of a run from commit {from}");
                assert!(status.is_some(), "{context}: it hangs");
                if through {
                    assert!(n > 10, "{context}: already through");
                    break;
                }
                let acknowledged = said.iter().rev().find_map(|line| line.parse().ok());
                if let Err(wrong) = survived(&room, seed, from, acknowledged) {
                    panic!("{context}: {wrong}");
                }
                figures.add("points", 1);
            }
        }
    }
}

fn survived(room: &Room, seed: u64, from: u64, acknowledged: Option<u64>) -> Result<(), String> {
    let tell = |error: Error| format!("{}: {error}", error.sqlstate);
    let start = if from == 0 { BEFORE + COMMITS - 2 } else { 0 };
    let upto = acknowledged.unwrap_or(start.max(from));
    let mut model = Model::default();
    (start..upto).for_each(|number| model.commit(&commit(seed, 0, number, MIX)));
    let mut next = model.clone();
    next.commit(&commit(seed, 0, upto, MIX));
    let store = drive::create(&room.join("world.ng")).map_err(tell)?;
    let is = read_all(&store)?;
    if is != model && is != next {
        return Err(format!("after {upto} commits: {}", difference(&is, &model)));
    }
    store.close();
    Ok(())
}
