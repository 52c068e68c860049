//! kill −9: a child commits and reports each acknowledged commit; it is killed at some moment, and the same file goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{Child, argument, number, say};
use crate::disk::{contents, restore};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::model::{self, Mix, Model, commit};
use crate::room::Room;
use crate::seeds::{Rng, base_seed, times};

/// Kills before a new store is begun.
const PER_STORE: u64 = 40;
/// Far longer than any commit here: a child that says nothing hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The job: every lane of this process commits on a thread of its own, for ever.
pub fn commit_until_killed() {
    let (path, seed) = (PathBuf::from(argument("STORE")), number("WORK_SEED"));
    let mix = mix_of(&argument("MIX"));
    let store = drive::open(&path).unwrap_or_else(|error| stop(&format!("open {}: {error}", error.sqlstate)));
    say("ready");
    std::thread::scope(|scope| {
        for lane in argument("LANES").split(',') {
            let (lane, from) = lane.split_once(':').unwrap();
            let (lane, from): (u64, u64) = (lane.parse().unwrap(), from.parse().unwrap());
            let session = store.session();
            scope.spawn(move || {
                let mut rng = Rng::part(seed ^ 1, lane, from);
                for number in from.. {
                    drive::run(&session, &commit(seed, lane, number, mix))
                        .unwrap_or_else(|error| stop(&format!("commit {lane}:{number} {}: {error}", error.sqlstate)));
                    say(&format!("{lane} {}", number + 1));
                    let kept = match rng.below(120) {
                        0..3 => session.checkpoint(),
                        3 => session.vacuum(),
                        _ => Ok(()),
                    };
                    kept.unwrap_or_else(|error| stop(&format!("checkpoint or vacuum {}: {error}", error.sqlstate)));
                }
            });
        }
    });
}

fn stop(why: &str) -> ! {
    say(&format!("error {why}"));
    std::process::exit(9)
}

fn mix_text(mix: Mix) -> String {
    format!("{}{}", u8::from(mix.alone), u8::from(mix.bulk))
}

fn mix_of(text: &str) -> Mix {
    Mix { alone: text.starts_with('1'), bulk: text.ends_with('1') }
}

/// One store and the histories of its lanes.
struct Course {
    path: PathBuf,
    seed: u64,
    mix: Mix,
    /// Lanes of each process.
    processes: Vec<Vec<u64>>,
    /// What each lane has surely done, and what it should have left.
    done: BTreeMap<u64, (u64, Model)>,
}

impl Course {
    fn new(path: PathBuf, rng: &mut Rng) -> Self {
        let threads = *rng.pick(&[1, 1, 1, 2, 4]);
        let processes = *rng.pick(&[1, 1, 1, 2]);
        let lanes: Vec<Vec<u64>> = (0..processes).map(|p| (0..threads).map(|t| p * 4 + t).collect()).collect();
        let mix = Mix { alone: threads * processes == 1, bulk: rng.once_in(8) };
        let done = lanes.iter().flatten().map(|lane| (*lane, (0, Model::default()))).collect();
        Self { path, seed: rng.next() >> 1, mix, processes: lanes, done }
    }

    /// Start the processes, kill each at its moment, and note what they have acknowledged.
    fn killed(&mut self, rng: &mut Rng, figures: &mut Figures) {
        let start = |lanes: &Vec<u64>| {
            let lanes: Vec<String> = lanes.iter().map(|lane| format!("{lane}:{}", self.done[lane].0)).collect();
            let arguments = [
                ("STORE", self.path.display().to_string()),
                ("WORK_SEED", self.seed.to_string()),
                ("LANES", lanes.join(",")),
                ("MIX", mix_text(self.mix)),
            ];
            Child::start("commit", &arguments)
        };
        let children: Vec<Child> = self.processes.iter().map(start).collect();
        for child in children {
            // Some are killed while they open, most while they commit.
            if !rng.once_in(6) {
                child.heard(PATIENCE);
            }
            std::thread::sleep(Duration::from_micros(2000 + rng.below(38_000)));
            for line in child.kill() {
                if line == "ready" {
                    continue;
                }
                assert!(!line.starts_with("error"), "seed {}: {line}", self.seed);
                let (lane, count) = line.split_once(' ').unwrap();
                let (lane, count): (u64, u64) = (lane.parse().unwrap(), count.parse().unwrap());
                self.advance(lane, count);
                figures.add("commits", 1);
            }
            figures.add("kills", 1);
        }
    }

