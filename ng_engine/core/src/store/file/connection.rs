//! Connections as we want them: nothing is checkpointed or deleted behind our back, nothing in the file is trusted,
//! and none of it is touched by a forked child.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags, ffi};

use super::{Synchronous, failure, process};
use crate::error::{Error, Result};

/// The three tables, as they stand in `sqlite_schema`.
pub(super) const TABLES: [(&str, &str); 3] = [
    ("meta", "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID"),
    (
        "commit_log",
        "CREATE TABLE commit_log (version INTEGER PRIMARY KEY, at INTEGER NOT NULL, author TEXT NOT NULL, \
         crc INTEGER NOT NULL, payload BLOB NOT NULL)",
    ),
    (
        "segment",
        "CREATE TABLE segment (place INTEGER PRIMARY KEY, version INTEGER NOT NULL, crc INTEGER NOT NULL, \
         payload BLOB NOT NULL)",
    ),
];

/// The log beside the file is cut to this when it begins anew.
const JOURNAL_LIMIT: i64 = 4 << 20;

/// A connection that only the process that made it closes.
pub(super) struct Handle {
    connection: ManuallyDrop<Connection>,
    process: u64,
    /// The inode of the write-ahead log that it has open; 0 where there is none.
    pub(super) wal: u64,
    /// Whether it has the file alone, without a log, as nothing and nobody changes it.
    pub(super) still: bool,
}

impl Handle {
    /// Open a file that exists; nothing is read from it yet.
    pub(super) fn open(path: &Path, read_only: bool) -> Result<Self> {
        super::vfs::install();
        let access = if read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        Self::with_flags(path, access)
    }

    /// Open a file that nothing and nobody changes, as on a read-only medium: without a log, without locks.
    pub(super) fn open_still(path: &Path) -> Result<Self> {
        super::vfs::install();
        let mut name = String::from("file:");
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => name.push(*byte as char),
                byte => name.push_str(&format!("%{byte:02x}")),
            }
        }
        name.push_str("?immutable=1");
        let mut handle =
            Self::with_flags(Path::new(&name), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
        handle.still = true;
        Ok(handle)
    }

    /// Open a file, or make it: only for files that nobody else knows of.
    pub(super) fn make(path: &Path) -> Result<Self> {
        super::vfs::install();
        Self::with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    fn with_flags(path: &Path, access: OpenFlags) -> Result<Self> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failure::sqlite(path, error))?;
        Ok(Self { connection: ManuallyDrop::new(connection), process: process::generation(), wal: 0, still: false })
    }

    /// Say how this connection is to behave; `synchronous` is read back.
    pub(super) fn settle(&self, path: &Path, synchronous: Synchronous) -> Result<()> {
        let configure = || {
            self.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            self.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            self.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            self.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            self.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
            self.file_control(Some(c"main"), FileControl::PersistWal(&mut 1))?;
            self.set_prepared_statement_cache_capacity(32);
            self.execute_batch("PRAGMA cell_size_check = ON; PRAGMA temp_store = FILE")?;
            self.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
            self.pragma_update_and_check(None, "journal_size_limit", JOURNAL_LIMIT, |_| Ok(()))
        };
        configure().map_err(|error| failure::sqlite(path, error))?;
        self.synchronous(path, synchronous)
    }

    /// What a commit waits for; read back.
    pub(super) fn synchronous(&self, path: &Path, synchronous: Synchronous) -> Result<()> {
        let synchronous = if planted!("ack-before-sync") { Synchronous::Off } else { synchronous };
        let wanted = synchronous as i64;
        let found = self
            .pragma_update(None, "synchronous", wanted)
            .and_then(|()| self.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)))
            .map_err(|error| failure::sqlite(path, error))?;
        if found != wanted {
            return Err(Error::io(format!("{}: synchronous is {found}, not {wanted}", path.display())));
        }
        Ok(())
    }

    /// Wait until everything that was written is on the disk: the file and its write-ahead log.
    pub(super) fn sync(&self, path: &Path) -> Result<()> {
        let mut code = ffi::SQLITE_OK;
        self.each_file(path, |file| {
            // SAFETY: the file is open, and its methods are those of the VFS.
            let done = unsafe {
                match file.as_ref().and_then(|file| file.pMethods.as_ref()).and_then(|methods| methods.xSync) {
                    Some(sync) => sync(file, ffi::SQLITE_SYNC_NORMAL),
                    None => ffi::SQLITE_OK,
                }
            };
            code = code.max(done);
        })?;
        if code != ffi::SQLITE_OK {
            return Err(failure::sqlite(path, rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)));
        }
        Ok(())
    }

    /// Count the syncs of this connection, and let them fail.
    #[cfg(feature = "faults")]
    pub(super) fn watch(&self, path: &Path) -> Result<()> {
        // SAFETY: the pointers are those of files that the connection has open.
        self.each_file(path, |file| unsafe { super::faults::calls::watch(file) })
    }

    /// The write-ahead log first, then the file.
    fn each_file(&self, path: &Path, mut f: impl FnMut(*mut ffi::sqlite3_file)) -> Result<()> {
        // Only a connection that has read knows its log.
        self.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).map_err(|error| failure::sqlite(path, error))?;
        for which in [ffi::SQLITE_FCNTL_JOURNAL_POINTER, ffi::SQLITE_FCNTL_FILE_POINTER] {
            let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
            let out = (&raw mut file).cast::<c_void>();
            // SAFETY: the connection is open, and a pointer is what these two give.
            unsafe { ffi::sqlite3_file_control(self.handle(), c"main".as_ptr(), which, out) };
            f(file);
        }
        Ok(())
    }

    /// Run one statement without results, kept prepared.
    pub(super) fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.prepare_cached(sql)?.raw_execute().map(drop)
    }
}

impl Deref for Handle {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Closing it in a child would give back locks and finish journals that are the parent's.
        if self.process == process::generation() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.connection) };
        }
    }
}
