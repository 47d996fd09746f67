"""The conformance kit: published cases put to a deployment, and a scorecard of what it answered.

A deployment is an address that serves `POST /evaluate`. It is judged by what it says: each case has the answer of this
program with the same rule set, and what any answer must keep to whatever the rules say: a fact taken away never leaves
less possible, a contradiction and an unreadable unit are named, an input that cannot be used gets no answer.
"""

from cds.conformance.cases import KINDS as KINDS
from cds.conformance.cases import PublishedCase as PublishedCase
from cds.conformance.cases import published_cases as published_cases
from cds.conformance.judging import Ask as Ask
from cds.conformance.judging import Reply as Reply
from cds.conformance.judging import Result as Result
from cds.conformance.judging import judge as judge
