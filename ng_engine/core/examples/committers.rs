//! Durable commits of one token by threads of Rust, where no interpreter is between the store and its callers:
//! `cargo run --release --example committers -- DIRECTORY [SECONDS]` prints `threads commits/s`, a turn a line.

#![allow(clippy::print_stdout, reason = "what it is for")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ng_core::request::{NewToken, OnConflict};
use ng_core::runtime_storage::RuntimeStorage;
use ng_core::store::open::OpenOptions;

const TURNS: usize = 5;
const THREADS: [usize; 4] = [1, 4, 16, 64];

fn main() -> Result<(), Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let directory = PathBuf::from(given.next().ok_or("a directory is missing")?);
    let seconds: f64 = given.next().map_or(Ok(0.5), |text| text.parse())?;
    let storage = RuntimeStorage::open(&directory.join("committers.ng"), &OpenOptions::default())?;
    for _ in 0..TURNS {
        for threads in THREADS {
            println!("{threads} {:.0}", commits(&storage, threads, Duration::from_secs_f64(seconds))?);
        }
    }
    storage.close();
    Ok(())
}

/// What some threads commit in a second, each as fast as it can.
fn commits(storage: &RuntimeStorage, threads: usize, time: Duration) -> ng_core::Result<f64> {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let commit = || {
        let session = storage.session();
        let token = NewToken::default();
        while !stop.load(Ordering::Relaxed) {
            session.write_rows(1, |working| working.create_token(&token, OnConflict::Fail))?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let began = Instant::now();
    thread::scope(|scope| {
        let committers: Vec<_> = (0..threads).map(|_| scope.spawn(commit)).collect();
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        committers.into_iter().try_for_each(|committer| committer.join().expect("a committer panicked"))
    })?;
    Ok(done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
