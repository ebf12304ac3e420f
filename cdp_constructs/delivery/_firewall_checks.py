"""Checks of a firewall's options; each raises InvalidOptionError."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.delivery._firewall_rules import BODY_RULES

_CLOUDFRONT_REGION = "us-east-1"
# https://docs.aws.amazon.com/waf/latest/APIReference/API_GeoMatchStatement.html
_MOST_COUNTRIES = 50


def check_web_acl_scope(scope: Construct, web_acl_scope: str) -> None:
    """Refuse a web ACL that could be attached to nothing."""
    region = region_of(stack_of(scope))
    if web_acl_scope == "CLOUDFRONT" and not Token.is_unresolved(region) and region != _CLOUDFRONT_REGION:
        fix = f"Make it in a stack of {_CLOUDFRONT_REGION}, or give REGIONAL for what is protected in {region}"
        problem = f"is 'CLOUDFRONT' in a stack of {region}, but CloudFront takes web ACLs of {_CLOUDFRONT_REGION} only"
        raise InvalidOptionError(scope, "web_acl_scope", problem, fix)


def check_managed_rule_groups(scope: Construct, names: Sequence[str]) -> None:
    """Refuse groups that AWS does not have, that cost more, or that need a configuration of their own."""
    for name in names:
        if name not in BODY_RULES:
            near = get_close_matches(name, BODY_RULES, n=1) or sorted(BODY_RULES)
            fix = f"Use {', '.join(near)}; for a paid group make a web ACL of your own and attach it"
            raise InvalidOptionError(scope, "managed_rule_groups", f"contains {name!r}", fix)
        if list(names).count(name) > 1:
            raise InvalidOptionError(scope, "managed_rule_groups", f"contains {name!r} twice", "Name each group once")


def check_countries(scope: Construct, allowed: Sequence[str], blocked: Sequence[str]) -> None:
    """Refuse codes that are none, too many, and lists that answer the same question twice."""
    if allowed and blocked:
        fix = "Give one of them: what is not allowed is blocked"
        raise InvalidOptionError(scope, "allowed_countries", "was given together with blocked_countries", fix)
    for option, codes in (("allowed_countries", allowed), ("blocked_countries", blocked)):
        for code in codes:
            if not re.fullmatch(r"[A-Z]{2}", code):
                raise InvalidOptionError(scope, option, f"contains {code!r}", "Use codes of ISO 3166, such as 'JP'")
        if len(codes) > _MOST_COUNTRIES:
            fix = f"Use at most {_MOST_COUNTRIES}, as AWS WAF does, or the opposite list"
            raise InvalidOptionError(scope, option, f"has {len(codes)} codes", fix)
