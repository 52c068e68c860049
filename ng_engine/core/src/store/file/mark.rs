//! `NAME-mark` (`world.ng-mark`): the highest version that was acknowledged as durable, the writer's process, and the bytes that
//! writers lock.
//!
//! It is never synced: it is written after the sync of what it speaks of, so a lost or older one claims less, and
//! a torn one nothing. Layout: docs/FORMAT.md.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::locks::{self, Byte};
use super::{failure, process};
use crate::error::Result;

const MAGIC: [u8; 8] = *b"NGmark\0\x01";
const RECORD: usize = 64;
const HOLDER: u64 = 64;
/// The file has its final size from the beginning, so that a full disk does not keep it from being written.
const SIZE: usize = 512;

/// What the mark says of its store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// How often a shorter history was accepted.
    pub(super) generation: u64,
    /// The highest version acknowledged as durable.
    pub(super) version: u64,
}

/// The mark file of one store, open.
pub(super) struct Mark {
    file: ManuallyDrop<File>,
    process: u64,
    uuid: [u8; 16],
    writable: bool,
}

/// Where the mark of a store lies.
pub(super) fn path_of(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push("-mark");
    path.into()
}

/// A whole mark: of which store, and what it says.
fn parse(file: &File) -> Option<([u8; 16], Acknowledged)> {
    let mut record = [0; RECORD];
    file.read_exact_at(&mut record, 0).ok()?;
    let crc = u32::from_le_bytes(record[60..].try_into().ok()?);
    if record[..8] != MAGIC || crc32fast::hash(&record[..60]) != crc {
        return None;
    }
    let number = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap_or_default());
    Some((record[8..24].try_into().ok()?, Acknowledged { generation: number(24), version: number(32) }))
}

/// The version that the mark beside a file says was acknowledged, of whichever store.
pub(super) fn of_any_store(store: &Path) -> Option<u64> {
    parse(&File::open(path_of(store)).ok()?).map(|(_, said)| said.version)
}

impl Mark {
    /// Open it, or make it; a reader does without where there is none.
    pub(super) fn open(store: &Path, uuid: [u8; 16], mode: u32, read_only: bool) -> Result<Option<Self>> {
        let path = path_of(store);
        let file = if read_only {
            OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(&path)
        } else {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(mode)
                .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(&path)
        };
        let file = match file {
            Ok(file) => file,
            Err(_) if read_only => return Ok(None),
            Err(error) => return Err(failure::system(&path, &error)),
        };
        let mark = Self { file: ManuallyDrop::new(file), process: process::generation(), uuid, writable: !read_only };
        if !read_only && mark.file.metadata().is_ok_and(|found| found.len() < SIZE as u64) {
            let _ = mark.file.set_len(SIZE as u64);
        }
        Ok(Some(mark))
    }

    /// What it says, if it is whole and this store's.
    pub(super) fn read(&self) -> Option<Acknowledged> {
        let (uuid, said) = parse(&self.file)?;
        (uuid == self.uuid).then_some(said)
    }

    /// Say it. A failure is nobody's loss: the mark then claims less than is true, or nothing.
    pub(super) fn write(&self, said: Acknowledged) -> io::Result<()> {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&MAGIC);
        record[8..24].copy_from_slice(&self.uuid);
        record[24..32].copy_from_slice(&said.generation.to_le_bytes());
        record[32..40].copy_from_slice(&said.version.to_le_bytes());
        let crc = crc32fast::hash(&record[..60]);
        record[60..].copy_from_slice(&crc.to_le_bytes());
        #[cfg(feature = "faults")]
        super::faults::calls::own_write()?;
        self.file.write_all_at(&record, 0)
    }

    /// The process that last took the writer's lock.
    pub(super) fn holder(&self) -> Option<u32> {
        let mut record = [0; 8];
        self.file.read_exact_at(&mut record, HOLDER).ok()?;
        let (pid, crc) = record.split_at(4);
        (crc == crc32fast::hash(pid).to_le_bytes()).then(|| u32::from_le_bytes([pid[0], pid[1], pid[2], pid[3]]))
    }

    /// Leave this process' number for those who wait.
    pub(super) fn sign(&self) {
        let pid = std::process::id().to_le_bytes();
        let mut record = [0; 8];
        record[..4].copy_from_slice(&pid);
        record[4..].copy_from_slice(&crc32fast::hash(&pid).to_le_bytes());
        let mut found = [0; 8];
        if self.file.read_exact_at(&mut found, HOLDER).is_err() || found != record {
            let _ = self.file.write_all_at(&record, HOLDER);
        }
    }

    /// Take a lock if it is free.
    pub(super) fn try_lock(&self, byte: Byte) -> Result<bool> {
        if !self.writable {
            return Ok(true);
        }
        locks::try_lock(&self.file, byte).map_err(|error| failure::system(Path::new("the store's mark file"), &error))
    }

    /// Give a lock back.
    pub(super) fn unlock(&self, byte: Byte) {
        if self.writable {
            locks::unlock(&self.file, byte);
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // A child has closed the descriptor already, and its number may be another file's by now.
        if self.process == process::generation() {
            process::closing(self.file.as_raw_fd());
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}
