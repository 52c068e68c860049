//! The bytes of a store: one SQLite file, its write-ahead log, the mark beside them, and what processes lock.
//!
//! Knows SQLite, disks and processes, and nothing of tokens: a commit, a segment and the state are bytes with a
//! place, a version and a checksum. The format is docs/FORMAT.md. A [`Log`] writes, a [`Follower`] reads what others
//! wrote, a [`Keeper`] moves the write-ahead log into the file.

#[macro_use]
pub(super) mod faults;

mod checksum;
mod connection;
mod create;
mod failure;
mod follower;
mod guard;
mod header;
mod inode;
mod keeper;
mod locks;
mod log;
mod mark;
mod process;
mod reader;
mod rows;
#[cfg(test)]
mod tests;
mod vfs;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use checksum::Checksum;
use connection::{Handle, TABLES};
pub use create::{build, create, identity};
pub use follower::Follower;
use guard::Guard;
use header::Verdict;
use inode::inode;
pub use keeper::{Checkpoint, Keeper};
pub use log::Log;
use mark::{Acknowledged, Mark};
pub use reader::{Coverage, Reader, Sizes};
pub use rows::Rows;

use crate::error::{Error, Result};

/// How many forks lie between the first process of this program and this one: what was made under another number
/// belongs to another process.
pub fn process_generation() -> u64 {
    process::watch();
    process::generation()
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Synchronous {
    /// For nothing: a crash of the machine may damage the store.
    Off = 0,
    /// For the operating system: a crash of the machine may lose the latest commits.
    Normal = 1,
    /// For the disk.
    #[default]
    Full = 2,
}

/// How to open a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Change nothing, not even the mark.
    pub read_only: bool,
    /// What a commit waits for.
    pub synchronous: Synchronous,
    /// Open it though commits are gone that were acknowledged as durable, and forget them.
    pub accept_history: bool,
    /// How many commits a checkpoint leaves in the log; for whoever calls [`Log::trim`].
    pub history_versions: u64,
}

/// One commit in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Consecutive, from 1.
    pub version: u64,
    /// Microseconds since 1970, UTC.
    pub at: i64,
    /// Who made it.
    pub author: String,
    /// What it did.
    pub payload: Vec<u8>,
}

/// What is known of a segment without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// Table and number: `table << 32 | number`.
    pub place: u64,
    /// The commit that last changed it.
    pub version: u64,
    /// Over store, place, version and content.
    pub crc: u32,
}

/// A store's file, open in this process; shared by its connections.
pub struct File {
    path: PathBuf,
    wal: PathBuf,
    identity: (u64, u64),
    uuid: [u8; 16],
    sum: Checksum,
    mark: Option<Mark>,
    read_only: bool,
    process: u64,
    synchronous: AtomicU8,
    poisoned: AtomicBool,
    /// The highest version that any connection has seen or made.
    newest: AtomicU64,
    /// Held while anything has the file open.
    _guard: Option<Guard>,
}

impl File {
    /// Open a store that exists.
    ///
    /// # Errors
    /// 58P01 if there is none, XX001 if the file is foreign or damaged or commits are missing that were acknowledged,
    /// 0A000 if it is newer, 42501 if it may not be written: its bytes are untouched.
    pub fn open(path: &Path, options: &Options) -> Result<(Arc<Self>, Log, Follower)> {
        let missing = || Error::no_such_file(format!("no file {}", path.display()));
        let identity = identity(path)?.ok_or_else(missing)?;
        let path = create::resolve(path)?;
        let read_only = options.read_only;
        let still = read_only && is_still(&path)?;
        let connect = |path: &Path| if still { Handle::open_still(path) } else { Handle::open(path, read_only) };
        let mut handle = connect(&path)?;
        let verdict = header::judge(&path, &handle)?;
        if matches!(verdict, Verdict::Empty | Verdict::Unfinished) {
            return Err(Error::no_such_file(format!("{}: an empty file, no store yet", path.display())));
        }
        let failed = |error| failure::sqlite(&path, error);
        if !read_only && handle.is_readonly("main").map_err(failed)? {
            return Err(Error::not_allowed(format!("{}: may not be written", path.display()))
                .hint("connect(read_only=True) opens it for reading"));
        }
        handle.busy_timeout(create::PATIENCE).map_err(failed)?;
        handle.settle(&path, options.synchronous)?;
        if !read_only {
            write_ahead(&path, &handle)?;
        }
        check_schema(&path, &handle)?;
        let uuid = read_uuid(&path, &handle)?;
        let mode = fs::metadata(&path).map_or(0o644, |found| found.mode() & 0o777);
        let mark = Mark::open(&path, uuid, mode, read_only)?;
        let wal = with_ending(&path, "-wal");
        let file = Arc::new(Self {
            identity,
            wal,
            uuid,
            sum: Checksum::new(&uuid),
            mark,
            read_only,
            process: process::generation(),
            synchronous: AtomicU8::new(options.synchronous as u8),
            poisoned: AtomicBool::new(false),
            newest: AtomicU64::new(0),
            // In a store that nobody has written to it would keep a writer from switching to the write-ahead log.
            _guard: (!read_only || verdict == Verdict::Store).then(|| Guard::hold(&path)).flatten(),
            path,
        });
        handle.wal = file.wal_inode();
        let mut follower = connect(&file.path)?;
        follower.wal = handle.wal;
        follower.settle(&file.path, options.synchronous)?;
        follower.busy_timeout(create::PATIENCE).map_err(|error| failure::sqlite(&file.path, error))?;
        #[cfg(feature = "faults")]
        {
            handle.watch(&file.path)?;
            follower.watch(&file.path)?;
        }
        let mut log = Log::new(file.clone(), handle)?;
        file.compare_history(&mut log, options)?;
        let follower = Follower::new(file.clone(), follower);
        Ok((file, log, follower))
    }

