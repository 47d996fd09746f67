"""What a board decided, as FHIR R4: a plan of the board, a draft of the request that follows, and who stands for it.

The plan is active unless a later decision replaced it; then it is revoked, and the later one says what it replaces.
Nothing is ordered: the request is a draft, which a clinician signs or drops.
"""

from __future__ import annotations

import datetime as dt
import html
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cds import __version__
from cds.board.decision import BoardDecided, lesion_of
from cds.fhir_output.addresses import Addresses
from cds.fhir_output.datatypes import TERMINOLOGY, Json, concept, present, record_reference
from cds.fhir_output.proposal import IDENTIFIERS
from cds.recommendation.model import LesionPart, Recommendation
from cds.ruleset import RuleSet

_AGENTS: Final = f"{TERMINOLOGY}provenance-participant-type"
_UNNAMED: Final = "the patient of this record; its answer was erased, or names none"


def decision_bundle(
    decided: BoardDecided, answer: Recommendation | None, rules: RuleSet, *, pseudonymous: bool = False
) -> Json:
    """A decision as a Bundle: CarePlan, ServiceRequest, CareTeam, the people who took part, Provenance, Device.

    `answer` is the one that the board had before it (`None`: its content was erased); `rules` the rule set in force,
    for the addresses of its code systems. `pseudonymous`: what the answer names are pseudonyms, which lead nowhere.
    """
    lesion = lesion_of(answer, decided.lesion) if answer is not None else None
    addresses = Addresses.of(rules)
    if answer is not None:
        addresses = Addresses(addresses.prefix, answer.rule_set.id, answer.rule_set.version)
    return _Decision(decided, answer, lesion, addresses, pseudonymous).bundle()


