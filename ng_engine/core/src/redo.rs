//! The redo of a commit: the row operations that made it, in order, as they stand in the store's log.
//!
//! A payload is one byte of kind, the header, and operations up to [`Op::End`], all in postcard's encoding. Replayed on
//! the version before, it gives the same rows in the same places; so operations name rows by number, and say nothing that
//! follows from the state they meet.

use std::sync::Arc;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::cdna::CdnaImage;
use crate::connection::{Connection, NEVER};
use crate::error::{Error, Result};
use crate::metric::Point;
use crate::token::Token;
use crate::vocabulary::Mutability;

/// A commit whose operations take more bytes records none of them: its segments are written instead.
pub const REDO_BYTES: usize = 8 << 20;

const KIND_RELOAD: u8 = 0;
const KIND_OPERATIONS: u8 = 1;

/// The payload of a commit that wrote its segments: whoever follows the log loads those that changed.
pub const RELOAD: [u8; 1] = [KIND_RELOAD];

/// Whether a payload is [`RELOAD`].
pub fn is_reload(payload: &[u8]) -> bool {
    payload == RELOAD
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redo {
    /// The payload for the log; empty if nothing was recorded, as in a store without a file.
    Operations(Vec<u8>),
    /// Too much to list: write every segment that carries the commit's version.
    Bulk,
}

/// What the operations of a commit start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The time that rows carry, in microseconds since 1970.
    pub(crate) at: i64,
    /// Rows of both tables, deleted ones included.
    pub(crate) extents: (u32, u32),
}

