use super::*;

fn refused(path: &Path) -> Error {
    match File::open(path, &Options::default()) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

/// Everything in a directory, and its bytes.
fn listing(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn what_is_not_ours_is_refused_untouched() {
    let scratch = Scratch::new();
    let path = scratch.store();
    assert!(create(&path, b"born", false).unwrap());
    let whole = fs::read(&path).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let cases = [
        (b"hello, world".to_vec(), "XX001"),
        (vec![0; 8192], "XX001"),
        (whole[..99].to_vec(), "XX001"),
        (whole[..4096].to_vec(), "XX001"),
        (changed(0, b"s"), "XX001"),
        (changed(16, &[0x20, 0]), "XX001"),
        (changed(18, &[3, 3]), "XX001"),
        (changed(56, &[0, 0, 0, 2]), "XX001"),
        (changed(68, b"GPKG"), "XX001"),
        (changed(60, &[0, 0, 0, 0]), "XX001"),
        (changed(60, &[0, 0, 0, 2]), "0A000"),
    ];
    for (index, (content, sqlstate)) in cases.iter().enumerate() {
        let directory = scratch.0.join(format!("case{index}"));
        fs::create_dir(&directory).unwrap();
        let path = directory.join("world.ng");
        fs::write(&path, content).unwrap();
        let before = listing(&directory);
        assert!(!matches!(create(&path, b"born", false), Ok(true)), "case {index}");
        let error = refused(&path);
        assert_eq!(error.sqlstate, *sqlstate, "case {index}: {error}");
        // A file cut behind a sound header is found out by SQLite, which makes its log first.
        let after: Vec<_> = listing(&directory).into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
        if index != 3 {
            assert!(after == before, "case {index}");
        }
    }
}

#[test]
fn paths_that_lead_nowhere() {
    let scratch = Scratch::new();
    assert_eq!(refused(&scratch.0.join("none.ng")).sqlstate, "58P01");
    assert_eq!(refused(&scratch.0).sqlstate, "58P01");
    assert_eq!(create(&scratch.0, b"", false).unwrap_err().sqlstate, "58P01");
    assert_eq!(create(&scratch.0.join("none/world.ng"), b"", false).unwrap_err().sqlstate, "58P01");
    std::os::unix::fs::symlink("loop.ng", scratch.0.join("loop.ng")).unwrap();
    assert!(create(&scratch.0.join("loop.ng"), b"", false).is_err());
}

#[test]
fn one_file_has_one_identity() {
    let scratch = Scratch::new();
    let path = scratch.store();
    let link = scratch.0.join("link.ng");
    std::os::unix::fs::symlink("world.ng", &link).unwrap();
    assert_eq!(identity(&link).unwrap(), None);
    assert!(create(&link, b"born", false).unwrap(), "through a link to where nothing is yet");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let hard = scratch.0.join("hard.ng");
    fs::hard_link(&path, &hard).unwrap();
    let known = identity(&path).unwrap();
    assert!(known.is_some());
    assert_eq!(identity(&link).unwrap(), known);
    assert_eq!(identity(&hard).unwrap(), known);
    let (file, _, _) = open(&link);
    assert_eq!(file.path(), path.canonicalize().unwrap());
    assert_eq!(Some(file.identity()), known);
}

#[test]
fn an_empty_file_becomes_a_store() {
    let scratch = Scratch::new();
    let path = scratch.store();
    fs::write(&path, b"").unwrap();
    let inode = identity(&path).unwrap();
    assert_eq!(refused(&path).sqlstate, "58P01");
    assert!(create(&path, b"born", false).unwrap());
    assert!(!create(&path, b"again", false).unwrap());
    assert_eq!(identity(&path).unwrap(), inode, "in place");
    let (_, _, mut follower) = open(&path);
    assert_eq!(follower.read(|reader| reader.state()).unwrap(), b"born");
}

#[test]
fn an_unfinished_first_write_is_taken_back() {
    let scratch = Scratch::new();
    let path = scratch.store();
    // A journal that says "the file had no pages", as a process leaves it that dies between the two syncs.
    let mut journal = vec![0; 512];
    journal[..8].copy_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    journal[20..24].copy_from_slice(&512_u32.to_be_bytes());
    journal[24..28].copy_from_slice(&4096_u32.to_be_bytes());
    for half in [vec![7; 5000], vec![0; 4096]] {
        fs::write(&path, half).unwrap();
        fs::write(scratch.0.join("world.ng-journal"), &journal).unwrap();
        assert_eq!(refused(&path).sqlstate, "58P01");
        assert!(create(&path, b"born", false).unwrap());
        let (_, _, mut follower) = open(&path);
        assert_eq!(follower.read(|reader| reader.state()).unwrap(), b"born");
        for (path, _) in listing(&scratch.0) {
            fs::remove_file(path).unwrap();
        }
    }
}

#[expect(clippy::ptr_arg, reason = "a filter of an iterator of owned paths")]
fn is_temporary(path: &PathBuf) -> bool {
    path.file_name().unwrap().to_string_lossy().contains(".tmp-")
}

#[test]
fn one_of_many_makes_the_store() {
    let scratch = Scratch::new();
    for empty in [false, true] {
        let path = scratch.0.join(format!("{empty}.ng"));
        if empty {
            fs::write(&path, b"").unwrap();
        }
        let threads: Vec<_> = (0..4_u8)
            .map(|number| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let made = create(&path, &[number], false).unwrap();
                    let (_, mut log, mut follower) = open(&path);
                    log.begin(Duration::from_secs(10), &mut || Ok(())).unwrap();
                    let (version, chain) = log.read(|reader| reader.tail()).unwrap();
                    log.append(&entry(version + 1), chain).unwrap();
                    log.commit(version + 1).unwrap();
                    let state = follower.read(|reader| reader.state()).unwrap();
                    (made, number, state)
                })
            })
            .collect();
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let makers: Vec<_> = done.iter().filter(|(made, ..)| *made).collect();
        assert_eq!(makers.len(), 1);
        assert!(done.iter().all(|(_, _, state)| state[..] == [makers[0].1]));
        let (_, _, mut follower) = open(&path);
        assert_eq!(follower.read(|reader| versions(reader, 0)).unwrap().1, [1, 2, 3, 4]);
    }
    let left: Vec<_> = listing(&scratch.0).into_iter().map(|(path, _)| path).filter(is_temporary).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_log_without_its_file_is_put_aside() {
    let scratch = Scratch::new();
    let path = scratch.store();
    let (_, mut log, _) = made(&scratch);
    commit(&mut log).unwrap();
    drop(log);
    fs::remove_file(&path).unwrap();
    assert!(create(&path, b"new", false).unwrap());
    let (_, _, mut follower) = open(&path);
    assert_eq!(follower.read(|reader| Ok((reader.newest()?, reader.state()?))).unwrap(), (0, b"new".to_vec()));
    let lost = scratch.0.join(format!("world.ng-wal.lost-{}", std::process::id()));
    assert!(fs::metadata(lost).unwrap().len() > 0);
}