    fn advance(&mut self, lane: u64, count: u64) {
        let (done, model) = self.done.get_mut(&lane).unwrap();
        while *done < count {
            model.commit(&commit(self.seed, lane, *done, self.mix));
            *done += 1;
        }
    }

    /// Open what is there: of every lane all that was acknowledged, and of the commit under way all or nothing.
    fn verify(&mut self, path: &Path, thoroughly: bool) {
        let seed = self.seed;
        let store = drive::open(path)
            .unwrap_or_else(|error| panic!("seed {seed}: it does not open: {} {error}", error.sqlstate));
        let held = read_all(&store).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let lanes: Vec<u64> = self.done.keys().copied().collect();
        let mut known = 0;
        for lane in lanes {
            let is = held.lane(lane);
            known += is.tokens.len();
            let (count, model) = &self.done[&lane];
            if is == *model {
                continue;
            }
            let mut next = model.clone();
            next.commit(&commit(seed, lane, *count, self.mix));
            assert!(
                is == next,
                "seed {seed}, lane {lane} after {count} commits: {}; with the commit under way: {}",
                difference(&is, model),
                difference(&is, &next)
            );
            self.advance(lane, count + 1);
        }
        assert_eq!(known, held.tokens.len(), "seed {seed}: there are tokens of no lane");
        if thoroughly {
            assert_eq!(store.check_file().unwrap(), [], "seed {seed}");
        }
        store.close();
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let seed = base_seed("kill");
    let mut rng = Rng::new(seed);
    let mut figures = Figures::of("kill -9");
    let kills = times(500, 20_000);
    while figures.get("kills") < kills {
        let room = if rng.once_in(3) { Room::on_disk() } else { Room::fast() };
        let mut course = Course::new(room.join("world.ng"), &mut rng);
        drive::create(&course.path).unwrap().close();
        let until = (figures.get("kills") + PER_STORE).min(kills);
        while figures.get("kills") < until {
            course.killed(&mut rng, &mut figures);
            // What recovers the file is now this process, now the next child: then only a copy is looked at.
            if rng.once_in(2) {
                let path = course.path.clone();
                course.verify(&path, rng.once_in(4));
            } else {
                let copy = room.join("copy");
                restore(&contents(room.path()), &copy);
                course.verify(&copy.join("world.ng"), false);
            }
        }
        figures.add("stores", 1);
    }
}

#[test]
fn the_model_can_tell_one_commit_from_the_next() {
    let mix = Mix { alone: true, bulk: false };
    let changed = (0..200).filter(|n| model::after(7, 0, *n, mix) != model::after(7, 0, n + 1, mix)).count();
    assert!(changed > 120, "only {changed} of 200 commits change anything");
}

#[test]
fn the_model_does_what_a_store_does() {
    for (seed, alone) in [(1, true), (2, true), (3, false)] {
        let mix = Mix { alone, bulk: false };
        let store = ng_core::runtime_storage::RuntimeStorage::memory(None).unwrap();
        drive::prepare(&store).unwrap();
        let mut model = Model::default();
        for number in 0..300 {
            let commit = commit(seed, 0, number, mix);
            drive::run(&store, &commit).unwrap_or_else(|error| panic!("{}: {error}: {commit:?}", error.sqlstate));
            model.commit(&commit);
            let is = read_all(&store).unwrap();
            assert!(is == model, "seed {seed}, commit {number} {commit:?}: {}", difference(&is, &model));
            assert!(is.lane(0) == model, "everything is of the one lane");
        }
    }
}
