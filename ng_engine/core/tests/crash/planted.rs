//! Bugs planted on purpose, one for each promise: a harness that does not notice its own proves nothing.
//!
//! The bugs are compiled with the feature `faults`, which no wheel has, and switched on by `NG_FAULT`.

use std::process::{Command, Stdio};

use crate::figures::Figures;

/// The bug, the harness that must notice it, and how often that may try.
const BUGS: [(&str, &str, &str); 11] = [
    ("ack-before-sync", "power::a_power_cut_takes_nothing_acknowledged", "2000"),
    ("mark-before-sync", "torn::torn_tails_open_unaided", "500"),
    ("crc-unchecked", "damage::damage_is_told_never_believed", "2000"),
    ("mark-unchecked", "damage::damage_is_told_never_believed", "2000"),
    ("chain-unchecked", "rows::rows_of_another_place_or_time_are_told", "3000"),
    ("list-unchecked", "rows::rows_of_another_place_or_time_are_told", "3000"),
    ("sync-retried", "faults::every_failing_call_gives_a_typed_error_and_loses_nothing", "1"),
    ("lock-leaked", "faults::every_failing_call_gives_a_typed_error_and_loses_nothing", "1"),
    ("index-after-ack", "history::histories_agree_with_the_model", "4000"),
    ("guardian-outside-lock", "history::histories_agree_with_the_model", "4000"),
    ("follow-never", "history::histories_agree_with_the_model", "4000"),
];

/// Whether the harness fails, and what it says last.
fn fails(bug: Option<&str>, harness: &str, times: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", harness, "--test-threads=1"]).env("CRASH_TIMES", times);
    command.env_remove("FIGURES").env_remove("SOAK").env_remove("SEED");
    command.env("NG_FAULT", bug.unwrap_or_default());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("running 1 test"), "{harness} is not there");
    (!output.status.success(), said)
}

#[test]
fn every_planted_bug_is_noticed() {
    let mut figures = Figures::of("planted bugs");
    let mut unnoticed = Vec::new();
    for (bug, harness, times) in BUGS {
        let (noticed, said) = fails(Some(bug), harness, times);
        figures.add("planted", 1);
        figures.add("noticed", u64::from(noticed));
        let why = said.lines().find(|line| line.contains("SEED=") && line.contains(':')).unwrap_or_default();
        eprintln!(
            "{bug}: {} {:.200}",
            if noticed { "noticed by" } else { "NOT noticed by" },
            format!("{harness} {why}")
        );
        if !noticed {
            unnoticed.push(bug);
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices {unnoticed:?}");
}

#[test]
fn a_bug_that_does_not_exist_is_not_noticed() {
    let (failed, said) = fails(Some("no-such-bug"), "rows::rows_of_another_place_or_time_are_told", "30");
    assert!(!failed, "{said}");
}
