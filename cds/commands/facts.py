"""`cds facts`: what a bundle says, before any rule is asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from cds.api import read_case
from cds.commands.inputs import for_each_bundle, shown, the_day, the_rules
from cds.commands.streams import columns
from cds.explanation import markdown, text
from cds.explanation.facts import fact_parts, facts_page


def run(arguments: argparse.Namespace) -> int:
    """Print the facts of each bundle."""
    rules, as_of = the_rules(arguments), the_day(arguments)

    def act(name: str, content: bytes) -> Iterator[str]:
        case = read_case(content, as_of=as_of, rules=rules, lesion=arguments.lesion)
        if arguments.format == "json":
            parts = [part.model_dump(mode="json") for part in fact_parts(case, rules.vocabulary)]
            several = len(arguments.bundles) > 1
            answer = {**({"bundle": name} if several else {}), "as_of": case.as_of.isoformat(), "facts": parts}
            yield f"{json.dumps(answer, indent=None if several else 2, ensure_ascii=False)}\n"
            return
        page = facts_page(case, rules.vocabulary, name=shown(name), unfold=arguments.unfold)
        yield markdown.lay_out(page) if arguments.format == "md" else text.lay_out(page, width=columns(arguments.width))

    return 0 if for_each_bundle(arguments.bundles, act) else 2
