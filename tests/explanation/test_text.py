"""The answer in words: what comes first, what is never hidden, and that nothing unknown is said as a no."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.explanation.layout import cells, printable, table_lines, wrapped
from cds.explanation.markdown import render as render_markdown
from cds.explanation.page import Table
from cds.explanation.text import render as render_text
from cds.recommendation.model import Recommendation

Answer = Callable[..., Recommendation]
Json = dict[str, Any]
Part = Callable[..., Json]


def positions(text: str, *words: str) -> list[int]:
    """Where words first stand; a word that is missing fails the test that asks."""
    return [text.index(word) for word in words]


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("unfold", [False, True])
def test_no_line_is_wider_than_asked(answer: Answer, width: int, unfold: bool) -> None:
    assert max(map(cells, render_text(answer(), width=width, unfold=unfold).splitlines())) <= width


def test_a_width_in_which_nothing_can_be_read_is_refused(answer: Answer) -> None:
    with pytest.raises(ValueError, match="give 40 or more"):
        render_text(answer(), width=10)


def test_verdicts_come_first_then_what_is_asked_and_decisive_then_the_reasons(answer: Answer) -> None:
    text = render_text(answer())
    order = positions(
        text,
        "nobody has approved",
        "SALVAGE SURGERY:",
        "PERCUTANEOUS CRYOABLATION:",
        "ORDER",
        "ASKED NOW",
        "MISSING AND DECISIVE",
        "WHY: SALVAGE SURGERY",
        "WHY: PERCUTANEOUS CRYOABLATION",
        "THERMOPROTECTION",
        "DUTIES",
        "OUTCOMES",
        "ALSO POSSIBLE",
        "FOLDED",
        "REFERENCES",
        "no directive",
    )
    assert order == sorted(order)


def test_a_missing_decisive_fact_says_what_each_value_would_mean(answer: Answer) -> None:
    text = flat(render_text(answer()))
    assert "tumour fixed to the spine? Salvage surgery: fixed → conditional · mobile → eligible" in text


def test_every_rule_that_holds_an_option_back_is_named_when_folded(answer: Answer) -> None:
    text = render_text(answer())
    for rule in ("SS-2", "SS-4", "TP-1", "CR-6", "CR-3"):
        assert rule in text


def test_every_criterion_is_written_out_when_unfolded(answer: Answer) -> None:
    shown = answer()
    text = flat(render_text(shown, unfold=True))
    for lesion in shown.lesions:
        for option in lesion.options:
            for reason in option.reasons:
                assert reason.rule in text
                assert (reason.condition if reason.truth == "unknown" else reason.says) in text


def test_markdown_says_what_the_terminal_says(answer: Answer) -> None:
    for unfold in (False, True):
        text, markdown = (flat(render(answer(), unfold=unfold)) for render in (render_text, render_markdown))
        for word in (
            "SS-2",
            "SS-4",
            "TP-1",
            "CR-6",
            "hydrodissection",
            "45 %",
            "institution default",
            "no published source",
        ):
            assert word in text
            assert word in markdown


def test_an_unknown_criterion_is_never_said_as_its_sentence_or_as_a_no(answer: Answer) -> None:
    for unfold in (False, True):
        text = flat(render_text(answer(), unfold=unfold))
        assert "What SS-4 says" not in text
        assert "undecided" in text


def test_the_choice_of_a_patient_who_was_not_asked_is_not_a_no(answer: Answer) -> None:
    surgery, cryoablation = (
        next(line for line in render_text(answer(), width=200).splitlines() if line.startswith(heading))
        for heading in ("SALVAGE", "PERCUTANEOUS")
    )
    assert "patient's choice not known" in surgery
    assert "not declined" not in surgery
    assert "not declined" in cryoablation


def test_a_default_threshold_and_a_missing_source_are_said_beside_the_reason(answer: Answer) -> None:
    text = flat(render_text(answer()))
    assert "carotid encasement limit 270 deg: institution default" in text
    assert "No named source. [CR-3; moderate; unverified; no published source]" in text


def test_a_rule_true_of_two_structures_is_said_once_and_names_both_when_folded(answer: Answer) -> None:
    text = flat(render_text(answer()))
    assert "The left vagus nerve is near the ice. Likewise: right vagus nerve." in text
    assert text.count("vagus nerve is near the ice") == 1


def test_an_undetermined_structure_is_in_the_answer_and_not_among_those_that_need_nothing(answer: Answer) -> None:
    text = render_text(answer(), width=200)
    assert "undetermined: skin" in text
    assert "undetermined for 1, not for 1" in text
    assert "spinal cord" not in text
    assert "spinal cord" in render_text(answer(), unfold=True)


def test_events_stand_with_their_exact_interval(answer: Answer) -> None:
    assert "exact 95 % CI: local control (patients) 5 of 11: 45 % (17–77 %)" in flat(render_text(answer()))


def test_a_number_is_never_parted_from_its_per_cent_sign() -> None:
    assert wrapped("in 2.6 % of them", 8) == ["in 2.6 %", "of them"]


def test_only_what_is_cited_above_is_referenced(answer: Answer) -> None:
    for unfold, told in ((False, "yousem1995 (low"), (True, "yousem1995: Yousem 1995, doi:10.1/x")):
        text = render_text(answer(), unfold=unfold)
        assert told in text
        assert "never2000" not in text


def test_an_approved_rule_set_says_when(answer: Answer) -> None:
    rule_set = {"id": "r", "version": "1", "digest": "sha256:0", "overrides": ["inrLimit"], "approved": "2026-05-01"}
    text = render_text(answer(rule_set=rule_set))
    assert "approved on 2026-05-01" in text
    assert "nobody" not in text
    assert "Set by the institution: inr limit" in text


def test_an_answer_without_a_lesion_never_looks_fine(answer: Answer) -> None:
    scope = {"truth": "unknown", "reasons": [{"code": "no-lesion", "rule": "DQ-8", "says": "Nothing was named."}]}
    text = flat(render_text(answer(lesions=[], scope=scope)))
    assert "nothing was assessed" in text
    assert "no all-clear" in text
    assert "Supportive care" not in text


def test_an_option_out_of_scope_is_not_assessed_and_neither_refused_nor_offered(answer: Answer, lesion: Part) -> None:
    outside = lesion(
        scope={"truth": "false", "reasons": [{"code": "out-of-scope", "rule": "DQ-8", "says": "Thyroid."}]}
    )
    for option in outside["options"]:
        option.update(verdict="not-assessed", possible=["not-assessed"], standing="unknown", settling_facts=[])
    text = flat(render_text(answer(lesions=[outside], scope=outside["scope"])))
    assert text.count("not assessed: outside the scope of these rules. This speaks neither for nor against it") == 2
    assert "ASKED NOW" not in text
    assert not re.search(r"(eligible|excluded|declined)", text.split("SALVAGE SURGERY:")[1])


def test_a_verdict_under_an_unknown_scope_is_said_under_that_condition(answer: Answer, lesion: Part) -> None:
    unsure = lesion(
        scope={"truth": "unknown", "reasons": [{"code": "scope-unknown", "rule": "DQ-8", "says": "Perhaps."}]}
    )
    for option in unsure["options"]:
        option.update(verdict="undetermined", possible=["conditional", "not-assessed"])
    text = flat(render_text(answer(lesions=[unsure], scope=unsure["scope"])))
    assert text.count("conditional, if in scope;") == 2
    assert "every verdict below holds only if the patient is in scope" in text


def test_a_follow_up_says_that_there_is_no_verdict_after_treatment(answer: Answer, lesion: Part) -> None:
    after = lesion()
    for option in after["options"]:
        option.update(verdict="not-assessed", possible=["not-assessed"], settling_facts=[])
    text = flat(render_text(answer(phase="follow-up", lesions=[after])))
    assert text.count("not assessed: verdicts belong to the decision, not to follow-up") == 2


def test_an_error_of_the_input_is_written_out_and_many_warnings_are_counted(answer: Answer) -> None:
    issues = [
        {"severity": "warning", "code": "w", "expression": f"Bundle.entry[{n}]", "details": "odd"} for n in range(9)
    ]
    issues.append({"severity": "error", "code": "e", "expression": "Bundle.entry[9]", "details": "wrong"})
    folded, whole = (flat(render_text(answer(issues=issues), unfold=unfold)) for unfold in (False, True))
    assert "1 error and 9 warnings (unfold to read)" in folded
    assert "Bundle.entry[9]: wrong [error; e]" in folded
    assert "Bundle.entry[3]" not in folded
    assert all(f"Bundle.entry[{n}]: odd [warning; w]" in whole for n in range(9))


def test_a_contradiction_is_shown_even_when_folded(answer: Answer) -> None:
    fact = {
        "name": "lesion.side",
        "subject": "T1",
        "status": "conflicting",
        "display": "not known (left / right)",
        "sources": [{"resource": "BodyStructure/b", "path": "BodyStructure.location"}],
    }
    text = flat(render_text(answer(facts=[fact])))
    assert "side of T1: not known (left / right) [BodyStructure/b location]" in text


def test_text_of_the_record_cannot_steer_the_terminal_or_become_markup(answer: Answer, lesion: Part) -> None:
    evil = lesion(label="tongue\x1b[2J\n# SALVAGE: <b>*eligible*</b>|\u202egnorw")
    text, markdown = (render(answer(lesions=[evil])) for render in (render_text, render_markdown))
    assert "\x1b" not in text + markdown
    assert "\u202e" not in text + markdown
    assert "<b>" not in markdown.replace("\\<b", "")
    assert not any(line.startswith("# SALVAGE") for line in (text + markdown).splitlines())


@given(text=st.text(max_size=200), width=st.integers(8, 60), indent=st.integers(0, 6))
def test_wrapping_loses_no_character_and_keeps_the_width(text: str, width: int, indent: int) -> None:
    lines = wrapped(text, width, " " * indent)
    assert all(cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(printable(text).split())


@given(rows=st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60), st.text(max_size=9)), max_size=4))
def test_a_table_keeps_the_width_and_every_cell(rows: list[tuple[str, str, str]]) -> None:
    lines = table_lines(Table(("one", "two", "three"), tuple(rows)), 50)
    assert all(cells(line) <= 50 for line in lines)
    kept = sorted("".join("".join(lines).split()))
    assert kept == sorted("".join("".join(printable("onetwothree" + "".join("".join(row) for row in rows)).split())))
