"""A web ACL that limits how often one address may call a user pool's public API."""

from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

_WINDOW_SECONDS = 300
# Renewals are not limited: many users behind one address would lose their sessions together. Cognito hands the name of
# the operation to AWS WAF in this header: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-waf.html
_OPERATION = "x-amzn-cognito-operation-name"
_RENEWAL = "GetTokensFromRefreshToken"


def add_rate_limit(scope: Construct, user_pool: cognito.IUserPool, limit: int) -> wafv2.CfnWebACL:
    """Block an address, in every operation but renewals, while it made more requests than allowed in five minutes.

    Args:
        scope: The pattern that owns the pool; the ids inside are ``WebAcl`` and ``WebAclAssociation``.
        user_pool: The pool to protect, of the same Region.
        limit: Requests of one address in five minutes.
    """
    not_a_renewal = wafv2.CfnWebACL.StatementProperty(
        not_statement=wafv2.CfnWebACL.NotStatementProperty(
            statement=wafv2.CfnWebACL.StatementProperty(
                byte_match_statement=wafv2.CfnWebACL.ByteMatchStatementProperty(
                    field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(single_header={"Name": _OPERATION}),
                    positional_constraint="EXACTLY",
                    search_string=_RENEWAL,
                    text_transformations=[
                        wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE"),
                    ],
                )
            )
        )
    )
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_metrics("WebAcl"),
        rules=[
            wafv2.CfnWebACL.RuleProperty(
                name="RateLimit",
                priority=0,
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                        aggregate_key_type="IP",
                        limit=limit,
                        evaluation_window_sec=_WINDOW_SECONDS,
                        scope_down_statement=not_a_renewal,
                    )
                ),
                visibility_config=_metrics("RateLimit"),
            )
        ],
    )
    wafv2.CfnWebACLAssociation(
        scope, "WebAclAssociation", resource_arn=user_pool.user_pool_arn, web_acl_arn=acl.attr_arn
    )
    return acl


def _metrics(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    # Sampled requests show paths and headers, which Cognito has freed from what is confidential.
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
