use super::*;

#[test]
fn what_is_written_is_read() {
    let scratch = Scratch::new();
    let (file, mut log, mut follower) = made(&scratch);
    assert_eq!(follower.read(|reader| Ok((reader.newest()?, reader.state()?))).unwrap(), (0, b"born".to_vec()));
    assert!(!follower.moved().unwrap());
    begin(&mut log).unwrap();
    assert!(log.in_transaction());
    let chain = log.read(|reader| reader.tail()).unwrap().1;
    let chain = log.append(&entry(1), chain).unwrap();
    log.append(&entry(2), chain).unwrap();
    log.put_segment(1 << 32 | 7, 2, b"rows").unwrap();
    log.put_state(b"grown").unwrap();
    assert!(!follower.moved().unwrap(), "not before it is committed");
    log.commit(2).unwrap();
    assert!(!log.in_transaction());
    assert_eq!(file.acknowledged(), Some(2));

    assert!(follower.moved().unwrap());
    assert!(follower.moved().unwrap(), "until it is read");
    let read = |reader: &Reader<'_>| {
        let mut found = Vec::new();
        reader.entries(0, Some(file.sum.origin()), &mut |entry, crc| {
            found.push((entry, crc));
            Ok(())
        })?;
        Ok((found, reader.state()?, reader.heads()?, reader.segment(1 << 32 | 7)?))
    };
    let (found, state, heads, segment) = follower.read(read).unwrap();
    assert_eq!(found.iter().map(|(entry, _)| entry.clone()).collect::<Vec<_>>(), [entry(1), entry(2)]);
    assert_eq!(found[0].1, chain);
    assert_eq!(state, b"grown");
    assert_eq!(heads.iter().map(|head| (head.place, head.version)).collect::<Vec<_>>(), [(1 << 32 | 7, 2)]);
    assert_eq!(segment, (2, b"rows".to_vec()));
    assert!(!follower.moved().unwrap());
    assert!(log.read(|reader| reader.integrity()).unwrap().is_empty());
    let sizes = follower.read(|reader| reader.sizes()).unwrap();
    assert_eq!((sizes.commits, sizes.log), (2, 200));
    assert!(sizes.file >= 4096 && sizes.wal > 4096, "{sizes:?}");
}

#[test]
fn it_is_there_after_reopening() {
    let scratch = Scratch::new();
    let (file, mut log, follower) = made(&scratch);
    for version in 1..=5 {
        assert_eq!(commit(&mut log).unwrap(), version);
    }
    let uuid = file.uuid();
    drop((file, log, follower));
    assert!(!create(&scratch.store(), b"other", false).unwrap());
    let (file, _, mut follower) = open(&scratch.store());
    assert_eq!(file.uuid(), uuid);
    assert_eq!(follower.read(|reader| versions(reader, 0)).unwrap(), (Coverage::Complete, vec![1, 2, 3, 4, 5]));
    assert_eq!(follower.read(|reader| versions(reader, 3)).unwrap(), (Coverage::Complete, vec![4, 5]));
    assert_eq!(follower.read(|reader| versions(reader, 5)).unwrap(), (Coverage::Complete, vec![]));
}

#[test]
fn a_rollback_leaves_nothing_and_lets_others_write() {
    let scratch = Scratch::new();
    let (_file, mut log, mut follower) = made(&scratch);
    let (_file2, mut other, _follower2) = open(&scratch.store());
    begin(&mut log).unwrap();
    let chain = log.read(|reader| reader.tail()).unwrap().1;
    log.append(&entry(1), chain).unwrap();
    let refused = begin(&mut other).unwrap_err();
    assert_eq!(refused.sqlstate, "55P03");
    assert!(refused.message.contains("this process is writing"), "{refused}");
    log.rollback();
    commit(&mut other).unwrap();
    assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 1);
    begin(&mut log).unwrap();
    drop(log);
    commit(&mut other).unwrap();
}

#[test]
fn a_wait_ends_when_it_is_no_longer_wanted() {
    let scratch = Scratch::new();
    let (_file, mut log, _) = made(&scratch);
    let (_file2, mut other, _) = open(&scratch.store());
    begin(&mut log).unwrap();
    let began = std::time::Instant::now();
    let stop = other.begin(Duration::from_secs(60), &mut || Err(Error::cancelled("enough"))).unwrap_err();
    assert_eq!(stop.sqlstate, "57014");
    assert!(began.elapsed() < Duration::from_millis(500));
    log.rollback();
    commit(&mut other).unwrap();
    assert_eq!(other.waits().0, 1);
}