@dataclass(frozen=True, slots=True)
class _Decision:
    """The resources of one decision in the making."""

    decided: BoardDecided
    answer: Recommendation | None
    lesion: LesionPart | None
    addresses: Addresses
    pseudonymous: bool

    def bundle(self) -> Json:
        resources = self.resources()
        return {
            "resourceType": "Bundle",
            "id": str(_identity(self.decided.id, "bundle")),
            "identifier": {"system": IDENTIFIERS, "value": f"urn:uuid:{_identity(self.decided.id, 'bundle')}"},
            "type": "collection",
            "timestamp": self.instant,
            "entry": [
                {
                    "fullUrl": self.address(name),
                    "resource": {"resourceType": each["resourceType"], "id": self.id(name), **each},
                }
                for name, each in resources.items()
            ],
        }  # fmt: skip

    def resources(self) -> dict[str, Json]:
        """Every resource by its name; the plan first."""
        people = {f"member-{n}": _practitioner(name) for n, name in enumerate(self.decided.members, 1)}
        if self.decided.writer is not None:
            people["writer"] = _practitioner(self.decided.writer, self.decided.issuer)
        return {
            "plan": self.plan(),
            "request": self.request(),
            "team": self.team(),
            **people,
            "provenance": self.provenance(),
            "device": self.device(),
        }

    @property
    def instant(self) -> str:
        return self.decided.recorded_at.astimezone(dt.UTC).isoformat(timespec="milliseconds")

    @property
    def subject(self) -> Json:
        """The patient, as far as the answer names one."""
        facts = self.answer.facts if self.answer is not None else ()
        sources = (source.resource for fact in facts for source in fact.sources)
        named = next((each for each in sources if each.startswith("Patient/")), None)
        return self.record(named) if named is not None else {"type": "Patient", "display": _UNNAMED}

    def record(self, resource: str) -> Json:
        """A reference to a resource of the patient's record."""
        if self.pseudonymous:
            return {"type": resource.partition("/")[0], "display": f"known here by the pseudonym {resource}"}
        return record_reference(resource, None)

    def id(self, name: str) -> str:
        return str(_identity(self.decided.id, name))

    def address(self, name: str) -> str:
        return f"urn:uuid:{self.id(name)}"

    def ref(self, name: str, kind: str) -> Json:
        return {"reference": self.address(name), "type": kind}

    # ----------------------------------------------------------------------------------------------- what is planned

    def plan(self) -> Json:
        decided = self.decided
        replaced = decided.supersedes
        return {
            "resourceType": "CarePlan",
            "text": self.narrative(),
            **_identifier(self.id("plan")),
            **present(instantiatesCanonical=self._instantiates()),
            **({"replaces": [_elsewhere(replaced, "plan", "CarePlan")]} if replaced is not None else {}),
            "status": "active" if decided.replaced_by is None else "revoked",
            "intent": "plan",
            "title": "Decision of the tumour board",
            "description": "\n".join(self.lines()),
            "subject": self.subject,
            "created": decided.decided_on,
            "author": self.ref("team", "CareTeam"),
            "careTeam": [self.ref("team", "CareTeam")],
            **present(addresses=self.conditions()),
            "activity": [{"reference": self.ref("request", "ServiceRequest")}],
            **present(note=[{"text": text} for text in self.notes()]),
        }

    def request(self) -> Json:
        decided = self.decided
        options = {option.option for option in self.lesion.options} if self.lesion is not None else set()
        named = _plain(decided.named)
        coded = concept(self.addresses.system("option"), decided.option, named)
        return {
            "resourceType": "ServiceRequest",
            **_identifier(self.id("request")),
            **present(instantiatesCanonical=self._instantiates()),
            "basedOn": [self.ref("plan", "CarePlan")],
            "status": "draft" if decided.replaced_by is None else "revoked",
            "intent": "plan",
            "code": coded if decided.option in options else {"text": named},
            "subject": self.subject,
            "authoredOn": decided.decided_on,
            **present(
                bodySite=[{"text": self.lesion.label or self.lesion.id}] if self.lesion is not None else [],
                reasonReference=self.conditions(),
                note=[{"text": "A draft that follows from the board's decision: nothing is ordered by it."}],
            ),
        }

    def conditions(self) -> list[Json]:
        """The lesion's conditions in the record, each once."""
        sources = self.lesion.sources if self.lesion is not None else ()
        named = dict.fromkeys(each.resource for each in sources if each.resource.startswith("Condition/"))
        return [self.record(each) for each in named]

    def notes(self) -> Iterator[str]:
        """The board's reason, and every rule that it decided against, with the sentence."""
        decided = self.decided
        if decided.rationale.strip():
            yield f"Reason: {_plain(decided.rationale).strip()}"
        for each in decided.overridden:
            yield f"Decided against rule {each.rule}: {each.says}"
        if decided.follows is False:
            yield "The choice is not what the answer leaves open."
        if decided.follows is None:
            yield "The answer says nothing of the choice."
        if self.answer is not None and self.answer.rule_set.approved is None:
            yield "Nobody has approved the rule set of the answer: a draft, not for the care of patients."

    def lines(self) -> Iterator[str]:
        """What was decided, and the options with their verdicts in the answer."""
        lesion = self.lesion
        about = f"{lesion.id}, {lesion.label}" if lesion is not None else self.decided.lesion or "the patient"
        yield _plain(f"{about}: {self.decided.named}")
        for option in lesion.options if lesion is not None else ():
            yield f"{option.label}: {option.verdict.replace('-', ' ')} in the answer of {self._as_of}"

    @property
    def _as_of(self) -> str:
        return self.answer.as_of.isoformat() if self.answer is not None else ""

    def _instantiates(self) -> list[str]:
        return [self.addresses.versioned(self.addresses.plan)] if self.answer is not None else []

    def narrative(self) -> Json:
        told = [*self.lines(), f"Decided on {self.decided.decided_on} by: {_plain('; '.join(self.decided.members))}"]
        body = "".join(f"<p>{html.escape(line)}</p>" for line in [*told, *self.notes()])
        return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}

    # ------------------------------------------------------------------------------------------------ who, from what

    def team(self) -> Json:
        members = [f"member-{n}" for n in range(1, len(self.decided.members) + 1)]
        return {
            "resourceType": "CareTeam",
            **_identifier(self.id("team")),
            "status": "active",
            "name": "Tumour board",
            "subject": self.subject,
            **present(participant=[{"member": self.ref(name, "Practitioner")} for name in members]),
        }

    def provenance(self) -> Json:
        decided = self.decided
        agents = [
            {"type": concept(_AGENTS, "author", "Author"), "who": self.ref("team", "CareTeam")},
            {"type": concept(_AGENTS, "assembler", "Assembler"), "who": self.ref("device", "Device")},
        ]
        if decided.writer is not None:
            enterer = {"type": concept(_AGENTS, "enterer", "Enterer"), "who": self.ref("writer", "Practitioner")}
            agents.insert(1, enterer)
        about = {"identifier": {"system": IDENTIFIERS, "value": f"urn:uuid:{decided.record}"},
                 "display": "the record of the answer that the board had before it"}  # fmt: skip
        entities: list[Json] = [{"role": "source", "what": about}]
        if decided.supersedes is not None:
            entities.append({"role": "revision", "what": _elsewhere(decided.supersedes, "plan", "CarePlan")})
        return {
            "resourceType": "Provenance",
            "target": [self.ref("plan", "CarePlan"), self.ref("request", "ServiceRequest")],
            "occurredDateTime": decided.decided_on,
            "recorded": self.instant,
            "agent": agents,
            "entity": entities,
        }

    def device(self) -> Json:
        """The program that wrote the decision down, and the rules of the answer."""
        versions = {"software": __version__}
        if self.answer is not None:
            head = self.answer.rule_set
            versions |= {f"rule set {head.id}": head.version, "rule set digest": head.digest}
        return {
            "resourceType": "Device",
            **_identifier(self.id("device")),
            "status": "active",
            "deviceName": [{"name": "cds-head-neck", "type": "other"}],
            "version": [{"type": {"text": kind}, "value": value} for kind, value in versions.items()],
            "type": {"text": "clinical decision support software; not a medical device"},
        }


def _identity(decision: str, name: str) -> uuid.UUID:
    """The id of one resource of a decision: the same each time it is written out."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:uuid:{decision}#{name}")


def _identifier(id_: str) -> Json:
    return {"identifier": [{"system": IDENTIFIERS, "value": f"urn:uuid:{id_}"}]}


def _elsewhere(decision: str, name: str, kind: str) -> Json:
    """A resource of another decision, which is in another Bundle."""
    value = f"urn:uuid:{_identity(decision, name)}"
    return {"type": kind, "identifier": {"system": IDENTIFIERS, "value": value}}


def _practitioner(name: str, issuer: str | None = None) -> Json:
    identifier = {"identifier": [{"system": issuer, "value": name}]} if issuer is not None else {}
    return {"resourceType": "Practitioner", **identifier, "name": [{"text": _plain(name)}]}


def _plain(text: str) -> str:
    """A text as FHIR takes it: of control characters, line ends and tabs alone."""
    return "".join(each if each.isprintable() or each in "\n\t" else " " for each in text)
