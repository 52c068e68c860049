"""The built-in names and profiles once more, so that the engine's own tables have something to differ from."""

from __future__ import annotations

AXES = ["physical", "sensory", "motor", "emotional", "cognitive", "social", "temporal", "abstract"]

TOKEN_TYPES = (
    "undefined object event state process concept relation pattern rule goal memory sensor actuator controller"
    " buffer reserved"
).split()

FAMILIES = {
    "semantic": "synonym antonym hypernym hyponym meronym holonym troponym entailment similar also attribute"
    " derivation domain topic usage region",
    "causal": "cause effect precondition postcondition enabled_by disabled_by prevented_by triggered influences"
    " correlates depends produces consumes modifies maintains destroys",
    "temporal": "before after during overlaps starts finishes meets equals simultaneous sequential parallel periodic"
    " continuous discrete instant extended",
    "spatial": "near far above below left right inside outside adjacent overlapping touching containing crossing"
    " behind front between",
    "logical": "and or not xor implies equivalent contradicts consistent proves disproves assumes concludes necessary"
    " sufficient possible impossible",
    "associative": "associated_with related_to similar_to contrasted_with compared_to distinguished_from"
    " alternative_to substitute_for complement_of variant_of version_of example_of instance_of kind_of form_of"
    " manifestation_of",
    "structural": "part_of has_part member_of has_member subclass_of superclass_of contains contained_by comprises"
    " composed_of element_of has_element collection_of item_in segment_of whole",
    "functional": "used_for used_by tool_for method_for input_to output_from resource_for required_by provided_by"
    " capable_of supports_function implements_function interface_for protocol_for standard_for optimized_for",
    "emotional": "likes dislikes loves hates fears trusts distrusts respects admires envies sympathizes empathizes"
    " resents forgives blames grateful",
    "rule_metaphor": "rule exception constraint permission prohibition obligation metaphor analogy symbol represents"
    " signifies indicates suggests connotes denotes references",
    "dynamic": "becomes transforms evolves develops grows decays improves degrades strengthens weakens accelerates"
    " decelerates stabilizes destabilizes cycles alternates",
}
IMMUTABLE = {"semantic", "spatial", "logical", "structural", "rule_metaphor"}

CONNECTION_TYPES = {
    name: (16 * high + low, family, "immutable" if family in IMMUTABLE else "learnable")
    for high, (family, names) in enumerate(FAMILIES.items())
    for low, name in enumerate(names.split())
}

VALIDATION, EVENTS, MUTATION, STRICT = 1, 2, 4, 8
PROFILES = [  # id, name, aliases, scale, flags, (max out, in, total degree; 0 is no limit)
    (0, "default", ["balanced"], [1.0] * 8, VALIDATION | EVENTS, (0, 0, 0)),
    (1, "explorer", [], [1.0, 1.5, 1.2, 2.0, 3.0, 2.5, 2.0, 5.0], VALIDATION | EVENTS, (2000, 2000, 4000)),
    (2, "analyst", ["analyzer"], [1.0, 1.0, 1.0, 1.5, 10.0, 5.0, 3.0, 20.0], 11, (500, 500, 1000)),
    (3, "creative", [], [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0], 7, (1000, 1000, 2000)),
    (4, "quarantine", [], [1.0, 1.0, 1.0, 1.0, 2.0, 1.5, 1.0, 3.0], 11, (100, 100, 200)),
]
CUSTOM = 255
