"""An answer as FHIR R4 resources: proposals, issues, what is missing, and where everything comes from.

Nothing here decides. Only options that the answer calls eligible or conditional become actions; one that the patient
declines stays beside the other, and says so. Each option with its verdict, and the whole native answer, stand in
`GuidanceResponse.outputParameters`.
"""

from __future__ import annotations

import base64
import gzip
import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds import __version__
from cds.explanation import words
from cds.explanation.reasons import grouped, holds_back, rank, subjects
from cds.fhir_output import citations
from cds.fhir_output.addresses import Addresses
from cds.fhir_output.data_requirements import MissingFact, is_open, missing_facts, missing_requirements
from cds.fhir_output.datatypes import Json, concept, present, record_reference
from cds.fhir_output.occasion import Occasion
from cds.recommendation.model import (
    LesionPart,
    ObligationPart,
    OptionPart,
    ReasonPart,
    Recommendation,
    SourcePart,
    ThermoprotectionPart,
)
from cds.ruleset import RuleSet

IDENTIFIERS: Final = "urn:ietf:rfc:3986"
ANSWER: Final = "answer"
"""The parameter of `outputParameters` that holds the native answer: its JSON, byte for byte, packed with gzip."""
_PROPOSABLE: Final = ("eligible", "conditional")
_TYPES: Final = {
    "request": "RequestGroup",
    "option": "ServiceRequest",
    "due": "Task",
    "issue": "DetectedIssue",
    "guidance": "GuidanceResponse",
    ANSWER: "Parameters",
    "input": "OperationOutcome",
    "provenance": "Provenance",
    "device": "Device",
}
"""The types of an answer's resources, by the first word of their names."""
_SEVERITY: Final = {"strong": "high", "moderate": "moderate", "weak": "low"}
"""How severe an issue is shown: as strong as the rule is that it comes from."""


def care_plan(
    answer: Recommendation, content: bytes, rules: RuleSet, occasion: Occasion, outcome: Json | None = None
) -> Json:
    """The answer as R4's `$apply` returns it: a CarePlan (id: that of the plan) that contains everything else.

    `content` is the native answer as JSON; `outcome` an OperationOutcome of what is to be said about the input.
    """
    made = _Proposal(answer, content, rules, occasion, outcome, lambda name: {"reference": f"#{name}"})
    contained = made.resources()
    return {
        "resourceType": "CarePlan",
        "id": rules.head.id,
        "text": made.narrative(),
        "contained": [_named(each, name) for name, each in contained.items()],
        "identifier": [{"system": IDENTIFIERS, "value": f"urn:uuid:{occasion.identity('care-plan')}"}],
        "instantiatesCanonical": [made.plan],
        "status": "active",
        "intent": "proposal",
        "title": answer.rule_set.title,
        "description": made.summary(),
        "subject": {"reference": occasion.subject},
        **made.encounter(),
        "created": occasion.instant,
        "author": made.ref("device"),
        **present(contributor=made.contributors()),
        # What is contained is referred to (dom-3): the rest is, from the RequestGroup and the GuidanceResponse.
        "supportingInfo": [
            made.ref(name) for name in contained if name.startswith(("issue-", "guidance", "provenance"))
        ],
        "activity": [{"reference": made.ref("request-group")}],
    }


def bundle(
    answer: Recommendation, content: bytes, rules: RuleSet, occasion: Occasion, outcome: Json | None = None
) -> Json:
    """The answer as `$r5.apply` returns it: a Bundle whose first entry is the RequestGroup."""

    def address(name: str) -> Json:
        # The address says nothing of the type, so the reference does.
        return {"reference": f"urn:uuid:{occasion.identity(name)}", "type": _TYPES[name.partition("-")[0]]}

    made = _Proposal(answer, content, rules, occasion, outcome, address)
    return {
        "resourceType": "Bundle",
        "id": str(occasion.identity("bundle")),
        "identifier": {"system": IDENTIFIERS, "value": f"urn:uuid:{occasion.identity('bundle')}"},
        "type": "collection",
        "timestamp": occasion.instant,
        "entry": [
            {
                "fullUrl": f"urn:uuid:{occasion.identity(name)}",
                "resource": _named(each, str(occasion.identity(name))),
            }
            for name, each in made.resources().items()
        ],
    }


