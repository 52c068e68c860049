//! A copy of a store beside its work: complete or absent, and a store of its own.

use std::path::Path;

use rusqlite::{Connection, params};

use super::checksum::Checksum;
use super::connection::Handle;
use super::reader::{self, Reader};
use super::{Coverage, File, Poll, SegmentHead, create, failure};
use crate::error::{Error, Result};

/// Makes the copy's state out of the state and the copy's segments: their sums are others, as they are another store's.
pub type Restate<'a> = &'a mut dyn FnMut(&[u8], &[SegmentHead]) -> Result<Vec<u8>>;

impl File {
    /// Copy one state of the store, without keeping anybody from reading or writing, to a file that does not exist.
    /// The copy has a uuid of its own. `poll` is asked between segments whether the copy is still wanted.
    ///
    /// # Errors
    /// 58P02 if the file exists, XX001 if something is damaged, 53100, and what `poll` and `restate` say: nothing is
    /// left behind.
    pub fn backup(&self, path: &Path, restate: Restate<'_>, poll: Poll<'_>) -> Result<()> {
        self.check_process()?;
        let path = &create::resolve(path)?;
        let exists = || Error::duplicate_file(format!("{}: exists already", path.display()));
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(exists());
        }
        let source = Handle::open(&self.path, true)?;
        source.settle(&self.path, self.synchronous())?;
        source.busy_timeout(create::PATIENCE).map_err(|error| failure::sqlite(&self.path, error))?;
        let built = reader::reading(self, &source, |reader| {
            create::build(path, |copy| fill(reader, copy, restate, poll, path))
        })?;
        if create::link(&built, path)? { Ok(()) } else { Err(exists()) }
    }
}

fn fill(reader: &Reader<'_>, copy: &Connection, restate: Restate<'_>, poll: Poll<'_>, path: &Path) -> Result<()> {
    let failed = |error| failure::sqlite(path, error);
    let uuid = create::new_uuid();
    let sum = Checksum::new(&uuid);
    create::fill(copy, &uuid, &[]).map_err(failed)?;
    let mut heads = reader.heads()?;
    let mut insert =
        copy.prepare("INSERT INTO segment (place, version, crc, payload) VALUES (?, ?, ?, ?)").map_err(failed)?;
    for head in &mut heads {
        poll()?;
        reader.with_segment(head.place, |version, payload| {
            head.crc = sum.segment(head.place, version, payload);
            insert.execute(params![head.place as i64, version as i64, head.crc, payload]).map_err(failed)
        })?;
    }
    let mut insert = copy
        .prepare("INSERT INTO commit_log (version, at, author, crc, payload) VALUES (?, ?, ?, ?, ?)")
        .map_err(failed)?;
    let mut chain = sum.origin();
    let after = reader.oldest()?.unwrap_or(1) - 1;
    let covered = reader.entries(after, None, &mut |entry, _| {
        poll()?;
        let crc = sum.commit(entry.version, entry.at, &entry.author, &entry.payload, chain);
        let sums = (u64::from(chain) << 32 | u64::from(crc)) as i64;
        chain = crc;
        insert.execute(params![entry.version as i64, entry.at, entry.author, sums, entry.payload]).map_err(failed)?;
        Ok(())
    })?;
    if covered == Coverage::Gone {
        return Err(reader::damaged(path, "the oldest commit is missing"));
    }
    let state = restate(&reader.state()?, &heads)?;
    copy.execute("UPDATE meta SET value = ?, crc = ? WHERE name = 'state'", params![state, sum.meta("state", &state)])
        .map_err(failed)?;
    Ok(())
}
