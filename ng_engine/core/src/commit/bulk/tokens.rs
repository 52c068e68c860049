//! Tokens at once.

use std::ops::Range;
use std::sync::Arc;

use super::{Codes, Met, note_rows};
use crate::commit::{Working, next_id, text_bytes};
use crate::error::{Error, Result};
use crate::guardian::{self, Change};
use crate::memory::TOKEN_BYTES;
use crate::redo::{NewTokenRow, Op};
use crate::request::NewToken;
use crate::segment::NewRows;

impl Working {
    /// Store `count` tokens; their ids, or `None` and nothing done if they have to be taken one by one.
    pub(in crate::commit) fn create_at_once<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewToken<'a>> + Sync),
    ) -> Result<Option<Vec<u64>>> {
        let add_types = |working: &mut Self| {
            let types = working.snapshot.catalog.token_types.clone();
            let names = working.new_names(count, &types, |number| row(number).map(|new| new.kind))?;
            names.into_iter().try_for_each(|name| working.token_type(name).map(drop))
        };
        let bytes = count.saturating_mul(TOKEN_BYTES);
        self.at_once(bytes, add_types, |working, met| working.append_tokens(count, row, met))
    }

    fn append_tokens<'a>(
        &mut self,
        count: usize,
        row: &(impl Fn(usize) -> Result<NewToken<'a>> + Sync),
        met: &Met,
    ) -> Result<Vec<u64>> {
        let cancel = self.cancel.clone();
        let (first, extent) = (self.snapshot.next_token, self.snapshot.tokens.extent());
        next_id(first + count as u64 - 1)?;
        let types = self.snapshot.catalog.token_types.clone();
        let mut tokens = self.snapshot.tokens.clone();
        let working = &*self;
        let rise = tokens.extend(count, &cancel, |range: Range<usize>, rows: &mut NewRows<_>| {
            let mut codes = Codes::new(&types, met);
            for number in range {
                let new = row(number)?;
                let id = met.id(new.id, first + number as u64)?;
                let mut token = working.token(&new, id)?;
                token.kind = new.kind.map_or(Ok(token.kind), |name| codes.of(name))?;
                guardian::check(&working.snapshot.cdna.active, Change::Token(&token))?;
                working.memory.take(text_bytes(&token.key) + text_bytes(&token.props))?;
                rows.push(token);
            }
            Ok(())
        })?;
        met.check_order(rise)?;
        self.snapshot.next_token = self.snapshot.next_token.max(tokens.last_id() + 1);
        self.snapshot.tokens = tokens;
        self.changed = true;
        let keys = self.snapshot.map_new_keys(extent, &cancel)?;
        self.snapshot.keys = Arc::new(keys.ok_or_else(|| Error::duplicate("a key that exists already"))?);
        let (snapshot, now) = (&self.snapshot, self.now);
        note_rows(&mut self.recorder, &cancel, extent..snapshot.tokens.extent(), |recorder, row| {
            recorder.push(&Op::PushToken(NewTokenRow::of(&snapshot.tokens.read(row), now)));
            Ok(())
        })?;
        Ok(self.snapshot.tokens.ids_since(extent))
    }
}