@dataclass(frozen=True, slots=True)
class _Proposal:
    """The resources of one answer in the making; `address` says how one of them is referred to."""

    answer: Recommendation
    content: bytes
    rules: RuleSet
    occasion: Occasion
    outcome: Json | None
    address: Callable[[str], Json]

    @property
    def addresses(self) -> Addresses:
        return Addresses.of(self.rules)

    @property
    def plan(self) -> str:
        return self.addresses.versioned(self.addresses.plan)

    @property
    def references(self) -> Mapping[str, Mapping[str, Any]]:
        return self.answer.references

    def ref(self, name: str) -> Json:
        return self.address(name)

    def resources(self) -> dict[str, Json]:
        """Every resource by its name within the answer; the RequestGroup first."""
        requests: dict[str, Json] = {}
        issues: dict[str, Json] = {}
        actions: list[Json] = []
        for number, lesion in enumerate(self.answer.lesions, 1):
            found = {f"issue-{number}-{n}": each for n, each in enumerate(self._issues(lesion, number), 1)}
            issues |= found
            actions += self._options(lesion, number, found, requests)
            actions += self._obligations(lesion, number, requests)
        missing = missing_facts(self.answer)
        return {
            "request-group": self._request_group(actions),
            **requests,
            **issues,
            "guidance": self._guidance(missing),
            ANSWER: self._parameters(),
            **({"input-issues": self.outcome} if self.outcome is not None else {}),
            "provenance": self._provenance(["request-group", *requests, *issues]),
            "device": self._device(),
        }

    # ------------------------------------------------------------------------------------------ about the request

    def encounter(self) -> Json:
        encounter = self.occasion.encounter
        return {"encounter": {"reference": encounter}} if encounter else {}

    def contributors(self) -> list[Json]:
        return [{"reference": each} for each in (self.occasion.practitioner, self.occasion.organization) if each]

    def _common(self, name: str) -> Json:
        return {"identifier": [{"system": IDENTIFIERS, "value": f"urn:uuid:{self.occasion.identity(name)}"}]}

    @property
    def _subject(self) -> Json:
        return {"reference": self.occasion.subject}

    # --------------------------------------------------------------------------------------------------- in words

    def summary(self) -> str:
        """Every option of every lesion with its verdict, one line each."""
        lines = [self._line(lesion, option) for lesion in self.answer.lesions for option in lesion.options]
        if not lines:
            lines = [reason.says or reason.code.replace("-", " ") for reason in self.answer.scope.reasons]
        return "\n".join(lines)

    def _line(self, lesion: LesionPart, option: OptionPart) -> str:
        declined = f"; {words.DECLINED['true']}" if option.declined == "true" else ""
        return f"{lesion.id}, {lesion.label}: {option.label}: {words.verdict(option, lesion.scope.truth)}{declined}"

    def narrative(self) -> Json:
        lines = [self.answer.rule_set.title, f"As of {self.answer.as_of}; phase: {self.answer.phase}.",
                 *self.summary().splitlines(), "Options with their reasons, and no directive."]  # fmt: skip
        body = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
        return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}

    # ------------------------------------------------------------------------------------------------- the actions

    def _request_group(self, actions: Sequence[Json]) -> Json:
        return {
            "resourceType": "RequestGroup",
            **self._common("request-group"),
            "instantiatesCanonical": [self.plan],
            "status": "active",
            "intent": "proposal",
            "subject": self._subject,
            **self.encounter(),
            "authoredOn": self.occasion.instant,
            "author": self.ref("device"),
            **present(action=list(actions)),
        }

    def _options(
        self, lesion: LesionPart, number: int, issues: Mapping[str, Json], requests: dict[str, Json]
    ) -> Iterator[Json]:
        """The options that can be proposed for a lesion, side by side: at most one of them is chosen."""
        proposed = []
        for option in self._ordered(lesion):
            if is_proposable(option):
                name = f"option-{number}-{option.option}"
                requests[name] = self._service_request(lesion, option, name, issues)
                proposed.append(self._option(lesion, option, name))
        if proposed:
            yield {
                "title": f"Options for {lesion.id}: {lesion.label}"[:1000],
                "groupingBehavior": "logical-group",
                "selectionBehavior": "at-most-one",
                "action": proposed,
            }

    def _ordered(self, lesion: LesionPart) -> list[OptionPart]:
        """The options in the order that the answer gives where it gives one; else as the rule set lists them."""
        if len(lesion.order.possible) != 1:
            return list(lesion.options)
        places = {name: place for place, group in enumerate(lesion.order.possible[0].groups) for name in group}
        return sorted(lesion.options, key=lambda option: places.get(option.option, len(places)))

    def _option(self, lesion: LesionPart, option: OptionPart, name: str) -> Json:
        telling = [r for r in option.reasons if r.truth == "true" and (r.effect == "for" or holds_back(r))]
        unmet = [r for r in option.reasons if holds_back(r) and r not in telling]
        says = list(dict.fromkeys(reason.says for reason in sorted((*unmet, *telling), key=rank)))
        documentation: list[Json] = []
        for reason in (*unmet, *telling):
            for each in citations.of_reason(reason, self.references):
                if each not in documentation:
                    documentation.append(each)
        banner = [option.banner.says] if option.banner else []
        if option.banner:
            documentation += citations.cited(option.banner.evidence, self.references)
        verdict = words.verdict(option, lesion.scope.truth)
        return {
            "title": f"{option.label} ({words.DECLINED['true']})" if option.declined == "true" else option.label,
            "description": " ".join((f"{verdict.capitalize()}; {words.DECLINED[option.declined]}.", *says, *banner)),
            "code": [
                concept(self.addresses.system("option"), option.option, option.label),
                concept(self.addresses.system("verdict"), option.verdict, verdict),
            ],
            **present(documentation=documentation),
            "resource": self.ref(name),
        }

    def _service_request(self, lesion: LesionPart, option: OptionPart, name: str, issues: Mapping[str, Json]) -> Json:
        about = [self.ref(key) for key, issue in issues.items() if self.ref(name) in issue.get("implicated", ())]
        sites = [record_reference(s.resource, None) for s in lesion.sources if s.resource.startswith("Condition/")]
        return {
            "resourceType": "ServiceRequest",
            **self._common(name),
            "instantiatesCanonical": [self.plan],
            "status": "draft",
            "intent": "proposal",
            "code": concept(self.addresses.system("option"), option.option, option.label),
            "subject": self._subject,
            **self.encounter(),
            "authoredOn": self.occasion.instant,
            "requester": self.ref("device"),
            "bodySite": [{"text": lesion.label or lesion.id}],
            **present(reasonReference=_unique(sites), supportingInfo=about),
        }

    def _obligations(self, lesion: LesionPart, number: int, requests: dict[str, Json]) -> Iterator[Json]:
        """What is due, as proposed tasks: all of them, whichever option is chosen."""
        idle = {option.option for option in lesion.options if option.standing == "excluded"}
        due = [each for each in lesion.obligations if each.due == "true" and each.option not in idle]
        children = []
        for n, each in enumerate(due, 1):
            name = f"due-{number}-{n}"
            requests[name] = self._task(each, name)
            says = requests[name]["description"]
            children.append({"title": each.rule, "description": says, "resource": self.ref(name)})
        if children:
            yield {
                "title": f"Due for {lesion.id}: {lesion.label}"[:1000],
                "groupingBehavior": "logical-group",
                "selectionBehavior": "all",
                "action": children,
            }

    def _task(self, due: ObligationPart, name: str) -> Json:
        return {
            "resourceType": "Task",
            **self._common(name),
            "instantiatesCanonical": self.plan,
            "status": "draft",
            "intent": "proposal",
            "description": f"{due.says} ({due.who}, {words.BEFORE[due.before]})",
            "for": self._subject,
            **self.encounter(),
            "authoredOn": self.occasion.instant,
            "requester": self.ref("device"),
            "performerType": [{"text": due.who}],
            "reasonCode": {"text": due.rule},
        }

    # --------------------------------------------------------------------------------------------- what is at issue

    def _issues(self, lesion: LesionPart, number: int) -> Iterator[Json]:
        """What holds an option back, and each structure that needs protection; each once."""
        if lesion.scope.truth == "false":
            return
        structures = {f"{lesion.id}/{p.structure}/{p.side or 'none'}": p for p in lesion.thermoprotection}
        told: set[tuple[str, str]] = set()
        protected: set[str] = set()
        exposed: list[OptionPart] = []
        for option in lesion.options:
            implicated = [self.ref(f"option-{number}-{option.option}")] if is_proposable(option) else []
            if implicated and option.declined == "true":
                yield self._declined(lesion, option, implicated)
            if is_open(lesion, option) and any(each.subject in structures for each in option.reasons):
                exposed.append(option)
            for reason in sorted(filter(holds_back, option.reasons), key=rank):
                excludes = rank(reason)[0] is False
                if (is_open(lesion, option) or excludes) and (reason.rule, reason.subject) not in told:
                    told.add((reason.rule, reason.subject))
                    structure = structures.get(reason.subject)
                    protected.add(reason.subject)
                    yield self._issue(lesion, option, reason, structure, implicated, excludes=excludes)
        for subject, structure in structures.items() if exposed else ():
            if structure.verdict == "required" and subject not in protected:
                refs = [self.ref(f"option-{number}-{o.option}") for o in exposed if is_proposable(o)]
                yield self._protection(structure, refs)

    def _issue(
        self,
        lesion: LesionPart,
        option: OptionPart,
        reason: ReasonPart,
        structure: ThermoprotectionPart | None,
        implicated: list[Json],
        *,
        excludes: bool,
    ) -> Json:
        needed = structure is not None and structure.verdict == "required" and reason.asks == "plan"
        if excludes:
            kind = "not-indicated" if reason.ground == "indication" else "contraindication"
        else:
            kind = "thermoprotection" if needed else _KINDS[reason.asks]
        about = subjects(lesion).get(reason.subject, reason.subject)
        parts = [f"{reason.says} ({words.sources(reason)})"]
        parts += [f"Correct first: {reason.remedy}"] if reason.remedy else []
        parts += ["The plan answers it."] if reason.addressed == "true" else []
        parts += [_measures(structure)] if structure is not None and needed else []
        return self._detected(
            kind,
            f"{kind.replace('-', ' ')}: {option.label}, {about}",
            _severity(reason, excludes=excludes),
            " ".join(parts),
            [source for fact in reason.facts for source in fact.sources],
            next((each.url for each in reason.evidence if each.url), None),
            implicated,
            structure if needed else None,
        )

    def _declined(self, lesion: LesionPart, option: OptionPart, implicated: list[Json]) -> Json:
        """That the patient declines an option that is possible."""
        fact = self.rules.options[option.option].declined_by
        said = [each for each in self.answer.facts if (each.name, each.subject) == (fact, lesion.id)]
        return self._detected(
            "declined",
            f"declined: {option.label}",
            "high",
            f"{option.label}: {words.DECLINED['true']}.",
            [source for each in said for source in each.sources],
            None,
            implicated,
            None,
        )

    def _protection(self, structure: ThermoprotectionPart, implicated: list[Json]) -> Json:
        """A structure that the plan has to protect though no reason of an option says so."""
        holding = [reason for reason in structure.reasons if reason.truth == "true"]
        says = " ".join((*(f"{reason.says} ({words.sources(reason)})" for reason in holding), _measures(structure)))
        return self._detected(
            "thermoprotection",
            f"thermoprotection: {structure.label}",
            max((_SEVERITY[each.strength] for each in holding), key=("low", "moderate", "high").index, default="high"),
            says,
            [source for reason in holding for fact in reason.facts for source in fact.sources],
            next((each.url for reason in holding for each in reason.evidence if each.url), None),
            implicated,
            structure,
        )

    def _detected(
        self,
        kind: str,
        text: str,
        severity: str | None,
        detail: str,
        sources: Iterable[SourcePart],
        reference: str | None,
        implicated: list[Json],
        structure: ThermoprotectionPart | None,
    ) -> Json:
        evidence = _unique(record_reference(s.resource, s.version) for s in sources if s.role == "value")
        planned = [each for each in structure.measures if each.planned == "true"] if structure is not None else []
        return {
            "resourceType": "DetectedIssue",
            "status": "preliminary",
            "code": concept(self.addresses.system("detected-issue"), kind, text),
            "patient": self._subject,
            "identifiedDateTime": self.occasion.instant,
            "author": self.ref("device"),
            **present(
                severity=severity,
                implicated=implicated,
                evidence=[{"detail": evidence}] if evidence else None,
                detail=detail,
                reference=reference,
                mitigation=[
                    {"action": concept(self.addresses.system("measure"), each.measure, f"{each.label} (planned)")}
                    for each in planned
                ],
            ),
        }

    # --------------------------------------------------------------------------------------------------- guidance

    def _guidance(self, missing: Sequence[MissingFact]) -> Json:
        occasion = self.occasion
        record = [{"system": self.addresses.system("record"), "value": occasion.record}] if occasion.record else []
        return {
            "resourceType": "GuidanceResponse",
            "requestIdentifier": {"system": IDENTIFIERS, "value": f"urn:uuid:{occasion.id}"},
            "identifier": [*self._common("guidance")["identifier"], *record],
            "moduleCanonical": self.plan,
            "status": guidance_status(self.answer),
            "subject": self._subject,
            **self.encounter(),
            "occurrenceDateTime": occasion.instant,
            "performer": self.ref("device"),
            "note": [{"text": self.summary()}],
            **({"evaluationMessage": [self.ref("input-issues")]} if self.outcome is not None else {}),
            "outputParameters": self.ref(ANSWER),
            "result": self.ref("request-group"),
            **present(dataRequirement=missing_requirements(missing, self.rules)),
        }

    def _parameters(self) -> Json:
        """The trace: every option of every lesion with its verdict, and the native answer as it is."""
        options = [
            {
                "name": "option",
                "part": [
                    {"name": "lesion", "valueString": lesion.id},
                    {"name": "option", "valueCode": option.option},
                    {"name": "verdict", "valueCode": option.verdict},
                    *({"name": "possible", "valueCode": each} for each in option.possible),
                    {"name": "standing", "valueCode": option.standing},
                    {"name": "declined", "valueCode": option.declined},
                    *(
                        {"name": "because", "valueString": f"{group.first.rule}: {group.first.says}"}
                        for group in grouped(filter(holds_back, option.reasons))
                    ),
                ],
            }
            for lesion in self.answer.lesions
            for option in lesion.options
        ]
        # Packed: readers of FHIR take no value above one megabyte. No time in it: the same answer gives the same bytes.
        packed = gzip.compress(self.content, compresslevel=6, mtime=0)
        attachment = {
            "contentType": "application/gzip",
            "data": base64.b64encode(packed).decode("ascii"),
            "size": len(packed),
            "title": "the whole answer as JSON, as POST /evaluate gives it, packed with gzip",
        }
        return {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "as_of", "valueDate": self.answer.as_of.isoformat()},
                {"name": "phase", "valueCode": self.answer.phase},
                {"name": "rule_set", "valueString": self.answer.rule_set.digest},
                *options,
                {"name": ANSWER, "valueAttachment": attachment},
            ],
        }

    # ----------------------------------------------------------------------------------------- where it comes from

    def _provenance(self, targets: Sequence[str]) -> Json:
        """Which resources of the record, in which versions, the answer was made of."""
        used = dict.fromkeys(
            (source.resource, source.version)
            for sources in (*(f.sources for f in self.answer.facts), *(e.sources for e in self.answer.lesions))
            for source in sources
            if source.resource != "Bundle"
        )
        return {
            "resourceType": "Provenance",
            "target": [self.ref(name) for name in targets],
            "recorded": self.occasion.instant,
            "agent": [{"type": {"text": "assembler"}, "who": self.ref("device")}],
            **present(entity=[{"role": "source", "what": record_reference(*each)} for each in used]),
        }

    def _device(self) -> Json:
        """The system as a Device: the program, the rule set and both engines in their versions."""
        head, engines = self.answer.rule_set, self.answer.engines
        versions = {
            "software": __version__,
            f"rule set {head.id}": head.version,
            "rule set digest": head.digest,
            "reference evaluator": engines.reference,
            "durable-rules": engines.durable_rules,
        }
        return {
            "resourceType": "Device",
            **self._common("device"),
            "status": "active",
            "deviceName": [{"name": "cds-head-neck", "type": "other"}],
            "version": [{"type": {"text": kind}, "value": value} for kind, value in versions.items()],
            "type": {"text": "clinical decision support software; not a medical device"},
        }


