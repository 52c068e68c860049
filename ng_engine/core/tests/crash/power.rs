//! Power cuts on a recorded disk: synced writes are there, the others by chance, whole, in sectors, or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use ng_core::store::file::Synchronous;

use crate::disk::{Cut, Watch, contents, restore};
use crate::drive::{self, difference, read_all};
use crate::figures::Figures;
use crate::model::{Mix, Model, after, commit};
use crate::room::Room;
use crate::seeds::{Rng, base_seed, soak, times};

/// What a cut did to a store.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything acknowledged is there.
    Whole,
    /// The store is that of an earlier moment.
    Earlier,
    /// It says that it is damaged.
    Refused,
    /// Neither.
    Wrong(String),
}

/// A history on a recorded disk, cut many times; calls `judge` with what each cut left.
fn cuts(seed: u64, synchronous: Synchronous, number: u64, mut judge: impl FnMut(Outcome, u64)) {
    let room = Room::fast();
    let mut rng = Rng::new(seed);
    let lanes: u64 = *rng.pick(&[1, 1, 3]);
    let mix = Mix { alone: lanes == 1, bulk: lanes == 1 && rng.once_in(if soak() { 20 } else { 40 }) };
    let path = room.join("world.ng");
    drive::create(&path).unwrap().close();
    let base = contents(room.path());
    let watch = Watch::record(room.path());
    let store = drive::open_with(&path, synchronous).unwrap();
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let (session, watch) = (store.session(), &watch);
            let mut rng = Rng::part(seed, 99, lane);
            scope.spawn(move || {
                for number in 0..if mix.bulk { 100 } else { 30 } {
                    watch.begun(lane, number + 1);
                    drive::run(&session, &commit(seed, lane, number, mix)).unwrap();
                    watch.acknowledged(lane, number + 1);
                    match rng.below(24) {
                        0 => session.checkpoint().unwrap(),
                        1 => session.vacuum().unwrap(),
                        _ => {}
                    }
                }
            });
        }
    });
    store.close();
    let trace = watch.trace();
    let cut_room = room.join("cut");
    for _ in 0..number {
        let at = rng.below(trace.len() as u64 + 1) as usize;
        let cut = trace.cut(at, &base, &mut rng);
        restore(&cut.files, &cut_room);
        judge(outcome(&cut_room.join("world.ng"), seed, mix, lanes, &cut), at as u64);
    }
}

fn outcome(path: &Path, seed: u64, mix: Mix, lanes: u64, cut: &Cut) -> Outcome {
    let store = match drive::open(path) {
        Ok(store) => store,
        Err(error) if error.sqlstate == "XX001" => return Outcome::Refused,
        Err(error) => return Outcome::Wrong(format!("opening gives {}: {error}", error.sqlstate)),
    };
    let held = match read_all(&store) {
        Ok(held) => held,
        Err(wrong) => return Outcome::Wrong(wrong),
    };
    store.close();
    let mut earlier = false;
    for lane in 0..lanes {
        let is = held.lane(lane);
        let count = |of: &BTreeMap<u64, u64>| of.get(&lane).copied().unwrap_or(0);
        let (acknowledged, begun) = (count(&cut.acknowledged), count(&cut.begun));
        let mut history = vec![Model::default()];
        for number in 0..begun {
            let mut next = history[number as usize].clone();
            next.commit(&commit(seed, lane, number, mix));
            history.push(next);
        }
        if history[acknowledged as usize..].contains(&is) {
            continue;
        }
        if !history.contains(&is) {
            let should = after(seed, lane, acknowledged, mix);
            return Outcome::Wrong(format!("lane {lane} after {acknowledged} commits: {}", difference(&is, &should)));
        }
        earlier = true;
    }
    if earlier { Outcome::Earlier } else { Outcome::Whole }
}

/// Cuts of one history: making it costs as much as some.
const PER_HISTORY: u64 = 50;

fn campaign(
    name: &'static str,
    synchronous: Synchronous,
    wanted: u64,
    mut judge: impl FnMut(Outcome, &str),
) -> Figures {
    let base = base_seed(name);
    let mut figures = Figures::of(name);
    for number in 0..wanted.div_ceil(PER_HISTORY) {
        let seed = Rng::part(base, 2, number).next() >> 1;
        cuts(seed, synchronous, PER_HISTORY, |outcome, at| {
            figures.add("cuts", 1);
            judge(outcome, &format!("SEED={base}, history {number} cut at event {at}"));
        });
    }
    figures
}

#[test]
fn a_power_cut_takes_nothing_acknowledged() {
    campaign("power cuts, synchronous full", Synchronous::Full, times(1_000, 40_000), |outcome, context| {
        assert_eq!(outcome, Outcome::Whole, "{context}");
    });
}

#[test]
fn a_power_cut_leaves_a_prefix_when_synchronous_is_normal() {
    let mut earlier = 0;
    let mut figures =
        campaign("power cuts, synchronous normal", Synchronous::Normal, times(400, 20_000), |outcome, context| {
            assert!(matches!(outcome, Outcome::Whole | Outcome::Earlier), "{context}: {outcome:?}");
            earlier += u64::from(outcome == Outcome::Earlier);
        });
    figures.add("commits gone, as allowed", earlier);
}

#[test]
fn control_without_syncs_a_power_cut_loses_commits() {
    let mut lost = 0;
    let mut figures =
        campaign("power cuts, control: synchronous off", Synchronous::Off, times(200, 1_000), |outcome, _| {
            lost += u64::from(outcome != Outcome::Whole);
        });
    figures.add("lost", lost);
    assert!(lost > 0, "the cuts cut nothing: this harness proves nothing");
}
