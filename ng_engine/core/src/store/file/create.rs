//! New stores: complete or absent, whatever happens while they are made.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi, params};

use super::checksum::Checksum;
use super::connection::{Handle, TABLES};
use super::failure;
use super::header::{self, APPLICATION_ID, FORMAT, PAGE, Verdict};
use super::locks::Byte;
use super::mark::{self, Mark};
use super::rows::Rows;
use crate::error::{Error, Result};

/// How long to wait for others who make or open the same file.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The device and inode of a file, through symbolic links, without opening it; nothing if there is none.
///
/// # Errors
/// Whatever keeps the path from being looked up, and 58P01 for a directory, device or pipe.
pub fn identity(path: &Path) -> Result<Option<(u64, u64)>> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some((found.dev(), found.ino()))),
        Ok(found) => {
            let what = if found.is_dir() { "a directory" } else { "no regular file" };
            Err(Error::no_such_file(format!("{}: not a NeuroGraph store: it is {what}", path.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure::system(path, &error)),
    }
}

/// Make a store with the given state, if there is none: an absent file, or one of 0 bytes. False if there is one
/// already, be it a store or not, or somebody else was faster.
///
/// # Errors
/// 53100, 58030, 58P01 (no such directory), 42501: nothing is left behind. XX001 for a file of 0 bytes whose mark says
/// that a store was here, unless `accept_history`.
pub fn create(path: &Path, state: &[u8], accept_history: bool) -> Result<bool> {
    // Through symbolic links, also to a file that is not there yet.
    let path = &resolve(path)?;
    if identity(path)?.is_none() {
        return build(path, &mut |rows| rows.put_state(state));
    }
    if fs::metadata(path).is_ok_and(|found| found.len() > 0 && !header::may_be_unfinished(path)) {
        return Ok(false);
    }
    // Before the file is looked at: somebody else may be making the store at this moment, and committing to it.
    let claimed = mark::of_any_store(path);
    let handle = Handle::open(path, false)?;
    match header::judge(path, &handle)? {
        Verdict::Store | Verdict::New => return Ok(false),
        Verdict::Empty | Verdict::Unfinished => {}
    }
    if let Some(version) = claimed.filter(|version| *version > 0 && !accept_history) {
        let place = path.display();
        return Err(Error::corrupted(format!(
            "{place}: damaged: an empty file, though {version} commits were acknowledged"
        ))
        .hint("put a copy in its place, or begin anew with connect(accept_history=True)"));
    }
    initialise(path, &handle, state)
}

/// Make a store of which `fill` writes the rows, the state among them: complete, or not there at all. False if the
/// name is taken.
pub fn build(path: &Path, fill: &mut dyn FnMut(&Rows<'_>) -> Result<()>) -> Result<bool> {
    let path = &resolve(path)?;
    if identity(path)?.is_some() {
        return Ok(false);
    }
    let built = draft(path, |connection| {
        let (uuid, failed) = (new_uuid(), |error| failure::sqlite(path, error));
        create_tables(connection, &uuid).map_err(failed)?;
        fill(&Rows { connection, sum: Checksum::new(&uuid), failed: &failed })
    })?;
    link(&built, path)
}

/// Fill an empty file in one transaction, with a rollback journal: until it is committed, the file is an empty one.
fn initialise(path: &Path, handle: &Handle, state: &[u8]) -> Result<bool> {
    let failed = |error| failure::sqlite(path, error);
    let is_empty = || {
        handle.busy_timeout(PATIENCE)?;
        handle.execute_batch("PRAGMA synchronous = EXTRA")?;
        // Taking the lock rolls an unfinished attempt back.
        handle.execute_batch("BEGIN EXCLUSIVE; ROLLBACK")?;
        let pages: i64 = handle.pragma_query_value(None, "page_count", |row| row.get(0))?;
        if pages > 0 {
            return Ok(false);
        }
        format(handle)?;
        handle.execute_batch("BEGIN EXCLUSIVE")?;
        let pages: i64 = handle.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let tables: i64 = handle.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(pages <= 1 && tables == 0)
    };
    if !is_empty().map_err(failed)? {
        return Ok(false);
    }
    let uuid = new_uuid();
    create_tables(handle, &uuid).map_err(failed)?;
    Rows { connection: handle, sum: Checksum::new(&uuid), failed: &failed }.put_state(state)?;
    handle.execute_batch("COMMIT").map_err(failed)?;
    Ok(true)
}

/// A complete file beside its future name, on the disk; `fill` runs inside one transaction.
fn draft(path: &Path, fill: impl FnOnce(&Connection) -> Result<()>) -> Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    match COUNT.fetch_add(1, Ordering::Relaxed) {
        0 => {}
        count => name.push(format!("-{count}")),
    }
    let name = PathBuf::from(name);
    // What a dead process of the same number left.
    remove(&name);
    let work = || {
        let handle = Handle::make(&name)?;
        let failed = |error| failure::sqlite(&name, error);
        // The file is synced whole before it gets its name.
        handle.execute_batch("PRAGMA synchronous = OFF").and_then(|()| format(&handle)).map_err(failed)?;
        handle.execute_batch("BEGIN EXCLUSIVE").map_err(failed)?;
        fill(&handle)?;
        handle.execute_batch("COMMIT").map_err(failed)?;
        drop(handle);
        sync(&name).map_err(|error| failure::system(&name, &error))
    };
    match work() {
        Ok(()) => Ok(name),
        Err(error) => {
            remove(&name);
            Err(error)
        }
    }
}

/// Give a complete file its name, unless the name is taken.
pub(super) fn link(built: &Path, path: &Path) -> Result<bool> {
    let linked = name(built, path);
    remove(built);
    let linked = linked?;
    if linked {
        sync_directory(path).map_err(|error| failure::system(path, &error))?;
    }
    Ok(linked)
}

/// Only one process at a time names a store, so that what is cleared away is nobody's.
fn name(built: &Path, path: &Path) -> Result<bool> {
    let mark = Mark::open(path, [0; 16], 0o644, false)?;
    if let Some(mark) = &mark {
        let patience = Instant::now() + PATIENCE;
        while !mark.try_lock(Byte::Writer)? {
            if Instant::now() > patience {
                return Err(Error::lock_timeout(format!("{}: somebody is at work on it", path.display())));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let named = (|| {
        if identity(path)?.is_some() {
            return Ok(false);
        }
        clear(path)?;
        match fs::hard_link(built, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => rename_new(built, path, error).map_err(|error| failure::system(path, &error)),
        }
    })();
    if let Some(mark) = mark {
        mark.unlock(Byte::Writer);
    }
    named
}

/// A log without its file would be taken for the new file's: it is put aside, in case somebody misses it.
fn clear(path: &Path) -> Result<()> {
    for (ending, aside) in [("-wal", true), ("-shm", false), ("-journal", false)] {
        let mut log = path.as_os_str().to_owned();
        log.push(ending);
        let mut lost = log.clone();
        lost.push(format!(".lost-{}", std::process::id()));
        let done = match fs::symlink_metadata(&log) {
            Ok(found) if aside && found.len() > 0 => fs::rename(&log, lost),
            Ok(_) => fs::remove_file(&log),
            Err(error) => Err(error),
        };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failure::system(Path::new(&log), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// For file systems without hard links.
#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path, why: io::Error) -> io::Result<bool> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    if !matches!(why.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP | libc::ENOSYS | libc::EMLINK)) {
        return Err(why);
    }
    let (from, to) = (CString::new(from.as_os_str().as_bytes())?, CString::new(to.as_os_str().as_bytes())?);
    // SAFETY: two strings that live through the call.
    let done =
        unsafe { libc::renameat2(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::RENAME_NOREPLACE) };
    if done == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(false) } else { Err(error) }
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_: &Path, _: &Path, why: io::Error) -> io::Result<bool> {
    Err(why)
}

/// What must be said before the first page is written.
fn format(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute_batch(&format!("PRAGMA page_size = {PAGE}; PRAGMA encoding = 'UTF-8'; PRAGMA auto_vacuum = NONE"))
}

/// What a store has at birth but for its state.
fn create_tables(connection: &Connection, uuid: &[u8; 16]) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; {}",
        TABLES.map(|(_, sql)| sql).join("; ")
    ))?;
    let insert = "INSERT INTO meta (name, value, crc) VALUES ('uuid', ?, ?)";
    connection.execute(insert, params![&uuid[..], Checksum::uuid(uuid)]).map(drop)
}

/// A random uuid, version 4. SQLite's generator starts anew in a forked child.
pub(super) fn new_uuid() -> [u8; 16] {
    let mut uuid = [0; 16];
    // SAFETY: sixteen bytes are written.
    unsafe { ffi::sqlite3_randomness(16, uuid.as_mut_ptr().cast()) };
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

/// The absolute name without symbolic links; of the last part also if the file is not there.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_path_buf();
    // As many links as the kernel follows.
    for _ in 0..40 {
        match path.canonicalize() {
            Ok(found) => return Ok(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failure::system(&path, &error)),
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match fs::read_link(&path) {
            Ok(target) => path = parent.join(target),
            Err(_) => {
                let name =
                    path.file_name().ok_or_else(|| Error::no_such_file(format!("no file {}", path.display())))?;
                let directory = parent.canonicalize().map_err(|error| failure::system(parent, &error))?;
                return Ok(directory.join(name));
            }
        }
    }
    Err(Error::no_such_file(format!("{}: too many symbolic links", path.display())))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    sync(path.parent().unwrap_or(Path::new("/")))
}

fn sync(path: &Path) -> io::Result<()> {
    #[cfg(feature = "faults")]
    super::faults::calls::own_sync()?;
    fs::File::open(path)?.sync_all()
}

fn remove(name: &Path) {
    let _ = fs::remove_file(name);
    let mut journal = name.as_os_str().to_owned();
    journal.push("-journal");
    let _ = fs::remove_file(journal);
}