#[test]
fn a_shorter_history_than_acknowledged_is_noticed() {
    let scratch = Scratch::new();
    let path = scratch.store();
    let (file, mut log, follower) = made(&scratch);
    commit(&mut log).unwrap();
    log.truncate_wal().unwrap();
    for _ in 0..3 {
        commit(&mut log).unwrap();
    }
    drop((file, log, follower));
    fs::write(scratch.0.join("world.ng-wal"), b"").unwrap();
    let error = refused(&path);
    assert_eq!(error.sqlstate, "XX001");
    assert!(error.message.contains("commits 2 to 4 were acknowledged"), "{error}");
    assert!(error.hint.unwrap().contains("accept_history"));
    let options = Options { accept_history: true, ..Options::default() };
    let (file, mut log, _) = File::open(&path, &Options { read_only: true, ..options.clone() }).unwrap();
    assert_eq!(file.acknowledged(), Some(4), "a reader changes nothing");
    assert_eq!(begin(&mut log).unwrap_err().sqlstate, "25006");
    drop((file, log));
    let (file, log, _) = File::open(&path, &options).unwrap();
    assert_eq!(file.acknowledged(), Some(1));
    drop((file, log));
    let (file, mut log, _) = open(&path);
    assert_eq!(commit(&mut log).unwrap(), 2);
    assert_eq!(file.acknowledged(), Some(2));
    assert_eq!(file.mark.as_ref().unwrap().read().unwrap().generation, 1);
}

