"""Walking a syntax tree: its nodes in the order of the text, and what they name."""

from __future__ import annotations

from collections.abc import Iterator

from cds.language.syntax import (
    And,
    AnyOf,
    Arithmetic,
    Between,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Negate,
    Not,
    Or,
    ParameterReference,
    Xor,
)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The operands of a node, in the order of the text.

    >>> children(Not(FactReference("lesion", "treated")))
    (FactReference(level='lesion', name='treated'),)
    """
    match expression:
        case And() | Or() | Xor() | Implies() | Comparison() | Arithmetic():
            return (expression.left, expression.right)
        case Not() | Negate():
            return (expression.operand,)
        case Between():
            return (expression.operand, expression.low, expression.high)
        case Membership():
            return (expression.operand, *expression.members)
        case AnyOf():
            return (expression.body,)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[tuple[Expression, int]]:
    """Every node with its depth (1 for `expression` itself), a node before its operands. Needs no recursion.

    >>> from cds.language.parser import parse
    >>> [(type(node).__name__, depth) for node, depth in walk(parse("not lesion.treated"))]
    [('Not', 1), ('FactReference', 2)]
    """
    waiting: list[tuple[Expression, int]] = [(expression, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in reversed(children(node)))


def facts_of(expression: Expression) -> tuple[FactReference, ...]:
    """The facts that a tree names, each once, in the order of the text; looks through `AnyOf`.

    Before `resolve` this includes the names of definitions.

    >>> from cds.language.parser import parse
    >>> [str(fact) for fact in facts_of(parse("lesion.a or (patient.b and lesion.a)"))]
    ['lesion.a', 'patient.b']
    """
    return tuple(dict.fromkeys(node for node, _ in walk(expression) if isinstance(node, FactReference)))


def parameters_of(expression: Expression) -> tuple[ParameterReference, ...]:
    """The parameters that a tree names, each once, in the order of the text. After `resolve` there are none.

    >>> from cds.language.parser import parse
    >>> [str(parameter) for parameter in parameters_of(parse("lesion.a > parameters.x + parameters.y"))]
    ['parameters.x', 'parameters.y']
    """
    return tuple(dict.fromkeys(node for node, _ in walk(expression) if isinstance(node, ParameterReference)))


def compared(node: Expression) -> tuple[Expression | None, tuple[Expression, ...]]:
    """What a node compares, and what with; `None` for a node that compares nothing.

    >>> from cds.language.parser import parse
    >>> operand, sides = compared(parse("lesion.depth between 2 and 5"))
    >>> str(operand), [side.value.numerator for side in sides]
    ('lesion.depth', [2, 5])
    """
    match node:
        case Comparison():
            return node.left, (node.right,)
        case Between():
            return node.operand, (node.low, node.high)
        case Membership():
            return node.operand, node.members
        case _:
            return None, ()
