"""Rule sets made for a test: the shipped one with one place changed, or a small one in which every fact is invented."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds.errors import Finding, RuleSetError
from cds.ruleset import RuleSet, load_rules
from tests.ruleset.shipped import shipped_folder


def copied(folder: Path) -> Path:
    """A copy of the shipped rule set, without the tables by which records are mapped."""
    copy = folder / "copied"
    shutil.copytree(shipped_folder(), copy, ignore=shutil.ignore_patterns("mapping", "cases", "__pycache__"))
    return copy


def changed(rules: Path, file: str, old: str, new: str) -> None:
    """Put `new` in the place of `old`, which stands exactly once in the file."""
    path = rules / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: `{old}` stands {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


def position_of(rules: Path, file: str, text: str, occurrence: int = 1) -> tuple[int, int]:
    """Line and column, from 1, at which a text of a file begins."""
    lines = (rules / file).read_text(encoding="utf-8").split("\n")
    places = [(n, line.index(text) + 1) for n, line in enumerate(lines, start=1) if text in line]
    return places[occurrence - 1]


def findings_of(rules: Path, overlay: Path | None = None) -> tuple[Finding, ...]:
    """What is wrong with a rule set that does not load."""
    with pytest.raises(RuleSetError) as caught:
        load_rules(rules, overlay)
    return caught.value.findings


def only_finding(rules: Path, overlay: Path | None = None) -> Finding:
    """The one thing that is wrong."""
    findings = findings_of(rules, overlay)
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


RULE_SET = """\
rule_set: {id: small, version: 0.0.1, approved: null, title: invented}
options:
  knife: {label: Knife, declined_by: lesion.declinesKnife, established: true}
  frost: {label: Frost, declined_by: lesion.declinesFrost, established: false}
"""
VOCABULARY = """\
patient:
  flagA: {kind: finding, type: Boolean, label: flag A}
  flagB: {kind: finding, type: Boolean, label: flag B}
  ratio: {kind: measure, type: Decimal, decimals: 2, label: ratio, plausible: [0, 20]}
  booked: {kind: document, type: Boolean, label: booked}
lesion:
  site: {kind: finding, type: Code, values: [tongue, neck], label: site}
  side: {kind: finding, type: Code, values: [left, right, midline], label: side}
  flag: {kind: finding, type: Boolean, label: flag of the lesion}
  grade: {kind: finding, type: Code, values: [low, middle, high], label: grade, burden: test}
  count: {kind: finding, type: Integer, label: count, plausible: [0, 9]}
  size: {kind: measure, type: Quantity, unit: mm, decimals: 1, label: size, plausible: [0, 300]}
  foundOn: {kind: finding, type: Date, label: found on}
  closing: {kind: finding, type: Quantity, unit: mm, decimals: 1, label: nothing else within,
    plausible: [0, 300], starts_at: tumour}
  declinesKnife: {kind: choice, type: Boolean, label: declines the knife}
  declinesFrost: {kind: choice, type: Boolean, label: declines the frost}
  discussed: {kind: document, type: Boolean, label: discussed}
structure:
  name: {kind: given, type: Code, values: [nerve, skin, brain], label: name}
  kind: {kind: given, type: Code, values: [nerve, skin, brain], label: kind}
  side: {kind: given, type: Code, values: [left, right, none], label: side}
  distance: {kind: measure, type: Quantity, unit: mm, decimals: 1, label: distance, plausible: [0, 300],
    bounded_below_by: closing, starts_at: tumour}
  iceDistance: {kind: measure, type: Quantity, unit: mm, decimals: 1, label: distance from the ice,
    plausible: [-300, 300], starts_at: ice}
  touched: {kind: finding, type: Boolean, label: touched}
  looked: {kind: document, type: Boolean, label: looked at}
"""
STRUCTURES = """\
measures:
  water: {label: water, class: displacement}
  gloves: {label: gloves, class: warming}
monitoring:
  camera: {label: camera}
structures:
  nerve: {label: nerve, kind: nerve, sided: true, sites: [neck], measures: [water, gloves],
    monitoring: [camera], evidence: []}
  skin: {label: skin, kind: skin, sided: false, sites: all, measures: [water], monitoring: [camera], evidence: []}
  brain: {label: brain, kind: brain, sided: false, sites: [tongue], only_if: lesion.flag,
    measures: [], monitoring: [], evidence: []}
