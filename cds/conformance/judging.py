"""What a deployment answered, judged: against the answer of this program, and against what any answer must keep to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds.api import evaluate
from cds.conformance.cases import PublishedCase, day_of
from cds.ruleset import RuleSet

Json = Mapping[str, Any]
OURS: Final = frozenset({"engines"})
"""Members of an answer that say how it was made, not what it says."""
MOST_DIFFERENCES: Final = 3
UNRECORDED: Final = "not-recorded"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP."""

    status: int
    body: bytes


Ask = Callable[[PublishedCase], Reply]
"""Puts a case to the deployment."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case that was put to the deployment, and what is wrong with its answer."""

    case: PublishedCase
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def judge(cases: Sequence[PublishedCase], ask: Ask, rules: RuleSet) -> Iterator[Result]:
    """Put each case to the deployment, and say what is wrong with what it answers. A case comes after its base."""
    answers: dict[str, Json] = {}
    for case in cases:
        reply = ask(case)
        if case.kind == "hostile":
            yield Result(case, tuple(_refused(reply)))
            continue
        answer, problems = _answer(reply)
        if answer is not None:
            answers[case.id] = answer
            here = json.loads(
                evaluate(case.body, as_of=day_of(case), phase=case.query["phase"], rules=rules).model_dump_json(
                    by_alias=True
                )
            )
            problems += _differences(here, answer)
            base = answers.get(case.base or "")
            if base is not None:
                problems += _kept(base, answer)
            problems += _named(case, answer)
        yield Result(case, tuple(problems))


def _answer(reply: Reply) -> tuple[Json | None, list[str]]:
    try:
        read = json.loads(reply.body)
    except ValueError:
        return None, [f"status {reply.status}, and the body is no JSON"]
    if reply.status != 200 or not isinstance(read, dict) or "lesions" not in read:
        return None, [f"status {reply.status}, and no answer: {reply.body[:200].decode('utf-8', 'replace')}"]
    return read, []


def _refused(reply: Reply) -> Iterator[str]:
    """An input that cannot be used: 4xx, with at least one problem named, and nothing that looks like an answer."""
    if not 400 <= reply.status < 500:
        yield f"status {reply.status}; what cannot be used is refused with 4xx"
    try:
        read = json.loads(reply.body)
    except ValueError:
        yield "the body is no JSON; the problems are an OperationOutcome or problem details"
        return
    if not isinstance(read, dict) or not (read.get("issue") or read.get("issues")):
        yield "no problem is named"
    elif "lesions" in read or "options" in read:
        yield "an error that looks like an answer"


def _differences(here: Json, there: Json) -> list[str]:
    """Where two answers say something else, the first few places."""
    ours, theirs = _comparable(here), _comparable(there)
    if json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True):  # much quicker than to walk both
        return []
    found = list(_unlike(ours, theirs, ""))
    more = [f"… and {len(found) - MOST_DIFFERENCES} more"] if len(found) > MOST_DIFFERENCES else []
    return found[:MOST_DIFFERENCES] + more


def _comparable(answer: Json) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if name not in OURS}
    kept["issues"] = [issue for issue in answer.get("issues", ()) if issue.get("code") != UNRECORDED]
    return kept


def _unlike(here: object, there: object, place: str) -> Iterator[str]:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for name in sorted({*here, *there}):
            if name not in here or name not in there:
                yield f"{place}/{name}: {'only the deployment has it' if name in there else 'the deployment lacks it'}"
            else:
                yield from _unlike(here[name], there[name], f"{place}/{name}")
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from _unlike(one, other, f"{place}/{number}")
    elif here != there or type(here) is not type(there):
        yield f"{place}: `{_short(there)}`; here it is `{_short(here)}`"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _kept(base: Json, changed: Json) -> Iterator[str]:
    """A fact less never leaves less possible: unknown is never "no"."""
    lesions = {lesion["id"]: lesion for lesion in changed["lesions"]}
    for lesion in base["lesions"]:
        others = {option["option"]: option for option in lesions.get(lesion["id"], {}).get("options", ())}
        for option in lesion["options"]:
            other = others.get(option["option"])
            gone = set(option["possible"]) - set(other["possible"]) if other is not None else set()
            if gone:
                yield f"{lesion['id']}: {option['option']}: without the fact, {', '.join(sorted(gone))} is not possible"


def _named(case: PublishedCase, answer: Json) -> Iterator[str]:
    """What was taken away, contradicted or unreadable is not known, and the answer says so."""
    if case.kind == "wrong-unit":
        if not any("unit" in issue["code"] for issue in answer["issues"]):
            yield "no issue names the unit"
        return
    found = [each for each in answer["facts"] if (each["subject"], each["name"]) == (case.about, case.name)]
    if case.kind == "contradictory" and [each["status"] for each in found] != ["conflicting"]:
        yield f"{case.about}: {case.name} is not shown as conflicting"
