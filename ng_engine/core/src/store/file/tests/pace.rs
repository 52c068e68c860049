//! What a commit costs beside the same row in SQLite alone.

use std::time::Instant;

use super::*;

/// Interleaved in one run, so that the disk's moods meet both.
#[test]
#[ignore = "measures; run alone: cargo test --release pace -- --ignored --nocapture"]
fn a_commit_costs_little_more_than_sqlites() {
    const ROUNDS: usize = 40;
    const COMMITS: usize = 50;
    let scratch = Scratch::new();
    let (_file, mut log, _follower) = made(&scratch);
    let plain = rusqlite::Connection::open(scratch.0.join("plain.db")).unwrap();
    plain
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; \
             CREATE TABLE log (version INTEGER PRIMARY KEY, at INTEGER, author TEXT, crc INTEGER, payload BLOB)",
        )
        .unwrap();
    let (mut version, mut chain) = log.read(|reader| reader.tail()).unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for _ in 0..COMMITS {
            version += 1;
            let entry = Entry { payload: vec![7; 150], ..entry(version) };
            let began = Instant::now();
            log.begin(Duration::from_secs(1), &mut || Ok(())).unwrap();
            chain = log.append(&entry, chain).unwrap();
            log.commit(version).unwrap();
            times[0].push(began.elapsed());
            let began = Instant::now();
            let run = |sql| plain.prepare_cached(sql).unwrap().raw_execute().unwrap();
            run("BEGIN IMMEDIATE");
            plain
                .prepare_cached("INSERT INTO log VALUES (?, ?, ?, ?, ?)")
                .unwrap()
                .execute(rusqlite::params![version as i64, entry.at, entry.author, i64::from(chain), entry.payload])
                .unwrap();
            run("COMMIT");
            times[1].push(began.elapsed());
        }
    }
    let median = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    println!("a commit: {:.1} µs; SQLite alone: {:.1} µs; ratio {:.3}", median[0], median[1], median[0] / median[1]);
}
