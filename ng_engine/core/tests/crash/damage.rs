//! Damaged files: the answer is right or XX001 (0A000 where the format version was hit), soon, and in little memory.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::child::{Child, number, say};
use crate::disk::{contents, restore};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::model::{Commit, Mix, Model, Op, Style, Token, commit};
use crate::room::Room;
use crate::seeds::{Rng, base_seed, times};

/// The longest that opening a damaged store of this size may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most memory that the process may ever have taken, in KiB.
const MEMORY: u64 = 256 << 10;
/// Trials with the same stores, in one process.
const BATCH: u64 = 500;
const MIX: Mix = Mix { alone: true, bulk: false };
/// Where SQLite keeps the version of our format, and how it is to be read and written.
const VERSION: std::ops::Range<usize> = 60..64;

type Files = BTreeMap<String, Vec<u8>>;

/// A store as files, what is in it, and files of its past that could turn up in place of the present ones.
struct Subject {
    seed: u64,
    files: Files,
    past: Vec<Files>,
    model: Model,
    next: Commit,
}

fn named(files: BTreeMap<PathBuf, Vec<u8>>) -> Files {
    files
        .into_iter()
        .map(|(path, content)| (path.file_name().unwrap().to_string_lossy().into_owned(), content))
        .collect()
}

fn subject(seed: u64) -> Subject {
    let mut rng = Rng::new(seed);
    let room = Room::fast();
    let path = room.join("world.ng");
    let mut store = drive::create(&path).unwrap();
    let (mut model, mut past) = (Model::default(), Vec::new());
    if rng.once_in(6) {
        // More than a segment.
        let token = |i: u64| Token { kind: "word".into(), coords: [i as f32; 8], weight: 0.5, props: None };
        let ops = (0..4_200).map(|i| Op::Put(format!("0.many{i}"), token(i))).collect();
        let many = Commit { ops, style: Style::Statement };
        drive::run(&store, &many).unwrap();
        model.commit(&many);
    }
    let count = 20 + rng.below(60);
    for number in 0..count {
        let commit = commit(seed, 0, number, MIX);
        drive::run(&store, &commit).unwrap();
        model.commit(&commit);
        if rng.once_in(12) {
            past.push(named(contents(room.path())));
        }
        match rng.below(40) {
            0..2 => store.checkpoint().unwrap(),
            2 => store.vacuum().unwrap(),
            3..5 => {
                store.close();
                store = drive::open(&path).unwrap();
            }
            _ => {}
        }
    }
    // As a killed process leaves it, or closed: everything in the main file.
    if rng.once_in(3) {
        store.close();
    }
    let files = named(contents(room.path()));
    store.close();
    Subject { seed, files, past, model, next: commit(seed, 0, count, MIX) }
}

/// Damage one file; what was done. The second part says whether the version of the format may be what was hit.
fn damage(files: &mut Files, subject: &Subject, foreign: &Subject, rng: &mut Rng) -> Option<(String, bool)> {
    let names: Vec<String> = files.keys().cloned().collect();
    let name = loop {
        let name = rng.pick(&names).clone();
        // The mark is small: not a third of the damage.
        if !name.ends_with("-mark") || rng.once_in(4) {
            break name;
        }
    };
    let content = files.get_mut(&name).unwrap();
    if content.is_empty() {
        return None;
    }
    let before = content.clone();
    let length = content.len();
    let sector = *rng.pick(&[512, 4096]);
    let sectors = length.div_ceil(sector) as u64;
    let range = |n: u64| (n as usize * sector)..((n as usize + 1) * sector).min(length);
    let what = match rng.below(20) {
        0..11 => {
            // Now and then in the header.
            let within = if rng.once_in(20) { length.min(100) } else { length };
            let (at, bit) = (rng.below(within as u64) as usize, rng.below(8));
            content[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        11 => {
            let at = rng.below(length as u64) as usize;
            let end = (at + 16).min(length);
            // All ones make the longest lengths.
            let ones = rng.once_in(2);
            content[at..end].iter_mut().for_each(|byte| *byte = if ones { 0xFF } else { rng.next() as u8 });
            format!("{} bytes {at}..{end}", if ones { "0xFF" } else { "random" })
        }
        12..14 => {
            let range = range(rng.below(sectors));
            content[range.clone()].fill(0);
            format!("zeros in {range:?}")
        }
        14..16 => {
            let (a, b) = (range(rng.below(sectors)), range(rng.below(sectors)));
            let (left, right) = (content[a.clone()].to_vec(), content[b.clone()].to_vec());
            let both = left.len().min(right.len());
            content[a.start..a.start + both].copy_from_slice(&right[..both]);
            content[b.start..b.start + both].copy_from_slice(&left[..both]);
            format!("{a:?} and {b:?} swapped")
        }
        16 => {
            let to = if rng.once_in(2) { range(rng.below(sectors)).start } else { rng.below(length as u64) as usize };
            content.truncate(to);
            format!("truncated to {to}")
        }
        17 if !subject.past.is_empty() => {
            *content = rng.pick(&subject.past).get(&name)?.clone();
            "an earlier state".into()
        }
        // A main file of another store is another store, with nothing against it but the mark.
        18 if !name.ends_with(".ng") => {
            *content = foreign.files.get(&name)?.clone();
            "another store's".into()
        }
        _ => {
            let more = 1 + rng.below(9000) as usize;
            (0..more).for_each(|_| content.push(rng.next() as u8));
            format!("{more} bytes more")
        }
    };
    let version = name.ends_with(".ng")
        && (content.len() < VERSION.end || content[18..20] != before[18..20] || content[VERSION] != before[VERSION]);
    (*content != before).then(|| (format!("{name}: {what}"), version))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Right,
    Refused,
    Version,
}

impl Answer {
    fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Refused => "XX001",
            Self::Version => "0A000",
        }
    }
}

