//! Is this file ours? Judged from its first hundred bytes, before SQLite is let near it.
//!
//! They are read through SQLite's own descriptor: opening and closing another one would drop the locks that this
//! process has on the file.

use std::ffi::c_void;
use std::path::Path;

use rusqlite::{Connection, ffi};

use super::failure;
use crate::error::{Error, Result};

/// "NGRG", in SQLite's header.
pub(super) const APPLICATION_ID: u32 = 0x4E47_5247;
/// The version of the format, SQLite's user_version.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a page.
pub(super) const PAGE: u32 = 4096;

const HEADER: usize = 100;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A store in the write-ahead mode.
    Store,
    /// A store that nobody has opened yet.
    New,
    /// Nothing was ever written.
    Empty,
    /// Somebody died while writing the first bytes into an empty file; SQLite's journal takes them back.
    Unfinished,
}

/// Judge the file of a connection that has not read from it yet. A foreign, damaged or newer file is an error.
pub(super) fn judge(path: &Path, connection: &Connection) -> Result<Verdict> {
    let (size, header) = first_bytes(path, connection)?;
    let place = path.display();
    let foreign = || Error::corrupted(format!("{place}: not a NeuroGraph store, or its first bytes are damaged"));
    if size == 0 {
        // SQLite takes a single byte for none.
        let single = std::fs::metadata(path).is_ok_and(|found| found.len() == 1);
        return if single { Err(foreign()) } else { Ok(Verdict::Empty) };
    }
    let at = |offset: usize| {
        u32::from_be_bytes([header[offset], header[offset + 1], header[offset + 2], header[offset + 3]])
    };
    if size < HEADER as u64 || header[..16] != *b"SQLite format 3\0" {
        return if may_be_unfinished(path) { Ok(Verdict::Unfinished) } else { Err(foreign()) };
    }
    if at(68) != APPLICATION_ID {
        return Err(Error::corrupted(format!("{place}: not a NeuroGraph store")));
    }
    match at(60) {
        FORMAT => {}
        newer if newer > FORMAT => {
            return Err(Error::not_supported(format!(
                "{place}: written by a newer NeuroGraph (format {newer}, known is {FORMAT})"
            ))
            .hint("upgrade neurograph to open it"));
        }
        _ => return Err(Error::corrupted(format!("{place}: damaged: the format version is 0"))),
    }
    let fixed = header[16..18] == (PAGE as u16).to_be_bytes()
        && matches!(header[18..20], [1, 1] | [2, 2])
        && header[20..24] == [0, 64, 32, 32]
        && at(44) == 4
        && [at(48), at(52), at(64)] == [0; 3]
        && at(56) == 1
        && header[72..92].iter().all(|&byte| byte == 0);
    if !fixed {
        return Err(Error::corrupted(format!("{place}: damaged: the header says what no store says")));
    }
    Ok(match header[18] {
        2 => Verdict::Store,
        _ if may_be_unfinished(path) => Verdict::Unfinished,
        _ => Verdict::New,
    })
}

/// The size of the file and its first bytes, without a lock and without a look at any journal.
fn first_bytes(path: &Path, connection: &Connection) -> Result<(u64, [u8; HEADER])> {
    let mut header = [0; HEADER];
    let mut size = 0_i64;
    // SAFETY: the pointer is that of the open main database, and its methods are those of the VFS.
    let code = unsafe {
        let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
        let out = (&raw mut file).cast::<c_void>();
        ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), ffi::SQLITE_FCNTL_FILE_POINTER, out);
        match file.as_ref().and_then(|file| file.pMethods.as_ref()).map(|methods| (methods.xRead, methods.xFileSize)) {
            Some((Some(read), Some(file_size))) => match file_size(file, &raw mut size) {
                ffi::SQLITE_OK => read(file, header.as_mut_ptr().cast(), HEADER as i32, 0),
                code => code,
            },
            _ => ffi::SQLITE_CANTOPEN,
        }
    };
    match code {
        ffi::SQLITE_OK | ffi::SQLITE_IOERR_SHORT_READ => Ok((size.max(0) as u64, header)),
        code => Err(failure::sqlite(path, rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))),
    }
}

/// Whether the file has the rollback journal of a transaction that began with an empty file.
pub(super) fn may_be_unfinished(path: &Path) -> bool {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    let mut head = [0; 20];
    let read = std::fs::File::open(journal).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && head[..8] == [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7] && head[16..20] == [0; 4]
}
