"""Parts of AWS WAF's web ACLs that several patterns make."""

from collections.abc import Sequence

from aws_cdk import Token
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from cdp_constructs.core.places import check_arn
from cdp_constructs.core.validation import InvalidOptionError, check_range

__all__ = ["WINDOW_SECONDS", "associate", "attach", "check_rate_limit", "rate_rule", "visibility"]

_ASSOCIATION = "WebAclAssociation"
WINDOW_SECONDS = 300
"""The time in which AWS WAF counts the requests of an address."""
_RATES = (
    "https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html"
)
# Cognito hands the name of the operation to AWS WAF in this header:
# https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-waf.html
_OPERATION = "x-amzn-cognito-operation-name"


def check_rate_limit(construct: "Construct | str", limit: int | None) -> None:
    """Refuse a limit that AWS WAF does not have.

    Raises:
        InvalidOptionError: below 10 or above 2,000,000,000 requests.
    """
    if limit is not None:
        check_range(
            construct, "rate_limit", limit, low=10, high=2_000_000_000, unit="requests", source=_RATES, tokens=True
        )


def attach(scope: Construct, resource_arn: str, web_acl_arn: str, *, protects: str, instead: str) -> None:
    """Let a given web ACL judge the requests to what a pattern owns, which has one web ACL at most.

    Args:
        scope: The pattern.
        resource_arn: What is protected.
        web_acl_arn: ARN of the web ACL; a token passes.
        protects: What it is called, such as ``pool``, for the fix.
        instead: The fix for a second web ACL.

    Raises:
        InvalidOptionError: for a second web ACL, and for one of scope CLOUDFRONT, of another Region or of another
            account.
    """
    if scope.node.try_find_child(_ASSOCIATION) is not None:
        raise InvalidOptionError(scope, "web_acl_arn", f"is {web_acl_arn!r}, a second web ACL", instead)
    if not Token.is_unresolved(web_acl_arn) and ":regional/" not in web_acl_arn:
        fix = f"Make the web ACL in the {protects}'s Region with scope REGIONAL"
        raise InvalidOptionError(scope, "web_acl_arn", f"is {web_acl_arn!r}", fix)
    check_arn(scope, "web_acl_arn", web_acl_arn, fix=f"Give one of the {protects}'s Region")
    associate(scope, resource_arn, web_acl_arn)


def associate(scope: Construct, resource_arn: str, web_acl_arn: str) -> None:
    """Let a web ACL judge the requests to a resource."""
    wafv2.CfnWebACLAssociation(scope, _ASSOCIATION, resource_arn=resource_arn, web_acl_arn=web_acl_arn)


def rate_rule(
    limit: int, *, unlimited_operations: Sequence[str] = (), retry_after: bool = False, sampled: bool = False
) -> wafv2.CfnWebACL.RuleProperty:
    """Return a rule that blocks an address while it made more requests than allowed in five minutes.

    Args:
        limit: Requests of one address in five minutes.
        unlimited_operations: Operations of Cognito that are not counted.
        retry_after: Whether the answer is 429 with ``Retry-After``; otherwise what the protected service says.
        sampled: See ``visibility``.
    """
    statement = wafv2.CfnWebACL.RateBasedStatementProperty(
        aggregate_key_type="IP",
        limit=limit,
        evaluation_window_sec=WINDOW_SECONDS,
        scope_down_statement=_none_of(unlimited_operations),
    )
    too_many = wafv2.CfnWebACL.CustomResponseProperty(
        response_code=429,
        response_headers=[wafv2.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value="60")],
    )
    return wafv2.CfnWebACL.RuleProperty(
        name="RateLimit",
        priority=0,
        action=wafv2.CfnWebACL.RuleActionProperty(
            block=wafv2.CfnWebACL.BlockActionProperty(custom_response=too_many) if retry_after else {}
        ),
        statement=wafv2.CfnWebACL.StatementProperty(rate_based_statement=statement),
        visibility_config=visibility("RateLimit", sampled=sampled),
    )


def visibility(name: str, *, sampled: bool = False) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    """Let a web ACL or a rule publish its metrics, under a name.

    Args:
        name: The metrics' dimension.
        sampled: Whether some requests can be seen in the console; they have the headers and paths of users.
    """
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=sampled
    )


def _none_of(operations: Sequence[str]) -> wafv2.CfnWebACL.StatementProperty | None:
    named = [
        wafv2.CfnWebACL.StatementProperty(
            byte_match_statement=wafv2.CfnWebACL.ByteMatchStatementProperty(
                field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(single_header={"Name": _OPERATION}),
                positional_constraint="EXACTLY",
                search_string=operation,
                text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
            )
        )
        for operation in operations
    ]
    if not named:
        return None
    any_of = named[0]
    if len(named) > 1:
        any_of = wafv2.CfnWebACL.StatementProperty(or_statement=wafv2.CfnWebACL.OrStatementProperty(statements=named))
    return wafv2.CfnWebACL.StatementProperty(not_statement=wafv2.CfnWebACL.NotStatementProperty(statement=any_of))