    /// A connection for checkpoints, which a thread of its own may use while others commit and read.
    pub fn keeper(self: &Arc<Self>) -> Result<Keeper> {
        self.check_process()?;
        let handle = self.connect()?;
        #[cfg(feature = "faults")]
        handle.watch(&self.path)?;
        let mark = Mark::open(&self.path, self.uuid, 0o644, self.read_only)?;
        Ok(Keeper::new(self.clone(), handle, mark))
    }

    /// Refuse to work in a forked child.
    ///
    /// # Errors
    /// 08003.
    pub fn check_process(&self) -> Result<()> {
        if self.process == process::generation() {
            return Ok(());
        }
        Err(Error::closed("this store was opened by the parent process").hint("open it again in the child"))
    }

    /// The highest version that the mark says was acknowledged as durable, if there is a mark of this store.
    pub fn acknowledged(&self) -> Option<u64> {
        Some(self.mark.as_ref()?.read()?.version)
    }

    /// Its absolute name, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which store it is, wherever it lies.
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// Device and inode.
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Whether it was opened for reading only.
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// What a commit waits for at present.
    pub fn synchronous(&self) -> Synchronous {
        match self.synchronous.load(Ordering::Relaxed) {
            0 => Synchronous::Off,
            1 => Synchronous::Normal,
            _ => Synchronous::Full,
        }
    }