#[test]
fn a_mark_that_is_torn_or_of_another_store_says_nothing() {
    let scratch = Scratch::new();
    let path = scratch.store();
    let (file, mut log, follower) = made(&scratch);
    commit(&mut log).unwrap();
    drop((file, log, follower));
    let mark = scratch.0.join("world.ng-mark");
    let mut content = fs::read(&mark).unwrap();
    content[32] = 200;
    for content in [content, vec![], vec![0; 512], vec![7; 30]] {
        fs::write(&mark, content).unwrap();
        let (file, mut log, _) = open(&path);
        assert_eq!(file.acknowledged(), None);
        let version = commit(&mut log).unwrap();
        assert_eq!(file.acknowledged(), Some(version));
    }
    let other = Scratch::new();
    let (_, mut log, _) = made(&other);
    for _ in 0..50 {
        commit(&mut log).unwrap();
    }
    fs::copy(other.0.join("world.ng-mark"), &mark).unwrap();
    let (file, _, _) = open(&path);
    assert_eq!(file.acknowledged(), None);
}

/// A file system of its own in memory, for as long as the test runs; none where that is not allowed.
struct Mount(PathBuf);

impl Mount {
    fn new(path: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_store_on_a_read_only_medium_is_read() {
    let scratch = Scratch::new();
    let Some(mount) = Mount::new(scratch.0.join("medium"), "size=4m") else { return };
    let path = mount.0.join("a ?%b.ng");
    assert!(create(&path, b"born", false).unwrap());
    let (file, mut log, follower) = open(&path);
    commit(&mut log).unwrap();
    log.truncate_wal().unwrap();
    drop((file, log, follower));
    let lone = mount.0.join("lone.ng");
    fs::copy(&path, &lone).unwrap();
    let status = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&mount.0).status().unwrap();
    assert!(status.success());
    for path in [&path, &lone] {
        let options = Options { read_only: true, ..Options::default() };
        let (file, mut log, mut follower) = File::open(path, &options).unwrap();
        assert_eq!(follower.read(|reader| versions(reader, 0)).unwrap().1, [1]);
        assert_eq!(begin(&mut log).unwrap_err().sqlstate, "25006");
        drop((file, log, follower));
        let error = refused(path);
        assert_eq!(error.sqlstate, "42501", "{error}");
    }
}

#[test]
fn a_full_disk_is_told_and_gets_over() {
    let scratch = Scratch::new();
    let Some(mount) = Mount::new(scratch.0.join("small"), "size=1m") else { return };
    let path = mount.0.join("world.ng");
    assert!(create(&path, b"born", false).unwrap());
    let (file, mut log, mut follower) = open(&path);
    commit(&mut log).unwrap();
    let filler = mount.0.join("filler");
    for room in [0, 1, 2, 5] {
        let free = 4096 * room;
        let mut fill = vec![1_u8; 900 << 10];
        while fs::write(&filler, &fill).is_err() {
            fill.truncate(fill.len() - 4096);
        }
        fill.truncate(fill.len().saturating_sub(free));
        fs::write(&filler, &fill).unwrap();
        let before = follower.read(|reader| reader.newest()).unwrap();
        let failed = (0..200).find_map(|_| commit(&mut log).err()).unwrap();
        log.rollback();
        assert_eq!(failed.sqlstate, "53100", "{failed}");
        assert!(file.check_healthy().is_ok());
        let now = follower.read(|reader| reader.newest()).unwrap();
        assert!(now >= before);
        // Cut, not removed: a child of another test may have it open, and keep its room.
        fs::write(&filler, b"").unwrap();
        assert_eq!(commit(&mut log).unwrap(), now + 1);
    }
    fs::remove_file(with_ending(&path, "-wal")).unwrap();
    assert_eq!(commit(&mut log).unwrap_err().sqlstate, "58030", "a log that was taken away");
}
