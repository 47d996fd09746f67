"""Changes of a rule set, each with the finding that it has to provoke and the place where it is found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One change of the shipped rule set: `old` becomes `new`; then `code` is found in the file where `at` stands."""

    code: str
    file: str
    old: str
    new: str
    at: str
    told: str
    after: int = 0
    """How many columns after the beginning of `at`."""

    def __str__(self) -> str:
        return f"{self.code}: {self.told[:40]}"


SURGERY, CRYO, QUALITY = "rules/salvage_surgery.yaml", "rules/cryoablation.yaml", "rules/data_quality.yaml"
THERMO = "rules/thermoprotection.yaml"

MUTATIONS = [
    # --- the form of the files
    Mutation("not-yaml", "ruleset.yaml", "rule_set:", "rule_set: [", "", "not YAML"),
    Mutation(
        "duplicate-key",
        "ruleset.yaml",
        "  version: 0.1.0",
        "  version: 0.1.0\n  version: 0.2.0",
        "version: 0.2.0",
        "`version` stands twice in one mapping; keep one of the two",
    ),
    Mutation(
        "alias",
        "preferences.yaml",
        "order: [[salvage-surgery], [cryoablation]]",
        "order: [&a [salvage-surgery], *a]",
        "*a",
        "an alias repeats another part of the file; write the value out",
    ),
    Mutation(
        "tag", "parameters.yaml", "value: 270", "value: !about 270", "!about", "the tag `!about` has no meaning here"
    ),
    Mutation(
        "file-shape",
        SURGERY,
        "effect: excludes",
        "efect: excludes",
        "excludes",
        "`efect` is not a word of this place; did you mean `effect`?; remove it",
    ),
    Mutation(
        "file-shape",
        SURGERY,
        "  - id: SS-0\n    from: []\n    option: salvage-surgery\n",
        "  - id: SS-0\n    from: []\n",
        "id: SS-0",
        "`rules.0.option` is missing; write it",
    ),
    Mutation(
        "file-shape",
        SURGERY,
        "effect: excludes",
        "effect: forbids",
        "forbids",
        "`rules.0.effect` with `forbids`: input should be",
    ),
    Mutation(
        "file-shape", CRYO, "    ground: indication\n", "", "id: CR-1", "a rule that can exclude names its `ground`"
    ),
    Mutation(
        "file-shape",
        CRYO,
        "    done: patient.antithromboticPlan\n",
        "",
        "id: CR-8",
        "an obligation says when it is `done`",
    ),
    Mutation(
        "file-shape",
        CRYO,
        "    otherwise: The airway is critical and not secured.\n",
        "",
        "id: CR-16",
        "a rule that moves a verdict says what holds `otherwise`",
    ),
    Mutation(
        "file-shape",
        CRYO,
        "    option: cryoablation\n    for_each: lesion\n    effect: informs\n    topic: caution\n",
        "    option: cryoablation\n    for_each: lesion\n    effect: informs\n    remedy: x\n    topic: caution\n",
        "id: CR-12",
        "a remedy belongs to a `requires` rule",
    ),
    Mutation(
        "file-shape",
        SURGERY,
        "      at_least: 3\n",
        "      at_least: 5\n",
        "at_least: 5",
        "at_least 5 of 4 conditions cannot be",
    ),
    Mutation(
        "file-shape",
        "parameters.yaml",
        "    value: 270\n",
        "    value: null\n",
        "type: Quantity",
        "a parameter has a value, or its status is `unset`",
    ),
    Mutation(
        "file-shape",
        "parameters.yaml",
        "    value: 1.8\n",
        "    value: 1.8\n    unit: mm\n",
        "type: Decimal",
        "a Quantity has a `unit`, an Integer or a Decimal has none",
    ),
    Mutation(
        "file-shape",
        "parameters.yaml",
        "    cite: yousem1995\n",
        "    cite: null\n",
        "type: Quantity",
        "a parameter that is `verified` names its source in `cite`",
    ),
    Mutation(
        "file-shape",
        "vocabulary.yaml",
        "    type: Decimal\n    decimals: 2\n",
        "    type: Decimal\n    unit: mm\n    decimals: 2\n",
        "kind: measure\n    type: Decimal\n    unit",
        "a Quantity has a `unit`, every other type has none",
    ),
    Mutation(
        "file-shape",
        "vocabulary.yaml",
        "    values: {preserved: preserved, lost: lost}\n",
        "",
        "kind: finding\n    type: Code\n    label: prevertebral fat plane",
        "a Code lists its `values`",
    ),
    Mutation(
        "file-shape",
        "definitions.yaml",
        "    any: structure\n    where: \"structure.name = 'vagus-nerve' and structure.side = 'left'",
        "    where: \"structure.name = 'vagus-nerve' and structure.side = 'left'",
        "says: the left vagus nerve",
        "a definition is one condition",
    ),
    Mutation(
        "file-shape",
        "thermoprotection.yaml",
        "    status: advised-against\n    class: displacement\n",
        "    status: advised-against\n",
        "id: TM-1",
        "a measure rule names either one `measure` or one `class` of measures",
    ),
    # --- names that have to be somewhere
    Mutation(
        "duplicate-id",
        SURGERY,
        "id: SS-13\n    from: [SS-13]",
        "id: SS-7\n    from: [SS-13]",
        "SS-7",
        "`SS-7` is taken by",
    ),
    Mutation(
        "unknown-option",
        CRYO,
        "  - id: CR-3\n    from: [CR-3]\n    option: cryoablation",
        "  - id: CR-3\n    from: [CR-3]\n    option: cryoblation",
        "cryoblation",
        "`cryoblation` is not an option; did you mean `cryoablation`?",
    ),
    Mutation(
        "unknown-option",
        "preferences.yaml",
        "order: [[salvage-surgery], [cryoablation]]",
        "order: [[salvage-surgery], [nothing]]",
        "[[salvage-surgery], [nothing]]",
        "`nothing` is not an option; accepted are salvage-surgery, cryoablation",
    ),
    Mutation(
        "unknown-rule",
        "preferences.yaml",
        "exception_to: PREF-1",
        "exception_to: PREF-9",
        "PREF-9",
        "`PREF-9` is not a preference",
    ),
    Mutation(
        "unknown-reference",
        SURGERY,
        '{cite: yousem1995, locator: "abstract; dossier 7.1", supports: threshold, claim: yousem-limit}',
        '{cite: yousem1996, locator: "abstract; dossier 7.1", supports: threshold}',
        "yousem1996",
        "no reference `yousem1996`; did you mean `yousem1995`?",
    ),
    Mutation(
        "unknown-reference",
        "parameters.yaml",
        "    cite: yousem1995\n",
        "    cite: nobody\n",
        "nobody",
        "no reference `nobody`",
    ),
    Mutation(
        "unknown-reference",
        "structures.yaml",
        "evidence: [schwartz2022]",
        "evidence: [schwartz]",
        "[schwartz]",
        "no reference `schwartz`",
    ),
    Mutation(
        "unknown-parameter",
        "vocabulary.yaml",
        "    decimals: 2\n    label: INR\n    agreement: latest\n"
        "    agreement_why: A laboratory value changes from day to day.\n    fresh: {within: bloodTestAge,",
        "    decimals: 2\n    label: INR\n    agreement: latest\n"
        "    agreement_why: A laboratory value changes from day to day.\n"
        "    fresh: {within: bloodTestAges,",
        "{within: bloodTestAges,",
        "no parameter `bloodTestAges`; did you mean `bloodTestAge`?",
    ),
    Mutation(
        "unknown-fact",
        "ruleset.yaml",
        "declined_by: lesion.declinesSurgery",
        "declined_by: lesion.declines",
        "lesion.declines\n",
        "`lesion.declines` is not a fact of the lesion",
    ),
    Mutation(
        "unknown-fact",
        "ruleset.yaml",
        "declined_by: lesion.declinesSurgery",
        "declined_by: lesion.site",
        "lesion.site",
        "`lesion.site` is not",
    ),
    Mutation(
        "unknown-fact",
        "vocabulary.yaml",
        "fresh: {since: lesion.ablationDate, unknown_event: undecided}",
        "fresh: {since: lesion.site, unknown_event: undecided}",
        "{since: lesion.site,",
        "`lesion.site` is not a Date fact",
    ),
    Mutation(
        "unknown-fact",
        "vocabulary.yaml",
        "bounded_below_by: nothingElseWithin",
        "bounded_below_by: nothing",
        "nothing\n",
        "`nothing` is not a fact of the lesion",
    ),
    Mutation(
        "unknown-fact",
        "structures.yaml",
        "only_if: lesion.neopharynxOrFlapInField",
        "only_if: lesion.site",
        "lesion.site",
        "`lesion.site` is not a Boolean fact of the lesion",
    ),
    Mutation(
        "unknown-measure",
        "structures.yaml",
        "measures: [keep-ice-away]",
        "measures: [keep-away]",
        "[keep-away]",
        "`keep-away` is not a measure of the table",
    ),
    Mutation(
        "unknown-measure",
        "thermoprotection.yaml",
        "    status: contraindicated\n    class: technique\n",
        "    status: contraindicated\n    class: techniques\n",
        "id: TM-4",
        "no measure is of class `techniques`",
    ),
    Mutation(
        "unknown-measure",
        "thermoprotection.yaml",
        "    status: contraindicated\n    class: technique\n",
        "    status: contraindicated\n    measure: probe-angel\n",
        "id: TM-4",
        "no measure `probe-angel`; did you mean `probe-angle`?",
    ),
    Mutation(
        "unknown-monitoring",
        "structures.yaml",
        "monitoring: [visual, thermocouple]",
        "monitoring: [visual, thermo]",
        "[visual, thermo]",
        "`thermo` is not a monitoring of the table",
    ),
    Mutation(
        "unknown-site",
        "structures.yaml",
        "sites: [salivary, skull_base, other]\n    measures: [hydrodissection, gas-dissection]",
        "sites: [salivary, skullbase, other]\n    measures: [hydrodissection, gas-dissection]",
        "[salivary, skullbase",
        "`skullbase` is not a site of the table",
    ),
    Mutation(
        "unknown-unit",
        "vocabulary.yaml",
        "    unit: deg\n",
        "    unit: degrees\n",
        "degrees",
        "`degrees` is not a UCUM",
    ),
    Mutation(
        "unknown-absence-reason",
        "vocabulary.yaml",
        "absences: {TX: indeterminate}",
        "absences: {TX: unclear}",
        "{TX: unclear}",
        "`unclear` is no reason for an absence; accepted are asked-declined",
    ),
    Mutation(
        "absent-value",
        "vocabulary.yaml",
        "absences: {TX: indeterminate}",
        "absences: {T4: indeterminate}",
        "{T4: indeterminate}",
        "`T4` is a value and an absence",
    ),
    Mutation(
        "unusable-name",
        "vocabulary.yaml",
        "  ecog:\n",
        "  date:\n",
        "kind: finding\n    type: Integer\n    label: ECOG",
        "`date` cannot be named in a condition",
    ),
    # --- what a rule rests on
    Mutation(
        "uncited",
        SURGERY,
        "    basis: unverified\n    evidence: []\n    threshold: none\n"
        "    fidelity: {kind: looser, note: The limit on ECOG",
        "    basis: cited\n    evidence: []\n    threshold: none\n    fidelity: {kind: looser, note: The limit on ECOG",
        "cited\n    evidence: []",
        "`SS-12` says `basis: cited` and cites nothing",
    ),
    Mutation(
        "option-without-exclusion",
        SURGERY,
        "    effect: excludes\n    ground: judgement\n",
        "    effect: against\n",
        "",
        "nothing can exclude `salvage-surgery`; give it a `requires` or an `excludes` rule",
    ),
    Mutation(
        "option-without-exclusion",
        SURGERY,
        "    for_each: lesion\n    effect: excludes\n",
        "    for_each: lesion\n    phase: planning\n    effect: excludes\n",
        "",
        "nothing can exclude `salvage-surgery`",
    ),
    Mutation(
        "gate-shape",
        QUALITY,
        "    option: scope\n    for_each: lesion\n",
        "    option: scope\n    for_each: patient\n",
        "id: DQ-8",
        "a rule of `scope` is a `requires` for each lesion; write it so",
    ),
    # --- conditions
    Mutation(
        "condition-error",
        SURGERY,
        "when: lesion.carotidEncased",
        "when: lesion.carotidEncasd",
        "lesion.carotidEncasd",
        "did you mean `lesion.carotidEncased`?",
    ),
    Mutation(
        "condition-error",
        CRYO,
        "when: patient.inr <= parameters.inrLimit",
        "when: patient.inr <== parameters.inrLimit",
        "<== par",
        "",
        2,
    ),
    Mutation(
        "condition-error",
        CRYO,
        "when: lesion.maxDiameter > parameters.largeTumour",
        "when: lesion.maxDiameter > parameters.carotidEncasementLimit",
        "parameters.carotidEncasementLimit",
        "",
    ),
    Mutation(
        "condition-error",
        CRYO,
        "when: lesion.maxDiameter > parameters.largeTumour",
        "when: lesion.maxDiameter > parameters.largeTumour and structure.threatened",
        "structure.threatened",
        "",
    ),
    Mutation(
        "condition-error",
        SURGERY,
        "when: patient.ace27 >= parameters.comorbidityGrade",
        "when: patient.ace27 >= parameters.planningImagingAge",
        "parameters.planningImagingAge",
        "",
    ),
    Mutation(
        "literal-threshold",
        CRYO,
        "when: lesion.maxDiameter > parameters.largeTumour",
        "when: lesion.maxDiameter > 60 'mm'",
        "60 'mm'",
        "`60 'mm'` is a threshold without a source; make it a parameter",
    ),
    Mutation(
        "numbers-alone",
        SURGERY,
        "    ground: judgement\n    when: lesion.surgeryNotPossible\n",
        "    ground: judgement\n    when: lesion.carotidEncased\n",
        "lesion.carotidEncased",
        "`SS-0` excludes on numbers alone",
    ),
    Mutation(
        "definition-cycle",
        "definitions.yaml",
        '"lesion.carotidEncasement > parameters.carotidEncasementLimit"',
        '"lesion.localSurgicalSign"',
        "says: carotid encasement above the limit",
        "the definition rests on itself: lesion.carotidEncased → lesion.localSurgicalSign → lesion.carotidEncased",
    ),
    Mutation(
        "definition-without-phase",
        "definitions.yaml",
        '    decision: "structure.tumourDistance <= parameters.iceMargin + parameters.threatDistance"\n',
        "",
        'planning: "structure.plannedIceDistance',
        "`structure.threatened` has no condition for the phase `decision`",
    ),
    Mutation(
        "misplaced-any",
        THERMO,
        "    when: structure.needsProtection\n",
        "    when: lesion.leftVagusThreatened\n",
        "lesion.leftVagusThreatened",
        "`any: structure` is asked of a lesion as a whole",
    ),
    Mutation(
        "document-in-verdict",
        CRYO,
        "    when: lesion.carotidExposedOrFistula\n",
        "    when: lesion.carotidExposedOrFistula and not lesion.vascularPlan\n",
        "lesion.carotidExposedOrFistula and not",
        "`CR-10` reads `lesion.vascularPlan`, a document that is false when nobody wrote it",
    ),
    Mutation(
        "document-in-verdict",
        "definitions.yaml",
        '"lesion.mediastinalInvasion and lesion.site',
        '"lesion.skullBaseMeeting and lesion.site',
        "",
        "reads `lesion.skullBaseMeeting`",
    ),
    Mutation(
        "document-in-verdict",
        "preferences.yaml",
        "    when: lesion.surgeryNotPossible\n",
        "    when: patient.mdtDiscussed\n",
        "patient.mdtDiscussed",
        "`PREF-3` reads `patient.mdtDiscussed`",
    ),
    Mutation(
        "document-in-verdict",
        THERMO,
        "    when: structure.needsProtection\n",
        "    when: structure.needsProtection and not structure.coveredByPlan\n",
        "structure.needsProtection and not",
        "`TP-1` reads `structure.coveredByPlan`",
    ),
    Mutation(
        "document-in-verdict",
        "thermoprotection.yaml",
        "  - id: TN-2\n    when: structure.skinNear\n",
        "  - id: TN-2\n    when: structure.skinNear and structure.hydrodissectionPlanned\n",
        "structure.skinNear and",
        "`TN-2` reads `structure.hydrodissectionPlanned`",
    ),
    Mutation(
        "document-in-verdict",
        QUALITY,
        "when: lesion.recurrenceProof = 'biopsy'",
        "when: lesion.recurrenceProof = 'biopsy' and patient.mdtDiscussed",
        "lesion.recurrenceProof = 'biopsy' and",
        "`DQ-1` reads `patient.mdtDiscussed`",
    ),
    Mutation(
        "planner-cycle",
        "thermoprotection.yaml",
        "  - id: TN-2\n    when: structure.skinNear\n",
        "  - id: TN-2\n    when: structure.unprotectable\n",
        "structure.unprotectable",
        "`TN-2` reads what the planner computes",
    ),
    Mutation(
        "exception-cycle",
        "preferences.yaml",
        "    order: [[salvage-surgery], [cryoablation]]\n    when:",
        "    order: [[salvage-surgery], [cryoablation]]\n    exception_to: PREF-2\n    when:",
        "",
        "exceptions of one another: PREF-1 → PREF-2 → PREF-1",
    ),
]


