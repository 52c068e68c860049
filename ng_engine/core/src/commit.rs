//! A commit in the making: a private snapshot that the one writer changes, row by row, every row past the Guardian.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

mod bulk;
mod replay;
mod rows;

use crate::cancel::Cancel;
use crate::cdna::Cdna;
use crate::connection::{Connection, DEFAULT_TYPE};
use crate::error::{Error, Result};
use crate::guardian::{self, Change};
use crate::index::adjacency::{Adjacency, Direction, Link};
use crate::index::keys::RowMap;
use crate::memory::{Allowance, CONNECTION_BYTES, TEXT_BYTES, TOKEN_BYTES};
use crate::redo::{Header, Recorder, Redo};
use crate::request::{ConnectionPatch, NewConnection, NewToken, OnConflict, TokenPatch};
use crate::segment::SEGMENT_ROWS;
use crate::snapshot::{Snapshot, TokenRef};
use crate::token::{DEFAULT_WEIGHT, Token, check_coords, check_id, check_key, check_props, flags};
use crate::vocabulary::{Mutability, default_mutability};

/// From this many new connections on, the graph index is rebuilt rather than extended.
const BULK: usize = 1 << 16;

/// What a row that is written counts for: it takes about as long as so many that are looked at.
pub(crate) const ROW: u32 = 16;

/// Ids are exposed as signed.
const LAST_ID: u64 = i64::MAX as u64;

/// The writer's private snapshot.
pub struct Working {
    snapshot: Snapshot,
    now: i64,
    changed: bool,
    /// Links listed in the graph index, in order.
    links: Vec<Link>,
    memory: Allowance,
    /// How many links there were each time that another graph index took the place of the one they are listed in.
    replaced: Vec<usize>,
    /// Writes down what is done, for a store with a log.
    recorder: Option<Recorder>,
    cancel: Cancel,
}

/// A state to come back to.
#[derive(Clone)]
pub struct Mark {
    snapshot: Snapshot,
    changed: bool,
    links: usize,
    replaced: usize,
    recorded: Option<usize>,
    /// Slots claimed in the tails then: by this writer, or by others whose rows must not be overwritten.
    claimed: (u32, u32),
}

/// Microseconds since 1970, UTC.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
}

impl Working {
    /// Start a single statement from a snapshot.
    pub fn new(base: &Snapshot) -> Self {
        let mut working = Self {
            snapshot: base.clone(),
            now: now(),
            changed: false,
            links: Vec::new(),
            memory: Allowance::default(),
            replaced: Vec::new(),
            recorder: None,
            cancel: Cancel::default(),
        };
        working.stamp();
        working
    }

    /// Start a transaction, whose readers see what nobody else does.
    pub fn transaction(base: &Snapshot) -> Self {
        let mut working = Self::new(base);
        working.snapshot.adjacency = Arc::new(base.adjacency.with_own(&[], base.connections.extent()));
        working
    }

    /// Write down from now on what is done; before anything is.
    pub fn record(&mut self) {
        debug_assert!(!self.changed);
        self.recorder = Some(Recorder::new(self.header()));
    }

    /// The time that its rows carry, in microseconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// What is changed from here on belongs to the version after this one.
    fn stamp(&mut self) {
        let next = self.snapshot.version + 1;
        self.snapshot.tokens.stamp(next);
        self.snapshot.connections.stamp(next);
    }

    fn header(&self) -> Header {
        Header { at: self.now, extents: (self.snapshot.tokens.extent(), self.snapshot.connections.extent()) }
    }

    /// The state so far.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether anything was written since the start, or since the commit that was ended last.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// Let the next statement be ended by `cancel`, and take no more than `memory`.
    pub fn bound_by(&mut self, cancel: Cancel, memory: Allowance) {
        (self.cancel, self.memory) = (cancel, memory);
    }

    /// What the present statement may take.
    pub fn memory(&self) -> &Allowance {
        &self.memory
    }

    /// What may end the present statement early: every loop of one looks at it.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The state so far, to come back to.
    pub fn mark(&self) -> Mark {
        Mark {
            snapshot: self.snapshot.clone(),
            changed: self.changed,
            links: self.links.len(),
            replaced: self.replaced.len(),
            recorded: self.recorder.as_ref().and_then(Recorder::mark),
            claimed: (self.snapshot.tokens.claimed(), self.snapshot.connections.claimed()),
        }
    }

