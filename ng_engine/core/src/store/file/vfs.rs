//! System calls of SQLite that are not what they seem, replaced once for the whole process (`xSetSystemCall`).
//!
//! * `stat`, `fstat`: SQLite keeps a table of the files that this process has open, by device and inode, and what it
//!   holds locks on. A forked child inherits the table without the locks, and would believe it has them. A child's
//!   files therefore lie on devices of their own.
//! * `fcntl`: the locks on the shared memory file (`NAME-shm`) are taken for its one open file description, not for
//!   the process. Otherwise anything in this process that opens and closes that file, such as a copy of the
//!   directory, drops them, and the next process to come takes the memory in use for a dead process' and truncates it.
//! * `close`, `mmap`: a child must not keep such locks alive, neither by an inherited descriptor (see `process`) nor by
//!   inherited memory, so it gets none of either.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Once;

use rusqlite::ffi;

use super::process;

/// Replace the calls, before the first file is opened.
pub(super) fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        process::watch();
        type Call = unsafe extern "C" fn();
        // SAFETY: each function has the signature that SQLite calls its namesake with; `fcntl` is variadic there, and
        // on the platforms where it is replaced a variadic argument is passed as any other.
        unsafe {
            let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
            let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else { return };
            let replace = |name: &std::ffi::CStr, call: *const c_void| {
                set(vfs, name.as_ptr(), Some(std::mem::transmute::<*const c_void, Call>(call)));
            };
            replace(c"stat", stat as *const c_void);
            replace(c"fstat", fstat as *const c_void);
            #[cfg(feature = "faults")]
            {
                replace(c"write", super::faults::calls::write as *const c_void);
                replace(c"pwrite", super::faults::calls::pwrite as *const c_void);
                replace(c"pwrite64", super::faults::calls::pwrite as *const c_void);
                replace(c"ftruncate", super::faults::calls::ftruncate as *const c_void);
            }
            #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
            {
                replace(c"fcntl", shared_memory::fcntl as *const c_void);
                replace(c"close", shared_memory::close as *const c_void);
                replace(c"mmap", shared_memory::mmap as *const c_void);
            }
        }
    });
}

unsafe extern "C" fn stat(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    unsafe { elsewhere(libc::stat(path, out), out) }
}

unsafe extern "C" fn fstat(fd: c_int, out: *mut libc::stat) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    unsafe { elsewhere(libc::fstat(fd, out), out) }
}

/// Another device for every generation; SQLite only compares it.
unsafe fn elsewhere(done: c_int, out: *mut libc::stat) -> c_int {
    let generation = process::generation();
    if done == 0 && generation != 0 {
        // SAFETY: the call has filled it.
        unsafe { (*out).st_dev ^= (generation << 20) as libc::dev_t };
    }
    done
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod shared_memory {
    use super::{c_int, c_void, process};

    /// Where SQLite locks `NAME-shm` (`UNIX_SHM_BASE`): nine bytes. In the database it locks around 2³⁰.
    const LOCKS: std::ops::RangeInclusive<libc::off_t> = 120..=128;

    pub(super) unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
        let instead = match command {
            libc::F_SETLK => libc::F_OFD_SETLK,
            libc::F_GETLK => libc::F_OFD_GETLK,
            // SAFETY: SQLite's arguments, passed on.
            _ => return unsafe { libc::fcntl(fd, command, argument) },
        };
        // SAFETY: with these two commands the argument is a lock, and the caller's own.
        unsafe {
            let lock = argument as *mut libc::flock;
            if LOCKS.contains(&(*lock).l_start) && process::locked(fd) {
                (*lock).l_pid = 0;
                let done = libc::fcntl(fd, instead, lock);
                if done == 0 || *libc::__errno_location() != libc::EINVAL {
                    return done;
                }
            }
            libc::fcntl(fd, command, lock)
        }
    }

    pub(super) unsafe extern "C" fn close(fd: c_int) -> c_int {
        process::closing(fd);
        // SAFETY: SQLite's argument, passed on.
        unsafe { libc::close(fd) }
    }

    pub(super) unsafe extern "C" fn mmap(
        wanted: *mut c_void,
        size: usize,
        access: c_int,
        flags: c_int,
        fd: c_int,
        offset: libc::off_t,
    ) -> *mut c_void {
        // SAFETY: SQLite's arguments, passed on; what was mapped just now is nobody else's.
        unsafe {
            let memory = libc::mmap(wanted, size, access, flags, fd, offset);
            if memory != libc::MAP_FAILED {
                libc::madvise(memory, size, libc::MADV_DONTFORK);
            }
            memory
        }
    }
}
