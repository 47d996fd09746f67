"""What can be proved about a rule set: every statement holds for all patients, or comes with a patient against it.

Nothing here runs in a request. It needs z3 (`cds-head-neck[verify]`). The package reads in this order:

`formulas` (three-valued truth as a pair of formulas) → `universe` (any patient, as variables) → `meaning` (conditions
and answers over that patient) → `witness` (a patient of the solver, as a case that the reference evaluator judges) →
the questions: `verify`, `compare`, `mutate`, `cover`, `regions`.

`mutate` needs more: `wording` (conditions as they were written), `population` (many cases decided at once), `outline`
(as much of an answer as a worked case can expect) and `telling` (the same for any patient).
"""
