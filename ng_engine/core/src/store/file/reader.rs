//! Reading: within one read transaction, everything checked before it is believed.

use std::path::Path;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, Row};

use super::{Entry, File, SegmentHead, failure, rows};
use crate::error::{Error, Result};

/// What a log had to say of the commits after a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of them were read, be it none.
    Complete,
    /// The first of them is no longer there: a checkpoint has them.
    Gone,
}

/// How much room a store takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The file.
    pub file: u64,
    /// The write-ahead log beside it.
    pub wal: u64,
    /// The payloads of the commit log, inside the file.
    pub log: u64,
    /// How many commits these are.
    pub commits: u64,
}

struct Commit<'r> {
    version: u64,
    at: i64,
    author: &'r str,
    payload: &'r [u8],
    previous: u32,
    crc: u32,
}

/// One consistent view of the file.
pub struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) file: &'a File,
}

impl Reader<'_> {
    /// The version of the latest commit, 0 if there was none: the log always keeps its latest row. Its sum is checked
    /// by whoever reads the row, [`Self::tail`] and [`Self::entries`].
    pub fn newest(&self) -> Result<u64> {
        let newest = self.number("SELECT max(version) FROM commit_log")?.unwrap_or(0);
        self.file.newest.fetch_max(newest, Ordering::AcqRel);
        Ok(newest)
    }

    /// The version and the chain's sum of the latest commit: what the next one is appended to.
    pub fn tail(&self) -> Result<(u64, u32)> {
        let sql = "SELECT version, at, author, crc, payload FROM commit_log ORDER BY version DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.failed(error))?;
        let mut rows = statement.query([]).map_err(|error| self.failed(error))?;
        match rows.next().map_err(|error| self.failed(error))? {
            None => Ok((0, self.file.sum.origin())),
            Some(row) => self.commit(row).map(|commit| (commit.version, commit.crc)),
        }
    }

    /// The oldest version that the log still has.
    pub fn oldest(&self) -> Result<Option<u64>> {
        self.number("SELECT min(version) FROM commit_log")
    }

    fn number(&self, sql: &'static str) -> Result<Option<u64>> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, Option<i64>>(0)))
            .map_err(|error| self.failed(error))?
            .map(|version| self.version(version))
            .transpose()
    }

    /// A row of the log, with a sum that is right.
    fn commit<'r>(&self, row: &'r Row<'_>) -> Result<Commit<'r>> {
        let read = || {
            let author = row.get_ref(2)?.as_str()?;
            let payload = row.get_ref(4)?.as_blob()?;
            rusqlite::Result::Ok((row.get(0)?, row.get(1)?, author, row.get(3)?, payload))
        };
        let (version, at, author, sums, payload): (i64, i64, &str, i64, &[u8]) =
            read().map_err(|error| self.failed(error))?;
        let version = self.version(version)?;
        let (previous, crc) = ((sums >> 32) as u32, sums as u32);
        if self.file.sum.commit(version, at, author, payload, previous) != crc && !planted!("crc-unchecked") {
            return Err(self.damaged(format!("commit {version}: wrong checksum")));
        }
        Ok(Commit { version, at, author, payload, previous, crc })
    }

    fn version(&self, stored: i64) -> Result<u64> {
        match u64::try_from(stored) {
            Ok(version) if version > 0 => Ok(version),
            _ => Err(self.damaged(format!("a commit numbered {stored}"))),
        }
    }

    /// Every commit after a version, in order, with the sum that the next one must continue. `chain` is the sum that
    /// the first one must continue, if the caller knows it.
    ///
    /// # Errors
    /// XX001 for a commit that is damaged, missing between others, or no continuation; and whatever `f` says.
    pub fn entries(
        &self,
        after: u64,
        chain: Option<u32>,
        f: &mut dyn FnMut(Entry, u32) -> Result<()>,
    ) -> Result<Coverage> {
        let sql = "SELECT version, at, author, crc, payload FROM commit_log WHERE version > ? ORDER BY version";
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.failed(error))?;
        let mut rows = statement.query([after as i64]).map_err(|error| self.failed(error))?;
        let (mut last, mut chain) = (after, chain);
        while let Some(row) = rows.next().map_err(|error| self.failed(error))? {
            let Commit { version, at, author, payload, previous, crc } = self.commit(row)?;
            if version != last + 1 {
                if last == after {
                    return Ok(Coverage::Gone);
                }
                return Err(self.damaged(format!("commit {} is missing", last + 1)));
            }
            if chain.is_some_and(|chain| chain != previous) && !planted!("chain-unchecked") {
                return Err(self.damaged(format!("commit {version} does not continue commit {last}")));
            }
            f(Entry { version, at, author: author.to_owned(), payload: payload.to_owned() }, crc)?;
            (last, chain) = (version, Some(crc));
        }
        Ok(Coverage::Complete)
    }

    /// The state that the latest checkpoint wrote.
    pub fn state(&self) -> Result<Vec<u8>> {
        self.meta("state")
    }

    fn meta(&self, name: &'static str) -> Result<Vec<u8>> {
        let (value, crc) = read_meta(self.connection, name).map_err(|error| self.failed(error))?;
        if i64::from(self.file.sum.meta(name, &value)) != crc && !planted!("crc-unchecked") {
            return Err(self.damaged(format!("meta {name}: wrong checksum")));
        }
        Ok(value)
    }

    /// Every segment's place, version and sum, in the order of places. The sums are not checked here.
    pub fn heads(&self) -> Result<Vec<SegmentHead>> {
        rows::heads(self.connection).map_err(|error| self.failed(error))
    }

    /// A segment's version and content.
    pub fn segment(&self, place: u64) -> Result<(u64, Vec<u8>)> {
        self.with_segment(place, |version, payload| Ok((version, payload.to_owned())))
    }

    /// The same, without a copy.
    pub fn with_segment<T>(&self, place: u64, f: impl FnOnce(u64, &[u8]) -> Result<T>) -> Result<T> {
        let sql = "SELECT version, crc, payload FROM segment WHERE place = ?";
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.failed(error))?;
        let mut rows = statement.query([place as i64]).map_err(|error| self.failed(error))?;
        let name = || format!("{} segment {}", if place >> 32 == 0 { "token" } else { "connection" }, place as u32);
        let Some(row) = rows.next().map_err(|error| self.failed(error))? else {
            return Err(self.damaged(format!("{} is missing", name())));
        };
        let read = || rusqlite::Result::Ok((row.get::<_, i64>(0)? as u64, row.get(1)?, row.get_ref(2)?.as_blob()?));
        let (version, crc, payload): (u64, i64, &[u8]) = read().map_err(|error| self.failed(error))?;
        if i64::from(self.file.sum.segment(place, version, payload)) != crc && !planted!("crc-unchecked") {
            return Err(self.damaged(format!("{}: wrong checksum", name())));
        }
        f(version, payload)
    }

    /// The room that it takes. Counts the log's rows: not for every statement.
    pub fn sizes(&self) -> Result<Sizes> {
        let (commits, log) = self
            .connection
            .prepare_cached("SELECT count(*), coalesce(sum(length(payload)), 0) FROM commit_log")
            .and_then(|mut statement| {
                statement.query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))
            })
            .map_err(|error| self.failed(error))?;
        let (file, wal) = self.file.bytes();
        Ok(Sizes { file, wal, log, commits })
    }

    /// What SQLite finds wrong with the file's structure; nothing, if it is sound.
    pub fn integrity(&self) -> Result<Vec<String>> {
        let read = || {
            let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
            let found = statement.query_map([], |row| row.get::<_, String>(0))?;
            found.filter(|line| !matches!(line, Ok(line) if line == "ok")).collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        failure::sqlite(self.file.path(), error)
    }

    fn damaged(&self, what: String) -> Error {
        damaged(self.file.path(), what)
    }
}

pub(super) fn read_meta(connection: &Connection, name: &str) -> rusqlite::Result<(Vec<u8>, i64)> {
    let mut statement = connection.prepare_cached("SELECT value, crc FROM meta WHERE name = ?")?;
    statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(super) fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::corrupted(format!("{}: damaged: {what}", path.display()))
        .hint("db.salvage(src, dst) copies what is whole into a new store")
}

/// Run something inside a read transaction, unless there is a transaction already.
pub(super) fn reading<T>(file: &File, connection: &Connection, f: impl FnOnce(&Reader<'_>) -> Result<T>) -> Result<T> {
    file.check_process()?;
    let reader = Reader { connection, file };
    if !connection.is_autocommit() {
        return f(&reader);
    }
    let run = |sql: &'static str| connection.prepare_cached(sql).and_then(|mut begin| begin.raw_execute());
    run("BEGIN").map_err(|error| reader.failed(error))?;
    let result = f(&reader);
    // After some errors SQLite has ended the transaction itself.
    if !connection.is_autocommit()
        && let Err(error) = run("ROLLBACK")
        && result.is_ok()
    {
        return Err(reader.failed(error));
    }
    result
}
