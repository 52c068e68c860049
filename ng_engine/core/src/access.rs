//! How the rows of an answer are found, and the figures that decided it: what `EXPLAIN` shows.
//!
//! An operation that has a choice says what it chose as one of these values. An answer carries it, and an explanation
//! carries the one that the same code has chosen, so they cannot disagree. Text is made of it only when somebody asks.

use std::fmt;

/// A way to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The only one that the operation has.
    Only(&'static str),
    /// The table keeps the number of its rows.
    Known {
        /// That number.
        rows: usize,
    },
    /// All rows of a table, in its order.
    Scan {
        /// How many it has.
        rows: usize,
        /// Whether each is asked whether it passes.
        filtered: bool,
    },
    /// Rows that are named.
    Lookup {
        /// What names them.
        by: &'static str,
        /// How many.
        rows: usize,
    },
    /// The rows that a filter passes, being known and few.
    Bitmap {
        /// How many these are.
        passing: usize,
        /// Of so many.
        rows: usize,
    },
    /// The trees of the spatial index, and what they do not have in its place.
    Space {
        /// How many trees.
        trees: usize,
        /// Rows in them.
        indexed: usize,
        /// Rows looked at one by one.
        beside: usize,
        /// Whether so few rows as there are would not be indexed.
        few: bool,
        /// What becomes of the filter.
        filter: Asked,
    },
}

/// When a search asks its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// There is none.
    Nothing,
    /// Of every row that would be an answer.
    OfEach,
    /// Before: so many rows pass.
    Before(usize),
}

impl From<&'static str> for Access {
    fn from(name: &'static str) -> Self {
        Self::Only(name)
    }
}

impl Access {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Only(name) => name,
            Self::Known { .. } => "count",
            Self::Scan { .. } => "scan",
            Self::Lookup { .. } => "lookup",
            Self::Bitmap { .. } => "bitmap scan",
            Self::Space { trees, beside, filter, .. } => match (trees, beside, filter) {
                (0, _, Asked::Before(_)) => "scan + bitmap",
                (0, ..) => "scan",
                (_, 0, Asked::Before(_)) => "kd-tree + bitmap",
                (_, 0, _) => "kd-tree",
                (.., Asked::Before(_)) => "kd-tree + scan + bitmap",
                _ => "kd-tree + scan",
            },
        }
    }

    /// Why this one; empty if there was no choice.
    pub fn reason(self) -> String {
        match self {
            Self::Only(_) => String::new(),
            Self::Known { rows } => format!("the table knows its {}", Rows(rows)),
            Self::Scan { rows, filtered: false } => Rows(rows).to_string(),
            Self::Scan { rows, filtered: true } => format!("the filter is asked of {}", Rows(rows)),
            Self::Lookup { by, rows } => format!("{by} names {}", Rows(rows)),
            Self::Bitmap { passing, rows } => format!("the filter passes {} of {}", grouped(passing), Rows(rows)),
            Self::Space { trees: 0, beside, few, filter, .. } => {
                let why = if few { "fewer than are indexed" } else { "not indexed yet" };
                format!("{}: {why}{filter}", Rows(beside))
            }
            Self::Space { trees, indexed, beside, filter, .. } => {
                let plural = if trees == 1 { "" } else { "s" };
                let beside = if beside > 0 { format!(", {} scanned beside", grouped(beside)) } else { String::new() };
                format!("{} indexed {} in {trees} tree{plural}{beside}{filter}", grouped(indexed), noun(indexed))
            }
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::OfEach => f.write_str("; the filter is asked of what is found"),
            Self::Before(passing) => write!(f, "; the filter passes {}", Rows(*passing)),
        }
    }
}

struct Rows(usize);

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", grouped(self.0), noun(self.0))
    }
}

fn noun(count: usize) -> &'static str {
    if count == 1 { "row" } else { "rows" }
}

/// A number as people read it: 1,000,000.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts = [0, 999, 1_000, 65_536, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "65,536", "1,000,000"]);
    }

    #[test]
    fn a_search_tells_its_trees_what_lies_beside_them_and_its_filter() {
        let space = |trees, indexed, beside, few, filter| Access::Space { trees, indexed, beside, few, filter };
        let cases = [
            (space(0, 0, 4, true, Asked::Nothing), "scan", "4 rows: fewer than are indexed"),
            (space(0, 0, 5_000, false, Asked::Nothing), "scan", "5,000 rows: not indexed yet"),
            (space(1, 20_000, 0, false, Asked::Nothing), "kd-tree", "20,000 indexed rows in 1 tree"),
            (
                space(3, 1_000_000, 812, false, Asked::OfEach),
                "kd-tree + scan",
                "1,000,000 indexed rows in 3 trees, 812 scanned beside; the filter is asked of what is found",
            ),
            (
                space(2, 9_000, 0, false, Asked::Before(1)),
                "kd-tree + bitmap",
                "9,000 indexed rows in 2 trees; the filter passes 1 row",
            ),
        ];
        for (access, name, reason) in cases {
            assert_eq!((access.name(), access.reason().as_str()), (name, reason));
        }
    }
}