# --- mapping tables --------------------------------------------------------------------------------------------------

MAPPING = """\
systems:
  codes: {uri: "http://example.org/codes"}
units: {"mm Hg": mm}
value_sets:
  flags: [{system: codes, source: invented, codes: {F1: a flag}}]
code_maps:
  grades: [{system: codes, source: invented, to: {low: {G1: first}, high: {G2: second}}}]
readers:
  conditions:
    - {id: flag-a, fact: patient.flagA, codes: flags}
  observations:
    - {id: grade, fact: lesion.grade, codes: flags, map: grades}
"""
TABLE_CHANGES = [
    (
        "unknown-system",
        "system: codes, source: invented, codes",
        "system: cods, source: invented, codes",
        "flags:",
        "`cods` is none of the systems",
    ),
    ("missing-source", "source: invented, codes", 'source: "", codes', "flags:", "`flags` names no source"),
    (
        "ambiguous-code",
        "high: {G2: second}",
        "high: {G1: second}",
        "grades:",
        "`G1` of `codes` means both `low` and `high`",
    ),
    ("unknown-unit", '"mm Hg": mm', '"mm Hg": mmHgg', "units:", "`mm Hg`: `mmHgg` is not a UCUM"),
    ("unknown-name", "codes: flags}", "codes: flag}", "flag-a", "reader `flag-a`: `flag` is none of the value sets"),
    ("unknown-name", "map: grades}", "map: grade}", "id: grade", "reader `grade`: `grade` is none of the code maps"),
    (
        "unknown-name",
        "fact: patient.flagA",
        "fact: patient.flag",
        "flag-a",
        "`patient.flag` is no fact of the vocabulary",
    ),
    (
        "unknown-name",
        "fact: patient.flagA",
        "fact: patient.ratio",
        "flag-a",
        "`patient.ratio` is a Decimal, which this reader does not give",
    ),
    (
        "unknown-name",
        "to: {low: {G1",
        "to: {lower: {G1",
        "id: grade",
        "`lower` is neither a value nor an absence of `lesion.grade`",
    ),
    (
        "duplicate-name",
        "    - {id: flag-a,",
        "    - {id: flag-a, fact: patient.flagB, codes: flags}\n    - {id: flag-a,",
        "",
        "`flag-a` is the id of two readers",
    ),
    ("file-shape", "source: invented, codes", "sauce: invented, codes", "", "is not a word of this place"),
    ("duplicate-key", "units:", "systems: {}\nunits:", "systems: {}", "`systems` stands twice"),
]
"""Changes of these tables: the code, what becomes what, the line where it is found, and what is told."""
