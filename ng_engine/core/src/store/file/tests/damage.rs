//! Flipped bits, lost and swapped sectors: what is read is right, or an error says that it is not.

use std::collections::BTreeMap;
use std::time::Instant;

use super::*;
use crate::store::file::checksum::Checksum;

/// Everything a store says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    newest: u64,
    state: Vec<u8>,
    entries: Vec<Entry>,
    segments: Vec<(u64, u64, Vec<u8>)>,
}

/// What the layer above writes into the state: a sum over the list of segments.
fn list(heads: &[SegmentHead]) -> Vec<u8> {
    let bytes: Vec<u8> = heads
        .iter()
        .flat_map(|head| [head.place.to_le_bytes(), head.version.to_le_bytes(), u64::from(head.crc).to_le_bytes()])
        .flatten()
        .collect();
    [&heads.len().to_le_bytes()[..], &crc32fast::hash(&bytes).to_le_bytes()].concat()
}

fn tell(path: &Path) -> Result<Told> {
    let (_file, _log, mut follower) = File::open(path, &Options::default())?;
    follower.read(|reader| {
        let mut entries = Vec::new();
        let newest = reader.newest()?;
        let first = reader.oldest()?.unwrap_or(1);
        if reader.entries(first - 1, None, &mut |entry, _| {
            entries.push(entry);
            Ok(())
        })? == Coverage::Gone
        {
            return Err(Error::corrupted("the oldest commit is not the oldest"));
        }
        if entries.last().map_or(0, |entry| entry.version) != newest {
            return Err(Error::corrupted("the latest commit is not the latest"));
        }
        let heads = reader.heads()?;
        let state = reader.state()?;
        if list(&heads) != state {
            return Err(Error::corrupted("the list of segments is not that of the checkpoint"));
        }
        let segments = heads
            .iter()
            .map(|head| reader.segment(head.place).map(|(version, payload)| (head.place, version, payload)))
            .collect::<Result<_>>()?;
        Ok(Told { newest, state, entries, segments })
    })
}

/// A generator of numbers that is the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// A store with a past, some of it in the file and some in its log; nothing is closed, as after a kill.
fn lived(scratch: &Scratch, in_log: u64) -> BTreeMap<&'static str, Vec<u8>> {
    let path = scratch.store();
    assert!(create(&path, &list(&[]), false).unwrap());
    let (file, mut log, _) = open(&path);
    let mut keeper = file.keeper().unwrap();
    for version in 1..=40 {
        begin(&mut log).unwrap();
        let chain = log.read(|reader| reader.tail()).unwrap().1;
        log.append(&entry(version), chain).unwrap();
        if version % 5 == 0 {
            log.put_segment(version / 10, version, &vec![version as u8; 20_000]).unwrap();
            log.put_segment((1 << 32) | (version / 20), version, &vec![version as u8; 3_000]).unwrap();
            let heads = log.read(|reader| reader.heads()).unwrap();
            log.put_state(&list(&heads)).unwrap();
            log.trim(version, 20, 1 << 20).unwrap();
        }
        log.commit(version).unwrap();
        if version == 40 - in_log {
            keeper.truncate().unwrap();
        }
    }
    let endings = ["", "-wal", "-mark"];
    endings.into_iter().map(|ending| (ending, fs::read(with_ending(&path, ending)).unwrap())).collect()
}

fn put(scratch: &Scratch, files: &BTreeMap<&'static str, Vec<u8>>) {
    for (ending, content) in files {
        fs::write(with_ending(&scratch.store(), ending), content).unwrap();
    }
    let _ = fs::remove_file(with_ending(&scratch.store(), "-shm"));
}

