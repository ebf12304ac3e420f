"""Whose a mail address is: the rule, and the calls that it leads to."""

import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.handlers import import_handler

PACKAGE = "cdp_constructs.api.handlers.account_linking"
ADDRESS = "amy@example.com"
CONTEXT = SimpleNamespace(
    function_name="linking",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:linking",
    aws_request_id="1",
)


class Cognito:
    """Stands for a user pool with these accounts."""

    def __init__(self, *accounts: dict[str, Any]) -> None:
        self.accounts = list(accounts)
        self.filters: list[str] = []
        self.links: list[dict[str, Any]] = []

    def get_paginator(self, _operation: str) -> "Cognito":
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.filters.append(asked["Filter"])
        # One a page: nothing may depend on the first one.
        yield {"Users": []}
        yield from ({"Users": [account]} for account in self.accounts)

    def admin_link_provider_for_user(self, **asked: Any) -> None:
        self.links.append(asked)


def account(username: str, *, verified: bool, status: str = "CONFIRMED", **attributes: str) -> dict[str, Any]:
    held = {"email": ADDRESS, "email_verified": str(verified).lower(), **attributes}
    listed = [{"Name": name, "Value": value} for name, value in held.items()]
    return {"Username": username, "UserStatus": status, "Attributes": listed}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "linking",
        "LINKS": "true",
        "PROVIDERS": '["Google", "Works", "Works-EU"]',
        "POWERTOOLS_SERVICE_NAME": "AccountLinking",
        "POWERTOOLS_METRICS_NAMESPACE": "Tests",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return import_handler(PACKAGE)


def ask(module: ModuleType, pool: Cognito, username: str, *, verified: str = "true", **event: Any) -> dict[str, Any]:
    module.cognito = pool  # type: ignore[attr-defined]  # the handler's client
    given = {
        "triggerSource": "PreSignUp_ExternalProvider",
        "userPoolId": "us-east-1_Example",
        "userName": username,
        "request": {"userAttributes": {"email": ADDRESS, "email_verified": verified}},
        "response": {},
        **event,
    }
    answer: dict[str, Any] = module.handler(given, CONTEXT)
    assert answer == given
    return answer


def test_a_new_address_makes_a_new_account(module: ModuleType) -> None:
    pool = Cognito()
    ask(module, pool, "Google_1")
    assert pool.links == []


def test_a_verified_address_is_linked_to_the_account_that_verified_it(module: ModuleType) -> None:
    pool = Cognito(account("other", verified=False), account("sub-of-amy", verified=True))
    ask(module, pool, "google_1")
    (link,) = pool.links
    assert link["DestinationUser"] == {"ProviderName": "Cognito", "ProviderAttributeValue": "sub-of-amy"}
    assert link["SourceUser"] == {
        "ProviderName": "Google",
        "ProviderAttributeName": "Cognito_Subject",
        "ProviderAttributeValue": "1",
    }


@pytest.mark.parametrize("kept", ["identities", "name"])
def test_an_account_of_another_provider_is_named_by_its_identity(module: ModuleType, kept: str) -> None:
    identities = [
        {"providerName": "Works", "userId": "linked", "primary": False},
        {"providerName": "Google", "userId": "77", "primary": "true"},
    ]
    more = {"identities": json.dumps(identities)} if kept == "identities" else {"identities": "no JSON"}
    pool = Cognito(account("google_77", verified=True, status="EXTERNAL_PROVIDER", **more))
    ask(module, pool, "Works-EU_a_b")
    (link,) = pool.links
    assert link["DestinationUser"] == {"ProviderName": "Google", "ProviderAttributeValue": "77"}
    assert link["SourceUser"]["ProviderName"] == "Works-EU", "the longest name that fits"
    assert link["SourceUser"]["ProviderAttributeValue"] == "a_b"


@pytest.mark.parametrize(
    ("verified", "username", "accounts"),
    [
        ("false", "Google_1", 1),
        ("", "Google_1", 1),
        ("true", "Google_1", 2),
        ("true", "Unknown_1", 1),
    ],
)
def test_what_is_not_certain_is_refused(module: ModuleType, verified: str, username: str, accounts: int) -> None:
    pool = Cognito(*(account(f"user-{number}", verified=True) for number in range(accounts)))
    with pytest.raises(Exception, match="An account with this address exists"):
        ask(module, pool, username, verified=verified)
    assert pool.links == []


@pytest.mark.usefixtures("module")
def test_nothing_is_linked_where_sign_ups_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKS", "false")
    strict = import_handler(PACKAGE)
    with pytest.raises(Exception, match="An account with this address exists"):
        ask(strict, Cognito(account("amy", verified=True)), "Google_1")


@pytest.mark.parametrize("owner", [{"verified": False}, {"verified": True, "status": "UNCONFIRMED"}])
def test_an_address_that_nobody_showed_to_be_theirs_keeps_nobody_out(module: ModuleType, owner: dict[str, Any]) -> None:
    pool = Cognito(account("squatter", **owner))
    ask(module, pool, "Google_1")
    ask(module, pool, "native", triggerSource="PreSignUp_SignUp", verified="")
    assert pool.links == []


def test_a_password_over_a_verified_address_is_refused_and_an_administrator_is_not(module: ModuleType) -> None:
    pool = Cognito(account("Google_1", verified=True, status="EXTERNAL_PROVIDER"))
    # What somebody says of an own address in a sign-up does not count.
    with pytest.raises(Exception, match="An account with this address exists"):
        ask(module, pool, "native", triggerSource="PreSignUp_SignUp", verified="true")
    ask(module, pool, "native", triggerSource="PreSignUp_AdminCreateUser")
    assert pool.links == []


def test_signs_of_a_filter_are_quoted_and_both_spellings_are_looked_for(module: ModuleType) -> None:
    pool = Cognito()
    attributes = {"email": 'A"\\B@example.com', "email_verified": "true"}
    ask(module, pool, "Google_1", request={"userAttributes": attributes})
    assert pool.filters == ['email = "A\\"\\\\B@example.com"', 'email = "a\\"\\\\b@example.com"']


def test_who_has_no_address_is_not_looked_for(module: ModuleType) -> None:
    pool = Cognito()
    ask(module, pool, "Google_1", request={"userAttributes": {}})
    assert pool.filters == []
