"""Every statement, reference and fact of the rule set can be looked up."""

from __future__ import annotations

from cds.board.knowledge import reference_view, rule_list, rule_view, vocabulary_view
from cds.ruleset import RuleSet


def test_every_statement_has_a_page_with_its_words_and_its_condition(ruleset: RuleSet) -> None:
    for line in rule_list(ruleset):
        view = rule_view(ruleset, line.id)
        assert view is not None
        assert view.says
        assert bool(view.when) == bool(view.when_cql) == (line.id in ruleset.conditions)
        assert len(view.evidence) == len(view.statement.evidence)


def test_every_reference_says_what_rests_on_it(ruleset: RuleSet) -> None:
    citing: dict[str, set[str]] = {}
    for line in rule_list(ruleset):
        view = rule_view(ruleset, line.id)
        for each in view.evidence if view is not None else ():
            citing.setdefault(each.evidence.cite, set()).add(line.id)
    for cite, source in ruleset.references.items():
        found = reference_view(ruleset, cite)
        assert found is not None
        assert found.source is source
        assert citing.get(cite, set()) <= set(found.rules)


def test_every_fact_of_the_vocabulary_is_listed_with_who_reads_it(ruleset: RuleSet) -> None:
    listed = {fact.path: readers for level in vocabulary_view(ruleset) for fact, readers in level.facts}
    assert set(listed) == {fact.path for fact in ruleset.vocabulary.facts.values()}
    assert "SS-2" in listed["lesion.carotidEncasement"]


def test_what_is_not_there_is_not_found(ruleset: RuleSet) -> None:
    assert rule_view(ruleset, "none") is None
    assert reference_view(ruleset, "none") is None
