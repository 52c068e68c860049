//! The store against everything that goes wrong: killed processes, power cuts, full and failing disks, damaged files.
//!
//! The process that drives keeps what the store should hold in plain maps; commits are made by a child (this executable
//! once more) that is killed, or here on a disk that records or fails. Every harness shows that it can fail: planted
//! bugs (`planted.rs`) and controls must be caught. `SEED` repeats a run, `SOAK` makes it the campaign.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub, reason = "a test")]

mod child;
mod damage;
mod disk;
mod drive;
mod faults;
mod figures;
mod history;
mod kill;
mod model;
mod planted;
mod power;
mod room;
mod rows;
mod seeds;
mod torn;
