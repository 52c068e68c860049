//! Damage that SQLite cannot see: rows that are missing, in another's place, or of another time, each whole in itself.

use std::path::PathBuf;

use rusqlite::{Connection, params};

use crate::disk::{contents, restore};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::model::{Commit, Mix, Model, Op, Style, Token, commit};
use crate::room::Room;
use crate::seeds::{Rng, base_seed, times};

/// Nothing is cleared: there are several segments to the end.
const MIX: Mix = Mix { alone: false, bulk: false };

/// A store of several segments with a log behind its checkpoint.
struct Files {
    /// As a killed process leaves it: what is in the log alone is in no segment.
    now: PathBuf,
    /// Earlier.
    past: PathBuf,
    /// What came of a copy made earlier, in which other things were then done: the same versions, rows and sizes.
    other: PathBuf,
    model: Model,
}

fn token(i: u64, place: f32) -> Token {
    Token { kind: "word".into(), coords: [i as f32 + place; 8], weight: 0.5, props: None }
}

fn many(from: u64, place: f32) -> Commit {
    let ops = (from..from + 4_500).map(|i| Op::Put(format!("0.many{i}"), token(i, place))).collect();
    Commit { ops, style: Style::Statement }
}

fn store(room: &Room, seed: u64) -> Files {
    let (past, now, other) = (room.join("past"), room.join("now"), room.join("other"));
    let mut model = Model::default();
    {
        let store = drive::create(&room.join("world.ng")).unwrap();
        let mut run = |commit: &Commit| {
            drive::run(&store, commit).unwrap();
            model.commit(commit);
        };
        run(&many(0, 0.0));
        (0..30).for_each(|number| run(&commit(seed, 0, number, MIX)));
        store.close();
    }
    restore(&contents(room.path()), &past);
    for (place, to, number) in [(0.0, &now, 0), (1.0, &other, 1)] {
        let branch = room.join(&format!("branch{number}"));
        restore(&contents(&past), &branch);
        let store = drive::open(&branch.join("world.ng")).unwrap();
        let mut model_there = model.clone();
        let mut run = |commit: &Commit| {
            drive::run(&store, commit).unwrap();
            model_there.commit(commit);
        };
        run(&many(4_500, place));
        run(&many(100, place));
        (30..60).for_each(|number| run(&commit(seed, 0, number, MIX)));
        store.checkpoint().unwrap();
        for number in 60..80 {
            let moved = Op::Put("0.many7".into(), token(number, place));
            run(&Commit { ops: vec![moved], style: Style::Statement });
            run(&commit(seed, 0, number, MIX));
        }
        restore(&contents(&branch), to);
        store.close();
        if number == 0 {
            model = model_there;
        } else {
            // Its rows must be read as they stand in the file: without its log.
            restore(&contents(&branch), to);
            break;
        }
    }
    Files { now, past, other, model }
}

