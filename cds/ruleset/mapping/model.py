"""The files of a folder `mapping/`: what each section may hold.

Names of value sets and code maps stand for the tables; whether a name has a table is checked where all files are
together (`cds.ruleset.mapping.checks`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from cds.ruleset.hooks import Hooks
from cds.ruleset.model import Model


class System(Model):
    """A code system: its address, the other ways in which senders write it, and whether dots in codes count."""

    uri: str
    aliases: tuple[str, ...] = ()
    dots_count: bool = True


class CodeGroup(Model):
    """Codes of one system from one source; `codes` and `prefixes` map a code to words for people, never to a
    meaning.
    """

    system: str
    source: str
    codes: dict[str, str] = Field(default_factory=dict)
    prefixes: dict[str, str] = Field(default_factory=dict)

    def every_code(self) -> Iterable[str]:
        """The codes that it lists."""
        return self.codes


class CodeMapGroup(Model):
    """Codes of one system from one source, by what they mean here."""

    system: str
    source: str
    to: dict[str, dict[str, str]]

    def every_code(self) -> Iterable[str]:
        """The codes that it lists, whatever each means."""
        return (code for codes in self.to.values() for code in codes)


class Local(Model):
    """The addresses of what this rule set defines itself: code systems, a form, identifiers."""

    observation: str
    value_prefix: str
    structure: str
    questionnaire: str
    after: str = ""
    """The extension by which a statement says that it follows an event: the path of a fact of type Date."""
    lesion_identifiers: tuple[str, ...] = ()


class Extensions(Model):
    """Addresses of the extensions that are read, by what they say."""

    laterality: tuple[str, ...] = ()
    histology: tuple[str, ...] = ()
    related_condition: tuple[str, ...] = ()
    body_structure: tuple[str, ...] = ()
    status_reason: tuple[str, ...] = ()
    recurrence: tuple[str, ...] = ()
    dose_to_volume: tuple[str, ...] = ()
    certainty: tuple[str, ...] = ()
    harmless_modifiers: tuple[str, ...] = ()


class LesionTables(Model):
    """Names of the value sets and code maps that find tumours and describe them.

    `unspecified` is a target of the site maps: head and neck, which site not said.
    """

    tumour_profiles: tuple[str, ...]
    volume_profiles: tuple[str, ...]
    cancer_profiles: tuple[str, ...]
    secondary_profiles: tuple[str, ...]
    site: str
    side: str
    histology: str
    condition_site: str
    condition_side: str
    condition_histology: str
    unspecified: str
    malignant: str
    recurrent: str
    nodes: str
    history: str
    structure: str
    far_sites: str
    certainty: str


class ObservationReader(Model):
    """An Observation code of a published system that gives a fact.

    `map` names a code map for coded values; `component` the value set of the component that holds the value;
    `structure` is `bodySite`, or the name of the structure that the code implies; `unless` names elements whose
    presence, and `unless_method` a value set of methods, which mean that the value is about something else; `since`
    names a Date fact: an older Observation speaks of an earlier time; `before` one that it has to be older than. With
    `of_tumour` it speaks of one cancer, and of no fact of the patient where that is not the head and neck tumour.
    """

    id: str
    fact: str
    codes: str
    map: str | None = None
    component: str | None = None
    structure: str | None = None
    unless: tuple[str, ...] = ()
    unless_method: str | None = None
    since: str | None = None
    before: str | None = None
    of_tumour: bool = False


class ConditionReader(Model):
    """A Condition code that makes a Boolean fact true; with `unclear`, one that only shows that the fact is open.

    `may_be` names a value set of diagnoses among which there are such: one of them, unless it is listed in `codes`,
    keeps the silence about the fact from being an answer.
    """

    id: str
    fact: str
    codes: str
    unclear: bool = False
    may_be: str | None = None


class NoticeReader(Model):
    """A Condition code that gives no fact but that a person should see; `id` is the code of the issue."""

    id: str
    codes: str
    says: str


class MedicationReader(Model):
    """A drug that, being taken, makes a Boolean fact true."""

    id: str
    fact: str
    codes: str


class DoneReader(Model):
    """A Procedure, or an ImagingStudy with all these modalities, that makes a Boolean fact true when completed."""

    id: str
    fact: str
    codes: str
    modalities: tuple[str, ...] = ()


class ImagingReader(Model):
    """An ImagingStudy with one of these modalities, as the newest imaging of a lesion: a Date fact of the lesion."""

    id: str
    fact: str
    modalities: tuple[str, ...]


class TreatmentReader(Model):
    """An earlier local treatment. `sites` maps procedure codes that imply their site.

    `here` names the Boolean fact that a treatment of the lesion's site makes true; `since` a Quantity fact of the time
    from its end; `date` a Date fact of its end. With `this_lesion` the site is not enough: the record must say that the
    treatment was of this lesion.
    """

    id: str
    codes: str
    sites: str | None = None
    here: tuple[str, ...] = ()
    since: str | None = None
    date: str | None = None
    this_lesion: bool = False


class RefusalReader(Model):
    """A treatment that the patient declined: `codes` what, `reasons` that it was the patient."""

    id: str
    fact: str
    codes: str
    reasons: str


class AgeReader(Model):
    """The fact that the date of birth gives."""

    id: str
    fact: str


class Readers(Model):
    """Every reader, by the kind of resource."""

    age: tuple[AgeReader, ...] = ()
    observations: tuple[ObservationReader, ...] = ()
    conditions: tuple[ConditionReader, ...] = ()
    notices: tuple[NoticeReader, ...] = ()
    medications: tuple[MedicationReader, ...] = ()
    done: tuple[DoneReader, ...] = ()
    imaging: tuple[ImagingReader, ...] = ()
    treatments: tuple[TreatmentReader, ...] = ()
    refusals: tuple[RefusalReader, ...] = ()


class MappingFile(Model):
    """One file of the folder."""

    systems: dict[str, System] = Field(default_factory=dict)
    local: Local | None = None
    extensions: Extensions | None = None
    lesions: LesionTables | None = None
    units: dict[str, str] = Field(default_factory=dict)
    value_sets: dict[str, tuple[CodeGroup, ...]] = Field(default_factory=dict)
    code_maps: dict[str, tuple[CodeMapGroup, ...]] = Field(default_factory=dict)
    readers: Readers | None = None
    hooks: Hooks | None = None
