//! Faults for tests: planted bugs, and system calls that fail. Nothing of it is compiled without the feature `faults`.
//!
//! `NG_FAULT` names them, separated by commas. A bare name is a planted bug, one broken promise. `CALL-EFFECT:N` lets
//! the N-th call of a kind in this process fail, counted from 1:
//! * CALL is `write`, `sync`, `truncate` or `any` of them, by SQLite or by ourselves;
//! * EFFECT is `eio`, `enospc`, `short` (half of it is written, then ENOSPC), `kill` (SIGKILL before the call),
//!   `late` (SIGKILL after it), or `full` (ENOSPC from then on, for writes).

/// Whether a promise is to be broken here, so that the tests can show that they notice.
#[cfg(not(feature = "faults"))]
macro_rules! planted {
    ($name:literal) => {
        false
    };
}

/// Whether a promise is to be broken here, so that the tests can show that they notice.
#[cfg(feature = "faults")]
macro_rules! planted {
    ($name:literal) => {
        $crate::store::file::faults::planted($name)
    };
}

#[cfg(all(test, feature = "faults"))]
pub(crate) use active::arm;
#[cfg(feature = "faults")]
pub(crate) use active::{calls, planted};

#[cfg(feature = "faults")]
mod active {
    use std::ffi::{c_int, c_void};
    use std::io;
    use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

    use rusqlite::ffi;

    /// What kind of call it is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Call {
        Write,
        Sync,
        Truncate,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Effect {
        Error(c_int),
        Short,
        Kill,
        Late,
        Full,
    }

    #[derive(Default)]
    struct Plan {
        bugs: Vec<String>,
        /// The kind (none: any), what happens, and at which call.
        failures: Vec<(Option<Call>, Effect, u64)>,
    }

    /// Never freed, and without a lock: a forked child would inherit it locked.
    static PLAN: AtomicPtr<Plan> = AtomicPtr::new(std::ptr::null_mut());
    static COUNTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