    /// Refuse to write once it is unknown what is on the disk.
    ///
    /// # Errors
    /// 58030.
    pub fn check_healthy(&self) -> Result<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Error::io(format!("{}: a write failed: reopen", self.path.display()))
                .hint("close the store in this process and connect again; reading goes on until then"));
        }
        Ok(())
    }

    /// Bytes of the file and of its write-ahead log.
    pub fn bytes(&self) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        (size(&self.path), size(&self.wal))
    }

    fn poison(&self) {
        if planted!("sync-retried") {
            return;
        }
        self.poisoned.store(true, Ordering::Release);
    }

    /// An error of SQLite; from a failed sync on, nothing is written any more.
    fn failed(&self, error: rusqlite::Error) -> Error {
        if failure::is_failed_sync(&error) {
            self.poison();
        }
        if failure::is_too_big(&error) {
            return Error::limit_exceeded(format!("{}: {error}", self.path.display()));
        }
        failure::sqlite(&self.path, error)
    }

    /// Whether somebody has put another file in its place.
    fn replaced(&self) -> bool {
        !inode(&self.path).is_ok_and(|found| found == self.identity)
    }

    /// The write-ahead log's inode; 0 where there is none.
    fn wal_inode(&self) -> u64 {
        inode(&self.wal).map_or(0, |(_, inode)| inode)
    }

    /// Whether somebody has taken the write-ahead log away: what this connection writes to it, nobody will find.
    fn wal_lost(&self, handle: &Handle) -> bool {
        !handle.still && handle.wal != self.wal_inode()
    }

    /// Open the file anew for a connection whose write-ahead log is gone, and say so.
    ///
    /// Another SQLite in this process does that when it closes the file: the system takes no lock of ours for a
    /// hindrance to a process that is ours too. It has moved the log into the file before, so nothing is lost. Where
    /// something is, this process still has it, and reads on; it writes no more.
    fn renew(&self, handle: &mut Handle) -> Result<bool> {
        if !self.wal_lost(handle) || !handle.is_autocommit() {
            return Ok(false);
        }
        let known = self.newest.load(Ordering::Acquire);
        let renewed = self.connect().and_then(|fresh| {
            let newest = reader::reading(self, &fresh, |reader| reader.newest())?;
            Ok((fresh, newest))
        });
        match renewed {
            Ok((fresh, newest)) if newest >= known => {
                *handle = fresh;
                Ok(true)
            }
            Err(error) if error.sqlstate != "XX001" => Err(error),
            _ => {
                self.poison();
                handle.wal = self.wal_inode();
                Ok(false)
            }
        }
    }

    /// One more connection, which has the write-ahead log open.
    fn connect(&self) -> Result<Handle> {
        let mut handle = Handle::open(&self.path, self.read_only)?;
        handle.settle(&self.path, self.synchronous())?;
        let failed = |error| failure::sqlite(&self.path, error);
        handle.busy_timeout(create::PATIENCE).map_err(failed)?;
        handle.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).map_err(failed)?;
        handle.wal = self.wal_inode();
        Ok(handle)
    }

    /// The mark first, then the log: so a commit in between is not missed.
    fn compare_history(&self, log: &mut Log, options: &Options) -> Result<()> {
        let Some(mark) = &self.mark else { return Ok(()) };
        let Some(said) = mark.read() else { return Ok(()) };
        let newest = log.read(|reader| reader.newest())?;
        if newest >= said.version || planted!("mark-unchecked") {
            return Ok(());
        }
        if !options.accept_history {
            return Err(Error::corrupted(format!(
                "{}: damaged: commits {} to {} were acknowledged, and are gone",
                self.path.display(),
                newest + 1,
                said.version
            ))
            .hint("db.salvage(src, dst) copies what is whole; connect(accept_history=True) goes on without them"));
        }
        if self.read_only {
            return Ok(());
        }
        log.locked(create::PATIENCE, &mut || Ok(()), |log| {
            let newest = log.read(|reader| reader.newest())?;
            let said = mark.read().unwrap_or_default();
            let accepted = Acknowledged { generation: said.generation + 1, version: newest };
            mark.write(accepted).map_err(|error| failure::system(&self.path, &error))
        })
    }
}

/// Whether a file that is opened for reading has no log, and none can be made beside it: SQLite would refuse it.
fn is_still(path: &Path) -> Result<bool> {
    if fs::metadata(with_ending(path, "-wal")).is_ok_and(|found| found.len() > 0) {
        return Ok(false);
    }
    let handle = Handle::open(path, true)?;
    if header::judge(path, &handle)? != Verdict::Store {
        return Ok(false);
    }
    Ok(handle.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_err_and(|error| {
        use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
        matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly))
    }))
}

/// Switch to the write-ahead log, unless it is there; read back.
fn write_ahead(path: &Path, handle: &Handle) -> Result<()> {
    let mode: String = handle
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| failure::sqlite(path, error))?;
    if mode != "wal" {
        return Err(Error::io(format!("{}: the file system cannot share memory ({mode})", path.display()))
            .hint("a store with a write-ahead log needs a local disk"));
    }
    Ok(())
}

/// The tables are ours, to the letter; what else there may be is never run.
fn check_schema(path: &Path, handle: &Handle) -> Result<()> {
    let read = || {
        let mut statement = handle.prepare("SELECT type, sql FROM sqlite_schema WHERE name = ?")?;
        TABLES
            .iter()
            .map(|(name, sql)| {
                let found = statement.query_row([name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
                match found {
                    Ok((kind, text)) => Ok((*name, kind == "table" && text == *sql)),
                    Err(rusqlite::Error::QueryReturnedNoRows) => Ok((*name, false)),
                    Err(error) => Err(error),
                }
            })
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    let found = read().map_err(|error| failure::sqlite(path, error))?;
    match found.iter().find(|(_, right)| !right) {
        Some((name, _)) => Err(reader::damaged(path, format!("table {name} is missing, or another"))),
        None => Ok(()),
    }
}

fn read_uuid(path: &Path, handle: &Handle) -> Result<[u8; 16]> {
    let (value, crc) = reader::read_meta(handle, "uuid").map_err(|error| failure::sqlite(path, error))?;
    match <[u8; 16]>::try_from(&value[..]) {
        Ok(uuid) if i64::from(Checksum::uuid(&uuid)) == crc => Ok(uuid),
        _ => Err(reader::damaged(path, "meta uuid: wrong checksum")),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// How a wait is told to go on or to stop.
type Poll<'a> = &'a mut dyn FnMut() -> Result<()>;

/// How long the first nap of a waiting writer is, and how long the longest.
const NAPS: (Duration, Duration) = (Duration::from_micros(20), Duration::from_millis(1));
