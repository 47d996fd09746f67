"""The language of conditions: a strict subset of HL7 CQL 1.5 in which unknown never turns into an answer.

`parse` reads a text, `resolve` checks it against what it may name and puts the parameters' values in,
`print_expression` writes it for people, `to_cql` for other CQL engines.
"""

from cds.language.errors import ConditionError, ConditionErrors, finding, findings
from cds.language.names import NameTable
from cds.language.parser import LEVELS, parse
from cds.language.printer import print_expression, to_cql
from cds.language.resolve import check, resolve
from cds.language.traversal import children, compared, facts_of, parameters_of, walk

__all__ = [
    "LEVELS",
    "ConditionError",
    "ConditionErrors",
    "NameTable",
    "check",
    "children",
    "compared",
    "facts_of",
    "finding",
    "findings",
    "parameters_of",
    "parse",
    "print_expression",
    "resolve",
    "to_cql",
    "walk",
]
