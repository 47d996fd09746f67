"""The rule book: a page for every rule and threshold, every link leads somewhere, every example was run."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from cds.commands.export import worked_cases
from cds.explanation.rulebook import Book, WorkedCase, rulebook
from cds.language import parse
from cds.ruleset.upkeep import statements
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import a_rule, rules_of, small_rules

LINK = re.compile(r"\]\(([^)\s]+)\)")


@cache
def book() -> Book:
    """The book of the shipped rules."""
    return rulebook(shipped_rules(), worked_cases(shipped_folder()))


def anchors(page: str) -> set[str]:
    """What a heading can be pointed to by."""
    headings = re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_rule_and_every_threshold_has_its_page_and_stands_in_the_index() -> None:
    for name, _ in statements(shipped_rules()):
        assert f"rules/{name}.md" in book()
        assert f"(rules/{name}.md)" in book()["index.md"]
    for name in shipped_rules().parameters:
        assert f"(parameters/{name}.md)" in book()["index.md"]
        assert f"parameters/{name}.md" in book()


def test_every_link_leads_to_a_page_of_the_book_and_to_a_heading_on_it() -> None:
    followed = 0
    for path, page in book().items():
        for target in LINK.findall(page):
            if target.startswith("https://"):
                continue
            file, _, anchor = target.partition("#")
            parts = [*Path(path).parent.parts, *Path(file).parts]
            while ".." in parts:
                at = parts.index("..")
                del parts[at - 1 : at + 1]
            assert "/".join(parts) in book(), (path, target)
            assert not anchor or anchor in anchors(book()["/".join(parts)]), (path, target)
            followed += 1
    assert followed > 500


def test_the_book_is_the_same_every_time() -> None:
    assert rulebook(shipped_rules(), worked_cases(shipped_folder())) == book()


def test_a_page_has_its_condition_in_words_and_in_cql_its_evidence_and_its_worked_cases() -> None:
    page = book()["rules/SS-2.md"]
    assert "- encasement of the carotid is above 270 deg" in page
    assert "```cql\nlesion.carotidEncased\n```" in page
    assert "https" not in page
    assert "certainty" in page
    assert "V1: the source itself was seen" in page
    for truth in ("true", "false", "unknown"):
        assert re.search(rf"- \*\*{truth}\*\*: (?!in none)", page)
    assert "nobody has approved it" in page
    assert "Tumour encasing more than 270 deg" in page


def test_every_cql_of_the_book_is_in_the_language() -> None:
    for path, page in book().items():
        for text in re.findall(r"```cql\n(.*?)```", page, flags=re.DOTALL):
            for line in text.strip().splitlines():
                if "exists" not in line:
                    parse(line)
            assert text.strip(), path


def test_a_statement_without_a_source_says_so_on_its_page() -> None:
    for name, statement in statements(shipped_rules()):
        page = book()[f"rules/{name}.md"]
        assert ("No published source." in page) is not bool(statement.evidence)
        for each in statement.evidence:
            assert f"[{each.cite}](../citations.md#" in page


def test_counts_stand_with_their_exact_interval() -> None:
    assert "5 of 11: 45 % (95 % CI 17–77 %), exact" in book()["citations.md"]


def test_a_threshold_says_its_value_its_day_and_who_uses_it() -> None:
    page = book()["parameters/carotidEncasementLimit.md"]
    assert "- 270 deg, verified, from 2026-11-22" in page
    assert "[SS-2](../rules/SS-2.md)" in page


def test_the_index_names_the_rules_of_a_structure() -> None:
    line = next(line for line in book()["index.md"].splitlines() if line.startswith("- vagus or recurrent"))
    assert "[TP-7](rules/TP-7.md)" in line
    skin = next(line for line in book()["index.md"].splitlines() if line.startswith("- skin:"))
    assert "TP-7" not in skin
    assert "TM-1" in skin


def test_how_to_read_a_rule_is_one_page() -> None:
    words = len(book()["how-to-read-a-rule.md"].split())
    assert 200 < words < 500


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("patient.ratio > 0", ["- ratio is above 0"]),
        ("patient.flagA and not patient.flagB", ["- all of these hold:", "  - flag A: yes", "  - flag B: no"]),
        ("lesion.grade in {'low', 'high'}", ["- grade is “low” or “high”"]),
        ("lesion.size between parameters.mm2 and parameters.mm5", ["- size is from 2 mm (mm2) to 5 mm (mm5)"]),
        (
            "not (patient.flagA or lesion.flag)",
            ["- this does not hold:", "  - at least one of these holds:", "    - flag A: yes",
             "    - flag of the lesion: yes"],
        ),
        (
            "patient.flagA xor patient.flagB",
            ["- exactly one of these two holds:", "  - flag A: yes", "  - flag B: yes"],
        ),
    ],
)  # fmt: skip
def test_a_condition_in_words(tmp_path: Path, condition: str, words: list[str]) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "against", condition)))
    page = rulebook(rules, [])["rules/R-1.md"]
    when = page.partition("## When\n\n")[2].partition("\n\nIn CQL")[0]
    assert when.splitlines() == words


def test_a_worked_case_stands_under_the_truth_that_came_out(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "against", "patient.flagB")))
    case = {"as_of": "2026-11-22", "patient": {"flagB": True}, "lesions": [{"id": "T1"}]}
    page = rulebook(rules, [WorkedCase("A case", case, "decision")])["rules/R-1.md"]
    assert "- **true**: A case (T1)\n- **false**: in none\n- **unknown**: in none\n" in page


def test_the_index_by_structure_lists_a_rule_only_where_its_own_question_can_hold() -> None:
    """What fulfils or answers a rule (a plan, an examination) is no reason to look for it under every structure."""
    listed = book()["index.md"].partition("## By structure")[2].partition("\n## ")[0]
    lines = re.findall(r"^- ([^:\n]+): (\[[A-Z].*)$", listed, re.MULTILINE)
    under = {label: set(re.findall(r"\[([A-Za-z]+-\w+)\]", links)) for label, links in lines}
    places = {rule: {label for label, rules in under.items() if rule in rules} for rule in ("CR-11", "TP-7", "TP-8")}
    assert places == {
        "CR-11": {"carotid artery"},
        "TP-7": {"vagus or recurrent laryngeal nerve"},
        "TP-8": {"vagus or recurrent laryngeal nerve"},
    }
