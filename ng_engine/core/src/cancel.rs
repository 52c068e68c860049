//! How an operation under way learns that it has to end: the user interrupts it, or its time is up.
//!
//! A call or statement captures a [`Cancel`] when it begins. Loops look at it through a [`Pace`], which costs a
//! decrement a step, and waits look at it every [`SLICE`]. What then comes back is 57014, and nothing was done.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The longest that anything waits without a look.
pub const SLICE: Duration = Duration::from_millis(10);

/// No deadline.
const NEVER: u64 = u64::MAX;

/// Counts the interrupts that reach one session: those of the store and its own.
#[derive(Debug, Default)]
pub struct Interrupts {
    everywhere: Arc<AtomicU64>,
    here: AtomicU64,
}

impl Interrupts {
    /// Those of a session of the store that counts in `everywhere`.
    pub fn new(everywhere: Arc<AtomicU64>) -> Self {
        Self { everywhere, here: AtomicU64::new(0) }
    }

    /// How many there have been.
    pub fn count(&self) -> u64 {
        self.everywhere.load(Ordering::Relaxed).wrapping_add(self.here.load(Ordering::Relaxed))
    }

    /// Cancel what runs in this session.
    pub fn interrupt(&self) {
        self.here.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a call looks at to know whether it may go on. The default always may.
#[derive(Clone, Debug)]
pub struct Cancel {
    interrupts: Option<Arc<Interrupts>>,
    /// How many interrupts there had been when it was captured.
    seen: u64,
    /// As [`clock`] tells it.
    deadline: u64,
    /// Looks left before it ends as if interrupted, for tests of what is never long enough to be interrupted.
    #[cfg(test)]
    left: Option<Arc<AtomicU64>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self {
            interrupts: None,
            seen: 0,
            deadline: NEVER,
            #[cfg(test)]
            left: None,
        }
    }
}

impl Cancel {
    /// Ends with the next interrupt, or after `timeout`.
    pub fn new(interrupts: Arc<Interrupts>, timeout: Option<Duration>) -> Self {
        let seen = interrupts.count();
        Self::since(interrupts, seen, timeout.map_or(NEVER, deadline))
    }

    /// The same, captured earlier.
    pub(crate) fn since(interrupts: Arc<Interrupts>, seen: u64, deadline: u64) -> Self {
        let mut cancel = Self::default();
        (cancel.interrupts, cancel.seen, cancel.deadline) = (Some(interrupts), seen, deadline);
        cancel
    }

    /// What [`Self::since`] takes.
    pub(crate) fn captured(&self) -> (u64, u64) {
        (self.seen, self.deadline)
    }

    /// One that ends at its look number `looks`, counted from 0.
    #[cfg(test)]
    pub(crate) fn at_look(looks: u64) -> Self {
        Self { left: Some(Arc::new(AtomicU64::new(looks))), ..Self::default() }
    }

    /// 57014 if it is over. For the beginning and the end of an operation: it tells the time only if there is a deadline.
    #[inline]
    pub fn check(&self) -> Result<()> {
        #[cfg(test)]
        if let Some(left) = &self.left
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
        {
            return Err(interrupted());
        }
        let Some(interrupts) = &self.interrupts else { return Ok(()) };
        if interrupts.count() != self.seen {
            return Err(interrupted());
        }
        if self.deadline != NEVER && clock() >= self.deadline {
            return Err(Error::cancelled("canceling statement due to statement timeout"));
        }
        Ok(())
    }

    /// The same, and a look at what only the calling thread can notice: a signal. For loops and waits.
    pub fn poll(&self) -> Result<()> {
        self.check()?;
        if let Some(interrupts) = &self.interrupts
            && pulse()
        {
            // For the threads that work on it too.
            interrupts.interrupt();
            return Err(interrupted());
        }
        Ok(())
    }

    /// Looks at it from within a loop.
    pub fn pace(&self) -> Pace<'_> {
        Pace { cancel: self, left: Pace::STEPS }
    }

    /// Whether nothing can end it.
    pub fn is_never(&self) -> bool {
        #[cfg(test)]
        if self.left.is_some() {
            return false;
        }
        self.interrupts.is_none()
    }

    /// Take what `attempt` gives, trying for so long at a time and no longer than `timeout` in all.
    ///
    /// `None` when the time is up, 57014 when it is over before that.
    pub fn wait<T>(&self, timeout: Duration, mut attempt: impl FnMut(Duration) -> Option<T>) -> Result<Option<T>> {
        let began = Instant::now();
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            if let Some(done) = attempt(left.min(SLICE)) {
                return Ok(Some(done));
            }
            if left.is_zero() {
                return Ok(None);
            }
            self.poll()?;
        }
    }
}

