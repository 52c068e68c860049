//! What writers ask for: rows to make and changes to make to them, before they are checked.

use crate::metric::Point;
use crate::snapshot::TokenRef;

/// A token as the writer asks for it; what is absent gets its default.
#[derive(Clone, Debug, Default)]
pub struct NewToken<'a> {
    /// An id not in use, or the next one.
    pub id: Option<i64>,
    /// Unique.
    pub key: Option<&'a str>,
    /// A type name; a new one makes a new type.
    pub kind: Option<&'a str>,
    /// The position.
    pub coords: Point,
    /// See [`DEFAULT_WEIGHT`].
    pub weight: Option<f32>,
    /// See [`flags`].
    pub flags: Option<u16>,
    /// The text of a JSON object.
    pub props: Option<&'a str>,
}

/// What to change of a token. An inner `None` removes.
#[derive(Clone, Debug, Default)]
pub struct TokenPatch<'a> {
    /// Another key, or none.
    pub key: Option<Option<&'a str>>,
    /// Another type.
    pub kind: Option<&'a str>,
    /// Another position.
    pub coords: Option<Point>,
    /// Single axes of the position.
    pub axes: [Option<f32>; 8],
    /// Another weight.
    pub weight: Option<f32>,
    /// Other flags.
    pub flags: Option<u16>,
    /// Other props, or none.
    pub props: Option<Option<&'a str>>,
}

/// A connection as the writer asks for it.
#[derive(Clone, Debug)]
pub struct NewConnection<'a> {
    /// An id not in use, or the next one.
    pub id: Option<i64>,
    /// Where it leaves.
    pub source: TokenRef,
    /// Where it enters.
    pub target: TokenRef,
    /// A type name; a new one makes a new type.
    pub kind: Option<&'a str>,
    /// Default 1.
    pub weight: Option<f32>,
    /// Default 0.5.
    pub confidence: Option<f32>,
    /// Default 0.5.
    pub rigidity: Option<f32>,
    /// By name; the family's unless given.
    pub mutability: Option<&'a str>,
    /// Bit mask of axes.
    pub levels: Option<u8>,
    /// The text of a JSON object.
    pub props: Option<&'a str>,
}

/// What to change of a connection.
#[derive(Clone, Debug, Default)]
pub struct ConnectionPatch<'a> {
    /// Another weight.
    pub weight: Option<f32>,
    /// Another confidence.
    pub confidence: Option<f32>,
    /// Another rigidity.
    pub rigidity: Option<f32>,
    /// Another mutability, by name.
    pub mutability: Option<&'a str>,
    /// Another axis mask.
    pub levels: Option<u8>,
    /// Other props, or none.
    pub props: Option<Option<&'a str>>,
}

/// What to do with a row whose id, key or triple exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// 23505.
    #[default]
    Fail,
    /// Leave it out.
    Nothing,
}

impl TokenPatch<'_> {
    /// Whether nothing but the flags is to be changed.
    pub fn only_flags(&self) -> bool {
        self.key.is_none()
            && self.kind.is_none()
            && self.coords.is_none()
            && self.axes.iter().all(Option::is_none)
            && self.weight.is_none()
            && self.props.is_none()
    }
}

impl ConnectionPatch<'_> {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.weight.is_none()
            && self.confidence.is_none()
            && self.rigidity.is_none()
            && self.mutability.is_none()
            && self.levels.is_none()
            && self.props.is_none()
    }
}