"""
PARAMETERS = """\
parameters:
  limit: {type: Quantity, value: 10, unit: mm, measured_from: tumour, status: institution-default, from: 2026-01-01}
  ratioLimit: {type: Decimal, value: 1.8, status: consensus, cite: book, from: 2026-01-01}
  r1: {type: Decimal, value: 1.0, status: institution-default, from: 2026-01-01}
  r9: {type: Decimal, value: 9.0, status: institution-default, from: 2026-01-01}
  n1: {type: Integer, value: 1, status: institution-default, from: 2026-01-01}
  n2: {type: Integer, value: 2, status: institution-default, from: 2026-01-01}
  n5: {type: Integer, value: 5, status: institution-default, from: 2026-01-01}
  mm2: {type: Quantity, value: 2, unit: mm, status: institution-default, from: 2026-01-01}
  mm5: {type: Quantity, value: 5, unit: mm, status: institution-default, from: 2026-01-01}
  mm7: {type: Quantity, value: 7, unit: mm, status: institution-default, from: 2026-01-01}
  mm8: {type: Quantity, value: 8, unit: mm, status: institution-default, from: 2026-01-01}
  mm20: {type: Quantity, value: 20, unit: mm, status: institution-default, from: 2026-01-01}
  mm30: {type: Quantity, value: 30, unit: mm, status: institution-default, from: 2026-01-01}
  blank: {type: Quantity, value: null, unit: mm, status: unset, from: 2026-01-01}
"""
PLANNER = """\
need:
  - {id: N-1, when: structure.distance < parameters.limit, says: near, basis: unverified}
measures:
  - {id: M-1, status: contraindicated, class: displacement, when: structure.touched, says: no plane, basis: unverified}
  - {id: M-2, status: advised-against, measure: water, when: lesion.flag, says: scars, basis: unverified}
monitoring:
  - {id: W-1, when: structure.kind = 'nerve' and structure.distance < parameters.limit, says: watch, basis: unverified}
"""
REFERENCES = """\
[{"id": "book", "type": "book", "title": "A book", "x-tag": "V1", "x-verified": true, "x-certainty": "low"}]
"""
GROUNDED = """\
rules:
  - {id: K-0, option: knife, for_each: lesion, effect: excludes, ground: judgement, when: lesion.grade = 'high',
     says: cannot, otherwise: can, basis: judgement}
  - {id: F-0, option: frost, for_each: patient, effect: excludes, ground: safety, when: patient.flagA,
     says: cannot, otherwise: can, basis: judgement}
"""


def small(folder: Path, rules: str = GROUNDED, **files: str) -> Path:
    """The folder of a small rule set; `definitions`, `preferences`, `parameters`, … replace a whole file."""
    path = folder / "small"
    (path / "rules").mkdir(parents=True, exist_ok=True)
    texts = {
        "ruleset.yaml": RULE_SET,
        "vocabulary.yaml": VOCABULARY,
        "structures.yaml": STRUCTURES,
        "parameters.yaml": PARAMETERS,
        "definitions.yaml": "definitions: {}\n",
        "preferences.yaml": "preferences: []\n",
        "thermoprotection.yaml": PLANNER,
        "references.json": REFERENCES,
        "rules/all.yaml": rules,
    }
    texts |= {f"{name}.json" if name == "references" else f"{name}.yaml": text for name, text in files.items()}
    for name, text in texts.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


def small_rules(folder: Path, rules: str = GROUNDED, **files: str) -> RuleSet:
    """The small rule set, loaded."""
    return load_rules(small(folder, rules, **files))


def a_rule(name: str, effect: str, when: str, *, option: str = "knife", for_each: str = "lesion", **more: str) -> str:
    """One rule on one line, complete as its effect demands."""
    words = {
        "id": name,
        "option": option,
        "for_each": for_each,
        "effect": effect,
        "when": f'"{when}"',
        "says": f"{name} holds",
        "otherwise": f"{name} does not hold",
        "basis": "unverified",
    }
    if effect in ("requires", "excludes") and "remedy" not in more and option not in ("scope", "order"):
        words["ground"] = "judgement"
    if effect == "obliges":
        words |= {"before": "decision", "who": "team"}
    words |= more
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in words.items()) + "}\n"


def rules_of(*rules: str) -> str:
    """A rules file of these rules, after those that ground both options."""
    return GROUNDED + "".join(rules)
