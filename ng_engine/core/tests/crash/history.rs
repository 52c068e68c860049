//! Random histories against the model: commits, savepoints, rollbacks, opening, closing, a second process, upkeep.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ng_core::runtime_storage::RuntimeStorage;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::child::{Child, say};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::model::{Mix, Model, commit};
use crate::room::Room;
use crate::seeds::{Rng, times};

const MIX: Mix = Mix { alone: true, bulk: false };
const PATIENCE: Duration = Duration::from_secs(20);

/// The job: another process that does as it is told, line by line.
pub fn serve() {
    say("ready");
    let mut store = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        match line.split_once(' ').unwrap() {
            ("open", path) => store = Some(drive::open(Path::new(path)).unwrap()),
            ("close", _) => store.take().unwrap().close(),
            ("commit", seed) => drive::run(store.as_ref().unwrap(), &commit(seed.parse().unwrap(), 0, 0, MIX)).unwrap(),
            _ => panic!("{line}"),
        }
        say("done");
    }
}

/// The other process.
pub struct Other(Child);

impl Other {
    pub fn start() -> Self {
        let child = Child::start("serve", &[]);
        assert!(child.heard(PATIENCE), "the other process does not start");
        Self(child)
    }

    pub fn tell(&mut self, what: &str) -> Result<(), String> {
        let asked = writeln!(self.0.stdin.as_mut().unwrap(), "{what}");
        if asked.is_ok() && self.0.heard(PATIENCE) {
            Ok(())
        } else {
            Err(format!("the other process failed to {what}"))
        }
    }
}

/// One history; a step is a number that everything about it follows from.
struct History<'a> {
    path: PathBuf,
    room: Room,
    /// Handles of this process, all on the same store.
    open: Vec<RuntimeStorage>,
    other: &'a mut Other,
    other_has_it: bool,
    model: Model,
}

impl History<'_> {
    fn step(&mut self, step: u64) -> Result<String, String> {
        let tell = |error: ng_core::Error| format!("{}: {error}", error.sqlstate);
        let mut rng = Rng::new(step);
        let seed = rng.next() >> 1;
        let at = rng.below(self.open.len() as u64) as usize;
        let store = &self.open[at];
        Ok(match rng.below(40) {
            0..22 => {
                let commit = commit(seed, 0, 0, MIX);
                drive::run(store, &commit).map_err(tell)?;
                self.model.commit(&commit);
                format!("{commit:?}")
            }
            22..28 => {
                if !self.other_has_it {
                    self.other.tell(&format!("open {}", self.path.display()))?;
                    self.other_has_it = true;
                }
                self.other.tell(&format!("commit {seed}"))?;
                let commit = commit(seed, 0, 0, MIX);
                self.model.commit(&commit);
                format!("in the other process {commit:?}")
            }
            28 if self.other_has_it => {
                self.other.tell("close it")?;
                self.other_has_it = false;
                "the other process closes it".into()
            }
            28..31 => {
                store.checkpoint().map_err(tell)?;
                "checkpoint".into()
            }
            31 => {
                store.vacuum().map_err(tell)?;
                "vacuum".into()
            }
            32..34 => {
                // By another name.
                let link = self.room.join(&format!("link{}.ng", self.open.len()));
                let _ = std::os::unix::fs::symlink(&self.path, &link);
                self.open.push(drive::open(&link).map_err(tell)?);
                "open once more".into()
            }
            34..36 => {
                self.open.remove(at).close();
                if self.open.is_empty() {
                    self.open.push(drive::open(&self.path).map_err(tell)?);
                }
                "close".into()
            }
            36 => {
                while let Some(store) = self.open.pop() {
                    store.close();
                }
                self.open.push(drive::open(&self.path).map_err(tell)?);
                "close all and open again".into()
            }
            37 => {
                let copy = self.room.join(&format!("copy{}.ng", rng.next()));
                store.backup(&copy).map_err(tell)?;
                let copied = drive::open(&copy).map_err(tell)?;
                let is = read_all(&copied)?;
                if is != self.model {
                    return Err(format!("the backup has lost something: {}", difference(&is, &self.model)));
                }
                copied.close();
                "backup".into()
            }
            38 => {
                let session = store.session();
                session.begin(false).map_err(tell)?;
                let _ = drive::run(&session, &commit(seed, 0, 0, MIX));
                drop(session);
                "a transaction that nobody ends".into()
            }
            _ => {
                let problems = store.check_file().map_err(tell)?;
                if !problems.is_empty() {
                    return Err(format!("check finds {problems:?}"));
                }
                "check".into()
            }
        })
    }

    fn agrees(&self) -> Result<(), String> {
        for store in &self.open {
            let is = read_all(store)?;
            if is != self.model {
                return Err(difference(&is, &self.model));
            }
        }
        Ok(())
    }
}

fn run(steps: &[u64], other: &mut Other) -> Result<(), String> {
    let room = Room::fast();
    let path = room.join("world.ng");
    let store = drive::create(&path).map_err(|error| error.to_string())?;
    let mut history = History { path, room, open: vec![store], other, other_has_it: false, model: Model::default() };
    let mut told = Vec::new();
    let mut outcome = Ok(());
    for step in steps {
        outcome = history.step(*step).and_then(|what| {
            told.push(what);
            history.agrees()
        });
        if outcome.is_err() {
            break;
        }
    }
    if history.other_has_it {
        history.other.tell("close it")?;
    }
    history.open.drain(..).for_each(|store| store.close());
    outcome.map_err(|wrong| format!("{wrong}\nafter\n{:.3000}", told.join("\n")))
}

#[test]
fn histories_agree_with_the_model() {
    let mut figures = Figures::of("histories");
    let cases = times(400, 8_000) as u32;
    let mut other = Other::start();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let seen = std::cell::RefCell::new((&mut other, &mut figures));
    let outcome = TestRunner::new(config).run(&proptest::collection::vec(any::<u64>(), 50), |steps| {
        let (other, figures) = &mut *seen.borrow_mut();
        figures.add("histories", 1);
        figures.add("steps", steps.len() as u64);
        run(&steps, other).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