/// One change of a row, or of what all rows share. The order of the variants is the format: new ones go to the end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Op<'a> {
    /// Nothing follows.
    End,
    PushToken(#[serde(borrow)] NewTokenRow<'a>),
    StoreToken(u32, #[serde(borrow)] TokenChange<'a>),
    EraseToken(u32),
    PushConnection(#[serde(borrow)] NewConnectionRow<'a>),
    StoreConnection(u32, #[serde(borrow)] ConnectionChange<'a>),
    EraseConnection(u32),
    /// No rows any more.
    Clear,
    /// Deleted rows are dropped and the others numbered anew.
    Compact,
    TokenType(u16, &'a str),
    ConnectionType(u16, &'a str),
    Cdna(Box<CdnaImage>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewTokenRow<'a> {
    pub(crate) id: u64,
    pub(crate) coords: Point,
    pub(crate) weight: f32,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) key: Option<&'a str>,
    pub(crate) props: Option<&'a str>,
    /// Times of creation and update where they are not the commit's.
    pub(crate) times: Option<(i64, i64)>,
}

impl<'a> NewTokenRow<'a> {
    pub(crate) fn of(token: &'a Token, now: i64) -> Self {
        let times = (token.created_at, token.updated_at);
        Self {
            id: token.id,
            coords: token.coords,
            weight: token.weight,
            kind: token.kind,
            flags: token.flags,
            key: token.key.as_deref(),
            props: token.props.as_deref(),
            times: (times != (now, now)).then_some(times),
        }
    }

    pub(crate) fn token(&self, now: i64) -> Token {
        let (created_at, updated_at) = self.times.unwrap_or((now, now));
        Token {
            id: self.id,
            coords: self.coords,
            created_at,
            updated_at,
            weight: self.weight,
            kind: self.kind,
            flags: self.flags,
            key: self.key.map(Arc::from),
            props: self.props.map(Arc::from),
        }
    }
}

/// The columns of a token that get another value, and what it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TokenChange<'a> {
    pub(crate) coords: Option<Point>,
    pub(crate) weight: Option<f32>,
    pub(crate) kind: Option<u16>,
    pub(crate) flags: Option<u16>,
    #[serde(borrow)]
    pub(crate) key: Option<Option<&'a str>>,
    #[serde(borrow)]
    pub(crate) props: Option<Option<&'a str>>,
}

fn changed<T: PartialEq + Copy>(old: T, new: T) -> Option<T> {
    (old != new).then_some(new)
}

fn changed_text<'a>(old: &Option<Arc<str>>, new: &'a Option<Arc<str>>) -> Option<Option<&'a str>> {
    (old != new).then_some(new.as_deref())
}

fn set_text(text: &mut Option<Arc<str>>, change: Option<Option<&str>>) {
    if let Some(new) = change {
        *text = new.map(Arc::from);
    }
}

impl<'a> TokenChange<'a> {
    pub(crate) fn between(old: &Token, new: &'a Token) -> Self {
        Self {
            coords: changed(old.coords, new.coords),
            weight: changed(old.weight, new.weight),
            kind: changed(old.kind, new.kind),
            flags: changed(old.flags, new.flags),
            key: changed_text(&old.key, &new.key),
            props: changed_text(&old.props, &new.props),
        }
    }

    pub(crate) fn apply(&self, token: &mut Token) {
        token.coords = self.coords.unwrap_or(token.coords);
        token.weight = self.weight.unwrap_or(token.weight);
        token.kind = self.kind.unwrap_or(token.kind);
        token.flags = self.flags.unwrap_or(token.flags);
        set_text(&mut token.key, self.key);
        set_text(&mut token.props, self.props);
    }
}

/// What a connection has learned: evidence, activations, the time of the last.
type Learned = (u32, u64, i64);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewConnectionRow<'a> {
    pub(crate) id: u64,
    /// Rows of the tokens, not their ids.
    pub(crate) source: u32,
    pub(crate) target: u32,
    pub(crate) kind: u16,
    pub(crate) weight: f32,
    pub(crate) confidence: f32,
    pub(crate) rigidity: f32,
    pub(crate) mutability: u8,
    pub(crate) levels: u8,
    pub(crate) props: Option<&'a str>,
    /// Absent for a connection that has learned nothing.
    pub(crate) learned: Option<Learned>,
    /// Times of creation and update where they are not the commit's.
    pub(crate) times: Option<(i64, i64)>,
}

impl<'a> NewConnectionRow<'a> {
    pub(crate) fn of(connection: &'a Connection, source: u32, target: u32, now: i64) -> Self {
        let learned = (connection.evidence, connection.activations, connection.last_activated_at);
        let times = (connection.created_at, connection.updated_at);
        Self {
            id: connection.id,
            source,
            target,
            kind: connection.kind,
            weight: connection.weight,
            confidence: connection.confidence,
            rigidity: connection.rigidity,
            mutability: connection.mutability as u8,
            levels: connection.levels,
            props: connection.props.as_deref(),
            learned: (learned != (0, 0, NEVER)).then_some(learned),
            times: (times != (now, now)).then_some(times),
        }
    }

    /// The connection between tokens of these ids, if its mutability is one.
    pub(crate) fn connection(&self, source: u64, target: u64, now: i64) -> Option<Connection> {
        let (created_at, updated_at) = self.times.unwrap_or((now, now));
        let (evidence, activations, last_activated_at) = self.learned.unwrap_or((0, 0, NEVER));
        Some(Connection {
            id: self.id,
            source,
            target,
            kind: self.kind,
            weight: self.weight,
            confidence: self.confidence,
            rigidity: self.rigidity,
            mutability: Mutability::from_code(self.mutability)?,
            evidence,
            activations,
            levels: self.levels,
            created_at,
            updated_at,
            last_activated_at,
            props: self.props.map(Arc::from),
        })
    }
}

/// The columns of a connection that get another value, and what it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConnectionChange<'a> {
    pub(crate) weight: Option<f32>,
    pub(crate) confidence: Option<f32>,
    pub(crate) rigidity: Option<f32>,
    pub(crate) mutability: Option<u8>,
    pub(crate) levels: Option<u8>,
    #[serde(borrow)]
    pub(crate) props: Option<Option<&'a str>>,
    pub(crate) learned: Option<Learned>,
}

