//! Locks on single bytes of the mark file, held by an open file description: nothing else in the process can drop
//! them, and they end with the process.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::process;

/// The bytes that are locked; they lie behind the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Byte {
    /// Held from the beginning of a write transaction to its end.
    Writer = 4096,
    /// Held while waiting for the writer's byte: whoever comes back at once waits behind.
    Turnstile = 4097,
}

/// Take a lock if it is free. Where there are no such locks, all of them are free: SQLite's own lock decides.
pub(super) fn try_lock(file: &File, byte: Byte) -> io::Result<bool> {
    if !process::locked(file.as_raw_fd()) {
        return Ok(true);
    }
    match set(file, byte, libc::F_WRLCK as _) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            Some(libc::EINVAL | libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP) => Ok(true),
            _ => Err(error),
        },
    }
}

/// Give a lock back.
pub(super) fn unlock(file: &File, byte: Byte) {
    let _ = set(file, byte, libc::F_UNLCK as _);
}

#[cfg(target_os = "linux")]
fn set(file: &File, byte: Byte, kind: libc::c_short) -> io::Result<()> {
    // SAFETY: `flock` is plain data; the call reads it only.
    let done = unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = kind;
        lock.l_whence = libc::SEEK_SET as _;
        lock.l_start = byte as libc::off_t;
        lock.l_len = 1;
        libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn set(_: &File, _: Byte, _: libc::c_short) -> io::Result<()> {
    Ok(())
}
