"""Every error this package raises, drawn at the top.

    CdsError                    code, message, issues
    ├── UnusableInput           a bundle (or an argument beside it) cannot be evaluated; `issues` names every problem
    ├── RuleSetError            a rule set does not load; `findings` names every problem
    │   ├── ConditionError      one problem of a condition: not in the language, or not fitting the vocabulary
    │   └── ConditionErrors     all problems of a condition                                   (both: cds.language)
    ├── CaseFileError           a case written by hand does not fit the vocabulary            (cds.case.reading)
    ├── NotSupposable           a fact cannot be supposed as it is written                    (cds.case.supposing)
    ├── NotRebuildable          a case that no minimal bundle can say                         (cds.intake.rebuild)
    ├── Unsayable               a fact that no answer of the form can say          (cds.fhir_output.questionnaire)
    ├── IncomparableFacts, UntrustedWitness, Undecided: what no proof about rule sets can say        (cds.analysis)
    ├── UnknownCriterion, Unreachable: a criterion for which no case is made               (cds.testing.directed)
    ├── RecordsUnavailable, UnknownRecord, UnreadableRecord, DecidedMeanwhile: the decision records   (cds.records)
    ├── NotFetched, NotAuthentic, NotAllowed: who asks                               (cds.service.security)
    ├── Refused                 a request that gets an OperationOutcome and no answer         (cds.service.outcomes)
    │   └── NotAnswered         … a call of a hook                                            (cds.service.hooks)
    ├── UnusableArgument        an argument of the command line names nothing usable          (cds.commands)
    ├── UnitError               a unit is unknown, or two units measure different things
    └── NoAdvice                the engines disagree or one of them failed: there is no answer
        ├── EngineDisagreement  … the two engines decided a criterion differently
        └── EngineFailure       … an engine died, hung or lost a rule
            └── DurableRulesUnavailable  … durable-rules cannot be loaded here    (cds.reasoning.durable_compat)

A message is read by somebody who must act: *where: what is wrong with `their text`; what is accepted; the next step*.
Lower case, no full stop. Each `code` is stable and has a page `docs/reference/errors/<code>.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem of the input, as FHIR's OperationOutcome.issue would carry it.

    `expression` is the FHIRPath of the element (`Bundle.entry[3].resource.valueQuantity`), or empty where the problem
    has no element (bytes that are not JSON).

    >>> Issue("error", "not-json", "", "the input is not JSON").severity
    'error'
    """

    severity: Severity
    code: str
    expression: str
    details: str


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file of a rule set: 1-based line and column.

    >>> str(Position("rules/parameters.yaml", 12, 3))
    'rules/parameters.yaml:12:3'
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a rule set: where, what, and how to go on.

    `excerpt` holds the offending line with a caret line under it, or is empty.
    """

    code: str
    position: Position
    message: str
    excerpt: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        text = f"{self.position}: {self.message} [{self.code}]"
        return f"{text}\n{self.excerpt}" if self.excerpt else text


class CdsError(Exception):
    """The base of every error that this package raises on purpose."""

    code: ClassVar[str] = "cds-error"
    issues: tuple[Issue, ...] = ()


class UnusableInput(CdsError):
    """A bundle that cannot be evaluated; `issues` holds every problem found, each with its FHIRPath.

    >>> raise UnusableInput([Issue("error", "not-json", "", "the input is not JSON")])
    Traceback (most recent call last):
    cds.errors.UnusableInput: the input is not JSON
    """

    code: ClassVar[str] = "unusable-input"

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues = tuple(issues)
        errors = [issue for issue in self.issues if issue.severity == "error"] or list(self.issues)
        super().__init__("; ".join(f"{i.expression}: {i.details}" if i.expression else i.details for i in errors))


class RuleSetError(CdsError):
    """A rule set that does not load; `findings` holds every problem found, each with file, line and column."""

    code: ClassVar[str] = "rule-set-error"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class UnitError(CdsError):
    """A unit that is not known UCUM, or two units of different dimension.

    >>> raise UnitError("`furlong` is not a UCUM code known here")
    Traceback (most recent call last):
    cds.errors.UnitError: `furlong` is not a UCUM code known here
    """

    code: ClassVar[str] = "unit-error"


class NoAdvice(CdsError):
    """No answer can be given although the input was usable. Never caught in order to go on with half an answer."""

    code: ClassVar[str] = "no-advice"


class EngineDisagreement(NoAdvice):
    """The two engines decided at least one criterion differently."""

    code: ClassVar[str] = "engine-disagreement"


class EngineFailure(NoAdvice):
    """An engine died, ran out of time, raised, or did not confirm that it had run to the end."""

    code: ClassVar[str] = "engine-failure"
