//! A lock against other SQLite libraries in this very process.
//!
//! Python's own `sqlite3` knows nothing of the connections that we have, and POSIX locks do not hold between two parts
//! of one process. Closing the store's file it would believe itself alone, move a part of the write-ahead log into the
//! file and delete the log that is in use. Alone is who can lock the file exclusively, so we hold a shared lock that
//! belongs to an open file description: nothing in this process can drop it or pass it by.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::process;

/// The first byte of those that SQLite locks shared for reading, and exclusively to be alone (`SHARED_FIRST`).
#[cfg(target_os = "linux")]
const SHARED: libc::off_t = 0x4000_0002;

/// The lock, held; where there are no such locks, nothing is.
pub(super) struct Guard {
    file: ManuallyDrop<File>,
    process: u64,
}

impl Guard {
    /// Hold it for a file that somebody of this process has open in the write-ahead mode.
    pub(super) fn hold(path: &Path) -> Option<Self> {
        let guard = Self { file: ManuallyDrop::new(File::open(path).ok()?), process: process::generation() };
        if process::locked(guard.file.as_raw_fd()) {
            lock(&guard.file);
        }
        Some(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A child has closed the descriptor already, and its number may be another file's by now.
        if self.process == process::generation() {
            process::closing(self.file.as_raw_fd());
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

#[cfg(target_os = "linux")]
fn lock(file: &File) {
    // SAFETY: `flock` is plain data; the call reads it only.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_RDLCK as _;
        lock.l_whence = libc::SEEK_SET as _;
        lock.l_start = SHARED;
        lock.l_len = 1;
        // Where it cannot be had, the store works without.
        libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock);
    }
}

#[cfg(not(target_os = "linux"))]
fn lock(_: &File) {}
