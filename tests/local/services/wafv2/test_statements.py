"""WAF: what matches, without a server."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from cdp_constructs.local.places import address_in
from cdp_constructs.local.services.wafv2 import managed_rules
from cdp_constructs.local.services.wafv2.statements import Rates, Request, matches

REQUEST = Request("192.0.2.7", "GET", "/Admin%20Area", "id=1", {"user-agent": "BadBot/1.0"})


def sought(field: str, text: str, position: str, transformation: str = "NONE", name: str = "") -> dict[str, Any]:
    return {
        "ByteMatchStatement": {
            "FieldToMatch": {field: {"Name": name} if name else {}},
            "PositionalConstraint": position,
            "SearchString": base64.b64encode(text.encode()).decode(),
            "TextTransformations": [{"Priority": 0, "Type": transformation}],
        }
    }


def test_a_rate_counts_the_requests_of_the_window_by_key() -> None:
    rates = Rates()
    seconds = [0, 1, 2, 3, 61, 62, 63, 64]
    exceeded = [rates.exceeds(("rule", "192.0.2.7"), 3, 60, second) for second in seconds]
    assert exceeded == [False, False, False, True, False, False, False, True]
    assert not rates.exceeds(("rule", "192.0.2.8"), 3, 60, 3)


def test_a_pattern_that_takes_too_long_does_not_match() -> None:
    statement = {
        "RegexMatchStatement": {
            "FieldToMatch": {"QueryString": {}},
            "RegexString": "^(a+)+$",
            "TextTransformations": [],
        }
    }
    assert matches(statement, replace(REQUEST, query="a" * 60), "rule")
    assert not matches(statement, replace(REQUEST, query="a" * 60 + "="), "rule")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (sought("UriPath", "/Admin", "STARTS_WITH"), True),
        (sought("UriPath", "/admin", "STARTS_WITH"), False),
        (sought("UriPath", "/admin", "STARTS_WITH", "LOWERCASE"), True),
        (sought("UriPath", "Admin Area", "ENDS_WITH", "URL_DECODE"), True),
        (sought("Method", "GET", "EXACTLY"), True),
        (sought("QueryString", "id", "CONTAINS_WORD"), True),
        (sought("QueryString", "i", "CONTAINS_WORD"), False),
        (sought("SingleHeader", "Bot", "CONTAINS", name="User-Agent"), True),
        (sought("SingleHeader", "Bot", "CONTAINS", name="Referer"), False),
        ({"NotStatement": {"Statement": sought("Method", "GET", "EXACTLY")}}, False),
        (
            {"AndStatement": {"Statements": [sought("Method", m, "EXACTLY") for m in ("GET", "PUT")]}},
            False,
        ),
        (
            {"OrStatement": {"Statements": [sought("Method", m, "EXACTLY") for m in ("GET", "PUT")]}},
            True,
        ),
        (
            {
                "RegexMatchStatement": {
                    "FieldToMatch": {"UriPath": {}},
                    "RegexString": "^/A.+n",
                    "TextTransformations": [],
                }
            },
            True,
        ),
        # An address outside of all places is in Virginia.
        ({"GeoMatchStatement": {"CountryCodes": ["JP"]}}, False),
        ({"GeoMatchStatement": {"CountryCodes": ["JP", "US"]}}, True),
        # Groups decide by the actions of their rules.
        ({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}, False),
    ],
)
def test_statements(statement: dict[str, Any], expected: bool) -> None:
    assert matches(statement, REQUEST, "rule") is expected


@pytest.mark.parametrize("block", ["198.18.", "127.18."])
def test_a_country_is_that_of_the_place_whose_block_an_address_is_in(block: str) -> None:
    address = address_in("ap-northeast-1").replace("198.18.", block)
    request = Request(address, "GET", "/", "", {})
    assert matches({"GeoMatchStatement": {"CountryCodes": ["JP"]}}, request, "rule")
    assert not matches({"GeoMatchStatement": {"CountryCodes": ["US"]}}, request, "rule")


CORE, INPUTS = "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"
SCRIPT = Request("192.0.2.7", "POST", "/", "", {"user-agent": "Browser"}, b"text=%3Cscript%3E")


@pytest.mark.parametrize(
    ("group", "request_", "blocked"),
    [
        (CORE, SCRIPT, True),
        (CORE, Request("192.0.2.7", "GET", "/", "", {"user-agent": "Browser"}), False),
        (CORE, Request("192.0.2.7", "GET", "/", "", {}), True),
        (CORE, Request("192.0.2.7", "POST", "/", "", {"user-agent": "Browser"}, bytes(8193)), True),
        (CORE, Request("192.0.2.7", "GET", "/", "file=..%2F..%2Fetc", {"user-agent": "Browser"}), True),
        (CORE, Request("192.0.2.7", "GET", "/", "to=http://169.254.169.254/", {"user-agent": "Browser"}), True),
        (INPUTS, Request("192.0.2.7", "GET", "/", "", {"user-agent": "${jndi:ldap://x}"}), True),
        (INPUTS, Request("192.0.2.7", "PROPFIND", "/", "", {}), True),
        (INPUTS, SCRIPT, False),
        ("AWSManagedRulesAmazonIpReputationList", SCRIPT, False),
    ],
)
def test_known_patterns_match_managed_rules(group: str, request_: Request, *, blocked: bool) -> None:
    found = list(managed_rules.actions({"VendorName": "AWS", "Name": group}, request_, "rule"))
    assert found == ([{"Block": {}}] if blocked else [])


def test_a_managed_rule_may_count_and_a_group_may_be_for_some_requests() -> None:
    group = {"VendorName": "AWS", "Name": CORE}
    count = {"Name": "CrossSiteScripting_BODY", "ActionToUse": {"Count": {}}}
    assert list(managed_rules.actions({**group, "RuleActionOverrides": [count]}, SCRIPT, "rule")) == [{"Count": {}}]
    excluded = {**group, "ExcludedRules": [{"Name": "CrossSiteScripting_BODY"}]}
    assert list(managed_rules.actions(excluded, SCRIPT, "rule")) == [{"Count": {}}]
    reading = {**group, "ScopeDownStatement": sought("Method", "GET", "EXACTLY")}
    assert list(managed_rules.actions(reading, SCRIPT, "rule")) == []
    assert list(managed_rules.actions({**group, "VendorName": "Another"}, SCRIPT, "rule")) == []
