//! What went wrong below, in SQLSTATEs.

use std::io;
use std::path::Path;

use rusqlite::{ErrorCode, ffi};

use crate::error::Error;

/// What SQLite reported about a file.
pub(super) fn sqlite(path: &Path, error: rusqlite::Error) -> Error {
    let place = path.display();
    let rusqlite::Error::SqliteFailure(cause, text) = &error else {
        // A value of the wrong type or no row: our statements are fixed, so what they read is not what we wrote.
        return Error::corrupted(format!("{place}: damaged: {error}"));
    };
    let text = text.clone().unwrap_or_else(|| cause.to_string());
    let message = format!("{place}: {text}");
    match (cause.code, cause.extended_code) {
        (ErrorCode::DiskFull, _) => Error::disk_full(message).hint("make room on the disk; nothing of it was stored"),
        (ErrorCode::OutOfMemory, _) | (_, ffi::SQLITE_IOERR_NOMEM) => Error::out_of_memory(message),
        (_, ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_SHORT_READ)
        | (
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::Unknown
            | ErrorCode::ConstraintViolation
            | ErrorCode::SchemaChanged
            // Reading: a length is damaged.
            | ErrorCode::TooBig,
            _,
        ) => Error::corrupted(format!("{place}: damaged: {text}")),
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed, _) => {
            Error::lock_timeout(message)
        }
        (ErrorCode::PermissionDenied | ErrorCode::ReadOnly, _) => Error::not_allowed(message),
        (ErrorCode::CannotOpen, _) => match Path::try_exists(path) {
            Ok(false) => Error::no_such_file(format!("no file {place}")),
            _ => Error::not_allowed(message),
        },
        (ErrorCode::OperationInterrupted, _) => Error::cancelled(message),
        _ => Error::io(message),
    }
}

/// What the operating system reported about a file.
pub(super) fn system(path: &Path, error: &io::Error) -> Error {
    let message = format!("{}: {error}", path.display());
    match error.kind() {
        _ if error.raw_os_error() == Some(libc::ELOOP) => Error::no_such_file(message),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            Error::no_such_file(message)
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::not_allowed(message),
        io::ErrorKind::AlreadyExists => Error::duplicate_file(message),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::disk_full(message),
        io::ErrorKind::OutOfMemory => Error::out_of_memory(message),
        _ => Error::io(message),
    }
}

/// Whether a sync failed: what was to be synced may be lost, though later syncs succeed.
pub(super) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error(),
        Some(cause) if matches!(
            cause.extended_code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_IOERR_TRUNCATE
        )
    )
}

/// Whether another connection has the lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether there was no room.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Whether a value does not fit into a row; of an error in writing.
pub(super) fn is_too_big(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::TooBig)
}
