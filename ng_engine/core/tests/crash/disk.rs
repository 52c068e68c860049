//! The disk as this process sees it: every write, sync and truncation of SQLite and of our own code comes through here.
//!
//! The executable defines the C library's functions itself, so the linker gives ours to everybody in it. Without a
//! `Watch` over the directory they are plain system calls. With one, the n-th call fails or kills the process, or all of
//! them are recorded in order, for what a power cut would have left of them.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::seeds::Rng;

/// What happens at the n-th call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before the call has an effect.
    Kill,
    /// The process is killed when the first half of a write is done.
    KillHalfWay,
    /// EIO, once.
    Io,
    /// EIO from then on.
    IoForever,
    /// ENOSPC, once; a sync fails with EIO instead.
    Full,
    /// A write does a half, and says so; after that ENOSPC, until room is made.
    ShortThenFull,
}

/// One thing that happened.
#[derive(Debug)]
enum Event {
    Write {
        file: PathBuf,
        offset: u64,
        data: Vec<u8>,
    },
    Truncate {
        file: PathBuf,
        length: u64,
    },
    /// All of this file's events before number `covers` are on the disk.
    Sync {
        file: PathBuf,
        covers: usize,
    },
    /// A commit of this lane has begun, or was acknowledged.
    Begun {
        lane: u64,
        commits: u64,
    },
    Acknowledged {
        lane: u64,
        commits: u64,
    },
}

#[derive(Default)]
struct State {
    fault: Option<(Fault, u64)>,
    calls: u64,
    /// Whether the fault was met.
    hit: bool,
    /// A sync was made to fail.
    sync: bool,
    recording: bool,
    events: Vec<Event>,
}

/// One directory under observation, until dropped.
pub struct Watch {
    directory: PathBuf,
    state: Mutex<State>,
}

static WATCHES: Mutex<Vec<Arc<Watch>>> = Mutex::new(Vec::new());
static WATCHING: AtomicUsize = AtomicUsize::new(0);

fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    fn start(directory: &Path, state: State) -> Arc<Self> {
        let directory = directory.canonicalize().unwrap();
        let watch = Arc::new(Self { directory, state: Mutex::new(state) });
        whole(&WATCHES).push(watch.clone());
        WATCHING.fetch_add(1, Ordering::SeqCst);
        watch
    }

    /// Let the n-th call (from 1) meet a fault.
    pub fn fail(directory: &Path, fault: Fault, n: u64) -> Arc<Self> {
        Self::start(directory, State { fault: Some((fault, n)), ..State::default() })
    }

    /// Record.
    pub fn record(directory: &Path) -> Arc<Self> {
        Self::start(directory, State { recording: true, ..State::default() })
    }

    /// Everything works again: the medium was changed, or room was made.
    pub fn mend(&self) {
        whole(&self.state).fault = None;
    }

    /// Whether the fault was met, and whether a sync has failed.
    pub fn hit(&self) -> (bool, bool) {
        let state = whole(&self.state);
        (state.hit, state.sync)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn begun(&self, lane: u64, commits: u64) {
        whole(&self.state).events.push(Event::Begun { lane, commits });
    }

    pub fn acknowledged(&self, lane: u64, commits: u64) {
        whole(&self.state).events.push(Event::Acknowledged { lane, commits });
    }

    pub fn stop(self: &Arc<Self>) {
        let mut watches = whole(&WATCHES);
        if let Some(at) = watches.iter().position(|watch| Arc::ptr_eq(watch, self)) {
            watches.remove(at);
            WATCHING.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// What was recorded.
    pub fn trace(self: &Arc<Self>) -> Trace {
        self.stop();
        Trace(std::mem::take(&mut whole(&self.state).events))
    }
}

/// Everything that was done to a directory, in order.
pub struct Trace(Vec<Event>);

/// What is on the disk after a power cut, and what must be in it.
pub struct Cut {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Commits acknowledged, and begun, by lane.
    pub acknowledged: BTreeMap<u64, u64>,
    pub begun: BTreeMap<u64, u64>,
}

impl Trace {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The power goes before event `at`: synced writes are there, of the others whatever `rng` says.
    pub fn cut(&self, at: usize, base: &BTreeMap<PathBuf, Vec<u8>>, rng: &mut Rng) -> Cut {
        let events = &self.0[..at];
        let mut cut = Cut { files: base.clone(), acknowledged: BTreeMap::new(), begun: BTreeMap::new() };
        let mut synced: BTreeMap<&Path, usize> = BTreeMap::new();
        for event in events {
            match event {
                Event::Sync { file, covers } => {
                    let upto = synced.entry(file).or_default();
                    *upto = (*upto).max(*covers);
                }
                Event::Begun { lane, commits } => drop(cut.begun.insert(*lane, *commits)),
                Event::Acknowledged { lane, commits } => drop(cut.acknowledged.insert(*lane, *commits)),
                _ => {}
            }
        }
        // How lucky the unsynced writes are: none, all, each for itself, each sector for itself, those of one file.
        let luck = rng.below(5);
        let lucky_file = rng.below(2) == 0;
        for (number, event) in events.iter().enumerate() {
            let safe = |file: &Path| synced.get(file).is_some_and(|covers| number < *covers);
            match event {
                Event::Truncate { file, length } if safe(file) || rng.below(2) == 0 => {
                    cut.files.entry(file.clone()).or_default().resize(*length as usize, 0);
                }
                Event::Truncate { .. } => {}
                Event::Write { file, offset, data } => {
                    let sectors = !safe(file) && luck == 3;
                    let whole_write = match luck {
                        _ if safe(file) => true,
                        0 => false,
                        1 => true,
                        4 => file.to_string_lossy().ends_with("-wal") == lucky_file,
                        _ => rng.below(2) == 0,
                    };
                    let content = cut.files.entry(file.clone()).or_default();
                    for (n, sector) in data.chunks(512).enumerate() {
                        if if sectors { rng.below(2) == 0 } else { whole_write } {
                            let start = *offset as usize + n * 512;
                            if content.len() < start + sector.len() {
                                content.resize(start + sector.len(), 0);
                            }
                            content[start..start + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
                _ => {}
            }
        }
        cut
    }

    /// How many bytes were written in all.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|event| if let Event::Write { data, .. } = event { data.len() } else { 0 }).sum()
    }

    /// The process dies after so many bytes of its writes.
    pub fn torn(&self, bytes: usize, base: &BTreeMap<PathBuf, Vec<u8>>) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut files, mut left) = (base.clone(), bytes);
        for event in &self.0 {
            match event {
                Event::Truncate { file, length } => files.entry(file.clone()).or_default().resize(*length as usize, 0),
                Event::Write { file, offset, data } => {
                    let data = &data[..data.len().min(left)];
                    left -= data.len();
                    let (content, start) = (files.entry(file.clone()).or_default(), *offset as usize);
                    if content.len() < start + data.len() {
                        content.resize(start + data.len(), 0);
                    }
                    content[start..start + data.len()].copy_from_slice(data);
                    if left == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        files
    }
}

/// The files of a directory, but for the shared memory of SQLite, which a power cut always takes.
pub fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let directory = directory.canonicalize().unwrap();
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"));
    kept.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// Write files into another directory under their own names.
pub fn restore(files: &BTreeMap<PathBuf, Vec<u8>>, directory: &Path) {
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir_all(directory).unwrap();
    for (path, content) in files {
        std::fs::write(directory.join(path.file_name().unwrap()), content).unwrap();
    }
}

/// What becomes of a call.
enum Verdict {
    Go,
    /// Only so many bytes of it.
    Short(usize),
    Fail(i32),
}

fn watched(fd: i32) -> Option<(Arc<Watch>, PathBuf)> {
    if WATCHING.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let link = format!("/proc/self/fd/{fd}\0");
    let mut target = [0u8; 512];
    // SAFETY: the path ends with NUL and the buffer is as long as said.
    let length = unsafe { libc::readlink(link.as_ptr().cast(), target.as_mut_ptr().cast(), target.len()) };
    let target = &target[..usize::try_from(length).ok()?];
    // Shared memory of SQLite is not on the disk.
    if target.ends_with(b"-shm") {
        return None;
    }
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(target));
    let watches = whole(&WATCHES);
    watches.iter().find(|watch| path.starts_with(&watch.directory)).map(|watch| (watch.clone(), path))
}

impl Watch {
    fn judge(&self, state: &mut State, sync: bool, length: usize) -> Verdict {
        state.calls += 1;
        let Some((fault, n)) = state.fault else { return Verdict::Go };
        if state.calls < n || (state.calls > n && !matches!(fault, Fault::IoForever | Fault::ShortThenFull)) {
            return Verdict::Go;
        }
        if state.calls == n {
            state.hit = true;
        }
        match fault {
            Fault::KillHalfWay if length > 1 => Verdict::Short(length / 2),
            // SAFETY: a system call without arguments that point anywhere.
            Fault::Kill | Fault::KillHalfWay => unsafe {
                libc::kill(libc::getpid(), libc::SIGKILL);
                Verdict::Fail(libc::EIO)
            },
            Fault::ShortThenFull if state.calls == n && length > 1 => Verdict::Short(length / 2),
            Fault::ShortThenFull if length == 0 => Verdict::Go,
            Fault::Full | Fault::ShortThenFull if !sync => Verdict::Fail(libc::ENOSPC),
            _ => {
                state.sync |= sync;
                Verdict::Fail(libc::EIO)
            }
        }
    }
}

fn set_errno(code: i32) {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = code }
}

/// SAFETY: as of `pwrite`.
unsafe fn written(fd: i32, data: *const c_void, length: usize, at: Option<i64>) -> isize {
    let call = |length: usize| {
        // SAFETY: the caller's promise.
        unsafe {
            match at {
                Some(at) => libc::syscall(libc::SYS_pwrite64, fd, data, length, at) as isize,
                None => libc::syscall(libc::SYS_write, fd, data, length) as isize,
            }
        }
    };
    let Some((watch, file)) = watched(fd) else { return call(length) };
    let mut state = whole(&watch.state);
    match watch.judge(&mut state, false, length) {
        Verdict::Go => {}
        Verdict::Short(length) => {
            let done = call(length);
            if matches!(state.fault, Some((Fault::KillHalfWay, _))) {
                // SAFETY: a system call without arguments that point anywhere.
                unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            }
            return done;
        }
        Verdict::Fail(code) => {
            drop(state);
            set_errno(code);
            return -1;
        }
    }
    if state.recording {
        // SAFETY: no pointer; and the caller promises `length` readable bytes.
        let (offset, bytes) = unsafe {
            let offset = at.unwrap_or_else(|| libc::lseek(fd, 0, libc::SEEK_CUR));
            (offset as u64, std::slice::from_raw_parts(data.cast::<u8>(), length))
        };
        state.events.push(Event::Write { file, offset, data: bytes.to_vec() });
    }
    call(length)
}

/// The C library's.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: i32, data: *const c_void, length: usize) -> isize {
    // SAFETY: the caller's promise.
    unsafe { written(fd, data, length, None) }
}

/// The C library's.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: i32, data: *const c_void, length: usize, at: i64) -> isize {
    // SAFETY: the caller's promise.
    unsafe { written(fd, data, length, Some(at)) }
}

/// The C library's.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: i32, data: *const c_void, length: usize, at: i64) -> isize {
    // SAFETY: the caller's promise.
    unsafe { written(fd, data, length, Some(at)) }
}

fn synced(fd: i32, number: i64) -> i32 {
    // SAFETY: no pointers.
    let call = || unsafe { libc::syscall(number, fd) as i32 };
    let Some((watch, file)) = watched(fd) else { return call() };
    let covers = {
        let mut state = whole(&watch.state);
        if let Verdict::Fail(code) = watch.judge(&mut state, true, 0) {
            drop(state);
            set_errno(code);
            return -1;
        }
        state.events.len()
    };
    let recording = whole(&watch.state).recording;
    // The recorded disk is a simulated one: it needs no real sync.
    let done = if recording { 0 } else { call() };
    if done == 0 && recording {
        whole(&watch.state).events.push(Event::Sync { file, covers });
    }
    done
}

/// The C library's.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: i32) -> i32 {
    synced(fd, libc::SYS_fsync)
}

/// The C library's.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: i32) -> i32 {
    synced(fd, libc::SYS_fdatasync)
}

fn truncated(fd: i32, length: i64) -> i32 {
    // SAFETY: no pointers.
    let call = || unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as i32 };
    let Some((watch, file)) = watched(fd) else { return call() };
    let mut state = whole(&watch.state);
    if let Verdict::Fail(code) = watch.judge(&mut state, false, 0) {
        drop(state);
        set_errno(code);
        return -1;
    }
    if state.recording {
        state.events.push(Event::Truncate { file, length: length as u64 });
    }
    call()
}

/// The C library's.
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(fd: i32, length: i64) -> i32 {
    truncated(fd, length)
}

/// The C library's.
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate64(fd: i32, length: i64) -> i32 {
    truncated(fd, length)
}
