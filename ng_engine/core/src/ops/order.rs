//! Sorting that can be interrupted: runs short enough not to be, then merged.

use crate::cancel::Cancel;
use crate::error::Result;

/// Rows sorted in one go, which takes a few milliseconds.
const RUN: usize = 1 << 15;

/// The items by their keys; equal keys in no particular order.
pub(super) fn sort_by_key<T: Copy, K: Ord>(cancel: &Cancel, items: &mut Vec<T>, key: impl Fn(&T) -> K) -> Result<()> {
    for run in items.chunks_mut(RUN) {
        cancel.poll()?;
        run.sort_unstable_by_key(&key);
    }
    let mut width = RUN;
    let mut merged = Vec::with_capacity(if items.len() > RUN { items.len() } else { 0 });
    let mut pace = cancel.pace();
    while width < items.len() {
        for pair in items.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                pace.tick()?;
                if key(b) < key(a) {
                    merged.push(*b);
                    right = &right[1..];
                } else {
                    merged.push(*a);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(items, &mut merged);
        merged.clear();
        width *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_and_stops() {
        for len in [0, 1, RUN - 1, RUN, RUN + 1, 5 * RUN + 7] {
            let mut items: Vec<u64> = (0..len as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            sort_by_key(&Cancel::default(), &mut items, |item| *item).unwrap();
            assert!(items == expected, "{len}");
        }
        let mut items: Vec<u64> = (0..4 * RUN as u64).rev().collect();
        for look in [0, 3, 4, 50] {
            assert_eq!(sort_by_key(&Cancel::at_look(look), &mut items, |item| *item).unwrap_err().sqlstate, "57014");
        }
    }
}
