"""Rights by role, and persons from the system's user and from claims."""

import os
import pwd

import pytest

from streams.errors import UsageError
from streams.rights.check import is_own, require, scope_of
from streams.rights.person import Person, current_person, person_of_claims
from streams.rights.settings import ROLES, OidcSettings, Role
from streams.rights.table import RIGHTS
from streams.settings import load_settings

OIDC = OidcSettings(roles_claim="realm_access.roles", roles={"centre-officers": "officer", "audit": "auditor"})


def person(*roles: Role) -> Person:
    return Person("kim", frozenset(roles))


@pytest.mark.parametrize("right", RIGHTS)
def test_no_role_no_right(right: str) -> None:
    with pytest.raises(UsageError, match=r"kim may not .*no role"):
        require(person(), right)  # type: ignore[arg-type]


@pytest.mark.parametrize("right", RIGHTS)
def test_some_role_gives_every_right_and_the_refusal_names_it(right: str) -> None:
    grant = RIGHTS[right]  # type: ignore[index]
    giving = [role for role in ROLES if grant.scope(role)]
    assert giving
    for role in ROLES:
        if role in giving:
            require(person(role), right)  # type: ignore[arg-type]
        else:
            with pytest.raises(UsageError, match=" or ".join(giving)):
                require(person(role), right)  # type: ignore[arg-type]


def test_an_auditor_changes_nothing_and_an_operator_sees_no_case() -> None:
    changing = {"open", "allow", "describe", "confirm", "withdraw", "send", "label", "promote", "redrive", "keys"}
    assert not any(RIGHTS[right].auditor for right in RIGHTS if right in changing)
    assert not any(RIGHTS[right].operator for right in ("read", "review", "evidence", "label", "withdraw", "confirm"))


def test_an_officer_withdraws_only_own_cases_and_a_reviewer_any() -> None:
    require(person("officer"), "withdraw", "kim")
    require(person("reviewer"), "withdraw", "lee")
    require(person("officer", "reviewer"), "withdraw", "lee")
    for owner in ("lee", ""):
        with pytest.raises(UsageError, match="another's"):
            require(person("officer"), "withdraw", owner)


def test_a_case_without_an_owner_is_nobodys_own() -> None:
    assert not is_own(Person("", frozenset()), "")
    assert scope_of(person("officer"), "withdraw") == "own"


def test_the_systems_user_has_every_role_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    current = current_person(load_settings())
    assert current == Person(pwd.getpwuid(os.getuid()).pw_name, frozenset(ROLES))
    assert current_person(load_settings(roles=["auditor"])).roles == {"auditor"}


def test_a_user_without_a_name_is_named_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert current_person(load_settings()).name == "uid-4000000"


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="JIKIMI_ROLES"):
        load_settings(roles=["king"])


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"realm_access": {"roles": ["centre-officers", "unknown", 7]}}, {"officer"}),
        ({"realm_access": {"roles": "audit"}}, {"auditor"}),
        ({"realm_access.roles": ["audit"]}, {"auditor"}),
        ({"realm_access": None}, set()),
        ({"groups": ["centre-officers"]}, set()),
        ({}, set()),
    ],
)
def test_roles_come_from_the_claim_that_is_set(claims: dict[str, object], roles: set[Role]) -> None:
    assert person_of_claims({"sub": "a1", **claims}, OIDC) == Person("a1", frozenset(roles))


@pytest.mark.parametrize("name", [None, "", " ", 7, ["a1"], "a\nb", "a" * 201])
def test_a_login_without_a_usable_account_is_refused(name: object) -> None:
    with pytest.raises(UsageError, match="JIKIMI_OIDC_NAME_CLAIM"):
        person_of_claims({"sub": name}, OIDC)
