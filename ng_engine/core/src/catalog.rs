//! Names of types and axes: what a store's dictionary columns and language know.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, StringArray};

use crate::error::{Error, Result};
use crate::vocabulary::{AXES, ENTITY_TYPES, FAMILIES, FIRST_USER_TYPE, LAST_TYPE};

const NAME_BYTES: usize = 255;

/// Column names, which no axis may take.
const COLUMNS: [&str; 12] = [
    "id",
    "key",
    "type",
    "coords",
    "weight",
    "flags",
    "created_at",
    "updated_at",
    "props",
    "distance",
    "depth",
    "activation",
];

/// Type names and codes of one kind (tokens or connections). Names are lower case; look-up ignores case.
#[derive(Debug, Default)]
pub struct TypeNames {
    names: Vec<Arc<str>>,
    codes: HashMap<Arc<str>, u16, foldhash::fast::RandomState>,
    dictionary: OnceLock<ArrayRef>,
}

impl Clone for TypeNames {
    fn clone(&self) -> Self {
        Self { names: self.names.clone(), codes: self.codes.clone(), dictionary: OnceLock::new() }
    }
}

impl TypeNames {
    fn with_builtins<'a>(builtins: impl Iterator<Item = &'a str>) -> Self {
        let mut types = Self::default();
        for name in builtins {
            types.push(types.names.len() as u16, name);
        }
        types
    }

    fn push(&mut self, code: u16, name: &str) {
        while self.names.len() < code as usize {
            // A gap carries a unique name: nulls or empties in a dictionary break pandas.
            self.names.push(format!("#{}", self.names.len()).into());
        }
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.codes.insert(name, code);
    }

    /// The code of a name, in any case.
    pub fn code(&self, name: &str) -> Option<u16> {
        self.codes.get(name).copied().or_else(|| self.codes.get(name.to_lowercase().as_str()).copied())
    }

    /// The name of a code in use.
    pub fn name(&self, code: u16) -> &str {
        self.names.get(code as usize).map_or("#", |n| n)
    }

    /// Every (name, code) in the order of the codes, gaps left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        (0u16..).zip(&self.names).filter(|(code, name)| self.codes.get(*name) == Some(code)).map(|(c, n)| (&**n, c))
    }

    /// Whether the code is in use.
    pub fn has(&self, code: u16) -> bool {
        self.names.get(code as usize).is_some_and(|name| !name.starts_with('#'))
    }

    /// How many codes there are, gaps included.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never: the built-ins are always there.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The Arrow dictionary of the `type` column: index = code.
    pub fn dictionary(&self) -> ArrayRef {
        self.dictionary.get_or_init(|| Arc::new(StringArray::from_iter_values(self.names.iter()))).clone()
    }

    /// Names that users have added, in the order of their codes.
    pub fn own_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().skip(FIRST_USER_TYPE as usize).map(|name| &**name)
    }

    fn add_all<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        for name in names {
            if self.code(name).is_some() {
                return Err(Error::invalid_text(format!("type \"{}\" is listed twice", name.escape_debug())));
            }
            self.add(name)?;
        }
        Ok(())
    }

    /// Give a new name its code.
    fn add(&mut self, name: &str) -> Result<u16> {
        let name = name.to_lowercase();
        if name.is_empty() || name.len() > NAME_BYTES || name.starts_with('#') || name.chars().any(char::is_control) {
            return Err(Error::invalid_text("invalid type name")
                .hint("a type name is 1 to 255 bytes, without control characters, and does not begin with #"));
        }
        let code = self.names.len().max(FIRST_USER_TYPE as usize);
        if code > LAST_TYPE as usize {
            return Err(Error::limit_exceeded(format!("more than {} type names", LAST_TYPE)));
        }
        self.push(code as u16, &name);
        Ok(code as u16)
    }
}

/// Axes and types of a store; immutable, replaced as a whole when a new name appears.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Changes whenever names or profiles change, to a number never used before: what plan caches are keyed by.
    pub version: u64,
    /// Names of L1…L8.
    pub axes: [Arc<str>; 8],
    /// Types of tokens.
    pub token_types: Arc<TypeNames>,
    /// Types of connections.
    pub connection_types: Arc<TypeNames>,
}

