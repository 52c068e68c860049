//! The same file opened twice in one process is one store.

use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Store;
use super::file;
use super::open::OpenOptions;
use crate::error::{Error, Result};

/// Who has what open: device, inode, and whether for reading only.
type Place = (u64, u64, bool);

static OPEN: Mutex<Vec<(Place, Weak<Store>)>> = Mutex::new(Vec::new());

/// The store of this file, made if there is none.
pub(super) fn find_or_open(path: &Path, options: &OpenOptions) -> Result<Arc<Store>> {
    let mut open = OPEN.lock();
    open.retain(|(_, store)| store.strong_count() > 0);
    if let Some((device, inode)) = file::identity(path)? {
        // Who only reads is content with a store that may be written.
        let suits = |place: Place| place == (device, inode, false) || place == (device, inode, options.read_only);
        // A store that was inherited through a fork, or that is just being closed, is not joined.
        let joined = |store: &Weak<Store>| store.upgrade().filter(|store| store.join());
        if let Some(store) = open.iter().filter(|(place, _)| suits(*place)).find_map(|(_, store)| joined(store)) {
            if let Err(error) = store.agrees(options) {
                store.leave();
                return Err(error);
            }
            return Ok(store);
        }
    } else if options.read_only {
        return Err(Error::no_such_file(format!(
            "store \"{}\" does not exist",
            path.display().to_string().escape_debug()
        )));
    }
    let store = Store::open_file(path, options)?;
    let (device, inode) = file::identity(path)?.ok_or_else(|| Error::no_such_file("the store has vanished"))?;
    open.push(((device, inode, options.read_only), Arc::downgrade(&store)));
    Ok(store)
}
