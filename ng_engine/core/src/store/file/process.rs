//! Whose memory this is: a forked child has the parent's handles, and must not use, close or keep alive any of them.
//!
//! A child shares open file descriptions with its parent. The locks on them would outlive the parent, so the child
//! closes them at once; everything else that it inherited it leaks.

use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

/// File descriptors beyond this are not tracked, so they get no lock that a child could inherit.
const TRACKED: usize = 1 << 16;

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
        // SAFETY: the handlers are plain functions without state of their own.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
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

extern "C" fn in_child() {
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
