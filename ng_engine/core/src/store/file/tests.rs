//! Two connections, two processes, damaged files: what the store's file promises.

mod basics;
mod damage;
mod failing;
mod fork;
mod opening;
mod pace;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("ng-file-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("world.ng")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> (Arc<File>, Log, Follower) {
    File::open(path, &Options::default()).unwrap()
}

fn made(scratch: &Scratch) -> (Arc<File>, Log, Follower) {
    assert!(create(&scratch.store(), b"born", false).unwrap());
    open(&scratch.store())
}

/// Rows written one at a time.
trait Put {
    fn append(&mut self, entry: &Entry, chain: u32) -> Result<u32>;
    fn put_segment(&mut self, place: u64, version: u64, payload: &[u8]) -> Result<u32>;
    fn put_state(&mut self, state: &[u8]) -> Result<()>;
}

impl Put for Log {
    fn append(&mut self, entry: &Entry, chain: u32) -> Result<u32> {
        self.rows(|rows| rows.append(entry, chain))
    }

    fn put_segment(&mut self, place: u64, version: u64, payload: &[u8]) -> Result<u32> {
        self.rows(|rows| rows.put_segment(place, version, payload))
    }

    fn put_state(&mut self, state: &[u8]) -> Result<()> {
        self.rows(|rows| rows.put_state(state))
    }
}

fn begin(log: &mut Log) -> Result<()> {
    log.begin(Duration::from_millis(200), &mut || Ok(()))
}

fn entry(version: u64) -> Entry {
    Entry { version, at: version as i64 * 10, author: "ann".into(), payload: vec![version as u8; 100] }
}

/// Commit the next version.
fn commit(log: &mut Log) -> Result<u64> {
    begin(log)?;
    let (version, chain) = log.read(|reader| reader.tail())?;
    log.append(&entry(version + 1), chain)?;
    log.commit(version + 1)?;
    Ok(version + 1)
}

fn versions(reader: &Reader<'_>, after: u64) -> Result<(Coverage, Vec<u64>)> {
    let mut found = Vec::new();
    let coverage = reader.entries(after, None, &mut |entry, _| {
        found.push(entry.version);
        Ok(())
    })?;
    Ok((coverage, found))
}