impl<'a> ConnectionChange<'a> {
    pub(crate) fn between(old: &Connection, new: &'a Connection) -> Self {
        let learned = |c: &Connection| (c.evidence, c.activations, c.last_activated_at);
        Self {
            weight: changed(old.weight, new.weight),
            confidence: changed(old.confidence, new.confidence),
            rigidity: changed(old.rigidity, new.rigidity),
            mutability: changed(old.mutability as u8, new.mutability as u8),
            levels: changed(old.levels, new.levels),
            props: changed_text(&old.props, &new.props),
            learned: changed(learned(old), learned(new)),
        }
    }

    /// Whether the mutability is one.
    pub(crate) fn apply(&self, connection: &mut Connection) -> bool {
        connection.weight = self.weight.unwrap_or(connection.weight);
        connection.confidence = self.confidence.unwrap_or(connection.confidence);
        connection.rigidity = self.rigidity.unwrap_or(connection.rigidity);
        connection.levels = self.levels.unwrap_or(connection.levels);
        set_text(&mut connection.props, self.props);
        if let Some(learned) = self.learned {
            (connection.evidence, connection.activations, connection.last_activated_at) = learned;
        }
        match self.mutability.map(Mutability::from_code) {
            None => true,
            Some(known) => {
                connection.mutability = known.unwrap_or(connection.mutability);
                known.is_some()
            }
        }
    }
}

/// The end of a byte vector, for postcard.
struct Bytes<'a>(&'a mut Vec<u8>);

impl Flavor for Bytes<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Writes down the operations of one commit after the other.
pub(crate) struct Recorder {
    bytes: Vec<u8>,
    /// Whether the commit has become too large, so that what was noted of it is worth nothing unless it is undone.
    full: bool,
}

impl Recorder {
    /// Begin a commit.
    pub(crate) fn new(header: Header) -> Self {
        let mut recorder = Self { bytes: Vec::new(), full: false };
        recorder.begin(header);
        recorder
    }

    fn begin(&mut self, header: Header) {
        self.full = false;
        self.bytes.clear();
        self.bytes.push(KIND_OPERATIONS);
        self.append(&header);
    }

    fn append(&mut self, value: &impl Serialize) {
        // What cannot be encoded cannot be left out either.
        self.full |= postcard::serialize_with_flavor(value, Bytes(&mut self.bytes)).is_err();
    }

    /// Note an operation.
    pub(crate) fn push(&mut self, op: &Op<'_>) {
        if !self.full {
            self.append(op);
            self.full |= self.bytes.len() > REDO_BYTES;
        }
    }

    /// How much was noted; `None` if it was too much.
    pub(crate) fn mark(&self) -> Option<usize> {
        (!self.full).then_some(self.bytes.len())
    }

    /// Forget what was noted since the mark, which is of the same commit.
    pub(crate) fn restore(&mut self, mark: Option<usize>) {
        if let Some(len) = mark.filter(|len| *len <= self.bytes.len()) {
            self.bytes.truncate(len);
            self.full = false;
        }
    }

    /// End the commit and begin the next.
    pub(crate) fn end(&mut self, next: Header) -> Redo {
        self.push(&Op::End);
        let redo = if self.full { Redo::Bulk } else { Redo::Operations(std::mem::take(&mut self.bytes)) };
        self.begin(next);
        redo
    }

    /// Begin a commit whose first part was undone together with commits before it: what is left of it is unknown.
    pub(crate) fn lose(&mut self, header: Header) {
        self.begin(header);
        self.full = true;
    }
}

/// Reads the operations of a commit.
pub(crate) struct Operations<'a> {
    pub(crate) header: Header,
    rest: &'a [u8],
}

