"""Checks of a firewall's options; each raises InvalidOptionError."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError, check_no_repetition
from cdp_constructs.delivery._firewall_rules import BODY_RULES

_CLOUDFRONT_REGION = "us-east-1"
_COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a list would be 250 lines
)
"""Codes of countries that AWS WAF knows: https://docs.aws.amazon.com/waf/latest/APIReference/API_GeoMatchStatement.html"""
_MOST_COUNTRIES = 50
# What Cognito calls its operations, such as GetTokensFromRefreshToken.
_OPERATION = re.compile(r"[A-Za-z]{1,128}")


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
    for option, codes in (("allowed_countries", allowed), ("blocked_countries", blocked)):
        for code in codes:
            if code not in _COUNTRIES:
                fix = "Use codes of countries of ISO 3166 in capitals, such as 'JP'"
                raise InvalidOptionError(scope, option, f"contains {code!r}", fix)
        check_no_repetition(scope, option, codes)
        if len(codes) > _MOST_COUNTRIES:
            fix = f"Use at most {_MOST_COUNTRIES}, as AWS WAF does, or the opposite list"
            raise InvalidOptionError(scope, option, f"has {len(codes)} codes", fix)
    if allowed and blocked:
        fix = "Give one of them: what is not allowed is blocked"
        raise InvalidOptionError(scope, "allowed_countries", "was given together with blocked_countries", fix)


def check_operations(scope: Construct, names: Sequence[str]) -> None:
    """Refuse what is no name of an operation: a rule would never match it."""
    for name in names:
        if not _OPERATION.fullmatch(name):
            fix = "Use the name of an operation of Cognito, such as GetTokensFromRefreshToken"
            raise InvalidOptionError(scope, "unlimited_operations", f"contains {name!r}", fix)
