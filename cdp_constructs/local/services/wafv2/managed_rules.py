"""WAF: a few rules of AWS's managed rule groups, each by one or two patterns that everybody knows.

AWS does not publish its rules. These show that a group is attached, overridden and scoped down as a template means it;
they protect nothing. Rules that are not here, and groups that are not here, never match.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from cdp_constructs.local.services.wafv2.statements import Request, matches

__all__ = ["actions"]

_LARGEST_BODY = 8192
_LONGEST_QUERY = 2048

_METADATA = re.compile(r"169\.254\.169\.254")
_SCRIPT = re.compile(r"<\s*script\b", re.IGNORECASE)
_LOOKUP = re.compile(r"\$\{jndi:", re.IGNORECASE)
_PARENT = re.compile(r"\.\./\.\./")

_Rule = Callable[[Request], object]


def _body(request: Request) -> str:
    return unquote_plus(request.body.decode("utf-8", "replace"))


def _query(request: Request) -> str:
    return unquote_plus(request.query)


def _headers(request: Request) -> str:
    return "\n".join(request.headers.values())


_GROUPS: dict[str, dict[str, _Rule]] = {
    "AWSManagedRulesCommonRuleSet": {
        "NoUserAgent_HEADER": lambda request: not request.headers.get("user-agent"),
        "SizeRestrictions_QUERYSTRING": lambda request: len(request.query) > _LONGEST_QUERY,
        "SizeRestrictions_BODY": lambda request: len(request.body) > _LARGEST_BODY,
        "EC2MetaDataSSRF_BODY": lambda request: _METADATA.search(_body(request)),
        "EC2MetaDataSSRF_QUERYARGUMENTS": lambda request: _METADATA.search(_query(request)),
        "GenericLFI_QUERYARGUMENTS": lambda request: _PARENT.search(_query(request)),
        "GenericLFI_URIPATH": lambda request: _PARENT.search(unquote_plus(request.path)),
        "GenericLFI_BODY": lambda request: _PARENT.search(_body(request)),
        "CrossSiteScripting_QUERYARGUMENTS": lambda request: _SCRIPT.search(_query(request)),
        "CrossSiteScripting_BODY": lambda request: _SCRIPT.search(_body(request)),
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {
        "PROPFIND_METHOD": lambda request: request.method == "PROPFIND",
        "Log4JRCE_HEADER": lambda request: _LOOKUP.search(_headers(request)),
        "Log4JRCE_QUERYSTRING": lambda request: _LOOKUP.search(_query(request)),
        "Log4JRCE_BODY": lambda request: _LOOKUP.search(_body(request)),
    },
}


def actions(statement: Mapping[str, Any], request: Request, path: str) -> Iterator[Mapping[str, Any]]:
    """Yield the actions of a group's rules that match, as the statement overrides them.

    Args:
        statement: A `ManagedRuleGroupStatement`.
        request: The request.
        path: Names of the web ACL and of the rule.
    """
    scope = statement.get("ScopeDownStatement")
    if statement.get("VendorName") != "AWS" or (scope and not matches(scope, request, path)):
        return
    overrides = {each["Name"]: each["ActionToUse"] for each in statement.get("RuleActionOverrides") or []}
    overrides |= {each["Name"]: {"Count": {}} for each in statement.get("ExcludedRules") or []}
    for name, rule in _GROUPS.get(statement["Name"], {}).items():
        if rule(request):
            yield overrides.get(name, {"Block": {}})
