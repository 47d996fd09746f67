"""What holds for every scope, every address and every cookie, whoever wrote it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cds.service.hooks.settings import HooksSettings
from cds.service.settings import SmartApp
from cds.service.smart.authorization import Grant, scopes
from cds.service.smart.discovery import is_trusted
from cds.service.smart.seals import Seal

TYPES = ("Patient", "Condition", "Observation")
LETTERS = st.sets(st.sampled_from("cruds")).map(lambda each: "".join(sorted(each, key="cruds".index)))
NAMED = st.builds(
    "{}/{}.{}{}".format, st.sampled_from(["patient", "user"]), st.sampled_from((*TYPES, "*")),
    st.one_of(LETTERS, st.sampled_from(["read", "write", "*"])), st.sampled_from(["", "?category=x"]),
)  # fmt: skip
NOISE = st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=20)
SCOPE = st.lists(st.one_of(NAMED, NOISE, st.sampled_from(["openid", "launch"]))).map(" ".join)
APP = SmartApp(server="https://ehr.example/fhir", client_id="x", authorization_hosts=("login.example",))


def grant(scope: str) -> Grant:
    return Grant.model_validate({"access_token": "x", "token_type": "Bearer", "scope": scope})


@given(SCOPE, st.sampled_from(TYPES), st.sampled_from("rs"))
def test_more_scopes_never_grant_less_and_no_scope_grants_a_type_that_it_does_not_name(
    scope: str, type_: str, act: str
) -> None:
    order = ("none", "part", "whole")
    each = [order.index(grant(one).extent(type_, act)) for one in scope.split()]
    assert order.index(grant(scope).extent(type_, act)) == max(each, default=0)
    unnamed = " ".join(one for one in scope.split() if type_ not in one and "*" not in one)
    assert grant(unnamed).extent(type_, act) == "none"


@given(st.sets(st.sampled_from(TYPES), min_size=1), st.booleans(), st.booleans())
def test_what_is_asked_for_is_what_grants_it(types: set[str], launched: bool, names_users: bool) -> None:
    asked = grant(scopes(types, launched=launched, names_users=names_users))
    for type_ in TYPES:
        assert asked.extent(type_, "rs") == ("whole" if type_ in types else "none")


ADDRESS = st.one_of(
    st.text(),
    st.builds("https://{}/{}".format, st.text(min_size=1), st.text()),
    st.builds("{}://ehr.example{}".format, st.sampled_from(["http", "https", "ftp", ""]), st.text()),
)


@given(ADDRESS)
def test_no_address_is_trusted_that_is_not_https_on_a_listed_host(address: str) -> None:
    if is_trusted(address, APP, HooksSettings()):
        assert address.lower().startswith("https://")
        rest = address[len("https://") :]
        host = rest.split("/")[0].split("?")[0].split("#")[0]
        assert host.lower().partition(":")[0] in ("ehr.example", "login.example")


@given(st.binary(max_size=200), st.data())
def test_a_seal_that_was_changed_anywhere_is_none(content: bytes, data: st.DataObject) -> None:
    seal = Seal(b"k" * 32, "session", seconds=60, clock=lambda: 1_800_000_000.0)
    value = seal.sealed(content)
    assert seal.opened(value) == content
    at = data.draw(st.integers(0, len(value) - 2))  # of the last letter some bits say nothing
    # A seal holds random bytes: what is drawn must not depend on them, or the draw cannot be repeated.
    first, second = data.draw(st.permutations([*"Ab0-_", "é", '"']))[:2]
    letter = second if value[at] == first else first
    assert seal.opened(value[:at] + letter + value[at + 1 :]) is None
    assert Seal(b"l" * 32, "session", seconds=60, clock=lambda: 1_800_000_000.0).opened(value) is None
    for age, found in ((60, content), (61, None)):
        later = Seal(b"k" * 32, "session", seconds=60, clock=lambda age=age: 1_800_000_000.0 + age)
        assert later.opened(value) == found