    impl Plan {
        fn read(text: &str) -> Self {
            let mut plan = Self::default();
            for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                match name.split_once(':') {
                    None => plan.bugs.push(name.to_owned()),
                    Some((what, count)) => plan.failures.extend(failure(what, count)),
                }
            }
            plan
        }
    }

    fn failure(what: &str, count: &str) -> Option<(Option<Call>, Effect, u64)> {
        let (call, effect) = what.split_once('-')?;
        let call = match call {
            "write" => Some(Call::Write),
            "sync" => Some(Call::Sync),
            "truncate" => Some(Call::Truncate),
            "any" => None,
            _ => return None,
        };
        let effect = match effect {
            "eio" => Effect::Error(libc::EIO),
            "enospc" => Effect::Error(libc::ENOSPC),
            "short" => Effect::Short,
            "kill" => Effect::Kill,
            "late" => Effect::Late,
            "full" => Effect::Full,
            _ => return None,
        };
        Some((call, effect, count.parse().ok()?))
    }

    fn plan() -> &'static Plan {
        let known = PLAN.load(Ordering::Acquire);
        // SAFETY: null, or a plan that is never freed.
        if let Some(plan) = unsafe { known.as_ref() } {
            return plan;
        }
        let read = Box::leak(Box::new(Plan::read(&std::env::var("NG_FAULT").unwrap_or_default())));
        match PLAN.compare_exchange(std::ptr::null_mut(), read, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => read,
            // SAFETY: somebody else's, never freed.
            Err(first) => unsafe { &*first },
        }
    }

    /// Whether this bug is planted.
    pub(crate) fn planted(name: &str) -> bool {
        plan().bugs.iter().any(|bug| bug == name)
    }

    /// Replace what `NG_FAULT` said, and count from 1 again; gives the calls before: writes, syncs, truncations, all.
    #[cfg(test)]
    pub(crate) fn arm(text: &str) -> [u64; 4] {
        PLAN.store(Box::leak(Box::new(Plan::read(text))), Ordering::Release);
        COUNTS.each_ref().map(|count| count.swap(0, Ordering::SeqCst))
    }

    /// What is to happen to this call.
    fn due(call: Call) -> Option<Effect> {
        let mine = COUNTS[call as usize].fetch_add(1, Ordering::SeqCst) + 1;
        let all = COUNTS[3].fetch_add(1, Ordering::SeqCst) + 1;
        let due = |&&(which, effect, at): &&(Option<Call>, Effect, u64)| {
            let count = match which {
                None => all,
                Some(which) if which == call => mine,
                Some(_) => return false,
            };
            count == at || effect == Effect::Full && count > at && call == Call::Write
        };
        let effect = plan().failures.iter().find(due)?.1;
        if effect == Effect::Kill {
            kill();
        }
        Some(effect)
    }

    fn kill() {
        // SAFETY: the process ends here, and nothing else of it runs.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    }

    /// Make a call, or let it fail.
    fn run(effect: Option<Effect>, call: impl FnOnce() -> isize, short: impl FnOnce() -> isize) -> isize {
        let fail = |code| {
            // SAFETY: the thread's own errno.
            unsafe { *libc::__errno_location() = code };
            -1
        };
        match effect {
            None | Some(Effect::Kill) => call(),
            Some(Effect::Late) => {
                let done = call();
                kill();
                done
            }
            Some(Effect::Error(code)) => fail(code),
            Some(Effect::Full) => fail(libc::ENOSPC),
            Some(Effect::Short) => {
                short();
                fail(libc::ENOSPC)
            }
        }
    }

    /// The calls of SQLite.
    pub(crate) mod calls {
        use super::*;

        pub(crate) unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: usize) -> isize {
            // SAFETY: SQLite's arguments, passed on.
            run(
                due(Call::Write),
                || unsafe { libc::write(fd, bytes, count) },
                || unsafe { libc::write(fd, bytes, count / 2) },
            )
        }

        pub(crate) unsafe extern "C" fn pwrite(
            fd: c_int,
            bytes: *const c_void,
            count: usize,
            offset: libc::off_t,
        ) -> isize {
            // SAFETY: SQLite's arguments, passed on.
            run(
                due(Call::Write),
                || unsafe { libc::pwrite(fd, bytes, count, offset) },
                || unsafe { libc::pwrite(fd, bytes, count / 2, offset) },
            )
        }

        pub(crate) unsafe extern "C" fn ftruncate(fd: c_int, size: libc::off_t) -> c_int {
            // SAFETY: SQLite's arguments, passed on.
            let call = || unsafe { libc::ftruncate(fd, size) } as isize;
            run(due(Call::Truncate), call, || 0) as c_int
        }

        /// A call of our own, of which this counts the attempt.
        pub(crate) fn own(call: Call) -> io::Result<()> {
            if run(due(call), || 0, || 0) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        }

        pub(crate) fn own_write() -> io::Result<()> {
            own(Call::Write)
        }

        pub(crate) fn own_sync() -> io::Result<()> {
            own(Call::Sync)
        }

        type Sync = unsafe extern "C" fn(*mut ffi::sqlite3_file, c_int) -> c_int;

        static SYNC: std::sync::OnceLock<Sync> = std::sync::OnceLock::new();

        unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
            let call = || match SYNC.get() {
                // SAFETY: SQLite's arguments, passed on to the method that was replaced.
                Some(sync) => unsafe { sync(file, flags) as isize },
                None => ffi::SQLITE_MISUSE as isize,
            };
            match run(due(Call::Sync), call, || 0) {
                -1 => ffi::SQLITE_IOERR_FSYNC,
                code => code as c_int,
            }
        }

        /// SQLite syncs without asking the table of system calls, so the method of the open file is replaced.
        ///
        /// # Safety
        /// The pointer is null, or that of an open file.
        pub(crate) unsafe fn watch(file: *mut ffi::sqlite3_file) {
            // SAFETY: the caller's promise; the copied table is never freed.
            unsafe {
                let Some(file) = file.as_mut() else { return };
                let Some(methods) = file.pMethods.as_ref() else { return };
                let Some(original) = methods.xSync else { return };
                if original as *const () != sync as *const () {
                    SYNC.get_or_init(|| original);
                    let mut copy = *methods;
                    copy.xSync = Some(sync);
                    file.pMethods = Box::leak(Box::new(copy));
                }
            }
        }
    }
}