/// Change rows behind the store's back; what was done, and whether a check must find it.
fn change(database: &Connection, files: &Files, rng: &mut Rng) -> rusqlite::Result<(String, bool)> {
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (first, last) =
        (number("SELECT min(version) FROM commit_log")?, number("SELECT max(version) FROM commit_log")?);
    let version = first + rng.below((last - first + 1) as u64) as i64;
    let segments: Vec<i64> = database
        .prepare("SELECT place FROM segment")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let place = *rng.pick(&segments);
    for (name, directory) in [("past", &files.past), ("other", &files.other)] {
        database.execute(&format!("ATTACH ? AS {name}"), params![directory.join("world.ng").to_string_lossy()])?;
    }
    let took = |sql: &str, parameter: i64| database.execute(sql, [parameter]);
    Ok(match rng.below(12) {
        0 => {
            took("DELETE FROM commit_log WHERE version = ?", version)?;
            (format!("commit {version} of {first}..={last} deleted"), version > first)
        }
        1 => {
            took("DELETE FROM commit_log WHERE version >= ?", version.max(first + 1))?;
            (format!("commits from {version} deleted"), true)
        }
        2 => {
            took("DELETE FROM segment WHERE place = ?", place)?;
            (format!("segment {place} deleted"), true)
        }
        3 => {
            let other = *rng.pick(&segments);
            let sql = "UPDATE segment SET payload = (SELECT payload FROM segment WHERE place = ?2), crc = (SELECT crc FROM segment \
                       WHERE place = ?2), version = (SELECT version FROM segment WHERE place = ?2) WHERE place = ?1";
            database.execute(sql, [place, other])?;
            (format!("segment {place} is a copy of {other}"), place != other)
        }
        4 => {
            let sql = "INSERT OR REPLACE INTO segment SELECT * FROM past.segment WHERE place = ?";
            let differs = "SELECT count(*) FROM segment s JOIN past.segment p USING (place) WHERE place = ? AND s.version <> p.version";
            let differs = database.query_row(differs, [place], |row| row.get::<_, i64>(0))? > 0;
            took(sql, place)?;
            (format!("segment {place} as it was"), differs)
        }
        5 => {
            database.execute("UPDATE meta SET (value, crc) = (SELECT value, crc FROM past.meta WHERE name = 'state') WHERE name = 'state'", [])?;
            ("the state as it was".into(), true)
        }
        6 => {
            let to = version + if rng.once_in(2) { 1 } else { -1 };
            database.execute("DELETE FROM commit_log WHERE version = ?", [to])?;
            database.execute("UPDATE commit_log SET version = ? WHERE version = ?", [to, version])?;
            (format!("commit {version} says it is {to}"), true)
        }
        7 => {
            let sql = "UPDATE commit_log SET payload = (SELECT payload FROM commit_log WHERE version = ?2), at = (SELECT at FROM commit_log \
                       WHERE version = ?2), crc = (SELECT crc FROM commit_log WHERE version = ?2) WHERE version = ?1";
            let other = first + rng.below((last - first + 1) as u64) as i64;
            database.execute(sql, [version, other])?;
            (format!("commit {version} is a copy of {other}"), version != other)
        }
        8 => {
            took("INSERT OR REPLACE INTO segment SELECT * FROM other.segment WHERE place = ?", place)?;
            (format!("segment {place} as it is in a copy"), false)
        }
        9 | 10 => {
            // One that must be replayed, if there is one.
            let version = if rng.once_in(4) { version } else { last - rng.below(40) as i64 };
            took("INSERT OR REPLACE INTO commit_log SELECT * FROM other.commit_log WHERE version = ?", version)?;
            (format!("commit {version} as it is in a copy"), false)
        }
        _ => {
            took("UPDATE segment SET version = version + 1 WHERE place = ?", place)?;
            (format!("segment {place} says it is newer"), true)
        }
    })
}

#[test]
fn rows_of_another_place_or_time_are_told() {
    let seed = base_seed("rows");
    let mut rng = Rng::new(seed);
    let mut figures = Figures::of("rows missing, elsewhere, of another time");
    let room = Room::fast();
    let subject = store(&room, rng.next() >> 1);
    let (files, damaged) = (contents(&subject.now), room.join("damaged"));
    for trial in 0..times(150, 3_000) {
        restore(&files, &damaged);
        let path = damaged.join("world.ng");
        let database = Connection::open(&path).unwrap();
        let changed = change(&database, &subject, &mut rng);
        drop(database);
        // Some changes are not to be had: the row is there already.
        let Ok((what, findable)) = changed else { continue };
        figures.add("trials", 1);
        let context = format!("SEED={seed}, trial {trial}, {what}");
        match drive::open(&path) {
            Err(error) => {
                assert_eq!(error.sqlstate, "XX001", "{context}: {error}");
                figures.add("XX001", 1);
            }
            Ok(store) => {
                let is = read_all(&store).unwrap_or_else(|wrong| panic!("{context}: {wrong}"));
                assert!(is == subject.model, "{context}: a wrong answer: {}", difference(&is, &subject.model));
                let problems = store.check_file().unwrap();
                assert!(!findable || !problems.is_empty(), "{context}: the check finds nothing");
                figures.add("right", 1);
                store.close();
            }
        }
    }
    assert!(figures.get("XX001") > figures.get("trials") / 4);
}
