//! One error for the whole crate: an SQLSTATE, a message in PostgreSQL's manner, an optional hint.

use std::borrow::Cow;

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// An SQLSTATE with its message; the Python class follows from the code alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Five characters, as listed in docs/LANGUAGE.md.
    pub sqlstate: &'static str,
    /// Lower case, what was expected and found.
    pub message: Cow<'static, str>,
    /// What to try instead.
    pub hint: Option<Cow<'static, str>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub fn $name(message: impl Into<Cow<'static, str>>) -> Self {
            Self { sqlstate: $code, message: message.into(), hint: None }
        })*
    };
}

impl Error {
    constructors! {
        /// 0A000: valid, but not built.
        not_supported = "0A000";
        /// 08003: the store is closed, or belongs to another process.
        closed = "08003";
        /// 22003: a number outside what the column or argument can hold.
        out_of_range = "22003";
        /// 22P02: a value that cannot be read as what is expected.
        invalid_text = "22P02";
        /// 22023: a value that the argument does not allow.
        invalid_value = "22023";
        /// 22P04: a bulk input of the wrong shape or content.
        bad_content = "22P04";
        /// 23503: an end of a connection does not exist.
        missing_token = "23503";
        /// 23505: id, key or (source, target, type) exists already.
        duplicate = "23505";
        /// 23514: the CDNA profile refuses the write.
        check_violation = "23514";
        /// 25001: a transaction is open already.
        active_transaction = "25001";
        /// 25006: a write on a read-only session.
        read_only = "25006";
        /// 25P01: there is no transaction.
        no_transaction = "25P01";
        /// 25P02: the transaction has failed and only its end is left to do.
        aborted = "25P02";
        /// 3B001: no such savepoint.
        no_savepoint = "3B001";
        /// 40001: another transaction committed first.
        serialization = "40001";
        /// 42501: not allowed.
        not_allowed = "42501";
        /// 42703: no such column.
        undefined_column = "42703";
        /// 42704: no such token, type or profile.
        undefined_object = "42704";
        /// 42804: a value of the wrong type.
        type_mismatch = "42804";
        /// 53100: no room on the disk.
        disk_full = "53100";
        /// 53200: memory that is not to be had, or not allowed.
        out_of_memory = "53200";
        /// 54000: a built-in limit.
        limit_exceeded = "54000";
        /// 55P03: the writer's lock was not free in time.
        lock_timeout = "55P03";
        /// 57014: cancelled.
        cancelled = "57014";
        /// 58030: reading or writing failed.
        io = "58030";
        /// 58P01: no such file.
        no_such_file = "58P01";
        /// 58P02: the file exists already.
        duplicate_file = "58P02";
        /// XX000: a bug of ours.
        internal = "XX000";
        /// XX001: what is stored is damaged; the message names the place.
        corrupted = "XX001";
    }

    /// Whether it says that the operation was cancelled, not that something is wrong with it.
    pub fn is_cancelled(&self) -> bool {
        self.sqlstate == "57014"
    }

    /// XX000 for a panic, with what it said.
    pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::internal(format!("internal error: {}", text.unwrap_or("panic")))
            .hint("this is a bug of NeuroGraph; please report it")
    }

    /// The same error with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
