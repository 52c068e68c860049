//! A connection: a directed, typed, weighted edge that can learn; 76 bytes of columns and sparse props.

use std::sync::{Arc, LazyLock};

use crate::chunk::{Chunk, TextChunk, Uniform, write_text};
use crate::segment::Record;
use crate::vocabulary::Mutability;

/// The default type, `associated_with`.
pub const DEFAULT_TYPE: u16 = 0x50;

/// A time that has not been: no activation yet.
pub const NEVER: i64 = i64::MIN;

/// One row of the table, by value.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// 1…2⁶³−1.
    pub id: u64,
    /// Id of the token it leaves.
    pub source: u64,
    /// Id of the token it enters.
    pub target: u64,
    /// A code of the catalog's connection types.
    pub kind: u16,
    /// Pull, within the profile's range.
    pub weight: f32,
    /// 0…1.
    pub confidence: f32,
    /// 0…1, within the profile's range.
    pub rigidity: f32,
    /// Whether learning may change it.
    pub mutability: Mutability,
    /// How many successes it has seen.
    pub evidence: u32,
    /// How often it was activated.
    pub activations: u64,
    /// Bit mask of axes.
    pub levels: u8,
    /// Microseconds since 1970, UTC.
    pub created_at: i64,
    /// Microseconds since 1970, UTC.
    pub updated_at: i64,
    /// Microseconds since 1970, UTC, or [`NEVER`].
    pub last_activated_at: i64,
    /// The text of a JSON object.
    pub props: Option<Arc<str>>,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            id: 0,
            source: 0,
            target: 0,
            kind: DEFAULT_TYPE,
            weight: 1.0,
            confidence: 0.5,
            rigidity: 0.5,
            mutability: Mutability::Learnable,
            evidence: 0,
            activations: 0,
            levels: 0,
            created_at: 0,
            updated_at: 0,
            last_activated_at: NEVER,
            props: None,
        }
    }
}

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// The columns of a segment of connections.
        #[derive(Clone, Debug)]
        pub struct ConnectionColumns {
            $($(#[$doc])* pub $name: Arc<Chunk<$type>>,)*
            /// Props; absent while no row of the segment has any.
            pub props: Option<Arc<TextChunk>>,
        }

        /// Chunks that segments of connections have in common.
        #[derive(Debug, Default)]
        pub struct ConnectionUniforms {
            $($name: Uniform<$type>,)*
        }

        impl Record for Connection {
            type Columns = ConnectionColumns;
            type Uniforms = ConnectionUniforms;

            fn columns() -> ConnectionColumns {
                ConnectionColumns { $($name: Arc::default(),)* props: None }
            }

            fn no_columns() -> Arc<ConnectionColumns> {
                static NONE: LazyLock<Arc<ConnectionColumns>> = LazyLock::new(|| Arc::new(Connection::columns()));
                NONE.clone()
            }

            fn copy(columns: &ConnectionColumns, len: usize) -> ConnectionColumns {
                ConnectionColumns {
                    $($name: columns.$name.copy(len),)*
                    props: TextChunk::copy(&columns.props, len),
                }
            }

            fn wants_text(&self, columns: &ConnectionColumns) -> bool {
                self.props.is_some() && columns.props.is_none()
            }

            fn add_text(&self, columns: &mut ConnectionColumns) {
                if self.props.is_some() {
                    columns.props.get_or_insert_default();
                }
            }

            #[inline]
            unsafe fn write(self, columns: &ConnectionColumns, slot: usize) {
                // SAFETY: the caller owns the slot; every column of a segment has the same capacity.
                unsafe {
                    $(columns.$name.write(slot, self.$name.into_column());)*
                    write_text(columns.props.as_deref(), slot, self.props);
                }
            }

            fn read(columns: &ConnectionColumns, slot: usize) -> Self {
                Self {
                    $($name: FromColumn::from_column(columns.$name.get(slot)),)*
                    props: columns.props.as_ref().and_then(|c| c.get(slot)),
                }
            }

            fn share(columns: &mut ConnectionColumns, uniforms: &ConnectionUniforms) {
                $(uniforms.$name.share(&mut columns.$name);)*
            }

            fn id(columns: &ConnectionColumns) -> &Chunk<u64> {
                &columns.id
            }
        }
    };
}

columns! {
    /// Ids.
    id: u64,
    /// Ids of the tokens they leave.
    source: u64,
    /// Ids of the tokens they enter.
    target: u64,
    /// Type codes.
    kind: u16,
    /// Weights.
    weight: f32,
    /// Confidences.
    confidence: f32,
    /// Rigidities.
    rigidity: f32,
    /// Codes of [`Mutability`].
    mutability: u8,
    /// Successes seen.
    evidence: u32,
    /// Activations.
    activations: u64,
    /// Axis masks.
    levels: u8,
    /// Creation times.
    created_at: i64,
    /// Times of the last update.
    updated_at: i64,
    /// Times of the last activation.
    last_activated_at: i64,
}

/// How a field is stored in its column; the identity but for [`Mutability`].
trait IntoColumn<T> {
    fn into_column(self) -> T;
}

trait FromColumn<T> {
    fn from_column(value: T) -> Self;
}

impl<T: Copy> IntoColumn<T> for T {
    fn into_column(self) -> T {
        self
    }
}

impl<T: Copy> FromColumn<T> for T {
    fn from_column(value: T) -> Self {
        value
    }
}

impl IntoColumn<u8> for Mutability {
    fn into_column(self) -> u8 {
        self as u8
    }
}

impl FromColumn<u8> for Mutability {
    fn from_column(code: u8) -> Self {
        // Only codes of the enum are ever written.
        Self::from_code(code).unwrap_or(Self::Immutable)
    }
}