    /// Go back. `exposed` says that somebody may hold rows written since, which are then never overwritten.
    pub fn restore(&mut self, mark: Mark, exposed: bool) {
        // Of the links made since, those are listed in the mark's graph index that came before another took its place.
        let listed = self.replaced.get(mark.replaced).copied().unwrap_or(self.links.len());
        let undone = self.links[mark.links..listed].to_vec();
        self.links.truncate(mark.links);
        self.replaced.truncate(mark.replaced);
        let same_commit = self.snapshot.version == mark.snapshot.version;
        self.snapshot = mark.snapshot;
        self.changed = mark.changed;
        if exposed && self.snapshot.adjacency.has_own() {
            // As the mark's rows begin where the transaction's did, the first row is not asked for again.
            self.snapshot.adjacency = Arc::new(self.snapshot.adjacency.with_own(self.own_links(), 0));
        } else {
            undone.into_iter().rev().for_each(|link| self.snapshot.adjacency.pop(link));
        }
        if !exposed {
            self.snapshot.tokens.unclaim(mark.claimed.0);
            self.snapshot.connections.unclaim(mark.claimed.1);
        }
        let header = self.header();
        match &mut self.recorder {
            Some(recorder) if same_commit => recorder.restore(mark.recorded),
            Some(recorder) if self.changed => recorder.lose(header),
            Some(recorder) => *recorder = Recorder::new(header),
            None => {}
        }
    }

    /// The links listed in the present graph index.
    fn own_links(&self) -> &[Link] {
        &self.links[self.replaced.last().copied().unwrap_or(0)..]
    }

    /// Put another graph index, which has every connection so far, in the place of the present one.
    fn replace_adjacency(&mut self, adjacency: Adjacency) {
        self.snapshot.triples = Arc::default();
        let (own, from) = (self.snapshot.adjacency.has_own(), adjacency.covered());
        self.snapshot.adjacency = Arc::new(if own { adjacency.with_own(&[], from) } else { adjacency });
        self.replaced.push(self.links.len());
    }

