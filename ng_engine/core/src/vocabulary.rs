//! Built-in names and codes (docs/LANGUAGE.md, "Vocabulary"): axes, entity types, connection types and families.

/// Names of L1…L8 unless the store was created with its own.
pub const AXES: [&str; 8] =
    ["physical", "sensory", "motor", "emotional", "cognitive", "social", "temporal", "abstract"];

/// The 16 built-in entity types; the index is the code.
pub const ENTITY_TYPES: [&str; 16] = [
    "undefined",
    "object",
    "event",
    "state",
    "process",
    "concept",
    "relation",
    "pattern",
    "rule",
    "goal",
    "memory",
    "sensor",
    "actuator",
    "controller",
    "buffer",
    "reserved",
];

/// Codes below this are built in; the first user-defined type gets it.
pub const FIRST_USER_TYPE: u16 = 256;

/// Type codes are exposed as signed 16-bit dictionary indices.
pub const LAST_TYPE: u16 = i16::MAX as u16;

/// Whether learning may change a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutability {
    /// Refuses all learning.
    Immutable = 0,
    /// Counts, strengthens and weakens.
    Learnable = 1,
    /// Decays until it has evidence.
    Hypothesis = 2,
}

impl Mutability {
    /// The names, in the order of the codes.
    pub const NAMES: [&'static str; 3] = ["immutable", "learnable", "hypothesis"];

    /// The code's meaning; `None` for a code not in use.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Immutable, Self::Learnable, Self::Hypothesis].get(code as usize).copied()
    }

    /// Look up by name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let code = Self::NAMES.iter().position(|n| n.eq_ignore_ascii_case(name))?;
        Self::from_code(code as u8)
    }

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A family of sixteen built-in connection types; its code is the high nibble of the low byte.
pub struct Family {
    /// The family's name.
    pub name: &'static str,
    /// What a connection of the family gets unless it says otherwise.
    pub mutability: Mutability,
    /// The members, x0…xF.
    pub members: [&'static str; 16],
}

const fn family(name: &'static str, mutability: Mutability, members: [&'static str; 16]) -> Family {
    Family { name, mutability, members }
}

use Mutability::{Immutable, Learnable};

/// The 11 families, 176 connection types; family `f`, member `m` has the code `f * 16 + m`.
#[rustfmt::skip]
pub const FAMILIES: [Family; 11] = [
    family("semantic", Immutable, ["synonym", "antonym", "hypernym", "hyponym", "meronym", "holonym", "troponym", "entailment",
        "similar", "also", "attribute", "derivation", "domain", "topic", "usage", "region"]),
    family("causal", Learnable, ["cause", "effect", "precondition", "postcondition", "enabled_by", "disabled_by", "prevented_by",
        "triggered", "influences", "correlates", "depends", "produces", "consumes", "modifies", "maintains", "destroys"]),
    family("temporal", Learnable, ["before", "after", "during", "overlaps", "starts", "finishes", "meets", "equals", "simultaneous",
        "sequential", "parallel", "periodic", "continuous", "discrete", "instant", "extended"]),
    family("spatial", Immutable, ["near", "far", "above", "below", "left", "right", "inside", "outside", "adjacent", "overlapping",
        "touching", "containing", "crossing", "behind", "front", "between"]),
    family("logical", Immutable, ["and", "or", "not", "xor", "implies", "equivalent", "contradicts", "consistent", "proves",
        "disproves", "assumes", "concludes", "necessary", "sufficient", "possible", "impossible"]),
    family("associative", Learnable, ["associated_with", "related_to", "similar_to", "contrasted_with", "compared_to",
        "distinguished_from", "alternative_to", "substitute_for", "complement_of", "variant_of", "version_of", "example_of",
        "instance_of", "kind_of", "form_of", "manifestation_of"]),
    family("structural", Immutable, ["part_of", "has_part", "member_of", "has_member", "subclass_of", "superclass_of", "contains",
        "contained_by", "comprises", "composed_of", "element_of", "has_element", "collection_of", "item_in", "segment_of", "whole"]),
    family("functional", Learnable, ["used_for", "used_by", "tool_for", "method_for", "input_to", "output_from", "resource_for",
        "required_by", "provided_by", "capable_of", "supports_function", "implements_function", "interface_for", "protocol_for",
        "standard_for", "optimized_for"]),
    family("emotional", Learnable, ["likes", "dislikes", "loves", "hates", "fears", "trusts", "distrusts", "respects", "admires",
        "envies", "sympathizes", "empathizes", "resents", "forgives", "blames", "grateful"]),
    family("rule_metaphor", Immutable, ["rule", "exception", "constraint", "permission", "prohibition", "obligation", "metaphor",
        "analogy", "symbol", "represents", "signifies", "indicates", "suggests", "connotes", "denotes", "references"]),
    family("dynamic", Learnable, ["becomes", "transforms", "evolves", "develops", "grows", "decays", "improves", "degrades",
        "strengthens", "weakens", "accelerates", "decelerates", "stabilizes", "destabilizes", "cycles", "alternates"]),
];

/// The family of a connection type's code; user-defined types have none.
pub fn family_of(code: u16) -> Option<&'static Family> {
    FAMILIES.get(code as usize / 16)
}

/// What a connection of this type gets unless it says otherwise.
pub fn default_mutability(code: u16) -> Mutability {
    family_of(code).map_or(Mutability::Learnable, |f| f.mutability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_complete() {
        let names: HashSet<_> = FAMILIES.iter().flat_map(|f| f.members).collect();
        assert_eq!(names.len(), 176);
        assert_eq!(FAMILIES[0x50 / 16].members[0], "associated_with");
        assert_eq!(ENTITY_TYPES.iter().collect::<HashSet<_>>().len(), 16);
    }
}
