//! Arrow arrays of columns: shared with the chunks they come from where the types allow, built where not.

use std::ptr::NonNull;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{PrimitiveBuilder, StringBuilder};
use arrow_array::types::{Int16Type, Int64Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, FixedSizeListArray, Int16Array, Int32Array, PrimitiveArray,
    StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{DataType, Field as ArrowField, TimeUnit};

use crate::chunk::{Cell as Stored, Chunk, TextChunk};
use crate::columns::{Cell, Column};
use crate::connection::NEVER;
use crate::vocabulary::Mutability;

static COORDS_ITEM: LazyLock<Arc<ArrowField>> =
    LazyLock::new(|| Arc::new(ArrowField::new("item", DataType::Float32, false)));

pub(crate) fn data_type(column: Column) -> DataType {
    match column {
        Column::Id | Column::Source | Column::Target | Column::Activations => DataType::Int64,
        Column::Key | Column::Props => DataType::Utf8,
        Column::Type | Column::Mutability => DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8)),
        Column::Coords => DataType::FixedSizeList(COORDS_ITEM.clone(), 8),
        Column::Axis(_) | Column::Weight | Column::Confidence | Column::Rigidity => DataType::Float32,
        Column::Flags => DataType::UInt16,
        Column::Evidence | Column::Levels => DataType::Int32,
        Column::CreatedAt | Column::UpdatedAt | Column::LastActivatedAt => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
    }
}

/// The first `len` values of a chunk as an Arrow buffer that keeps the chunk alive; `A` is how Arrow reads `T`'s bytes.
pub(crate) fn share<T: Stored, A: arrow_buffer::ArrowNativeType>(chunk: &Arc<Chunk<T>>, len: usize) -> ScalarBuffer<A> {
    let bytes = len * size_of::<A>();
    let cells = chunk.slice(bytes / size_of::<T>());
    let pointer = NonNull::from(cells).cast::<u8>();
    // SAFETY: the prefix of the chunk is initialised, aligned, never written again while shared, and kept alive by the owner.
    let buffer = unsafe { Buffer::from_custom_allocation(pointer, bytes, chunk.clone()) };
    ScalarBuffer::new(buffer, 0, len)
}

pub(crate) fn shared_ids(chunk: &Arc<Chunk<u64>>, len: usize) -> ArrayRef {
    Arc::new(PrimitiveArray::<Int64Type>::new(share(chunk, len), None))
}

pub(crate) fn type_array(codes: Int16Array, names: ArrayRef) -> ArrayRef {
    // SAFETY: every stored code is below the catalog's length, which is the dictionary's.
    Arc::new(unsafe { DictionaryArray::<Int16Type>::new_unchecked(codes, names) })
}

pub(crate) fn mutabilities(codes: impl Iterator<Item = u8>) -> ArrayRef {
    static NAMES: LazyLock<ArrayRef> = LazyLock::new(|| Arc::new(StringArray::from_iter_values(Mutability::NAMES)));
    type_array(Int16Array::from_iter_values(codes.map(i16::from)), NAMES.clone())
}

pub(crate) fn coords_array(values: ArrayRef, len: usize) -> ArrayRef {
    debug_assert_eq!(values.len(), len * 8);
    Arc::new(FixedSizeListArray::new(COORDS_ITEM.clone(), 8, values, None))
}

pub(crate) fn times(array: TimestampMicrosecondArray) -> ArrayRef {
    Arc::new(array.with_timezone("UTC"))
}

pub(crate) fn optional_times(values: impl Iterator<Item = i64>) -> ArrayRef {
    times(PrimitiveArray::from_iter(values.map(|t| (t != NEVER).then_some(t))))
}

pub(crate) fn integers(values: impl Iterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

pub(crate) fn text_array(chunk: Option<&TextChunk>, slots: std::ops::Range<usize>) -> ArrayRef {
    let Some(chunk) = chunk else {
        return new_null_array(&DataType::Utf8, slots.len());
    };
    let mut builder = StringBuilder::with_capacity(slots.len(), slots.len() * 16);
    slots.for_each(|slot| builder.append_option(chunk.get_ref(slot)));
    Arc::new(builder.finish())
}

pub(crate) fn gathered<'a, T: ArrowPrimitiveType>(
    cells: impl Iterator<Item = Cell<'a>>,
    value: impl Fn(Cell<'a>) -> Option<T::Native>,
) -> ArrayRef {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(cells.size_hint().0);
    cells.for_each(|cell| builder.append_option(value(cell)));
    Arc::new(builder.finish())
}
