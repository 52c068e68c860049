//! One column of one segment: a fixed allocation whose slots are written once, in place, while others read a prefix of it.
//!
//! `segment` says who may write which slot; all the `unsafe` that this takes is here.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::panic::RefUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::segment::SEGMENT_ROWS;

/// What `calloc` gives without touching the memory, so an empty chunk costs no pages.
const ALIGNMENT: usize = 16;

/// Plain values without padding for which any bytes are valid.
pub trait Cell: Copy + Send + Sync + 'static {}
impl Cell for u8 {}
impl Cell for u16 {}
impl Cell for u32 {}
impl Cell for u64 {}
impl Cell for i64 {}
impl Cell for f32 {}
impl Cell for [f32; 8] {}

/// One column of one segment: room for 4,096 values, zero until written.
#[derive(Debug)]
pub struct Chunk<T: Cell> {
    cells: NonNull<T>,
}

// SAFETY: cells are plain values; a slot is written by the one writer before a snapshot that reaches it is published.
unsafe impl<T: Cell> Send for Chunk<T> {}
// SAFETY: as above.
unsafe impl<T: Cell> Sync for Chunk<T> {}
impl<T: Cell> RefUnwindSafe for Chunk<T> {}

impl<T: Cell> Chunk<T> {
    fn layout() -> Layout {
        Layout::new::<[T; SEGMENT_ROWS]>().align_to(ALIGNMENT).unwrap_or(Layout::new::<[T; SEGMENT_ROWS]>())
    }

    /// The value of a slot that has been written.
    #[inline]
    pub fn get(&self, slot: usize) -> T {
        assert!(slot < SEGMENT_ROWS);
        // SAFETY: inside the allocation; written before it was reachable, or zero, which is valid.
        unsafe { *self.cells.as_ptr().add(slot) }
    }

    /// The first `len` values; all of them must have been written.
    pub fn slice(&self, len: usize) -> &[T] {
        assert!(len <= SEGMENT_ROWS);
        // SAFETY: the prefix is never written again while it is shared.
        unsafe { std::slice::from_raw_parts(self.cells.as_ptr(), len) }
    }

    /// The bytes of a full segment's values.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the whole allocation, which is never written again; a `Cell` has no padding.
        unsafe { std::slice::from_raw_parts(self.cells.as_ptr().cast(), size_of::<[T; SEGMENT_ROWS]>()) }
    }

    /// Write a slot that no snapshot reaches.
    ///
    /// # Safety
    /// The caller has claimed the slot and is the only one to touch it.
    #[inline]
    pub unsafe fn write(&self, slot: usize, value: T) {
        assert!(slot < SEGMENT_ROWS);
        // SAFETY: inside the allocation; exclusive by the caller's claim.
        unsafe { self.cells.as_ptr().add(slot).write(value) }
    }

    /// The first `len` values, in an allocation of their own.
    pub fn copy(&self, len: usize) -> Arc<Self> {
        let (values, layout) = (self.slice(len), Self::layout());
        // SAFETY: the layout is not empty.
        let cells = unsafe { alloc(layout) }.cast::<T>();
        let copy = Self { cells: NonNull::new(cells).unwrap_or_else(|| handle_alloc_error(layout)) };
        // SAFETY: both allocations have room for a segment's values, of which these are the first; zero is a valid `T`.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr(), cells, len);
            cells.add(len).write_bytes(0, SEGMENT_ROWS - len);
        }
        Arc::new(copy)
    }

    /// A chunk that begins with the values of these bytes; `None` if they are not a whole number of them, or too many.
    pub fn from_bytes(bytes: &[u8]) -> Option<Arc<Self>> {
        if !bytes.len().is_multiple_of(size_of::<T>()) || bytes.len() > size_of::<T>() * SEGMENT_ROWS {
            return None;
        }
        let chunk = Self::default();
        // SAFETY: the allocation is at least as large; any bytes are a valid `T` by `Cell`; nobody else has the chunk yet.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), chunk.cells.as_ptr().cast(), bytes.len()) };
        Some(Arc::new(chunk))
    }

    /// The same prefix, in an allocation of its own unless this one is not shared.
    pub fn make_mut(this: &mut Arc<Self>, len: usize) -> &mut [T] {
        if Arc::get_mut(this).is_none() {
            *this = this.copy(len);
        }
        // SAFETY: the only reference, by the lines above.
        unsafe { std::slice::from_raw_parts_mut(this.cells.as_ptr(), len) }
    }
}