impl<'a> Operations<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Result<Self> {
        let Some((&KIND_OPERATIONS, rest)) = payload.split_first() else {
            return Err(Error::corrupted("not a list of operations"));
        };
        let (header, rest) = postcard::take_from_bytes(rest).map_err(|_| Error::corrupted("header cannot be read"))?;
        Ok(Self { header, rest })
    }

    /// The next operation; none after the last, which ends the payload.
    pub(crate) fn next(&mut self) -> Result<Option<Op<'a>>> {
        let (op, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Error::corrupted("cannot be read"))?;
        self.rest = rest;
        match op {
            Op::End if rest.is_empty() => Ok(None),
            Op::End => Err(Error::corrupted("goes on after its end")),
            op => Ok(Some(op)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdna::Cdna;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Logs of this release must be read by every later one: a change of these bytes takes another format version.
    #[test]
    fn the_format_stands() {
        let token = Token {
            id: 300,
            coords: [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -2.0],
            created_at: 5,
            updated_at: 5,
            weight: 0.25,
            kind: 256,
            flags: 5,
            key: Some("k".into()),
            props: None,
        };
        let connection = Connection { id: 1, source: 300, target: 300, kind: 0x50, ..Connection::default() };
        let moved = Token { key: None, weight: 0.5, ..token.clone() };
        let learned = Connection { evidence: 2, activations: 3, last_activated_at: -1, ..connection.clone() };
        let operations = [
            (Op::TokenType(256, "own"), "098002036f776e"),
            (Op::ConnectionType(257, "b"), "0a81020162"),
            (
                Op::PushToken(NewTokenRow::of(&token, 5)),
                "01ac020000803f000000000000000000000000000000000000000000000000000000c00000803e80020501016b0000",
            ),
            (Op::StoreToken(0, TokenChange::between(&token, &moved)), "02000001 0000003f 0000 0100 00"),
            (
                Op::PushConnection(NewConnectionRow::of(&connection, 0, 0, 5)),
                "04 01 00 00 50 0000803f 0000003f 0000003f 01 00 00 00 010000",
            ),
            (
                Op::StoreConnection(0, ConnectionChange::between(&connection, &learned)),
                "05 00 00 00 00 00 00 00 01 02 03 01",
            ),
            (Op::EraseConnection(0), "0600"),
            (Op::EraseToken(129), "038101"),
            (Op::Compact, "08"),
            (Op::Clear, "07"),
        ];
        let header = Header { at: 5, extents: (0, 200) };
        let mut recorder = Recorder::new(header);
        operations.iter().for_each(|(op, _)| recorder.push(op));
        let Redo::Operations(payload) = recorder.end(header) else { panic!("too large") };
        let expected: String = operations.iter().map(|(_, bytes)| bytes.replace(' ', "")).collect();
        assert_eq!(hex(&payload), format!("010a00c801{expected}00"));

        let mut read = Operations::new(&payload).unwrap();
        assert_eq!(read.header, header);
        let mut count = 0;
        while let Some(op) = read.next().unwrap() {
            assert_eq!(format!("{op:?}"), format!("{:?}", operations[count].0));
            count += 1;
        }
        assert_eq!(count, operations.len());
        for end in 0..payload.len() {
            let mut cut = Operations::new(&payload[..end]).ok();
            let whole = cut.as_mut().is_some_and(|ops| {
                loop {
                    match ops.next() {
                        Ok(Some(_)) => {}
                        Ok(None) => break true,
                        Err(error) => break error.sqlstate != "XX001",
                    }
                }
            });
            assert!(!whole, "{end}");
        }
        assert!(Operations::new(&RELOAD).is_err() && is_reload(&RELOAD) && !is_reload(&payload));
    }

    #[test]
    fn profiles_have_room_in_the_log() {
        let mut recorder = Recorder::new(Header { at: 0, extents: (0, 0) });
        recorder.push(&Op::Cdna(Box::new(CdnaImage::of(&Cdna::new().with_scales([3.0; 8]).unwrap()))));
        let Redo::Operations(payload) = recorder.end(Header { at: 0, extents: (0, 0) }) else { panic!("too large") };
        let mut read = Operations::new(&payload).unwrap();
        let Ok(Some(Op::Cdna(image))) = read.next() else { panic!("not a profile") };
        assert_eq!(image.restore().unwrap().active.metric.scale(), &[3.0; 8]);
    }
}