/// Open a store and read everything; write on and open again.
fn judge(path: &Path, subject: &Subject, version_hit: bool, write: bool) -> Result<Answer, String> {
    let store = match drive::open(path) {
        Ok(store) => store,
        Err(error) if error.sqlstate == "XX001" => return Ok(Answer::Refused),
        Err(error) if error.sqlstate == "0A000" && version_hit => return Ok(Answer::Version),
        Err(error) => return Err(format!("opening gives {}: {error}", error.sqlstate)),
    };
    let is = read_all(&store)?;
    if is != subject.model {
        return Err(format!("a wrong answer: {}", difference(&is, &subject.model)));
    }
    if !write {
        // What is found in parts that no answer comes from is told.
        return match store.check_file() {
            Ok(_) => Ok(Answer::Right),
            Err(error) if error.sqlstate == "XX001" => Ok(Answer::Right),
            Err(error) => Err(format!("check_file gives {}: {error}", error.sqlstate)),
        };
    }
    let mut next = subject.model.clone();
    next.commit(&subject.next);
    match drive::run(&store, &subject.next) {
        Ok(()) => {}
        Err(error) if matches!(error.sqlstate, "XX001" | "58030") => next = subject.model.clone(),
        Err(error) => return Err(format!("a commit gives {}: {error}", error.sqlstate)),
    }
    store.close();
    drop(store);
    let store = match drive::open(path) {
        Ok(store) => store,
        // The damage was where nobody had looked before the commit.
        Err(error) if error.sqlstate == "XX001" => return Ok(Answer::Refused),
        Err(error) => return Err(format!("after a commit opening gives {}: {error}", error.sqlstate)),
    };
    let is = read_all(&store)?;
    if is == next
        || (next == subject.model && {
            next.commit(&subject.next);
            is == next
        })
    {
        return Ok(Answer::Right);
    }
    Err(format!("after a commit a wrong answer: {}", difference(&is, &next)))
}

/// The largest amount of memory this process has had, in KiB; counted anew from here.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let most = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    most
}

