//! Opening a store: create it if need be, read segments, replay the log; and closing it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::checkpoint::Checkpoint;
use super::file::{self, File, Synchronous};
use super::follow::advance;
use super::keeper::Keeper;
use super::state::{self, list_checksum};
use super::{Applied, Durable, Figures, Store, Writer, registry};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

/// How a store on disk is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Refuse every write, and follow those of other processes.
    pub read_only: bool,
    /// When a commit counts as durable.
    pub synchronous: Synchronous,
    /// Names of the axes of a new store; an existing one must have them.
    pub axes: Option<Vec<String>>,
    /// How many commits the log keeps after a checkpoint, if they are small.
    pub history_versions: u64,
    /// Open even though fewer commits are there than were acknowledged.
    pub accept_history: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            synchronous: Synchronous::Full,
            axes: None,
            history_versions: 1000,
            accept_history: false,
        }
    }
}

impl Store {
    /// The store in this file: made if there is none, and shared with whoever has it open in this process.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Arc<Self>> {
        registry::find_or_open(path, options)
    }

    /// Open it for the first time in this process.
    pub(super) fn open_file(path: &Path, options: &OpenOptions) -> Result<Arc<Self>> {
        if !options.read_only {
            let empty = Snapshot::new(Catalog::new(options.axes.as_deref())?);
            let state = state::encode(&empty, list_checksum(std::iter::empty()));
            file::create(path, &state, options.accept_history)?;
        }
        let how = file::Options {
            read_only: options.read_only,
            synchronous: options.synchronous,
            accept_history: options.accept_history,
            history_versions: options.history_versions,
        };
        let (file, log, mut follower) = File::open(path, &how)?;
        let (snapshot, chain, checkpoint) = follower.read(|log| {
            let checkpoint = Checkpoint::read(log)?;
            let version = checkpoint.state.version;
            let (newest, chain) = advance(&checkpoint.assemble(log)?, None, log)?;
            Ok((newest, chain, version))
        })?;
        let durable = Durable {
            follower: Mutex::new(Some(follower)),
            applied: Mutex::new(Applied { chain }),
            keeper: Keeper::default(),
            figures: Figures::default(),
            author: author(),
            options: options.clone(),
            opened: Instant::now(),
            looked: AtomicU64::new(0),
            replayed: snapshot.version - checkpoint,
            file,
        };
        durable.figures.last_checkpoint_version.store(checkpoint, Ordering::Relaxed);
        let writer = Writer { log: (!options.read_only).then_some(log), chain: 0 };
        let store = Self::with(snapshot, writer, Some(durable));
        store.agrees_on_axes(options)?;
        if let Some(durable) = store.durable.as_ref().filter(|_| !options.read_only) {
            durable.keeper.start(&store, durable.file.keeper()?);
            durable.keeper.wrote(0);
        }
        store.tend(&store.current());
        Ok(store)
    }
}

/// Who commits are signed by: the login name.
pub(super) fn author() -> String {
    let named = ["LOGNAME", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "unknown".to_owned()).chars().filter(|c| !c.is_control()).take(255).collect()
}

impl Store {
    /// One more database has it open; false if it is closed or was inherited through a fork.
    pub(super) fn join(&self) -> bool {
        let same = self.durable.as_ref().is_none_or(|d| d.file.check_process().is_ok());
        let more = |handles: usize| (handles > 0).then_some(handles + 1);
        same && self.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// One database fewer has it open; the last one writes a checkpoint and closes the file.
    pub fn leave(self: &Arc<Self>) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(durable) = &self.durable
            && durable.file.check_process().is_ok()
        {
            durable.keeper.stop();
            // Another process may be writing, or the disk be full: the log has everything, so nothing is lost.
            if let Err(error) = self.checkpoint(Duration::ZERO, &Cancel::default()) {
                self.note_failure(error);
            }
            *durable.follower.lock() = None;
            self.writer.lock().log = None;
        }
    }

    /// 22023 if a store that is open already cannot be had as these options say.
    pub(super) fn agrees(&self, options: &OpenOptions) -> Result<()> {
        let Some(durable) = &self.durable else { return Ok(()) };
        // Who only reads waits for no sync.
        if !options.read_only && durable.file.synchronous() != options.synchronous {
            return Err(Error::invalid_value("the store is open in this process with another setting of synchronous")
                .hint("it is one store, and has one: SET synchronous changes it"));
        }
        self.agrees_on_axes(options)
    }

    fn agrees_on_axes(&self, options: &OpenOptions) -> Result<()> {
        let Some(axes) = &options.axes else { return Ok(()) };
        let named = Catalog::new(Some(axes))?;
        let current = self.current();
        if named.axes == current.catalog.axes {
            return Ok(());
        }
        let names = current.catalog.axes.join(", ");
        Err(Error::invalid_value("the store has other axes").hint(format!("its axes are {names}")))
    }
}
