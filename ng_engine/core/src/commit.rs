//! A commit in the making: a private snapshot that the one writer changes, row by row, every row past the Guardian.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cancel::Cancel;
use crate::cdna::Cdna;
use crate::chunk::{Chunk, TextChunk};
use crate::connection::{Connection, DEFAULT_TYPE};
use crate::error::{Error, Result};
use crate::guardian::{self, Change};
use crate::index::adjacency::{Adjacency, Direction, Link};
use crate::index::keys::RowMap;
use crate::memory::{Allowance, CONNECTION_BYTES, TEXT_BYTES, TOKEN_BYTES};
use crate::request::{ConnectionPatch, NewConnection, NewToken, OnConflict, TokenPatch};
use crate::segment::Table;
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
    cancel: Cancel,
    memory: Allowance,
}

/// A state to come back to.
#[derive(Clone)]
pub struct Mark {
    snapshot: Snapshot,
    changed: bool,
    links: usize,
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
        Self {
            snapshot: base.clone(),
            now: now(),
            changed: false,
            links: Vec::new(),
            cancel: Cancel::default(),
            memory: Allowance::default(),
        }
    }

    /// Start a transaction, whose readers see what nobody else does.
    pub fn transaction(base: &Snapshot) -> Self {
        let mut working = Self::new(base);
        working.snapshot.adjacency = Arc::new(base.adjacency.with_own(&[]));
        working
    }

    /// The state so far.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether anything was written.
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
            claimed: (self.snapshot.tokens.claimed(), self.snapshot.connections.claimed()),
        }
    }

    /// Go back. `exposed` says that somebody may hold rows written since, which are then never overwritten.
    pub fn restore(&mut self, mark: Mark, exposed: bool) {
        let undone = self.links.split_off(mark.links);
        let shared = Arc::ptr_eq(&self.snapshot.adjacency, &mark.snapshot.adjacency);
        self.snapshot = mark.snapshot;
        self.changed = mark.changed;
        if exposed {
            self.snapshot.adjacency = Arc::new(self.snapshot.adjacency.with_own(&self.links));
        } else {
            if shared {
                undone.into_iter().rev().for_each(|link| self.snapshot.adjacency.pop(link));
            }
            self.snapshot.tokens.unclaim(mark.claimed.0);
            self.snapshot.connections.unclaim(mark.claimed.1);
        }
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

    /// The snapshot to publish.
    pub fn finish(mut self) -> Snapshot {
        self.snapshot.version += 1;
        self.snapshot.adjacency = Arc::new(self.snapshot.adjacency.without_own(&self.links));
        self.snapshot
    }

    fn token_type(&mut self, name: &str) -> Result<u16> {
        if let Some(code) = self.snapshot.catalog.token_types.code(name) {
            return Ok(code);
        }
        guardian::check(&self.snapshot.cdna.active, Change::NewType(name))?;
        Arc::make_mut(&mut self.snapshot.catalog).add_token_type(name)
    }

    fn connection_type(&mut self, name: &str) -> Result<u16> {
        if let Some(code) = self.snapshot.catalog.connection_types.code(name) {
            return Ok(code);
        }
        guardian::check(&self.snapshot.cdna.active, Change::NewType(name))?;
        Arc::make_mut(&mut self.snapshot.catalog).add_connection_type(name)
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
        if let (Some(key), Some(hash)) = (new.key, hash) {
            check_key(key)?;
            if self.snapshot.find_hashed_key(key, hash).is_some() {
                return taken(format!("a token with key \"{}\" exists already", key.escape_debug()));
            }
        }
        if let Some(props) = new.props {
            check_props(props)?;
        }
        let token = Token {
            id,
            coords: check_coords(new.coords)?,
            created_at: self.now,
            updated_at: self.now,
            weight: finite("weight", new.weight.unwrap_or(DEFAULT_WEIGHT))?,
            kind: new.kind.map_or(Ok(0), |name| self.token_type(name))?,
            flags: new.flags.unwrap_or(flags::DEFAULT),
            key: new.key.map(Arc::from),
            props: new.props.map(Arc::from),
        };
        guardian::check(&self.snapshot.cdna.active, Change::Token(&token))?;
        self.memory.take(TOKEN_BYTES + text_bytes(&token.key) + text_bytes(&token.props))?;
        let row = self.snapshot.tokens.push(id, token)?;
        if let Some(hash) = hash
            && self.snapshot.keys.insert_new(hash, row)
        {
            let thinned = self.snapshot.keys.thinned(hash, |row| self.snapshot.tokens.is_live(row));
            self.snapshot.keys = Arc::new(thinned);
        }
        self.snapshot.next_token = self.snapshot.next_token.max(id + 1);
        self.changed = true;
        Ok(Some(id))
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
        self.store_token(row, &old, token);
        Ok(())
    }

    fn store_token(&mut self, row: u32, old: &Token, new: Token) {
        if new.coords != old.coords {
            self.snapshot.moves += 1;
            if self.snapshot.spatial.holds(row) {
                Arc::make_mut(&mut self.snapshot.spatial).mark_stale(row);
            }
        }
        if let Some(key) = new.key.as_deref().filter(|_| new.key != old.key) {
            self.snapshot.keys.insert(RowMap::hash(key), row);
        }
        self.snapshot.tokens.update(row, |columns, len, slot| {
            Chunk::make_mut(&mut columns.updated_at, len)[slot] = new.updated_at;
            if new.coords != old.coords {
                Chunk::make_mut(&mut columns.coords, len)[slot] = new.coords;
            }
            if new.weight != old.weight {
                Chunk::make_mut(&mut columns.weight, len)[slot] = new.weight;
            }
            if new.kind != old.kind {
                Chunk::make_mut(&mut columns.kind, len)[slot] = new.kind;
            }
            if new.flags != old.flags {
                Chunk::make_mut(&mut columns.flags, len)[slot] = new.flags;
            }
            if new.key != old.key {
                TextChunk::set(&mut columns.key, len, slot, new.key);
            }
            if new.props != old.props {
                TextChunk::set(&mut columns.props, len, slot, new.props);
            }
        });
        self.changed = true;
    }

    /// Delete a live token's row and its connections; how many connections went.
    pub fn delete_token(&mut self, row: u32) -> usize {
        let mut connections = Vec::new();
        self.snapshot.adjacency.hops(&self.snapshot, row, Direction::Both, |hop| connections.push(hop.connection));
        connections.sort_unstable();
        connections.dedup();
        connections.iter().for_each(|connection| self.delete_connection(*connection));
        self.snapshot.tokens.delete(row);
        self.changed = true;
        connections.len()
    }

    /// Delete every token and connection; ids go on.
    pub fn clear(&mut self) -> usize {
        let tokens = self.snapshot.tokens.live();
        if tokens > 0 {
            let old = &self.snapshot;
            self.snapshot = Snapshot {
                epoch: old.epoch + 1,
                tokens: old.tokens.cleared(),
                connections: old.connections.cleared(),
                keys: Arc::default(),
                triples: Arc::default(),
                spatial: Arc::default(),
                adjacency: Arc::default(),
                ..old.clone()
            };
            self.changed = true;
        }
        tokens
    }

    /// Store a connection; its id, or `None` where `on_conflict` leaves it out.
    pub fn create_connection(&mut self, new: &NewConnection<'_>, on_conflict: OnConflict) -> Result<Option<u64>> {
        self.connect(new, on_conflict, true)
    }

    /// Store many connections as one; ids of those stored.
    pub fn create_connections<'a>(
        &mut self,
        count: usize,
        rows: impl Iterator<Item = Result<NewConnection<'a>>>,
        on_conflict: OnConflict,
    ) -> Result<Vec<u64>> {
        // Degrees are counted in the graph index, so it may lag only where nobody counts; and links that a transaction
        // may undo are listed.
        let many = count >= BULK.max(self.snapshot.adjacency.covered() as usize / 2);
        let listed = !many || self.snapshot.adjacency.has_own() || guardian::limits_degrees(&self.snapshot.cdna.active);
        let mut ids = Vec::with_capacity(count.min(BULK));
        self.snapshot.triples.reserve(count.min(1 << 26));
        let cancel = self.cancel.clone();
        let mut pace = cancel.pace();
        for new in rows {
            pace.ticks(ROW)?;
            ids.extend(self.connect(&new?, on_conflict, listed)?);
        }
        if !listed {
            self.snapshot.adjacency = Arc::new(Adjacency::build(&self.snapshot, &cancel)?);
        }
        Ok(ids)
    }

    fn connect(&mut self, new: &NewConnection<'_>, on_conflict: OnConflict, listed: bool) -> Result<Option<u64>> {
        let end = |token: &TokenRef| {
            self.snapshot.find_token(token).ok_or_else(|| match token {
                TokenRef::Id(id) => Error::missing_token(format!("token {id} does not exist")),
                TokenRef::Key(key) => Error::missing_token(format!("token \"{}\" does not exist", key.escape_debug())),
            })
        };
        let (source_row, target_row) = (end(&new.source)?, end(&new.target)?);
        let (source, target) = (self.snapshot.tokens.id(source_row), self.snapshot.tokens.id(target_row));
        let known = new.kind.map_or(Some(DEFAULT_TYPE), |name| self.snapshot.catalog.connection_types.code(name));
        let taken = |what: String| match on_conflict {
            OnConflict::Nothing => Ok(None),
            OnConflict::Fail => Err(Error::duplicate(what)),
        };
        if let Some(kind) = known.filter(|kind| self.snapshot.find_triple(source, target, *kind).is_some()) {
            let name = self.snapshot.catalog.connection_types.name(kind);
            return taken(format!("a connection of type {name} from {source} to {target} exists already"));
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
        if let Some(props) = new.props {
            check_props(props)?;
        }
        let kind = match (known, new.kind) {
            (Some(kind), _) => kind,
            (None, name) => self.connection_type(name.unwrap_or_default())?,
        };
        let connection = Connection {
            id,
            source,
            target,
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
        self.check_degrees(source_row, target_row)?;
        self.memory.take(CONNECTION_BYTES + text_bytes(&connection.props))?;
        let row = self.snapshot.connections.push(id, connection)?;
        self.snapshot.triples.insert_new(RowMap::hash(&(source, target, kind)), row);
        if listed {
            let link = Link { source: source_row, target: target_row, connection: row, kind };
            self.snapshot.adjacency.push(link);
            self.links.push(link);
        }
        self.snapshot.next_connection = self.snapshot.next_connection.max(id + 1);
        self.changed = true;
        Ok(Some(id))
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
        let now = self.now;
        self.snapshot.connections.update(row, |columns, len, slot| {
            Chunk::make_mut(&mut columns.updated_at, len)[slot] = now;
            if new.weight != old.weight {
                Chunk::make_mut(&mut columns.weight, len)[slot] = new.weight;
            }
            if new.confidence != old.confidence {
                Chunk::make_mut(&mut columns.confidence, len)[slot] = new.confidence;
            }
            if new.rigidity != old.rigidity {
                Chunk::make_mut(&mut columns.rigidity, len)[slot] = new.rigidity;
            }
            if new.mutability != old.mutability {
                Chunk::make_mut(&mut columns.mutability, len)[slot] = new.mutability as u8;
            }
            if new.levels != old.levels {
                Chunk::make_mut(&mut columns.levels, len)[slot] = new.levels;
            }
            if new.props != old.props {
                TextChunk::set(&mut columns.props, len, slot, new.props);
            }
        });
        self.changed = true;
        Ok(())
    }

    /// Delete a live connection's row.
    pub fn delete_connection(&mut self, row: u32) {
        self.snapshot.connections.delete(row);
        self.changed = true;
    }

    /// Put another profile in force.
    pub fn set_cdna(&mut self, cdna: Cdna) {
        Arc::make_mut(&mut self.snapshot.catalog).touch();
        self.snapshot.cdna = Arc::new(cdna);
        self.changed = true;
    }

    /// Make room for as many new keys.
    pub fn reserve_keys(&self, additional: usize) {
        self.snapshot.keys.reserve(additional);
    }

    /// Rebuild look-up maps in which the entries of deleted rows have come to outweigh the others.
    pub fn sweep(&mut self) -> Result<()> {
        let worn = |map: &RowMap, live: usize| map.len() > 2 * live + 65_536;
        if worn(&self.snapshot.keys, self.snapshot.tokens.live()) {
            let tokens: &Table<Token> = &self.snapshot.tokens;
            let entries = tokens.live_rows().map(|row| {
                let (columns, slot) = tokens.columns(row);
                let key = columns.key.as_ref().and_then(|keys| keys.get_ref(slot));
                key.map(|key| (RowMap::hash(key), row))
            });
            self.snapshot.keys = Arc::new(RowMap::build(entries, &self.cancel)?);
        }
        if worn(&self.snapshot.triples, self.snapshot.connections.live()) {
            let connections = &self.snapshot.connections;
            let entries = connections.live_rows().map(|row| {
                let (columns, slot) = connections.columns(row);
                Some((RowMap::hash(&(columns.source.get(slot), columns.target.get(slot), columns.kind.get(slot))), row))
            });
            self.snapshot.triples = Arc::new(RowMap::build(entries, &self.cancel)?);
        }
        Ok(())
    }
}

fn next_id(next: u64) -> Result<u64> {
    if next > LAST_ID { Err(Error::limit_exceeded("ids are exhausted")) } else { Ok(next) }
}

/// What a text takes.
fn text_bytes(text: &Option<Arc<str>>) -> usize {
    text.as_ref().map_or(0, |text| text.len() + TEXT_BYTES)
}

fn finite(what: &str, value: f32) -> Result<f32> {
    if value.is_finite() { Ok(value + 0.0) } else { Err(Error::out_of_range(format!("{what} is not a finite number"))) }
}

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