_KINDS: Final = {"correct": "correction-due", "plan": "plan-due", "weigh": "caution", None: "caution"}


def is_proposable(option: OptionPart) -> bool:
    """Whether an option may be proposed: its verdict is settled, and nothing excludes it."""
    return option.verdict in _PROPOSABLE


def guidance_status(answer: Recommendation) -> str:
    """`data-required` where a verdict is open for want of facts, `data-requested` where facts would refine, else
    `success`.
    """
    missing = missing_facts(answer)
    if any(fact.decisive for fact in missing):
        return "data-required"
    return "data-requested" if missing else "success"


def _severity(reason: ReasonPart, *, excludes: bool) -> str | None:
    """What excludes is always high; that an option is not indicated harms nobody and has no severity."""
    if not excludes:
        return _SEVERITY[reason.stated_strength]
    return None if reason.ground == "indication" else "high"


def _measures(structure: ThermoprotectionPart) -> str:
    """Where each measure that is listed for a structure stands."""
    told = [f"{m.label} ({words.MEASURE.get(m.status, m.status)}{', planned' if m.planned == 'true' else ''})"
            for m in structure.measures]  # fmt: skip
    covered = {"true": "covered by the plan", "false": "not covered by the plan", "unknown": "cover not known"}
    listed = f"Measures: {', '.join(told)}; " if told else "No protective measure is listed; "
    return f"Distance {structure.distance}. {listed}{covered[structure.covered_by_plan]}."


def _named(resource: Json, id_: str) -> Json:
    """A resource with its id, which stands where readers look for it."""
    return {"resourceType": resource["resourceType"], "id": id_, **resource}


def _unique(references: Iterable[Json]) -> list[Json]:
    found: list[Json] = []
    for each in references:
        if each not in found:
            found.append(each)
    return found