#[test]
fn writers_take_turns() {
    let scratch = Scratch::new();
    let (_file, _, mut follower) = made(&scratch);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let path = scratch.store();
            std::thread::spawn(move || {
                let (_file, mut log, _) = open(&path);
                for _ in 0..50 {
                    log.begin(Duration::from_secs(20), &mut || Ok(())).unwrap();
                    let (version, chain) = log.read(|reader| reader.tail()).unwrap();
                    log.append(&entry(version + 1), chain).unwrap();
                    log.commit(version + 1).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let (coverage, found) = follower.read(|reader| versions(reader, 0)).unwrap();
    assert_eq!((coverage, found.len()), (Coverage::Complete, 150));
}

#[test]
fn trimming_keeps_what_is_asked_for() {
    let scratch = Scratch::new();
    let (_file, mut log, mut follower) = made(&scratch);
    for _ in 0..10 {
        commit(&mut log).unwrap();
    }
    let mut trim = |upto, keep_versions, keep_bytes| {
        begin(&mut log).unwrap();
        log.trim(upto, keep_versions, keep_bytes).unwrap();
        log.commit(10).unwrap();
        follower.read(|reader| versions(reader, reader.oldest()?.unwrap_or(1) - 1)).unwrap().1
    };
    assert_eq!(trim(10, 20, 10_000), (1..=10).collect::<Vec<_>>());
    assert_eq!(trim(8, 6, 10_000), (3..=10).collect::<Vec<_>>());
    assert_eq!(trim(8, 6, 450), (5..=10).collect::<Vec<_>>());
    assert_eq!(trim(10, 0, 0), [10], "the latest row stays");
    assert_eq!(follower.read(|reader| versions(reader, 3)).unwrap(), (Coverage::Gone, vec![]));
    assert_eq!(commit(&mut log).unwrap(), 11);
    assert_eq!(follower.read(|reader| versions(reader, 9)).unwrap(), (Coverage::Complete, vec![10, 11]));
}

#[test]
fn segments_are_dropped_by_range() {
    let scratch = Scratch::new();
    let (_file, mut log, mut follower) = made(&scratch);
    begin(&mut log).unwrap();
    for place in [0, 1, 2, 1 << 32, 1 << 32 | 1] {
        log.put_segment(place, 0, b"rows").unwrap();
    }
    log.rows(|rows| rows.drop_segments(1..1 << 32)).unwrap();
    log.commit(0).unwrap();
    let places = |reader: &Reader<'_>| Ok(reader.heads()?.iter().map(|head| head.place).collect::<Vec<_>>());
    assert_eq!(follower.read(places).unwrap(), [0, 1 << 32, 1 << 32 | 1]);
    let missing = follower.read(|reader| reader.segment(1)).unwrap_err();
    assert_eq!(missing.sqlstate, "XX001");
    assert!(missing.message.ends_with("token segment 1 is missing"), "{missing}");
}

#[test]
fn the_keeper_moves_the_log_into_the_file() {
    let scratch = Scratch::new();
    let (file, mut log, mut follower) = made(&scratch);
    log.set_synchronous(Synchronous::Normal).unwrap();
    for _ in 0..20 {
        commit(&mut log).unwrap();
    }
    assert_eq!(file.acknowledged(), None, "under normal a commit acknowledges nothing");
    let mut keeper = file.keeper().unwrap();
    let done = keeper.passive().unwrap();
    assert!(done.frames > 0 && done.frames == done.moved, "{done:?}");
    assert_eq!(file.acknowledged(), Some(20), "what a checkpoint has synced is");
    assert!(file.bytes().1 > 0);
    keeper.truncate().unwrap();
    assert_eq!(file.bytes().1, 0);
    assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 20);
    log.set_synchronous(Synchronous::Off).unwrap();
    commit(&mut log).unwrap();
    log.set_synchronous(Synchronous::Full).unwrap();
    commit(&mut log).unwrap();
    assert_eq!(file.acknowledged(), Some(22));
    log.vacuum(Duration::from_secs(1), &mut || Ok(())).unwrap();
    log.truncate_wal().unwrap();
    assert_eq!(file.bytes().1, 0);
    assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 22);
}

#[test]
fn moved_while_the_writer_waits_the_log_begins_anew() {
    let scratch = Scratch::new();
    let (file, mut log, mut follower) = made(&scratch);
    log.set_synchronous(Synchronous::Normal).unwrap();
    for _ in 0..20 {
        commit(&mut log).unwrap();
    }
    let (size, mut keeper) = (file.bytes().1, file.keeper().unwrap());
    begin(&mut log).unwrap();
    let done = keeper.catch_up().unwrap();
    assert!(done.frames > 0 && done.frames == done.moved, "{done:?}");
    assert_eq!(file.acknowledged(), Some(20), "whoever holds the lock may say so");
    log.rollback();
    for _ in 0..10 {
        commit(&mut log).unwrap();
    }
    assert_eq!(file.bytes().1, size, "written over, not behind");
    assert_eq!(follower.read(|reader| reader.newest()).unwrap(), 30);
    for _ in 0..20 {
        commit(&mut log).unwrap();
    }
    assert!(file.bytes().1 > size, "unless it is moved, it grows");
}
