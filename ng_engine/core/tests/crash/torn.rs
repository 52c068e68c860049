//! Torn tails: the writes of a commit that was not acknowledged, cut after every byte; the store opens unaided.

use crate::disk::{Watch, contents, restore};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::model::{Mix, Model, commit};
use crate::room::Room;
use crate::seeds::{Rng, base_seed, soak, times};

const MIX: Mix = Mix { alone: true, bulk: false };

#[test]
fn torn_tails_open_unaided() {
    let seed = base_seed("torn tails");
    let mut figures = Figures::of("torn tails");
    let wanted = times(2_000, 40_000);
    let mut round = 0;
    while figures.get("cuts") < wanted {
        round += 1;
        one_commit(Rng::part(seed, 3, round).next() >> 1, &mut figures);
    }
}

fn one_commit(seed: u64, figures: &mut Figures) {
    let room = Room::fast();
    let mut rng = Rng::new(seed);
    let store = drive::create(&room.join("world.ng")).unwrap();
    let before = 1 + rng.below(30);
    let mut model = Model::default();
    for number in 0..before {
        let commit = commit(seed, 0, number, MIX);
        drive::run(&store, &commit).unwrap();
        model.commit(&commit);
        // The WAL begins anew, over frames of before.
        if number == before / 2 && rng.once_in(2) {
            store.checkpoint().unwrap();
        }
    }
    let (mut number, mut next) = (before, model.clone());
    while next == model {
        next.commit(&commit(seed, 0, number, MIX));
        number += 1;
    }
    let base = contents(room.path());
    let watch = Watch::record(room.path());
    drive::run(&store, &commit(seed, 0, number - 1, MIX)).unwrap();
    let trace = watch.trace();
    store.close();
    let torn = room.join("torn");
    let bytes = trace.bytes();
    assert!(bytes > 4096, "a commit writes only {bytes} bytes");
    let mut at = 0;
    let mut done = false;
    while at <= bytes {
        let mut files = trace.torn(at, &base);
        // A file may have been made longer without being written. Zeros may also be what the piece lacks.
        let longer = at < bytes && rng.once_in(3);
        if longer {
            for (_, wal) in files.iter_mut().filter(|(path, _)| path.to_string_lossy().ends_with("-wal")) {
                wal.resize(wal.len() + rng.below(9000) as usize, 0);
            }
        }
        restore(&files, &torn);
        let context = format!("seed {seed}, commit {} cut at byte {at} of {bytes}", number - 1);
        let store =
            drive::open(&torn.join("world.ng")).unwrap_or_else(|error| panic!("{context}: {} {error}", error.sqlstate));
        let is = read_all(&store).unwrap_or_else(|wrong| panic!("{context}: {wrong}"));
        assert!(is == model || is == next, "{context}: {}", difference(&is, &model));
        if !longer {
            assert!(!done || is == next, "{context}: a longer piece holds less");
            done = is == next;
        }
        store.close();
        figures.add("cuts", 1);
        // Every byte in the campaign; else every byte of frame headers and some between.
        at += if soak() || at % 4120 < 48 { 1 } else { 1 + rng.below(60) as usize };
    }
    assert!(done, "seed {seed}: all of the commit is on the disk and it is not there");
}
