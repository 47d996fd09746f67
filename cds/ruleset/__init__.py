"""Rule sets: loaded, checked as one document, and compiled into programs for the engines."""

from cds.ruleset.loader import DEFAULT_RULE_SET, default_folder, load_rules
from cds.ruleset.program import Criterion, Program
from cds.ruleset.rule_set import Condition, RuleSet

__all__ = ["DEFAULT_RULE_SET", "Condition", "Criterion", "Program", "RuleSet", "default_folder", "load_rules"]