/// The job: trials, each told of before it begins, so that whoever waits knows which one never ended.
pub fn trials() {
    let (seed, from, count) = (number("WORK_SEED"), number("FROM"), number("COUNT"));
    let room = Room::fast();
    let subjects: Vec<Subject> = (0..4).map(|n| subject(Rng::part(seed, 10 + n, from).next() >> 1)).collect();
    memory();
    for trial in from..from + count {
        let mut rng = Rng::part(seed, 4, trial);
        let (at, other) = (rng.below(4) as usize, rng.below(3) as usize);
        let (subject, foreign) = (&subjects[at], &subjects[(at + 1 + other) % 4]);
        let mut files = subject.files.clone();
        let Some((what, version_hit)) = damage(&mut files, subject, foreign, &mut rng) else { continue };
        say(&format!("trial {trial} {what} (store {})", subject.seed));
        let directory = room.join("damaged");
        restore(&files.into_iter().map(|(name, content)| (PathBuf::from(name), content)).collect(), &directory);
        let began = Instant::now();
        let path = directory.join("world.ng");
        let answer = catch_unwind(AssertUnwindSafe(|| judge(&path, subject, version_hit, rng.once_in(4))));
        let (took, most) = (began.elapsed(), memory());
        match answer {
            Ok(Ok(_)) if took > PATIENCE => say(&format!("wrong {trial} it took {took:?}")),
            Ok(Ok(_)) if most > MEMORY => say(&format!("wrong {trial} it took {most} KiB")),
            Ok(Ok(answer)) => say(&format!("answer {}", answer.name())),
            Ok(Err(wrong)) => say(&format!("wrong {trial} {wrong}")),
            Err(_) => say(&format!("wrong {trial} a panic")),
        }
    }
    say("through");
}

#[test]
fn damage_is_told_never_believed() {
    let seed = base_seed("damage");
    let mut figures = Figures::of("damage");
    let trials = times(6_500, 270_000);
    let mut wrong = Vec::new();
    let lanes = 2;
    let mut from = 0;
    while from < trials {
        let children: Vec<Child> = (0..lanes)
            .map(|lane| {
                let arguments = [
                    ("WORK_SEED", seed.to_string()),
                    ("FROM", (from + lane * BATCH).to_string()),
                    ("COUNT", BATCH.min(trials).to_string()),
                ];
                Child::start("damage", &arguments)
            })
            .collect();
        from += lanes * BATCH;
        for child in children {
            let (_, said) = child.end(Duration::from_secs(600));
            let mut last = String::new();
            for line in &said {
                match line.split_once(' ') {
                    Some(("trial", _)) => {
                        figures.add("trials", 1);
                        last.clone_from(line);
                    }
                    Some(("answer", answer)) => {
                        let names = [Answer::Right, Answer::Refused, Answer::Version].map(Answer::name);
                        figures.add(names.iter().find(|name| **name == answer).unwrap(), 1);
                    }
                    Some(("wrong", why)) => wrong.push(format!("{last}: {why}")),
                    _ => {}
                }
            }
            if said.last().is_none_or(|line| line != "through") {
                wrong.push(format!("{last}: the process died or hung"));
            }
        }
        assert!(wrong.is_empty(), "SEED={seed}: {} of {}:\n{}", wrong.len(), figures.get("trials"), wrong.join("\n"));
    }
    assert!(figures.get("XX001") > figures.get("trials") / 10, "the damage does nothing");
}

/// Found by the trials: an empty file is a new store only where none has been.
#[test]
fn a_store_cut_to_nothing_is_no_new_store() {
    let subject = subject(1);
    let room = Room::fast();
    for wal in [true, false] {
        let mut files = subject.files.clone();
        files.insert("world.ng".into(), Vec::new());
        files.retain(|name, _| wal || !name.ends_with("-wal"));
        let directory = room.join("cut");
        restore(&files.into_iter().map(|(name, content)| (PathBuf::from(name), content)).collect(), &directory);
        assert_eq!(drive::open(&directory.join("world.ng")).err().unwrap().sqlstate, "XX001");
        assert!(std::fs::read(directory.join("world.ng")).unwrap().is_empty(), "it is left as it was");
    }
}

/// Found by the trials: a length that SQLite calls too big is damage. Every place in turn gets the longest one.
#[test]
fn a_length_that_is_too_big_is_damage() {
    let subject = subject(2);
    let room = Room::fast();
    let directory = room.join("long");
    let length = subject.files["world.ng"].len();
    for at in (4096..length).step_by(length / 150) {
        let mut files = subject.files.clone();
        let content = files.get_mut("world.ng").unwrap();
        let end = (at + 5).min(length);
        content[at..end].copy_from_slice(&[0x8F, 0xFF, 0xFF, 0xFF, 0x7F][..end - at]);
        restore(&files.into_iter().map(|(name, content)| (PathBuf::from(name), content)).collect(), &directory);
        judge(&directory.join("world.ng"), &subject, false, false).unwrap_or_else(|wrong| panic!("byte {at}: {wrong}"));
    }
}
