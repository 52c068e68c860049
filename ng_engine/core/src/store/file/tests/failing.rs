//! Every write, sync and truncation fails once: what was acknowledged stays, and nothing appears in half.
//!
//! The faults are the process' own, so each case runs in a child.

use super::fork::in_child;
use super::*;
use crate::store::file::faults::arm;

/// What a life of a store tells through a pipe, one number a commit.
struct Pipe([i32; 2]);

impl Pipe {
    fn new() -> Self {
        let mut ends = [0; 2];
        // SAFETY: two descriptors are written.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) }, 0);
        Self(ends)
    }

    fn tell(&self, number: u8) {
        // SAFETY: one byte is read.
        unsafe { libc::write(self.0[1], (&raw const number).cast(), 1) };
    }

    fn told(&self) -> Vec<u8> {
        let mut buffer = [0_u8; 256];
        // SAFETY: as many bytes as there is room for are written.
        let count = unsafe { libc::read(self.0[0], buffer.as_mut_ptr().cast(), buffer.len()) };
        buffer[..count.max(0) as usize].to_vec()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // SAFETY: our own descriptors.
        unsafe {
            libc::close(self.0[0]);
            libc::close(self.0[1]);
        }
    }
}

const MADE: u8 = 100;
const REFUSED: u8 = 101;
const FINISHED: u8 = 102;

/// Make a store, commit with checkpoints in between, and tell of every success. A commit's segment, state and log row
/// belong together.
fn live(path: &Path, pipe: &Pipe) -> Result<()> {
    create(path, &[0], false)?;
    pipe.tell(MADE);
    let (file, mut log, _follower) = File::open(path, &Options::default())?;
    let mut keeper = file.keeper()?;
    for version in 1..=6 {
        let one = |log: &mut Log| {
            begin(log)?;
            let (newest, chain) = log.read(|reader| reader.tail())?;
            assert_eq!(newest + 1, version);
            log.append(&entry(version), chain)?;
            log.put_segment(0, version, &[version as u8; 9000])?;
            log.put_state(&[version as u8])?;
            log.commit(version)
        };
        if let Err(error) = one(&mut log) {
            assert!(["53100", "58030"].contains(&error.sqlstate), "{error:?}");
            log.rollback();
            pipe.tell(REFUSED);
            // With room made, it goes on; after a failed sync it does not.
            let again = one(&mut log);
            assert_eq!(again.is_ok(), error.sqlstate == "53100" || file.check_healthy().is_ok(), "{error:?} {again:?}");
            if again.is_err() {
                return Ok(());
            }
        }
        pipe.tell(version as u8);
        if version % 2 == 0 {
            let _ = keeper.passive();
        }
    }
    let _ = keeper.truncate();
    pipe.tell(FINISHED);
    Ok(())
}

/// What must be true afterwards, whatever failed. Gives the version found.
fn judge(path: &Path, told: &[u8], case: &str) -> u64 {
    let acknowledged = told.iter().copied().filter(|&told| told < MADE).max().unwrap_or(0);
    if !told.contains(&MADE) {
        match create(path, &[0], false) {
            Ok(_) => {}
            Err(error) => panic!("{case}: {error}"),
        }
    }
    let (_file, mut log, mut follower) =
        File::open(path, &Options::default()).unwrap_or_else(|error| panic!("{case}: {error}"));
    let (newest, found, state, segment) = follower
        .read(|reader| {
            let newest = reader.newest()?;
            let segment = if newest > 0 { reader.segment(0)?.1 } else { vec![0; 9000] };
            Ok((newest, versions(reader, 0)?, reader.state()?, segment))
        })
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    assert!(newest >= acknowledged.into(), "{case}: {acknowledged} was acknowledged, {newest} is there");
    assert!(newest <= u64::from(acknowledged) + 1, "{case}: {acknowledged} was acknowledged, {newest} is there");
    assert_eq!(found, (Coverage::Complete, (1..=newest).collect()), "{case}");
    assert_eq!((state, segment), (vec![newest as u8], vec![newest as u8; 9000]), "{case}");
    assert!(log.read(|reader| reader.integrity()).unwrap().is_empty(), "{case}");
    assert_eq!(commit(&mut log).unwrap(), newest + 1, "{case}");
    newest
}

/// One life under a fault; what it told, and how it ended.
fn one(path: &Path, fault: &str) -> (Vec<u8>, i32) {
    let pipe = Pipe::new();
    let code = in_child(std::panic::AssertUnwindSafe(|| {
        arm(fault);
        if let Err(error) = live(path, &pipe) {
            assert!(["53100", "58030", "42501", "55P03"].contains(&error.sqlstate), "{fault}: {error:?}");
        }
    }));
    (pipe.told(), code)
}

/// How many calls of each kind a life without faults makes.
fn calls(scratch: &Scratch) -> [u64; 4] {
    let told = scratch.0.join("calls");
    let code = in_child(std::panic::AssertUnwindSafe(|| {
        arm("");
        live(&scratch.0.join("whole.ng"), &Pipe::new()).unwrap();
        let counts: Vec<u8> = arm("").iter().flat_map(|count| count.to_le_bytes()).collect();
        fs::write(&told, counts).unwrap();
    }));
    assert_eq!(code, 0);
    let counts = fs::read(&told).unwrap();
    std::array::from_fn(|at| u64::from_le_bytes(counts[at * 8..at * 8 + 8].try_into().unwrap()))
}

