//! What the calls of one statement of a session have in common: an interrupt, or the end of its time, ends them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::cancel::{Cancel, Interrupts};

/// No end.
const NO_TIMEOUT: u64 = u64::MAX;

/// A session's statement, if there is one.
pub(crate) struct Statement {
    interrupts: Arc<Interrupts>,
    /// How many statements are within each other: the outermost counts.
    depth: AtomicU32,
    /// What [`Cancel::since`] takes, captured when it began.
    seen: AtomicU64,
    deadline: AtomicU64,
    /// Milliseconds that a statement, or a call without one, may take unless it says otherwise.
    timeout_ms: AtomicU64,
}

impl Statement {
    /// None yet, in a session that these interrupts reach.
    pub(crate) fn new(interrupts: Interrupts) -> Self {
        Self {
            interrupts: Arc::new(interrupts),
            depth: AtomicU32::new(0),
            seen: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            timeout_ms: AtomicU64::new(NO_TIMEOUT),
        }
    }

    /// How long one may take, or a call outside of one; `None` is no end.
    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) {
        let timeout = timeout.map_or(NO_TIMEOUT, |timeout| timeout.as_millis().min(u128::from(NO_TIMEOUT - 1)) as u64);
        self.timeout_ms.store(timeout, Ordering::Relaxed);
    }

    /// As [`Self::set_timeout`] has it.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let timeout = self.timeout_ms.load(Ordering::Relaxed);
        (timeout != NO_TIMEOUT).then(|| Duration::from_millis(timeout))
    }

    /// How many interrupts there have been.
    pub(crate) fn interrupts(&self) -> u64 {
        self.interrupts.count()
    }

    /// Whether there is one.
    pub(crate) fn is_running(&self) -> bool {
        self.depth.load(Ordering::Acquire) > 0
    }

    /// What may end it, or else a call that begins now.
    pub(crate) fn cancel(&self) -> Cancel {
        if self.is_running() {
            let (seen, deadline) = (self.seen.load(Ordering::Relaxed), self.deadline.load(Ordering::Relaxed));
            return Cancel::since(self.interrupts.clone(), seen, deadline);
        }
        Cancel::new(self.interrupts.clone(), self.timeout())
    }

    /// What ends one that begins now, after `timeout` or else the session's.
    pub(crate) fn captured(&self, timeout: Option<Duration>) -> Cancel {
        Cancel::new(self.interrupts.clone(), timeout.or_else(|| self.timeout()))
    }

    /// Begin one, or one within it, which `cancel` then has no part in.
    pub(crate) fn start(&self, cancel: &Cancel) {
        if !self.is_running() {
            let (seen, deadline) = cancel.captured();
            self.seen.store(seen, Ordering::Relaxed);
            self.deadline.store(deadline, Ordering::Relaxed);
        }
        self.depth.fetch_add(1, Ordering::AcqRel);
    }

    /// One that is a part of this one, for a session of its own.
    pub(crate) fn shared(&self) -> Self {
        let part = Self {
            interrupts: self.interrupts.clone(),
            depth: AtomicU32::new(0),
            seen: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            timeout_ms: AtomicU64::new(self.timeout_ms.load(Ordering::Relaxed)),
        };
        part.start(&self.cancel());
        part
    }

    /// The end of what [`Self::start`] began; nothing without that.
    pub(crate) fn end(&self) {
        let _ = self.depth.fetch_update(Ordering::AcqRel, Ordering::Acquire, |depth| depth.checked_sub(1));
    }
}