/// How many trials of a seed gave what was stored, an error, and something else.
fn trials(seed: u64, count: usize, in_log: u64) -> [usize; 3] {
    let mut random = Random(seed);
    let scratch = Scratch::new();
    let whole = lived(&scratch, in_log);
    put(&scratch, &whole);
    let truth = tell(&scratch.store()).unwrap();
    assert_eq!((truth.newest, truth.entries.len(), truth.segments.len()), (40, 20, 8));
    let mut counts = [0; 3];
    for trial in 0..count {
        let mut files = whole.clone();
        let kinds: Vec<_> =
            files.iter().filter(|(_, content)| !content.is_empty()).map(|(ending, _)| *ending).collect();
        // The mark is small and alone: damaged on its own, it must say nothing.
        let ending = kinds[random.below(kinds.len())];
        let content = files.get_mut(ending).unwrap();
        let sector = random.below(content.len()) / 512 * 512;
        let end = (sector + 512).min(content.len());
        let what = random.below(8);
        match what {
            0..5 => content[random.below(end)] ^= 1 << random.below(8),
            5 => content[sector..end].fill(0),
            6 => {
                let other = random.below(content.len()) / 512 * 512;
                let copy = content[sector..end].to_vec();
                let room = (content.len() - other).min(copy.len());
                content[other..other + room].copy_from_slice(&copy[..room]);
            }
            _ => content.truncate(sector),
        }
        put(&scratch, &files);
        let began = Instant::now();
        let told = tell(&scratch.store());
        assert!(began.elapsed() < Duration::from_secs(2), "trial {trial} of seed {seed}: {:?}", began.elapsed());
        match told {
            Ok(told) if told == truth => counts[0] += 1,
            Ok(told) => {
                println!("trial {trial} of seed {seed}: kind {what} in '{ending}' gave {} commits", told.newest);
                counts[2] += 1;
            }
            Err(error) => {
                assert!(
                    ["XX001", "0A000", "58P01"].contains(&error.sqlstate),
                    "trial {trial} of seed {seed}: {error:?}"
                );
                counts[1] += 1;
            }
        }
    }
    println!("seed {seed}: {counts:?}");
    assert!(counts[0] > 0 && counts[1] > 0);
    counts
}

#[test]
fn damage_in_a_store_after_a_kill() {
    assert_eq!(trials(0x5eed, 1500, 12)[2], 0);
}

#[test]
fn damage_in_a_store_that_was_closed() {
    assert_eq!(trials(0xfeed, 1500, 0)[2], 0);
}

/// The control: without checksums, damage does go through.
#[test]
fn without_checksums_damage_would_go_through() {
    let code = super::fork::in_child(|| {
        super::super::faults::arm("crc-unchecked,chain-unchecked");
        assert!(trials(0xfeed, 400, 0)[2] > 0);
    });
    assert_eq!(code, 0);
}

#[test]
fn a_torn_log_opens_with_a_prefix_unless_more_was_acknowledged() {
    let scratch = Scratch::new();
    let whole = lived(&scratch, 12);
    let mut random = Random(7);
    for _ in 0..200 {
        let mut files = whole.clone();
        let wal = files.get_mut("-wal").unwrap();
        wal.truncate(random.below(wal.len()));
        put(&scratch, &files);
        match tell(&scratch.store()) {
            Ok(told) => assert_eq!(told.newest, 40),
            Err(error) => assert!(error.message.contains("were acknowledged"), "{error}"),
        }
        // Under `normal`, or for a commit that nobody was told of, the mark says less: any prefix is right.
        files.insert("-mark", Vec::new());
        put(&scratch, &files);
        let told = tell(&scratch.store()).unwrap();
        assert!((28..=40).contains(&told.newest), "{}", told.newest);
        assert_eq!(told.entries.last(), Some(&entry(told.newest)));
    }
}

#[test]
fn sums_are_those_of_the_format() {
    let uuid = [7; 16];
    let sum = Checksum::new(&uuid);
    assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    assert_eq!(sum.origin(), crc32fast::hash(&uuid));
    let over = |bytes: &[&[u8]]| crc32fast::hash(&[&uuid[..], &bytes.concat()].concat());
    assert_eq!(sum.meta("state", b"x"), over(&[&[5, 0, 0, 0], b"state", b"x"]));
    assert_eq!(Checksum::uuid(&uuid), crc32fast::hash(&[&[4, 0, 0, 0], &b"uuid"[..], &uuid].concat()));
    assert_eq!(sum.segment(1, 2, b"x"), over(&[&1_u64.to_le_bytes(), &2_u64.to_le_bytes(), b"x"]));
    let parts: [&[u8]; 6] =
        [&9_u32.to_le_bytes(), &3_u64.to_le_bytes(), &(-4_i64).to_le_bytes(), &[3, 0, 0, 0], b"ann", b"x"];
    assert_eq!(sum.commit(3, -4, "ann", b"x", 9), over(&parts));
}