    /// Run one statement: if it fails, or panics, none of it remains.
    pub fn statement<T>(&mut self, statement: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        struct Undo<'a>(&'a mut Working, Option<Mark>);
        impl Drop for Undo<'_> {
            fn drop(&mut self) {
                if let Some(mark) = self.1.take() {
                    // Nobody reads between the start and the end of a statement.
                    self.0.restore(mark, false);
                }
            }
        }
        let mark = self.mark();
        let mut undo = Undo(self, Some(mark));
        let done = statement(undo.0)?;
        // The last chance: from here on it is done.
        undo.0.cancel.poll()?;
        undo.1 = None;
        Ok(done)
    }

    /// End a commit and begin the next; what it did. Only when something was written.
    pub fn end_commit(&mut self) -> Redo {
        self.snapshot.version += 1;
        self.stamp();
        self.changed = false;
        self.now = now();
        let header = self.header();
        match &mut self.recorder {
            Some(recorder) => recorder.end(header),
            None => Redo::Operations(Vec::new()),
        }
    }

    /// The snapshot to publish; a commit that was not ended is.
    pub fn finish(mut self) -> Snapshot {
        if self.changed {
            self.recorder = None;
            self.end_commit();
        }
        if self.snapshot.adjacency.has_own() {
            self.snapshot.adjacency = Arc::new(self.snapshot.adjacency.without_own(self.own_links()));
        }
        self.snapshot
    }

    fn token_type(&mut self, name: &str) -> Result<u16> {
        if let Some(code) = self.snapshot.catalog.token_types.code(name) {
            return Ok(code);
        }
        guardian::check(&self.snapshot.cdna.active, Change::NewType(name))?;
        self.add_token_type(name)
    }

    fn connection_type(&mut self, name: &str) -> Result<u16> {
        if let Some(code) = self.snapshot.catalog.connection_types.code(name) {
            return Ok(code);
        }
        guardian::check(&self.snapshot.cdna.active, Change::NewType(name))?;
        self.add_connection_type(name)
    }

    /// Store a token; its id, or `None` where `on_conflict` leaves it out.
    pub fn create_token(&mut self, new: &NewToken<'_>, on_conflict: OnConflict) -> Result<Option<u64>> {
        let taken = |what: String| match on_conflict {
            OnConflict::Nothing => Ok(None),
            OnConflict::Fail => Err(Error::duplicate(what)),
        };
        let id = match new.id {
            Some(id) => {
                let id = check_id(id)?;
                if self.snapshot.tokens.find(id).is_some() {
                    return taken(format!("token {id} exists already"));
                }
                id
            }
            None => next_id(self.snapshot.next_token)?,
        };
        let hash = new.key.map(RowMap::hash);
        if let (Some(key), Some(hash)) = (new.key, hash)
            && self.snapshot.find_hashed_key(key, hash).is_some()
        {
            return taken(format!("a token with key \"{}\" exists already", key.escape_debug()));
        }
        let mut token = self.token(new, id)?;
        token.kind = new.kind.map_or(Ok(token.kind), |name| self.token_type(name))?;
        guardian::check(&self.snapshot.cdna.active, Change::Token(&token))?;
        self.memory.take(TOKEN_BYTES + text_bytes(&token.key) + text_bytes(&token.props))?;
        self.push_token(token, hash)?;
        Ok(Some(id))
    }

    /// Store `count` tokens as one; ids of those stored. An error comes with the number of its row.
    pub fn create_tokens<'a>(
        &mut self,
        count: usize,
        row: impl Fn(usize) -> Result<NewToken<'a>> + Sync,
        on_conflict: OnConflict,
    ) -> std::result::Result<Vec<u64>, (usize, Error)> {
        let many = count > SEGMENT_ROWS;
        if many && let Some(ids) = self.create_at_once(count, &row).map_err(|error| (0, error))? {
            return Ok(ids);
        }
        let cancel = self.cancel.clone();
        let (mut ids, mut pace) = (Vec::with_capacity(count.min(BULK)), cancel.pace());
        for number in 0..count {
            let created = pace.ticks(ROW).and_then(|()| self.create_token(&row(number)?, on_conflict));
            ids.extend(created.map_err(|error| (number, error))?);
        }
        Ok(ids)
    }

    /// A new token as it would be stored, if its values are legal; the type is left to the caller, and the Guardian.
    #[inline]
    fn token(&self, new: &NewToken<'_>, id: u64) -> Result<Token> {
        new.key.map_or(Ok(()), check_key)?;
        new.props.map_or(Ok(()), check_props)?;
        Ok(Token {
            id,
            coords: check_coords(new.coords)?,
            created_at: self.now,
            updated_at: self.now,
            weight: finite("weight", new.weight.unwrap_or(DEFAULT_WEIGHT))?,
            flags: new.flags.unwrap_or(flags::DEFAULT),
            key: new.key.map(Arc::from),
            props: new.props.map(Arc::from),
            ..Token::default()
        })
    }

    /// Change a live token's row.
    pub fn update_token(&mut self, row: u32, patch: &TokenPatch<'_>) -> Result<()> {
        if patch.only_flags() && patch.flags.is_none() {
            return Ok(());
        }
        let old = self.snapshot.tokens.read(row);
        let mut token = old.clone();
        let only_flags = patch.only_flags();
        if !only_flags && (old.flags & flags::MUTABLE == 0 || old.flags & flags::LOCKED != 0) {
            let why = if old.flags & flags::LOCKED != 0 { "locked" } else { "not mutable" };
            return Err(Error::not_allowed(format!("token {} is {why}", old.id))
                .hint("change its flags first: MUTABLE 4 must be set and LOCKED 128 must not"));
        }
        if let Some(key) = patch.key {
            if let Some(key) = key {
                check_key(key)?;
                if self.snapshot.find_key(key).is_some_and(|other| other != row) {
                    return Err(Error::duplicate(format!(
                        "a token with key \"{}\" exists already",
                        key.escape_debug()
                    )));
                }
            }
            token.key = key.map(Arc::from);
        }
        if let Some(Some(props)) = patch.props {
            check_props(props)?;
        }
        if let Some(props) = patch.props {
            token.props = props.map(Arc::from);
        }
        if let Some(coords) = patch.coords {
            token.coords = coords;
        }
        for (to, from) in token.coords.iter_mut().zip(patch.axes) {
            *to = from.unwrap_or(*to);
        }
        token.coords = check_coords(token.coords)?;
        token.weight = finite("weight", patch.weight.unwrap_or(token.weight))?;
        token.kind = patch.kind.map_or(Ok(token.kind), |name| self.token_type(name))?;
        token.flags = patch.flags.unwrap_or(token.flags);
        token.updated_at = self.now;
        guardian::check(&self.snapshot.cdna.active, Change::Token(&token))?;
        // What is shared with other versions is copied by the segment: of many rows this is about all.
        self.memory.take(TOKEN_BYTES + text_bytes(&token.key) + text_bytes(&token.props))?;
        self.store_token(row, &old, token)
    }

    /// Delete a live token's row and its connections; how many connections went.
    pub fn delete_token(&mut self, row: u32) -> usize {
        let mut connections = Vec::new();
        self.snapshot.adjacency.hops(&self.snapshot, row, Direction::Both, |hop| connections.push(hop.connection));
        connections.sort_unstable();
        connections.dedup();
        connections.iter().for_each(|connection| self.delete_connection(*connection));
        self.erase_token(row);
        connections.len()
    }

    /// Delete every token and connection; ids go on.
    pub fn clear(&mut self) -> usize {
        let tokens = self.snapshot.tokens.live();
        if tokens > 0 {
            self.clear_rows();
        }
        tokens
    }

    /// Drop deleted rows, which numbers the others anew; whether there were any.
    pub fn compact(&mut self) -> Result<bool> {
        let Snapshot { tokens, connections, .. } = &self.snapshot;
        let rows = tokens.extent() as usize + connections.extent() as usize;
        let worn = rows > tokens.live() + connections.live();
        if worn {
            self.compact_rows()?;
        }
        Ok(worn)
    }

    /// Store a connection; its id, or `None` where `on_conflict` leaves it out.
    pub fn create_connection(&mut self, new: &NewConnection<'_>, on_conflict: OnConflict) -> Result<Option<u64>> {
        self.connect(new, on_conflict, true)
    }

    /// Store `count` connections as one; ids of those stored. An error comes with the number of its row.
    pub fn create_connections<'a>(
        &mut self,
        count: usize,
        row: impl Fn(usize) -> Result<NewConnection<'a>> + Sync,
        on_conflict: OnConflict,
    ) -> std::result::Result<Vec<u64>, (usize, Error)> {
        // Degrees are counted in the graph index, so it may lag only where nobody counts.
        let counted = guardian::limits_degrees(&self.snapshot.cdna.active);
        let many = !counted && count >= BULK.max(self.snapshot.adjacency.covered() as usize / 2);
        if many && let Some(ids) = self.connect_at_once(count, &row).map_err(|error| (0, error))? {
            return Ok(ids);
        }
        let mut ids = Vec::with_capacity(count.min(BULK));
        let cancel = self.cancel.clone();
        let mut pace = cancel.pace();
        for number in 0..count {
            let created = pace.ticks(ROW).and_then(|()| self.connect(&row(number)?, on_conflict, !many));
            ids.extend(created.map_err(|error| (number, error))?);
        }
        if many {
            let adjacency = Adjacency::build(&self.snapshot, &cancel).map_err(|error| (0, error))?;
            self.replace_adjacency(adjacency);
        }
        Ok(ids)
    }

    fn connect(&mut self, new: &NewConnection<'_>, on_conflict: OnConflict, listed: bool) -> Result<Option<u64>> {
        let end = |token: &TokenRef| self.snapshot.find_token(token).ok_or_else(|| no_end(token));
        let rows = (end(&new.source)?, end(&new.target)?);
        let ends = (self.snapshot.tokens.id(rows.0), self.snapshot.tokens.id(rows.1));
        let known = new.kind.map_or(Some(DEFAULT_TYPE), |name| self.snapshot.catalog.connection_types.code(name));
        let taken = |what: String| match on_conflict {
            OnConflict::Nothing => Ok(None),
            OnConflict::Fail => Err(Error::duplicate(what)),
        };
        if let Some(kind) = known.filter(|kind| self.snapshot.find_connection(rows, ends, *kind).is_some()) {
            let name = self.snapshot.catalog.connection_types.name(kind);
            return taken(format!("a connection of type {name} from {} to {} exists already", ends.0, ends.1));
        }
        let id = match new.id {
            Some(id) => {
                let id = check_id(id)?;
                if self.snapshot.connections.find(id).is_some() {
                    return taken(format!("connection {id} exists already"));
                }
                id
            }
            None => next_id(self.snapshot.next_connection)?,
        };
        let kind = match (known, new.kind) {
            (Some(kind), _) => kind,
            (None, name) => self.connection_type(name.unwrap_or_default())?,
        };
        let connection = self.connection(new, id, ends, kind)?;
        self.check_degrees(rows.0, rows.1)?;
        self.memory.take(CONNECTION_BYTES + text_bytes(&connection.props))?;
        self.push_connection(connection, rows.0, rows.1, listed)?;
        Ok(Some(id))
    }

    /// A new connection as it would be stored, if its values are legal.
    #[inline]
    fn connection(&self, new: &NewConnection<'_>, id: u64, ends: (u64, u64), kind: u16) -> Result<Connection> {
        if let Some(props) = new.props {
            check_props(props)?;
        }
        let connection = Connection {
            id,
            source: ends.0,
            target: ends.1,
            kind,
            weight: finite("weight", new.weight.unwrap_or(1.0))?,
            confidence: unit("confidence", new.confidence.unwrap_or(0.5))?,
            rigidity: unit("rigidity", new.rigidity.unwrap_or(0.5))?,
            mutability: new.mutability.map_or(Ok(default_mutability(kind)), mutability)?,
            levels: new.levels.unwrap_or(0),
            created_at: self.now,
            updated_at: self.now,
            props: new.props.map(Arc::from),
            ..Connection::default()
        };
        guardian::check(&self.snapshot.cdna.active, Change::Connection(&connection))?;
        Ok(connection)
    }

    fn check_degrees(&self, source: u32, target: u32) -> Result<()> {
        let profile = &self.snapshot.cdna.active;
        if !guardian::limits_degrees(profile) {
            return Ok(());
        }
        let degree = |token: u32, direction| {
            let mut count = 0;
            self.snapshot.adjacency.hops(&self.snapshot, token, direction, |_| count += 1);
            count
        };
        let ends: &[u32] = if source == target { &[source] } else { &[source, target] };
        for end in ends {
            let outward = degree(*end, Direction::Out) + usize::from(*end == source);
            let inward = degree(*end, Direction::In) + usize::from(*end == target);
            guardian::check(profile, Change::Degree { outward, inward })?;
        }
        Ok(())
    }

    /// Change a live connection's row.
    pub fn update_connection(&mut self, row: u32, patch: &ConnectionPatch<'_>) -> Result<()> {
        if patch.is_empty() {
            return Ok(());
        }
        let old = self.snapshot.connections.read(row);
        let mut new = old.clone();
        new.weight = finite("weight", patch.weight.unwrap_or(old.weight))?;
        new.confidence = unit("confidence", patch.confidence.unwrap_or(old.confidence))?;
        new.rigidity = unit("rigidity", patch.rigidity.unwrap_or(old.rigidity))?;
        new.mutability = patch.mutability.map_or(Ok(old.mutability), mutability)?;
        new.levels = patch.levels.unwrap_or(old.levels);
        if let Some(Some(props)) = patch.props {
            check_props(props)?;
        }
        if let Some(props) = patch.props {
            new.props = props.map(Arc::from);
        }
        guardian::check(&self.snapshot.cdna.active, Change::Connection(&new))?;
        self.memory.take(CONNECTION_BYTES + text_bytes(&new.props))?;
        new.updated_at = self.now;
        self.store_connection(row, &old, new);
        Ok(())
    }

    /// Delete a live connection's row.
    pub fn delete_connection(&mut self, row: u32) {
        self.erase_connection(row);
    }

    /// Put another profile in force.
    pub fn set_cdna(&mut self, cdna: Cdna) {
        self.put_cdna(cdna);
    }

    /// Rebuild look-up maps in which the entries of deleted rows have come to outweigh the others.
    pub fn sweep(&mut self) -> Result<()> {
        let worn = |map: &RowMap, live: usize| map.len() > 2 * live + 65_536;
        if worn(&self.snapshot.keys, self.snapshot.tokens.live()) {
            self.snapshot.keys = Arc::new(self.snapshot.map_keys(&self.cancel)?);
        }
        if worn(&self.snapshot.triples, self.snapshot.connections.live()) {
            self.snapshot.triples = Arc::new(self.snapshot.map_triples(&self.cancel)?);
        }
        Ok(())
    }
}

