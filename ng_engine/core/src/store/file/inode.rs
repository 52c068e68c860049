//! Which file a name means, asked without its times.
//!
//! The kernel (Linux 6.13) keeps a file's times to the nanosecond, and so writes its inode with the next sync, only if
//! somebody has looked at them since: asking for the log's times at each commit made every sync a third slower.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode; symbolic links are followed.
#[cfg(target_os = "linux")]
pub(super) fn inode(path: &Path) -> io::Result<(u64, u64)> {
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;
    let name = CString::new(path.as_os_str().as_bytes())?;
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // By number: C libraries of before 2018 have no function for it. SAFETY: a string and a struct of the caller.
    let done = unsafe {
        libc::syscall(libc::SYS_statx, libc::AT_FDCWD, name.as_ptr(), 0, libc::STATX_INO, found.as_mut_ptr())
    };
    if done == 0 {
        // SAFETY: the call has filled it, and zeros are a value of it anyway.
        let found = unsafe { found.assume_init() };
        let device = libc::makedev(found.stx_dev_major, found.stx_dev_minor);
        return Ok((device, found.stx_ino));
    }
    let error = io::Error::last_os_error();
    // Seccomp filters of old container runtimes say EPERM.
    if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) { by_metadata(path) } else { Err(error) }
}

/// Device and inode; symbolic links are followed.
#[cfg(not(target_os = "linux"))]
pub(super) fn inode(path: &Path) -> io::Result<(u64, u64)> {
    by_metadata(path)
}

fn by_metadata(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_metadata_says() {
        let path = std::env::current_exe().unwrap();
        assert_eq!(inode(&path).unwrap(), by_metadata(&path).unwrap());
        let missing = inode(&path.join("not here")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotADirectory);
        assert_eq!(inode(&path.with_file_name("not here")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
