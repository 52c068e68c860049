//! A forked child has the parent's handles, and none of its rights.

use super::*;

/// Run something in a forked child; its exit code.
pub(super) fn in_child(f: impl FnOnce() + std::panic::UnwindSafe) -> i32 {
    // SAFETY: the child runs the closure and ends without going through the parent's exit handlers.
    unsafe {
        match libc::fork() {
            0 => {
                let result = std::panic::catch_unwind(f);
                if let Err(panic) = &result {
                    // The test's captured output stays in the child.
                    let text = panic.downcast_ref::<String>().map_or("panicked\n", |text| text.as_str());
                    libc::write(2, text.as_ptr().cast(), text.len());
                }
                libc::_exit(i32::from(result.is_err()))
            }
            child => wait(child),
        }
    }
}

fn wait(child: i32) -> i32 {
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: a child of this process.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 1000 + libc::WTERMSIG(status) }
}

#[test]
fn what_a_child_inherits_refuses_to_work() {
    let scratch = Scratch::new();
    let (file, mut log, follower) = made(&scratch);
    commit(&mut log).unwrap();
    let keeper = file.keeper().unwrap();
    begin(&mut log).unwrap();
    let chain = log.read(|reader| reader.tail()).unwrap().1;
    log.append(&entry(2), chain).unwrap();
    let parent = std::process::id();
    let path = scratch.store();
    let state = std::panic::AssertUnwindSafe((file, log, follower, keeper));
    let code = {
        let inherited = std::panic::AssertUnwindSafe(&state);
        in_child(move || {
            // SAFETY: the child's own copy of the memory.
            let (file, mut log, mut follower, mut keeper) = unsafe { std::ptr::read(&***inherited) };
            let refused = |result: Result<()>| assert_eq!(result.unwrap_err().sqlstate, "08003");
            refused(file.check_process());
            refused(begin(&mut log));
            refused(log.append(&entry(3), 0).map(drop));
            refused(log.commit(2));
            refused(log.truncate_wal());
            refused(follower.moved().map(drop));
            refused(follower.read(|_| Ok(())));
            refused(keeper.passive().map(drop));
            refused(file.keeper().map(drop));
            log.rollback();
            drop((file, log, follower, keeper));
            // A handle of its own works, and finds the lock taken by the parent.
            let (file, mut log, mut follower) = open(&path);
            assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 1);
            let taken = begin(&mut log).unwrap_err();
            assert_eq!(taken.sqlstate, "55P03");
            assert!(taken.message.contains(&format!("process {parent} is writing")), "{taken}");
            drop((file, log, follower));
        })
    };
    assert_eq!(code, 0);
    let std::panic::AssertUnwindSafe((file, mut log, mut follower, keeper)) = state;
    log.commit(2).unwrap();
    assert_eq!(follower.read(|reader| versions(reader, 0)).unwrap().1, [1, 2]);
    let path = scratch.store();
    let code = in_child(move || {
        let (_file, mut log, _follower) = open(&path);
        assert_eq!(commit(&mut log).unwrap(), 3);
    });
    assert_eq!(code, 0);
    assert!(follower.moved().unwrap());
    assert_eq!(commit(&mut log).unwrap(), 4);
    assert_eq!(file.acknowledged(), Some(4));
    drop((file, log, follower, keeper));
}

#[test]
fn a_dead_writers_lock_does_not_live_on_in_its_children() {
    let scratch = Scratch::new();
    let (_file, mut log, _follower) = made(&scratch);
    let path = scratch.store();
    let mut ends = [0; 2];
    // SAFETY: two descriptors are written.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let code = in_child(move || {
        let (_file, mut log, _follower) = open(&path);
        begin(&mut log).unwrap();
        // SAFETY: the grandchild only waits for the pipe; its parent dies as it stands.
        unsafe {
            if libc::fork() == 0 {
                libc::write(ends[1], [1_u8].as_ptr().cast(), 1);
                libc::close(ends[1]);
                libc::sleep(20);
                libc::_exit(0);
            }
            libc::read(ends[0], [0_u8].as_mut_ptr().cast(), 1);
            libc::kill(libc::getpid(), libc::SIGKILL);
        }
    });
    assert_eq!(code, 1000 + libc::SIGKILL);
    // The grandchild is alive, and has nothing.
    assert_eq!(commit(&mut log).unwrap(), 1);
    // SAFETY: our own descriptors.
    unsafe {
        libc::close(ends[0]);
        libc::close(ends[1]);
    }
}

#[test]
fn locks_survive_somebody_else_closing_the_files() {
    let scratch = Scratch::new();
    let (_file, mut log, _follower) = made(&scratch);
    commit(&mut log).unwrap();
    begin(&mut log).unwrap();
    // As a copy of the directory does: this process' POSIX locks on each file are gone now.
    for found in fs::read_dir(&scratch.0).unwrap() {
        fs::read(found.unwrap().path()).unwrap();
    }
    let path = scratch.store();
    let code = in_child(move || {
        // SQLite as others use it, without our locks.
        let plain = rusqlite::Connection::open(&path).unwrap();
        plain.busy_timeout(Duration::from_millis(50)).unwrap();
        assert!(plain.execute_batch("BEGIN IMMEDIATE").is_err(), "the writer's lock was lost");
        std::mem::forget(plain);
        let (_file, mut log, _follower) = open(&path);
        assert_eq!(begin(&mut log).unwrap_err().sqlstate, "55P03");
    });
    assert_eq!(code, 0);
    let chain = log.read(|reader| reader.tail()).unwrap().1;
    log.append(&entry(2), chain).unwrap();
    log.commit(2).unwrap();
    let path = scratch.store();
    assert_eq!(in_child(move || drop(open(&path))), 0);
    assert_eq!(commit(&mut log).unwrap(), 3);
}

#[test]
fn a_log_taken_away_by_another_program_is_noticed_before_it_costs_a_commit() {
    let scratch = Scratch::new();
    let (file, mut log, mut follower) = made(&scratch);
    for _ in 0..100 {
        commit(&mut log).unwrap();
    }
    fs::read(scratch.store()).unwrap();
    let path = scratch.store();
    // The last one to close a file in SQLite's eyes deletes its log.
    let code = in_child(move || {
        let plain = rusqlite::Connection::open(&path).unwrap();
        plain.query_row("SELECT count(*) FROM commit_log", [], |_| Ok(())).unwrap();
        drop(plain);
    });
    assert_eq!(code, 0);
    let result = commit(&mut log);
    if scratch.0.join("world.ng-wal").exists() {
        assert_eq!(result.unwrap(), 101);
    } else {
        assert_eq!(result.unwrap_err().sqlstate, "58030");
        assert_eq!(begin(&mut log).unwrap_err().sqlstate, "58030");
    }
    assert!(follower.read(|reader| reader.newest()).unwrap() >= 100);
    drop((file, log, follower));
    let (_file, mut log, mut follower) = open(&scratch.store());
    assert!(follower.read(|reader| reader.newest()).unwrap() >= 100);
    commit(&mut log).unwrap();
}

#[test]
fn children_can_open_stores_whatever_other_threads_do() {
    let scratch = Scratch::new();
    let (_file, _, _) = made(&scratch);
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let (path, stop) = (scratch.store(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    drop(open(&path));
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let path = scratch.store();
        // SAFETY: the alarm ends a child that hangs.
        let code = in_child(move || unsafe {
            libc::alarm(10);
            drop(open(&path));
        });
        assert_eq!(code, 0);
    }
    stop.store(true, Ordering::Relaxed);
    for thread in busy {
        thread.join().unwrap();
    }
}