fn next_id(next: u64) -> Result<u64> {
    if next > LAST_ID { Err(Error::limit_exceeded("ids are exhausted")) } else { Ok(next) }
}

fn no_end(token: &TokenRef) -> Error {
    match token {
        TokenRef::Id(id) => Error::missing_token(format!("token {id} does not exist")),
        TokenRef::Key(key) => Error::missing_token(format!("token \"{}\" does not exist", key.escape_debug())),
    }
}

/// What a text takes.
#[inline]
fn text_bytes(text: &Option<Arc<str>>) -> usize {
    text.as_ref().map_or(0, |text| text.len() + TEXT_BYTES)
}

#[inline]
fn finite(what: &str, value: f32) -> Result<f32> {
    if value.is_finite() { Ok(value + 0.0) } else { Err(Error::out_of_range(format!("{what} is not a finite number"))) }
}

#[inline]
fn unit(what: &str, value: f32) -> Result<f32> {
    if (0.0..=1.0).contains(&value) {
        Ok(value + 0.0)
    } else {
        Err(Error::out_of_range(format!("{what} is not between 0 and 1")))
    }
}

fn mutability(name: &str) -> Result<Mutability> {
    Mutability::from_name(name).ok_or_else(|| {
        Error::invalid_value("unknown mutability").hint(format!("one of {}", Mutability::NAMES.join(", ")))
    })
}
