"""Everything that can be wrong with a rule set: provoked by one change, found where it stands, said with a way out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cds.errors import RuleSetError
from cds.ruleset import load_rules
from tests.ruleset.finding_codes import finding_codes
from tests.ruleset.shipped import shipped_folder
from tests.ruleset.workshop import (
    PARAMETERS,
    VOCABULARY,
    a_rule,
    changed,
    copied,
    findings_of,
    only_finding,
    position_of,
    rules_of,
    small,
    small_rules,
)


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
FOLLOW_UP, THERMO = "rules/follow_up.yaml", "rules/thermoprotection.yaml"

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
        "lesion.maxDiameter > 60",
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


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_is_found_where_it_stands(tmp_path: Path, mutation: Mutation) -> None:
    rules = copied(tmp_path)
    changed(rules, mutation.file, mutation.old, mutation.new)
    findings = findings_of(rules)
    assert not [f.message for f in findings if f.message.endswith(".") or f.message.startswith(("The ", "A ", "This "))]
    finding = next(iter(f for f in findings if f.code == mutation.code and mutation.told in f.message), None)
    assert finding is not None, "\n".join(map(str, findings))
    assert finding.severity == "error"
    assert finding.position.file.startswith("copied/")
    assert f"{finding.position}: {finding.message} [{finding.code}]" in str(finding)
    if mutation.at:
        text = (rules / mutation.file).read_text(encoding="utf-8")
        assert finding.position.file == f"copied/{mutation.file}"
        assert (finding.position.line, finding.position.column) == place_of(text, mutation)


def place_of(text: str, mutation: Mutation) -> tuple[int, int]:
    """Line and column of `at`: within what was changed, else nearest before it, else nearest after."""
    begin = text.index(mutation.new) if mutation.new else 0
    index = text.find(mutation.at, begin, begin + len(mutation.new) + len(mutation.at))
    if index < 0:
        index = text.rfind(mutation.at, 0, begin + len(mutation.at))
    if index < 0:
        index = text.index(mutation.at, begin)
    index += mutation.after
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


# --- what takes more than one change -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "ruleset.yaml",
        "vocabulary.yaml",
        "structures.yaml",
        "parameters.yaml",
        "definitions.yaml",
        "preferences.yaml",
        "thermoprotection.yaml",
        "references.json",
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    rules = small(tmp_path)
    (rules / file).unlink()
    finding = only_finding(rules)
    assert (finding.code, str(finding.position)) == ("missing-file", f"small/{file}:1:1")
    assert f"`{file}` is missing" in finding.message


def test_a_folder_without_rules_is_not_a_rule_set(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "rules" / "all.yaml").unlink()
    assert (only_finding(rules).code, str(only_finding(rules).position)) == ("missing-file", "small/rules:1:1")


def test_a_folder_that_is_not_there_has_findings_and_no_answer(tmp_path: Path) -> None:
    assert {finding.code for finding in findings_of(tmp_path / "nowhere")} == {"missing-file"}


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "definitions.yaml").write_bytes(b"definitions: \xff\xfe")
    assert (only_finding(rules).code, str(only_finding(rules).position)) == ("not-text", "small/definitions.yaml:1:1")


def test_references_that_are_no_json_are_named(tmp_path: Path) -> None:
    finding = only_finding(small(tmp_path, references="[{"))
    assert (finding.code, str(finding.position)) == ("not-json", "small/references.json:1:1")


def test_references_that_are_no_list_are_not_taken_for_none(tmp_path: Path) -> None:
    found = findings_of(
        small(
            tmp_path,
            references='{"id": "book"}',
            parameters="parameters: {}\n",
            thermoprotection="need: []\nmeasures: []\n",
        )
    )
    assert all(finding.position.file == "small/references.json" for finding in found)


def test_a_reference_without_its_tag_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    references = '[{"id": "book", "type": "book", "title": "A", "x-tag": "V9", "x-verified": true}]'
    found = [f for f in findings_of(small(tmp_path, references=references)) if f.code == "unreadable-reference"]
    assert len(found) == 1
    assert "entry 1, `x-tag`" in found[0].message


def test_a_reference_that_stands_twice_is_named(tmp_path: Path) -> None:
    one = '{"id": "book", "type": "book", "title": "A", "x-tag": "V1", "x-verified": true}'
    assert only_finding(small(tmp_path, references=f"[{one}, {one}]")).code == "duplicate-id"


def test_an_exception_names_a_rule_that_is_there(tmp_path: Path) -> None:
    text = (
        rules_of() + "exceptions:\n  - {id: X-1, exception_to: K-9, when: patient.flagB, says: s, basis: judgement}\n"
    )
    finding = only_finding(small(tmp_path, text))
    assert (finding.code, finding.position.line) == ("unknown-rule", 7)
    assert "`K-9` is not a rule" in finding.message


def test_a_document_may_not_reach_a_verdict_through_an_exception_and_the_exception_is_named(tmp_path: Path) -> None:
    text = (
        rules_of() + "exceptions:\n  - {id: X-1, exception_to: K-0, when: patient.booked, says: s, basis: judgement}\n"
    )
    finding = only_finding(small(tmp_path, text))
    assert (finding.code, finding.position.line) == ("document-in-verdict", 7)


@pytest.mark.parametrize("effect", ["informs", "obliges"])
def test_documents_may_inform_and_oblige(tmp_path: Path, effect: str) -> None:
    more = {"done": "patient.booked"} if effect == "obliges" else {}
    small_rules(tmp_path, rules_of(a_rule("R-1", effect, "patient.booked", option="any", for_each="patient", **more)))


@pytest.mark.parametrize("effect", ["requires", "excludes", "against", "for"])
def test_documents_may_not_argue(tmp_path: Path, effect: str) -> None:
    finding = only_finding(small(tmp_path, rules_of(a_rule("R-1", effect, "patient.booked", for_each="patient"))))
    assert (finding.code, finding.position.line) == ("document-in-verdict", 6)


def test_an_overlay_replaces_parameters_only_and_in_their_own_unit(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text(
        "label: ours\nparameters:\n  limitt: {value: 1, unit: mm}\n  limit: {value: 1, unit: cm}\n", encoding="utf-8"
    )
    found = findings_of(small(tmp_path), overlay)
    assert [(f.code, f.position.line) for f in found] == [("unknown-parameter", 3), ("overlay-unit", 4)]
    assert "did you mean `limit`?" in found[0].message
    assert "write it in `mm`" in found[1].message


ORDERED = PARAMETERS.replace("  mm7: {", "  mm7: {at_least: mm5, ")
PAIR = "label: ours\nparameters:\n"


@pytest.mark.parametrize(
    "overlay",
    ["  mm7: {value: 4.9, unit: mm}\n", "  mm5: {value: 7.1, unit: mm}\n"],
    ids=["the upper one too low", "the lower one too high"],
)
def test_an_overlay_does_not_turn_a_pair_of_parameters_round(tmp_path: Path, overlay: str) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(PAIR + overlay, encoding="utf-8")
    found = only_finding(small(tmp_path, parameters=ORDERED), file)
    assert (found.code, found.position.file, found.position.line) == ("parameter-order", str(file), 3)
    assert "`mm7` is at least `mm5`" in found.message


@pytest.mark.parametrize("overlay", ["  mm7: {value: 5, unit: mm}\n", "  mm5: {value: 7, unit: mm}\n"])
def test_a_pair_of_parameters_may_be_equal(tmp_path: Path, overlay: str) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(PAIR + overlay, encoding="utf-8")
    load_rules(small(tmp_path, parameters=ORDERED), file)


def test_a_parameter_is_ordered_by_one_that_is_there(tmp_path: Path) -> None:
    found = only_finding(small(tmp_path, parameters=ORDERED.replace("at_least: mm5", "at_least: mm55")))
    assert (found.code, "did you mean `mm5`?" in found.message) == ("unknown-parameter", True)


def test_the_shipped_limits_of_the_inr_keep_their_order_under_an_overlay(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(PAIR + "  inrLimit: {value: 1.4}\n", encoding="utf-8")
    assert only_finding(shipped_folder(), file).code == "parameter-order"


def test_an_overlay_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert only_finding(small(tmp_path), tmp_path / "none.yaml").code == "missing-file"


@pytest.mark.parametrize(
    ("condition", "level"),
    [("patient.any", "patient"), ("lesion.any", "structure"), ("lesion.nested", "lesion")],
)
def test_any_structure_is_asked_of_a_lesion_as_a_whole_only(tmp_path: Path, condition: str, level: str) -> None:
    body = "{any: structure, where: structure.touched}"
    definitions = (
        f"definitions:\n  patient.any: {body}\n  lesion.any: {body}\n"
        "  lesion.nested: {any: structure, where: structure.touched and lesion.any}\n"
    )
    text = rules_of(a_rule("R-1", "informs", condition, for_each=level))
    found = findings_of(small(tmp_path, text, definitions=definitions))
    assert {finding.code for finding in found} == {"misplaced-any"}


@pytest.mark.parametrize("level", ["lesion", "other-lesion"])
def test_any_structure_may_be_asked_of_a_lesion_and_of_the_other(tmp_path: Path, level: str) -> None:
    definitions = "definitions:\n  lesion.any: {any: structure, where: structure.touched}\n"
    word = "other" if level == "other-lesion" else "lesion"
    small_rules(tmp_path, rules_of(a_rule("R-1", "informs", f"{word}.any", for_each=level)), definitions=definitions)


def test_an_unset_parameter_judges_nothing(tmp_path: Path) -> None:
    finding = only_finding(small(tmp_path, rules_of(a_rule("R-1", "informs", "lesion.size > parameters.blank"))))
    assert finding.code == "condition-error"
    assert "parameters.blank" in finding.message


# --- a distance and its parameter start at the same place ----------------------------------------------------------

MIXED = [
    ("structure.iceDistance < parameters.limit", {}),
    ("parameters.limit > structure.iceDistance", {}),
    ("structure.iceDistance between 0 'mm' and parameters.limit", {}),
    ("structure.iceDistance < parameters.limit + parameters.mm2", {}),
    ("structure.near", {"definitions": "definitions:\n  structure.near: structure.iceDistance < parameters.limit\n"}),
]


@pytest.mark.parametrize(("condition", "files"), MIXED)
def test_a_distance_from_the_ice_is_not_judged_by_a_limit_from_the_tumour(
    tmp_path: Path, condition: str, files: dict[str, str]
) -> None:
    rules = small(tmp_path, rules_of(a_rule("R-1", "against", condition, for_each="structure")), **files)
    assert "mixed-origins" in {finding.code for finding in findings_of(rules)}


@pytest.mark.parametrize("key", ["need", "measures", "monitoring"])
def test_the_planner_does_not_mix_origins_either(tmp_path: Path, key: str) -> None:
    planner = {"need": "need: []\n", "measures": "measures: []\n", "monitoring": "monitoring: []\n"}
    extra = "status: contraindicated, measure: water, " if key == "measures" else ""
    planner[key] = (
        f"{key}:\n  - {{id: Z-1, {extra}when: structure.iceDistance < parameters.limit, says: s, basis: unverified}}\n"
    )
    rules = small(tmp_path, thermoprotection="".join(planner.values()))
    assert {finding.code for finding in findings_of(rules)} == {"mixed-origins"}


def test_like_is_compared_with_like_or_the_fidelity_says_otherwise(tmp_path: Path) -> None:
    like = a_rule("R-1", "against", "structure.distance < parameters.limit", for_each="structure")
    said = a_rule(
        "R-2",
        "against",
        "structure.iceDistance < parameters.limit",
        for_each="structure",
        fidelity="{kind: interpretation, note: x}",
    )
    small_rules(tmp_path, rules_of(like, said))


# --- what must not wait for a patient ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        "{patient.nobody}",
        "{lesion.nobody}",
        "{parameters.nobody}",
        "{structure.touched}",
        "{other.label}",
        "{structure.label}",
        "{nobody.label}",
    ],
)
@pytest.mark.parametrize("key", ["says", "otherwise", "remedy"])
def test_a_sentence_with_a_place_that_names_nothing_is_found_at_load(tmp_path: Path, key: str, template: str) -> None:
    """Else the answer fails with the first patient whose truth makes the sentence speak."""
    more = {"remedy": "mend it", "effect": "requires"} | {key: f'"see {template}"'}
    rule = a_rule(
        "R-1", "requires", "lesion.flag", remedy=more["remedy"], **({} if key == "remedy" else {key: more[key]})
    )
    with pytest.raises(RuleSetError, match=r"nobody|structure|other"):
        load_rules(small(tmp_path, rules_of(rule)))


def test_a_follow_up_rule_may_not_read_what_the_planner_computes_before(tmp_path: Path) -> None:
    """There is no plan to compute in follow-up: the rule would end every answer with an error."""
    rule = a_rule("R-1", "informs", "structure.unprotectable", for_each="structure", phase="follow-up")
    with pytest.raises(RuleSetError):
        load_rules(small(tmp_path, rules_of(rule)))


def test_an_id_may_not_be_that_of_another_rules_done(tmp_path: Path) -> None:
    text = rules_of(
        a_rule("R-1", "obliges", "patient.flagA", option="any", for_each="patient", done="patient.booked"),
        a_rule("R-1.done", "excludes", "patient.flagB", option="any", for_each="patient"),
    )
    with pytest.raises(RuleSetError, match=r"R-1\.done"):
        load_rules(small(tmp_path, text))


@pytest.mark.parametrize(
    ("definitions", "told"),
    [
        ("lesion.unused: lesion.nobody", "lesion.nobody"),
        ('lesion.unused: "lesion.flag = = 3"', "="),
        ("lesion.one: lesion.two\n  lesion.two: lesion.one", "lesion.one"),
        ("lesion.flag: lesion.flag", "lesion.flag"),
        ("nonsense: patient.flagA", "nonsense"),
        ("leison.big: patient.flagA", "leison.big"),
    ],
)
def test_a_definition_that_no_rule_uses_is_checked_too(tmp_path: Path, definitions: str, told: str) -> None:
    with pytest.raises(RuleSetError, match=told):
        load_rules(small(tmp_path, definitions=f"definitions:\n  {definitions}\n"))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("structures.yaml", "label: skin, kind: skin, sided: false", "label: skin, kind: skin, sided: no"),
        ("structures.yaml", "label: skin, kind: skin, sided: false", "label: skin, kind: skin, sided: off"),
        ("structures.yaml", "label: skin, kind: skin, sided: false", "label: skin, kind: skin, sided: 0"),
        ("ruleset.yaml", "lesion.declinesKnife, established: true", "lesion.declinesKnife, established: yes"),
        ("parameters.yaml", "value: 10,", "value: true,"),
        ("parameters.yaml", "value: 10,", 'value: "10",'),
        ("parameters.yaml", "value: 10,", "value: 1e1,"),
        ("vocabulary.yaml", "decimals: 2,", 'decimals: "2",'),
    ],
)
def test_a_word_is_no_yes_and_a_text_no_number(tmp_path: Path, file: str, old: str, new: str) -> None:
    rules = small(tmp_path)
    changed(rules, file, old, new)
    finding = only_finding(rules)
    assert (finding.code, finding.position.file) == ("file-shape", f"small/{file}")


# --- mapping tables ------------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize(("code", "old", "new", "at", "told"), TABLE_CHANGES)
def test_a_mistake_of_a_mapping_table_is_found(
    tmp_path: Path, code: str, old: str, new: str, at: str, told: str
) -> None:
    rules = small(tmp_path)
    (rules / "mapping").mkdir()
    (rules / "mapping" / "all.yaml").write_text(MAPPING, encoding="utf-8")
    assert load_rules(rules).mapping.value_sets
    assert MAPPING.count(old) == 1 or code == "unknown-name"
    (rules / "mapping" / "all.yaml").write_text(MAPPING.replace(old, new, 1), encoding="utf-8")
    found = [finding for finding in findings_of(rules) if finding.code == code]
    assert any(told in finding.message for finding in found), [str(finding) for finding in findings_of(rules)]
    assert found[0].position.file == "small/mapping/all.yaml"
    if at:
        assert found[0].position.line == position_of(rules, "mapping/all.yaml", at)[0]


def test_a_mapping_table_that_is_not_text_is_named(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "mapping").mkdir()
    (rules / "mapping" / "all.yaml").write_bytes(b"\xff")
    assert only_finding(rules).code == "not-text"


def test_a_section_of_tables_stands_in_one_file(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "mapping").mkdir()
    for name in ("a", "b"):
        (rules / "mapping" / f"{name}.yaml").write_text(
            'systems: {codes: {uri: "http://example.org/x"}}\n', encoding="utf-8"
        )
    assert only_finding(rules).code == "duplicate-name"
    assert only_finding(rules).position.file.endswith("b.yaml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  site: {kind: finding, type: Code, values: [tongue, neck], label: site}\n", "", "no lesion.site"),
        ("values: [tongue, neck], label: site", "label: site", ""),
        ("  side: {kind: finding, type: Code, values: [left, right, midline], label: side}\n", "", "no lesion.side"),
        ("values: [nerve, skin, brain], label: name", "values: [nerve, skin], label: name", "no value `brain`"),
        ("  kind: {kind: given, type: Code,", "  kind: {kind: finding, type: Code,", "no structure.kind"),
    ],
)
def test_the_facts_that_the_program_reads_are_there_or_found_missing(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert VOCABULARY.count(old) == 1
    findings = findings_of(small(tmp_path, vocabulary=VOCABULARY.replace(old, new)))
    if told:
        assert any(f.code == "missing-fact" and told in f.message for f in findings), "\n".join(map(str, findings))
    assert all(f.position.file == "small/vocabulary.yaml" for f in findings if f.code == "missing-fact")


# --- together ------------------------------------------------------------------------------------------------------


def test_every_finding_has_a_test_that_provokes_it() -> None:
    elsewhere = {
        "missing-file",
        "not-text",
        "not-json",
        "unreadable-reference",
        "overlay-unit",
        "parameter-order",
        "mixed-origins",
        "unread-file",
        "unknown-place",
        "unknown-claim",  # test_claim_findings
        "claim-mismatch",
        "concept-map-shape",  # test_local_codes
        "mapped-again",
        "unknown-target",
        "unused-mapping",
        "missing-fact",
        "overdue-review",  # test_reviews
    }
    provoked = {mutation.code for mutation in MUTATIONS} | {code for code, *_ in TABLE_CHANGES} | elsewhere
    assert provoked == finding_codes()


def test_all_problems_are_reported_together_in_the_order_of_the_files(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    chosen = [
        "duplicate-id",
        "unknown-reference",
        "condition-error",
        "unknown-unit",
        "planner-cycle",
        "unknown-site",
        "document-in-verdict",
        "gate-shape",
        "absent-value",
    ]
    expected = set()
    for code in chosen:
        mutation = next(m for m in MUTATIONS if m.code == code)
        changed(rules, mutation.file, mutation.old, mutation.new)
        expected.add((code, f"copied/{mutation.file}"))
    found = findings_of(rules)
    assert {(f.code, f.position.file) for f in found} >= expected
    places = [(f.position.file, f.position.line, f.position.column) for f in found]
    assert places == sorted(places)


def test_two_problems_of_form_in_two_files_are_reported_together(tmp_path: Path) -> None:
    rules = small(tmp_path, definitions="definitions: [\n", preferences="nothing: 1\n", references="{")
    assert {(f.code, f.position.file) for f in findings_of(rules)} == {
        ("not-yaml", "small/definitions.yaml"),
        ("file-shape", "small/preferences.yaml"),
        ("not-json", "small/references.json"),
    }


def test_an_error_of_a_condition_shows_the_text_with_carets_under_it(tmp_path: Path) -> None:
    rules = small(tmp_path, rules_of(a_rule("R-1", "against", "lesion.flag and lesion.sise > parameters.limit")))
    finding = only_finding(rules)
    text, carets = finding.excerpt.split("\n")
    assert text[carets.index("^") : carets.rindex("^") + 1] == "lesion.sise"
    line = (rules / "rules" / "all.yaml").read_text(encoding="utf-8").split("\n")[finding.position.line - 1]
    assert line[finding.position.column - 1 :].startswith("lesion.sise")


def test_both_problems_of_one_condition_are_reported(tmp_path: Path) -> None:
    found = findings_of(
        small(tmp_path, rules_of(a_rule("R-1", "against", "lesion.sise > parameters.limit and patient.flagC")))
    )
    assert [finding.code for finding in found] == ["condition-error", "condition-error"]


def test_a_problem_of_a_definition_is_reported_once_where_the_definition_stands(tmp_path: Path) -> None:
    rules = small(
        tmp_path,
        rules_of(a_rule("R-1", "against", "lesion.big"), a_rule("R-2", "informs", "not lesion.big")),
        definitions="definitions:\n  lesion.big: lesion.sise > parameters.limit\n",
    )
    assert str(only_finding(rules).position) == "small/definitions.yaml:2:15"


def test_the_error_names_everything_in_its_text(tmp_path: Path) -> None:
    rules = small(tmp_path, definitions="definitions: [\n", references="{")
    with pytest.raises(RuleSetError) as caught:
        load_rules(rules)
    assert caught.value.code == "rule-set-error"
    assert str(caught.value) == "\n".join(str(finding) for finding in caught.value.findings)
