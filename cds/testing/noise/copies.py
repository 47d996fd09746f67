"""The same resources in another order, or more than once."""

from __future__ import annotations

import copy

from cds.testing.generation import Choices
from cds.testing.noise.bundle import EHR, Json, add_entry, entries_of, of_type


def shuffled(bundle: Json, choices: Choices) -> None:
    """The entries in another order."""
    if bundle.get("type") in ("history", "document", "message"):
        return  # there the order means something
    entries = bundle.get("entry", [])
    for last in range(len(entries) - 1, 0, -1):
        other = last - choices.below(last + 1)
        entries[last], entries[other] = entries[other], entries[last]


def duplicates(bundle: Json, choices: Choices) -> None:
    """Some entries twice, the second soon after the first."""
    entries = bundle.get("entry", [])
    for entry in entries_of(bundle):
        if choices.chance(0.2):
            entries.insert(entries.index(entry) + 1 + choices.below(2), copy.deepcopy(entry))


def copies(bundle: Json, choices: Choices) -> None:
    """Some Observations a second time, under another id."""
    for number, observation in enumerate(of_type(bundle, "Observation")):
        if choices.chance(0.2):
            copied = copy.deepcopy(observation)
            copied["id"] = f"copy-{number}"
            copied["identifier"] = [{"system": f"{EHR}/ids/merged", "value": f"copy-{number}"}]
            add_entry(bundle, copied)