impl Catalog {
    /// The built-in vocabulary, with the store's own axis names if given.
    pub fn new(axes: Option<&[String]>) -> Result<Self> {
        let axes: Vec<String> = match axes {
            None => AXES.iter().map(|a| (*a).to_owned()).collect(),
            Some(names) => names.iter().map(|n| n.to_lowercase()).collect(),
        };
        check_axes(&axes)?;
        let axes: Vec<Arc<str>> = axes.iter().map(|a| a.as_str().into()).collect();
        Ok(Self {
            version: 0,
            axes: axes.try_into().map_err(|_| Error::invalid_value("a store has eight axes"))?,
            token_types: Arc::new(TypeNames::with_builtins(ENTITY_TYPES.into_iter())),
            connection_types: Arc::new(TypeNames::with_builtins(FAMILIES.iter().flat_map(|f| f.members))),
        })
    }

    /// The catalog of a store with these axes and types of its own, in the order of their codes.
    pub fn restore<'a>(
        axes: &[String],
        token_types: impl Iterator<Item = &'a str>,
        connection_types: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let mut catalog = Self::new(Some(axes))?;
        Arc::make_mut(&mut catalog.token_types).add_all(token_types)?;
        Arc::make_mut(&mut catalog.connection_types).add_all(connection_types)?;
        catalog.touch();
        Ok(catalog)
    }

    /// The axis (0…7) of a name: the store's own, or `l1`…`l8`.
    pub fn axis(&self, name: &str) -> Option<usize> {
        let own = self.axes.iter().position(|a| a.eq_ignore_ascii_case(name));
        own.or_else(|| match name.as_bytes() {
            [b'l' | b'L', digit @ b'1'..=b'8'] => Some((digit - b'1') as usize),
            _ => None,
        })
    }

    /// Whether the other has the same axes and types.
    pub fn same_names(&self, other: &Self) -> bool {
        let same = |a: &TypeNames, b: &TypeNames| a.names == b.names;
        self.axes == other.axes
            && same(&self.token_types, &other.token_types)
            && same(&self.connection_types, &other.connection_types)
    }

    /// Move to a version that no other catalog has, not even one that was rolled back.
    pub fn touch(&mut self) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        self.version = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    }

    /// Add a type of tokens; the catalog's version moves.
    pub fn add_token_type(&mut self, name: &str) -> Result<u16> {
        self.touch();
        Arc::make_mut(&mut self.token_types).add(name)
    }

    /// Add a type of connections; the catalog's version moves.
    pub fn add_connection_type(&mut self, name: &str) -> Result<u16> {
        self.touch();
        Arc::make_mut(&mut self.connection_types).add(name)
    }
}

fn check_axes(axes: &[String]) -> Result<()> {
    if axes.len() != 8 {
        return Err(Error::invalid_value(format!("a store has eight axes, {} names given", axes.len())));
    }
    for (i, axis) in axes.iter().enumerate() {
        let first = axis.chars().next();
        let plain = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && axis.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && axis.len() <= 63;
        let numbered = matches!(axis.as_bytes(), [b'l', b'1'..=b'8']) && axis.as_bytes()[1] != b'1' + i as u8;
        if !plain || numbered || COLUMNS.contains(&axis.as_str()) || axes[..i].contains(axis) {
            return Err(Error::invalid_value(format!("\"{}\" cannot name axis {}", axis.escape_debug(), i + 1)).hint(
                "axis names are eight different identifiers, none of them a column's name or another axis' number",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_types_start_at_256_and_gaps_are_named() {
        let mut catalog = Catalog::new(None).unwrap();
        assert_eq!(catalog.add_token_type("Word").unwrap(), 256);
        assert_eq!(catalog.token_types.code("WORD"), Some(256));
        assert_eq!(catalog.token_types.name(255), "#255");
        assert_eq!(catalog.token_types.code("#255"), None);
        assert_eq!(catalog.token_types.iter().count(), 17);
        let version = catalog.version;
        catalog.touch();
        assert!(0 < version && version < catalog.version);
    }

    #[test]
    fn axes_are_eight_distinct_identifiers() {
        let names = |s: &str| s.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let catalog = Catalog::new(Some(&names("a b c d e f g h"))).unwrap();
        assert_eq!((catalog.axis("c"), catalog.axis("L3"), catalog.axis("x")), (Some(2), Some(2), None));
        for bad in ["a b c d e f g", "a b c d e f g g", "a b c d e f g key", "l2 b c d e f g h", "a b c d e f g h-i"] {
            assert_eq!(Catalog::new(Some(&names(bad))).unwrap_err().sqlstate, "22023", "{bad}");
        }
    }
}
