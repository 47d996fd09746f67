"""`cds evaluate`: the recommendation for one bundle or several."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from cds.api import evaluate
from cds.commands.inputs import for_each_bundle, shown, the_day, the_phase, the_rules
from cds.commands.streams import columns
from cds.explanation import markdown, text
from cds.explanation.layout import printable
from cds.recommendation.model import Recommendation


def run(arguments: argparse.Namespace) -> int:
    """Print an answer for each bundle; several as `--format json` stand one to a line, each with its name."""
    phase, rules, as_of = the_phase(arguments), the_rules(arguments), the_day(arguments)
    several = len(arguments.bundles) > 1

    def act(name: str, content: bytes) -> Iterator[str]:
        answer = evaluate(content, as_of=as_of, phase=phase, rules=rules, lesion=arguments.lesion)
        if arguments.format == "json":
            yield named_json(name, answer) if several else f"{answer.model_dump_json(indent=2, by_alias=True)}\n"
            return
        if several:
            yield f"{printable(shown(name))}\n\n" if arguments.format == "text" else f"<!-- {_comment(name)} -->\n\n"
        if arguments.format == "md":
            yield markdown.render(answer, unfold=arguments.unfold)
        else:
            yield text.render(answer, width=columns(arguments.width), unfold=arguments.unfold)
        if several:
            yield "\n"

    return 0 if for_each_bundle(arguments.bundles, act) else 2


def named_json(name: str, answer: Recommendation) -> str:
    """One line: which input, and its answer."""
    return f'{{"bundle":{json.dumps(name)},"answer":{answer.model_dump_json(by_alias=True)}}}\n'


def _comment(name: str) -> str:
    return printable(shown(name)).replace("--", "- -")
