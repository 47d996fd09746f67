"""Names given as plain tables: what a condition may speak of, for examples and for rule sets made by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from cds.language.syntax import Expression
from cds.language.types import Constant, ValueType


@dataclass(frozen=True)
class NameTable:
    """A `Names` made of tables.

    `facts` and `definitions` hold, per level, what each name stands for (definitions already resolved); `parameters`
    holds each parameter's value, or `None` where it is unset.

    >>> from cds.language.types import BooleanType
    >>> NameTable({"lesion": {"treated": BooleanType()}}).fact_type("lesion", "treated")
    BooleanType()
    """

    facts: Mapping[str, Mapping[str, ValueType]]
    parameters: Mapping[str, Constant | None] = field(default_factory=dict)
    definitions: Mapping[str, Mapping[str, Expression]] = field(default_factory=dict)

    def levels(self) -> Collection[str]:
        """The levels that have facts or definitions."""
        return tuple(dict.fromkeys((*self.facts, *self.definitions)))

    def fact_type(self, level: str, name: str) -> ValueType | None:
        """The type of a fact, or `None` if the level has no fact of that name."""
        return self.facts.get(level, {}).get(name)

    def definition(self, level: str, name: str) -> Expression | None:
        """The expression of a definition, or `None` if there is none of that name."""
        return self.definitions.get(level, {}).get(name)

    def names_of(self, level: str) -> Collection[str]:
        """Every fact and definition of a level."""
        return (*self.facts.get(level, {}), *self.definitions.get(level, {}))

    def parameter(self, name: str) -> Constant | None:
        """The value of a parameter, or `None` if there is none of that name or it is unset."""
        return self.parameters.get(name)

    def parameter_is_unset(self, name: str) -> bool:
        """Whether the parameter exists without a value."""
        return name in self.parameters and self.parameters[name] is None

    def parameter_names(self) -> Collection[str]:
        """Every parameter, unset ones too."""
        return tuple(self.parameters)
