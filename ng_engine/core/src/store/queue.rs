//! Group commit: writers that come while another syncs wait together, and the next one commits for all of them.
//!
//! A statement is run by whichever waiting thread leads, on the leader's private snapshot, one after the other; each is
//! a commit of its own in the log, and one sync makes them all durable. Only short statements come here.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Committing, Store};
use crate::cancel::{self, Cancel, SLICE};
use crate::commit::Working;
use crate::error::{Error, Result};

/// How long a leader holds the door for the writers that it has just answered.
const GATHER: Duration = Duration::from_micros(150);

/// A statement of somebody who waits; whether it succeeded.
type Job = Box<dyn FnOnce(&mut Working) -> bool + Send>;

/// One waiting writer.
#[derive(Default)]
struct Ticket {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    job: Option<Job>,
    done: bool,
    /// Why the statement, which succeeded by itself, is not committed.
    failed: Option<Error>,
}

/// The writers waiting for the next sync.
#[derive(Default)]
pub(super) struct Queue {
    line: Mutex<Line>,
    arrived: Condvar,
}

#[derive(Default)]
struct Line {
    tickets: VecDeque<Arc<Ticket>>,
    led: bool,
    /// How many the last leader answered.
    crowd: usize,
}

/// Waits until the job is done or taken back: nobody runs it, or touches what it borrows, after this is gone.
struct Wait<'a> {
    queue: &'a Queue,
    ticket: Arc<Ticket>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.queue.leave(&self.ticket) {
            let mut state = self.ticket.state.lock();
            while !state.done {
                self.ticket.wake.wait(&mut state);
            }
        }
    }
}

impl Queue {
    /// Take a ticket out of the line; false if a leader has it.
    fn leave(&self, ticket: &Arc<Ticket>) -> bool {
        let mut line = self.line.lock();
        let before = line.tickets.len();
        line.tickets.retain(|t| !Arc::ptr_eq(t, ticket));
        let left = line.tickets.len() < before;
        if left {
            let mut state = ticket.state.lock();
            state.job = None;
            state.done = true;
        }
        left
    }

    /// Become the leader if there is none.
    fn try_lead(&self) -> bool {
        let mut line = self.line.lock();
        !std::mem::replace(&mut line.led, true)
    }

    /// Let somebody else lead.
    fn step_down(&self) {
        let next = {
            let mut line = self.line.lock();
            line.led = false;
            line.tickets.front().cloned()
        };
        if let Some(next) = next {
            // Under its lock, or it could go to sleep just after having looked.
            let _state = next.state.lock();
            next.wake.notify_one();
        }
    }

    /// Everybody in line, after a moment for those who were here last time to come back.
    fn gather(&self) -> Vec<Arc<Ticket>> {
        let mut line = self.line.lock();
        let until = Instant::now() + GATHER;
        while line.tickets.len() < line.crowd {
            if self.arrived.wait_until(&mut line, until).timed_out() {
                break;
            }
        }
        line.crowd = line.tickets.len();
        line.tickets.drain(..).collect()
    }
}

impl Store {
    /// Run a statement as a commit of its own.
    pub(crate) fn write_alone<T>(
        self: &Arc<Self>,
        timeout: Duration,
        cancel: &Cancel,
        statement: impl FnOnce(&mut Working) -> Result<T>,
    ) -> Result<T> {
        let writer = self.lock(timeout, cancel)?;
        if !self.is_durable() {
            // Nothing can fail after the statement, so nothing is kept to undo it.
            let mut working = Working::new(&self.current());
            working.bound_by(cancel.clone(), self.memory.allowance(working.snapshot()));
            let done = working.statement(statement)?;
            if working.changed() {
                self.publish(working.finish());
            }
            return Ok(done);
        }
        let mut committing = Committing::new(&self.current());
        let done = committing.statement(|working| {
            working.bound_by(cancel.clone(), self.memory.allowance(working.snapshot()));
            working.statement(statement)
        })?;
        self.commit(writer, committing)?;
        Ok(done)
    }

    /// Run a short statement as a commit of its own, in one sync with those of others who wait.
    pub(crate) fn write_together<T: Send>(
        self: &Arc<Self>,
        timeout: Duration,
        cancel: &Cancel,
        statement: impl FnOnce(&mut Working) -> Result<T> + Send,
    ) -> Result<T> {
        if !self.is_durable() {
            return self.write_alone(timeout, cancel, statement);
        }
        let until = Instant::now().checked_add(timeout);
        let outcome: Mutex<Option<Result<T>>> = Mutex::new(None);
        let ticket = Arc::new(Ticket::default());
        let wait = Wait { queue: &self.queue, ticket: ticket.clone() };
        let job: Box<dyn FnOnce(&mut Working) -> bool + Send + '_> = Box::new(|working| {
            working.bound_by(cancel.clone(), self.memory.allowance(working.snapshot()));
            let done = catch_unwind(AssertUnwindSafe(|| working.statement(statement)));
            let done = done.unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())));
            let succeeded = done.is_ok();
            *outcome.lock() = Some(done);
            succeeded
        });
        // SAFETY: only the lifetime is erased. The job is run or dropped before `wait` is gone, and `wait` goes before
        // everything that the job borrows.
        let job: Job = unsafe { std::mem::transmute(job) };
        ticket.state.lock().job = Some(job);
        self.queue.line.lock().tickets.push_back(ticket.clone());
        self.queue.arrived.notify_one();
        loop {
            if self.queue.try_lead() {
                let led = self.lead(until, cancel);
                self.queue.step_down();
                if let Err(error) = led
                    && self.queue.leave(&ticket)
                {
                    return Err(error);
                }
            }
            let mut state = ticket.state.lock();
            if state.done {
                break;
            }
            ticket.wake.wait_for(&mut state, SLICE);
            if state.done {
                break;
            }
            drop(state);
            let late = until.is_some_and(|until| Instant::now() >= until);
            if let Err(error) = if late { Err(Self::busy()) } else { cancel.poll() }
                && self.queue.leave(&ticket)
            {
                return Err(error);
            }
        }
        drop(wait);
        match ticket.state.lock().failed.take() {
            Some(error) => Err(error),
            None => outcome.into_inner().unwrap_or_else(|| Err(Error::internal("a statement was lost"))),
        }
    }

    /// Commit what everybody in line asks for; an error is the leader's own, and nobody's statement was run then.
    fn lead(self: &Arc<Self>, until: Option<Instant>, cancel: &Cancel) -> Result<()> {
        let timeout = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        let writer = self.lock(timeout, cancel)?;
        let tickets = self.queue.gather();
        let mut committing = Committing::new(&self.current());
        let mut succeeded = Vec::with_capacity(tickets.len());
        for ticket in &tickets {
            let job = ticket.state.lock().job.take();
            // A signal is for the thread that it comes to, whose statement this need not be; short ones end before a look.
            cancel::entered();
            if job.is_some_and(|job| committing.statement(job)) {
                succeeded.push(ticket);
            }
        }
        if let Err(error) = self.commit(writer, committing) {
            for ticket in succeeded {
                ticket.state.lock().failed = Some(error.clone());
            }
        }
        for ticket in &tickets {
            let mut state = ticket.state.lock();
            state.done = true;
            ticket.wake.notify_all();
        }
        Ok(())
    }
}
