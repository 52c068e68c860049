//! What every stored value carries: a CRC-32 over its content, its place, and the store it belongs to.

use crc32fast::Hasher;

/// Sums for one store; a value of another store never has the right one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum {
    seed: u32,
}

impl Checksum {
    /// For the store with this uuid.
    pub(super) fn new(uuid: &[u8; 16]) -> Self {
        Self { seed: crc32fast::hash(uuid) }
    }

    /// What the chain of commits begins with.
    pub(super) fn origin(self) -> u32 {
        self.seed
    }

    /// Of a row of `meta`.
    pub(super) fn meta(self, name: &str, value: &[u8]) -> u32 {
        sum(self.seed, name.as_bytes(), value)
    }

    /// Of the one row of `meta` that says which store it is.
    pub(super) fn uuid(value: &[u8]) -> u32 {
        sum(0, b"uuid", value)
    }

    /// Of a row of `segment`.
    pub(super) fn segment(self, place: u64, version: u64, payload: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.seed);
        hasher.update(&place.to_le_bytes());
        hasher.update(&version.to_le_bytes());
        hasher.update(payload);
        hasher.finalize()
    }

    /// Of a row of `commit_log` that follows the one with the sum `previous`.
    pub(super) fn commit(self, version: u64, at: i64, author: &str, payload: &[u8], previous: u32) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.seed);
        hasher.update(&previous.to_le_bytes());
        hasher.update(&version.to_le_bytes());
        hasher.update(&at.to_le_bytes());
        hasher.update(&(author.len() as u32).to_le_bytes());
        hasher.update(author.as_bytes());
        hasher.update(payload);
        hasher.finalize()
    }
}

fn sum(seed: u32, name: &[u8], value: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    hasher.update(&(name.len() as u32).to_le_bytes());
    hasher.update(name);
    hasher.update(value);
    hasher.finalize()
}
