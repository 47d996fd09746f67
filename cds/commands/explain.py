"""`cds explain`: every criterion with its condition, its truth, and what it read; or what would change the answer."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from cds.api import evaluate, read_case
from cds.commands.changes import changes_page
from cds.commands.inputs import for_each_bundle, shown, the_day, the_phase, the_rules
from cds.commands.streams import UnusableArgument, columns
from cds.explanation.text import lay_out
from cds.explanation.tree import criteria_ids, criteria_page, tree_page
from cds.language.suggestion import did_you_mean


def run(arguments: argparse.Namespace) -> int:
    """Print the criteria of each bundle, how each truth follows, or what would change the answer."""
    if arguments.changes and (arguments.rule is not None or arguments.tree):
        raise UnusableArgument("--changes: it is about the whole answer; leave out --rule and --tree")
    if arguments.exact and not arguments.changes:
        raise UnusableArgument("--exact: it belongs to --changes; give both")
    phase, rules = the_phase(arguments), the_rules(arguments)
    ids = criteria_ids(rules, phase)
    rule = arguments.rule
    if rule is not None and rule not in ids:
        question = did_you_mean(rule, ids)
        hint = f"; {question}" if question else ""
        raise UnusableArgument(f"--rule: `{rule}` is no criterion of the phase {phase}{hint}; `cds explain` lists them")
    as_of = the_day(arguments)

    def act(name: str, content: bytes) -> Iterator[str]:
        if arguments.changes:
            case = read_case(content, as_of=as_of, rules=rules, lesion=arguments.lesion)
            page = changes_page(case, rules, phase, name=shown(name), exact=arguments.exact)
        elif arguments.tree:
            case = read_case(content, as_of=as_of, rules=rules, lesion=arguments.lesion)
            page = tree_page(case, rules, phase, name=shown(name), rule=rule)
        else:
            answer = evaluate(content, as_of=as_of, phase=phase, rules=rules, lesion=arguments.lesion)
            page = criteria_page(answer, name=shown(name), rule=rule)
        yield lay_out(page, width=columns(arguments.width))

    return 0 if for_each_bundle(arguments.bundles, act) else 2