fn every(kind: &str, effect: &str) {
    let scratch = Scratch::new();
    let calls = calls(&scratch)[["write", "sync", "truncate", "any"].iter().position(|name| *name == kind).unwrap()];
    assert!(calls >= 3, "{kind}: only {calls} calls");
    for at in 1..=calls {
        let fault = format!("{kind}-{effect}:{at}");
        let path = scratch.0.join(format!("{at}.ng"));
        let (told, code) = one(&path, &fault);
        let killed = ["kill", "late"].contains(&effect);
        assert_eq!(code, if killed { 1000 + libc::SIGKILL } else { 0 }, "{fault}");
        judge(&path, &told, &fault);
    }
    println!("{kind}-{effect}: {calls} points");
}

#[test]
fn killed_before_any_call() {
    every("any", "kill");
}

#[test]
fn killed_after_any_sync() {
    every("sync", "late");
}

#[test]
fn any_write_fails() {
    every("write", "eio");
}

#[test]
fn no_room_for_any_write() {
    every("write", "enospc");
}

#[test]
fn half_of_any_write_is_written() {
    every("write", "short");
}

#[test]
fn any_sync_fails() {
    every("sync", "eio");
}

#[test]
fn any_truncation_fails() {
    every("truncate", "eio");
}

#[test]
fn a_full_disk_stops_writers_and_nobody_else() {
    let scratch = Scratch::new();
    let path = scratch.store();
    let code = in_child(std::panic::AssertUnwindSafe(|| {
        let (file, mut log, mut follower) = made(&scratch);
        commit(&mut log).unwrap();
        arm("write-full:1");
        for _ in 0..3 {
            assert_eq!(commit(&mut log).unwrap_err().sqlstate, "53100");
            log.rollback();
            assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 1);
        }
        arm("");
        assert_eq!(commit(&mut log).unwrap(), 2);
        assert_eq!(file.acknowledged(), Some(2));
    }));
    assert_eq!(code, 0);
    let (_file, mut log, _) = open(&path);
    assert_eq!(commit(&mut log).unwrap(), 3);
}

#[test]
fn after_a_failed_sync_nothing_is_written_until_it_is_reopened() {
    let scratch = Scratch::new();
    let code = in_child(std::panic::AssertUnwindSafe(|| {
        let (file, mut log, mut follower) = made(&scratch);
        commit(&mut log).unwrap();
        arm("sync-eio:1");
        let error = commit(&mut log).unwrap_err();
        assert_eq!(error.sqlstate, "58030");
        assert!(error.message.contains("unknown"), "{error}");
        for _ in 0..2 {
            let error = begin(&mut log).unwrap_err();
            assert_eq!(error.sqlstate, "58030");
            assert!(error.message.contains("reopen"), "{error}");
        }
        assert!(file.keeper().unwrap().passive().is_err());
        assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 1);
    }));
    assert_eq!(code, 0);
    let (_file, mut log, mut follower) = open(&scratch.store());
    let newest = follower.read(|reader| reader.newest()).unwrap();
    assert!([1, 2].contains(&newest));
    assert_eq!(commit(&mut log).unwrap(), newest + 1);
}

/// The planted bugs are bugs: each makes a promise of this file false.
#[test]
fn planted_bugs_break_what_they_say() {
    let scratch = Scratch::new();
    let (_file, mut log, mut follower) = made(&scratch);
    begin(&mut log).unwrap();
    log.put_segment(0, 1, b"whole").unwrap();
    log.append(&entry(1), 12345).unwrap();
    log.commit(1).unwrap();
    begin(&mut log).unwrap();
    log.handle.execute("UPDATE segment SET payload = x'00'", []).unwrap();
    log.commit(1).unwrap();
    assert_eq!(follower.read(|reader| reader.segment(0)).unwrap_err().sqlstate, "XX001");
    let chained = |follower: &mut Follower| follower.read(|reader| reader.entries(0, Some(1), &mut |_, _| Ok(())));
    assert_eq!(chained(&mut follower).unwrap_err().sqlstate, "XX001");
    drop((log, follower));
    let code = in_child(std::panic::AssertUnwindSafe(|| {
        let (file, mut log, mut follower) = open(&scratch.store());
        arm("crc-unchecked,chain-unchecked");
        assert_eq!(follower.read(|reader| reader.segment(0)).unwrap().1, [0]);
        chained(&mut follower).unwrap();
        arm("lock-leaked,write-enospc:1");
        let chain = 0;
        begin(&mut log).unwrap();
        log.append(&entry(2), chain).unwrap();
        assert_eq!(log.commit(2).unwrap_err().sqlstate, "53100");
        let (_file, mut other, _) = open(&scratch.store());
        assert_eq!(begin(&mut other).unwrap_err().sqlstate, "55P03");
        log.locked = true;
        log.rollback();
        arm("mark-before-sync,write-eio:2");
        begin(&mut log).unwrap();
        log.append(&entry(2), chain).unwrap();
        assert!(log.commit(2).is_err());
        assert_eq!(file.acknowledged(), Some(2));
        let gone = File::open(&scratch.store(), &Options::default()).map(drop).unwrap_err();
        assert!(gone.message.contains("acknowledged"), "{gone}");
        arm("mark-unchecked");
        drop(open(&scratch.store()));
        arm("ack-before-sync");
        let options = Options { accept_history: true, ..Options::default() };
        let (_file, mut careless, _) = File::open(&scratch.store(), &options).unwrap();
        arm("ack-before-sync,sync-eio:1");
        careless.begin(Duration::ZERO, &mut || Ok(())).unwrap();
        careless.append(&entry(2), chain).unwrap();
        careless.commit(2).unwrap();
    }));
    assert_eq!(code, 0);
}
