"""WAF: what matches, without a server."""

import base64
from typing import Any

import pytest

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
        # There is no data of countries, and managed rules are not here.
        ({"GeoMatchStatement": {"CountryCodes": ["JP"]}}, False),
        ({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}, False),
    ],
)
def test_statements(statement: dict[str, Any], expected: bool) -> None:
    assert matches(statement, REQUEST, "rule") is expected