impl<T: Cell> Default for Chunk<T> {
    fn default() -> Self {
        let layout = Self::layout();
        // SAFETY: the layout is not empty; zero bytes are a valid `T` by `Cell`.
        let cells = unsafe { alloc_zeroed(layout) }.cast::<T>();
        Self { cells: NonNull::new(cells).unwrap_or_else(|| handle_alloc_error(layout)) }
    }
}

impl<T: Cell> Drop for Chunk<T> {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; `T: Copy` has no drop.
        unsafe { dealloc(self.cells.as_ptr().cast(), Self::layout()) }
    }
}

/// A full chunk in which every value is the same, for all segments of a load that have no other: a column that says
/// nothing takes neither memory nor time.
#[derive(Debug)]
pub struct Uniform<T: Cell>(Mutex<Option<Arc<Chunk<T>>>>);

impl<T: Cell> Default for Uniform<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Cell> Uniform<T> {
    /// Let a chunk of a full segment be this one if that makes no difference.
    pub fn share(&self, chunk: &mut Arc<Chunk<T>>) {
        let bytes = chunk.bytes();
        let (first, others) = bytes.split_at(size_of::<T>());
        // Every value is as the one before it.
        if others != &bytes[..others.len()] {
            return;
        }
        let mut shared = self.0.lock();
        let kept = shared.get_or_insert_with(|| chunk.clone());
        if kept.bytes().starts_with(first) {
            *chunk = kept.clone();
        }
    }
}

/// A sparse text column of one segment, under the same discipline as [`Chunk`].
#[derive(Debug)]
pub struct TextChunk {
    slots: Box<[UnsafeCell<Option<Arc<str>>>]>,
}

// SAFETY: as for `Chunk`.
unsafe impl Sync for TextChunk {}
impl RefUnwindSafe for TextChunk {}

impl Default for TextChunk {
    fn default() -> Self {
        Self { slots: (0..SEGMENT_ROWS).map(|_| UnsafeCell::new(None)).collect() }
    }
}

impl TextChunk {
    /// The first `len` texts, in an allocation of their own.
    fn prefix(&self, len: usize) -> Self {
        let mut copy = Self::default();
        for (i, to) in copy.slots.iter_mut().enumerate().take(len) {
            *to.get_mut() = self.get(i);
        }
        copy
    }

    /// The same behind a pointer, if there is a column.
    pub fn copy(this: &Option<Arc<Self>>, len: usize) -> Option<Arc<Self>> {
        this.as_ref().map(|chunk| Arc::new(chunk.prefix(len)))
    }

    /// A column that begins with these texts; those beyond a segment's rows are left out.
    pub fn from_texts(texts: impl Iterator<Item = Option<Arc<str>>>) -> Arc<Self> {
        let mut chunk = Self::default();
        for (slot, text) in chunk.slots.iter_mut().zip(texts) {
            *slot.get_mut() = text;
        }
        Arc::new(chunk)
    }

    /// The text of a slot that has been written.
    pub fn get_ref(&self, slot: usize) -> Option<&str> {
        // SAFETY: a reachable slot is never written again while it is shared.
        unsafe { (*self.slots[slot].get()).as_deref() }
    }

    /// The text of a slot, shared.
    pub fn get(&self, slot: usize) -> Option<Arc<str>> {
        // SAFETY: as above.
        unsafe { (*self.slots[slot].get()).clone() }
    }

    /// Change a slot, in an allocation of its own unless this one is not shared.
    pub fn set(this: &mut Option<Arc<Self>>, len: usize, slot: usize, text: Option<Arc<str>>) {
        if this.is_none() && text.is_none() {
            return;
        }
        let chunk = this.get_or_insert_default();
        if Arc::get_mut(chunk).is_none() {
            *chunk = Arc::new(chunk.prefix(len));
        }
        if let Some(own) = Arc::get_mut(chunk) {
            *own.slots[slot].get_mut() = text;
        }
    }
}

/// Write a slot of a text column that no snapshot reaches.
///
/// # Safety
/// The caller has claimed the slot; the column is there if the text is.
#[inline]
pub unsafe fn write_text(column: Option<&TextChunk>, slot: usize, text: Option<Arc<str>>) {
    if let Some(column) = column {
        // SAFETY: exclusive by the caller's claim.
        unsafe { *column.slots[slot].get() = text }
    }
}
