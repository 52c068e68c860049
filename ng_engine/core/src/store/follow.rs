//! Keeping up with other processes: their commits are read from the log and applied to the current snapshot.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::checkpoint::Checkpoint;
use super::file::{Coverage, Follower, Reader};
use super::{Durable, Store};
use crate::commit::Working;
use crate::error::{Error, Result};
use crate::redo;
use crate::snapshot::Snapshot;

/// How far behind another process a bare point call may be.
const LATELY: Duration = Duration::from_millis(1);

impl Store {
    /// See every commit acknowledged so far, in whichever process: statements and transactions ask when they begin.
    pub fn follow(self: &Arc<Self>) -> Result<()> {
        let Some(durable) = &self.durable else { return Ok(()) };
        durable.file.check_process()?;
        let mut follower = durable.follower.lock();
        durable.looked.store(durable.now(), Ordering::Relaxed);
        let follower = follower.as_mut().ok_or_else(Self::closed)?;
        if follower.moved()? && !planted!("follow-never") {
            // Our own commits move it too, and they are there already unless one is being made at this moment.
            follower.read(
                |log| if log.newest()? > self.current().version { self.catch_up(durable, log) } else { Ok(()) },
            )?;
        }
        Ok(())
    }

    /// The same, at most once a millisecond: bare look-ups ask.
    pub fn follow_lately(self: &Arc<Self>) -> Result<()> {
        match &self.durable {
            Some(durable) if self.looked_lately() => durable.file.check_process(),
            Some(_) => self.follow(),
            None => Ok(()),
        }
    }

    /// Whether the log was looked at within the last millisecond, or is being looked at: a bare look-up does not wait.
    pub fn looked_lately(&self) -> bool {
        self.durable.as_ref().is_none_or(|durable| {
            let looked = durable.looked.load(Ordering::Relaxed);
            durable.now().saturating_sub(looked) < LATELY.as_micros() as u64 || durable.follower.is_locked()
        })
    }

    /// Look at the log without waiting for anybody; whether there was nothing to see.
    pub fn nothing_new(&self) -> bool {
        let Some(durable) = &self.durable else { return true };
        let Some(follower) = durable.follower.try_lock() else { return false };
        let still = follower.as_ref().is_some_and(Follower::is_still);
        if still {
            durable.looked.store(durable.now(), Ordering::Relaxed);
        }
        still
    }

    /// Apply what the log has beyond the current version, and publish it.
    pub(super) fn catch_up(self: &Arc<Self>, durable: &Durable, log: &Reader<'_>) -> Result<()> {
        let mut applied = durable.applied.lock();
        let before = self.current();
        let began = Instant::now();
        let (snapshot, chain) = advance(&before, applied.chain, log)?;
        if snapshot.version > before.version {
            durable.figures.followed.fetch_add(snapshot.version - before.version, Ordering::Relaxed);
            durable.figures.follow_us.fetch_add(began.elapsed().as_micros() as u64, Ordering::Relaxed);
            applied.chain = chain;
            let snapshot = Arc::new(snapshot);
            self.current.store(snapshot.clone());
            drop(applied);
            self.tend(&snapshot);
        }
        Ok(())
    }
}

/// The newest version in the log, made from an older one, and the checksum that the next entry continues.
pub(super) fn advance(from: &Snapshot, chain: Option<u32>, log: &Reader<'_>) -> Result<(Snapshot, Option<u32>)> {
    let (mut base, mut chain) = (from.clone(), chain);
    for _ in 0..2 {
        let mut working = Working::new(&base);
        let start = working.mark();
        let (mut reload, mut last) = (false, chain);
        let read = log.entries(base.version, chain, &mut |entry, crc| {
            reload |= redo::is_reload(&entry.payload);
            if !reload {
                working.replay(&entry.payload)?;
                last = Some(crc);
            }
            Ok(())
        });
        if read == Ok(Coverage::Complete) && !reload {
            return Ok((working.finish(), last));
        }
        // What replaying has left in maps and lists that snapshots share is taken back.
        working.restore(start, false);
        read?;
        (base, chain) = (Checkpoint::read(log)?.reload(from, log)?, None);
        if base.version <= from.version {
            break;
        }
    }
    Err(Error::corrupted("commits are missing: the checkpoint is older than the log says"))
}
