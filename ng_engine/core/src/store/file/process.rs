//! Whose memory this is: a forked child has the parent's handles, and must not use, close or keep alive any of them.
//!
//! A child shares open file descriptions with its parent. The locks on them would outlive the parent, so the child
//! closes them at once; everything else that it inherited it leaks. The mutexes that SQLite shares among all its
//! connections are free at the moment of a fork, so that the child can open stores of its own.

use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use rusqlite::ffi;

/// File descriptors beyond this are not tracked, so they get no lock that a child could inherit.
const TRACKED: usize = 1 << 16;

/// SQLite's own, in the order in which SQLite nests them. Random numbers come first: the first of them looks a VFS up.
const SHARED: [c_int; 6] = [
    ffi::SQLITE_MUTEX_STATIC_PRNG,
    ffi::SQLITE_MUTEX_STATIC_MAIN,
    ffi::SQLITE_MUTEX_STATIC_VFS1,
    ffi::SQLITE_MUTEX_STATIC_LRU,
    ffi::SQLITE_MUTEX_STATIC_PMEM,
    ffi::SQLITE_MUTEX_STATIC_MEM,
];

static MUTEXES: [AtomicPtr<ffi::sqlite3_mutex>; SHARED.len()] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; SHARED.len()];
static GENERATION: AtomicU64 = AtomicU64::new(0);
static LOCKED: [AtomicU64; TRACKED / 64] = [const { AtomicU64::new(0) }; TRACKED / 64];

/// How many forks lie between the first process of this program and this one; anything made under another number
/// belongs to another process.
pub(super) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Count forks from now on.
pub(super) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: static mutexes are never freed; the handlers are plain functions.
        unsafe {
            ffi::sqlite3_initialize();
            for (slot, id) in MUTEXES.iter().zip(SHARED) {
                slot.store(ffi::sqlite3_mutex_alloc(id), Ordering::SeqCst);
            }
            libc::pthread_atfork(Some(before), Some(after), Some(in_child));
        }
    });
}

/// Note that a descriptor carries locks that a child would inherit; false if there is no room to note it.
pub(super) fn locked(fd: c_int) -> bool {
    let Some(word) = LOCKED.get(fd as usize / 64) else { return false };
    let bit = 1 << (fd as usize % 64);
    if word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::SeqCst);
    }
    true
}

/// Note that a descriptor is about to be closed.
pub(super) fn closing(fd: c_int) {
    if let Some(word) = LOCKED.get(fd as usize / 64) {
        let bit = 1 << (fd as usize % 64);
        if word.load(Ordering::Relaxed) & bit != 0 {
            word.fetch_and(!bit, Ordering::SeqCst);
        }
    }
}

extern "C" fn before() {
    for mutex in &MUTEXES {
        // SAFETY: no-op for a null pointer; left again by the same thread in both processes.
        unsafe { ffi::sqlite3_mutex_enter(mutex.load(Ordering::SeqCst)) };
    }
}

extern "C" fn after() {
    for mutex in MUTEXES.iter().rev() {
        // SAFETY: entered by this thread in `before`.
        unsafe { ffi::sqlite3_mutex_leave(mutex.load(Ordering::SeqCst)) };
    }
}

extern "C" fn in_child() {
    after();
    GENERATION.fetch_add(1, Ordering::SeqCst);
    for (word, bits) in LOCKED.iter().enumerate() {
        let mut bits = bits.swap(0, Ordering::SeqCst);
        while bits != 0 {
            let fd = word * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            // SAFETY: the descriptor is one of ours; in this process nobody will use it again.
            unsafe { libc::close(fd as c_int) };
        }
    }
}