fn interrupted() -> Error {
    Error::cancelled("canceling statement due to user request")
}

/// A loop's look at its [`Cancel`], every so many steps.
#[derive(Clone, Debug)]
pub struct Pace<'a> {
    cancel: &'a Cancel,
    left: u32,
}

impl Pace<'_> {
    /// Steps between two looks: of some ten nanoseconds to some microseconds each.
    const STEPS: u32 = 1024;

    /// One step.
    #[inline]
    pub fn tick(&mut self) -> Result<()> {
        self.ticks(1)
    }

    /// As much work as so many steps.
    #[inline]
    pub fn ticks(&mut self, steps: u32) -> Result<()> {
        if self.left > steps {
            self.left -= steps;
            return Ok(());
        }
        self.look()
    }

    #[cold]
    fn look(&mut self) -> Result<()> {
        self.left = Self::STEPS;
        self.cancel.poll()
    }
}

/// Nanoseconds since some moment of this process.
fn clock() -> u64 {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    EPOCH.elapsed().as_nanos() as u64
}

/// The moment that lies so far in the future, as [`clock`] will tell it.
pub(crate) fn deadline(timeout: Duration) -> u64 {
    clock().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(NEVER)).min(NEVER - 1)
}

/// Whether the host has a signal for the calling thread that ends what it does.
type Pulse = fn() -> bool;

static PULSE: OnceLock<Pulse> = OnceLock::new();

thread_local! {
    /// When this thread last asked, or began to work on an operation without having looked yet (0).
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// Say how the host notices signals. The first to say so is heard; it is asked every [`SLICE`] or so.
pub fn on_pulse(pulse: Pulse) {
    let _ = PULSE.set(pulse);
}

/// The calling thread comes from the host, which has just looked for signals itself.
pub fn entered() {
    ASKED.set(0);
}

fn pulse() -> bool {
    let Some(pulse) = PULSE.get() else { return false };
    let (now, asked) = (clock().max(1), ASKED.get());
    if asked == 0 {
        ASKED.set(now);
        return false;
    }
    if now - asked < SLICE.as_nanos() as u64 {
        return false;
    }
    let signalled = pulse();
    ASKED.set(clock().max(1));
    signalled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_an_interrupt_of_the_store_or_its_own() {
        let everywhere: Arc<AtomicU64> = Arc::default();
        let (one, other) =
            (Arc::new(Interrupts::new(everywhere.clone())), Arc::new(Interrupts::new(everywhere.clone())));
        let (first, second) = (Cancel::new(one.clone(), None), Cancel::new(other.clone(), None));
        assert!(first.check().is_ok() && second.check().is_ok());
        one.interrupt();
        assert!(first.check().is_err() && second.check().is_ok());
        let later = Cancel::new(one, None);
        everywhere.fetch_add(1, Ordering::Relaxed);
        let error = second.check().unwrap_err();
        assert_eq!((error.sqlstate, &*error.message), ("57014", "canceling statement due to user request"));
        assert!(later.check().is_err() && Cancel::new(other, None).check().is_ok());
    }

    #[test]
    fn it_ends_when_its_time_is_up() {
        let interrupts = Arc::new(Interrupts::default());
        let over = Cancel::new(interrupts.clone(), Some(Duration::ZERO));
        assert_eq!(over.check().unwrap_err().message, "canceling statement due to statement timeout");
        assert!(Cancel::new(interrupts.clone(), Some(Duration::MAX)).check().is_ok());
        assert!(Cancel::new(interrupts, Some(Duration::from_secs(3600))).poll().is_ok());
        assert!(Cancel::default().poll().is_ok());
    }

    #[test]
    fn a_pace_looks_in_time() {
        let over = Cancel::at_look(2);
        let mut pace = over.pace();
        let steps = (0..u32::MAX).take_while(|_| pace.tick().is_ok()).count();
        assert_eq!(steps as u32, 3 * Pace::STEPS - 1);
        assert!(over.pace().ticks(Pace::STEPS * 7).is_err());
    }

    #[test]
    fn a_wait_ends_with_what_it_waits_for_its_time_or_an_interrupt() {
        let interrupts = Arc::new(Interrupts::default());
        let cancel = Cancel::new(interrupts.clone(), None);
        let mut tries = 0;
        let third = |_: Duration| {
            tries += 1;
            (tries == 3).then_some(tries)
        };
        assert_eq!(cancel.wait(Duration::from_secs(60), third), Ok(Some(3)));
        assert_eq!(cancel.wait(Duration::ZERO, |_| None::<()>), Ok(None));
        let interrupting = |_: Duration| {
            interrupts.interrupt();
            None::<()>
        };
        assert_eq!(cancel.wait(Duration::from_secs(60), interrupting).unwrap_err().sqlstate, "57014");
    }
}
