"""A web ACL that limits how often one address may call a user pool's public API."""

from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from cdp_constructs.core.web_acls import associate, rate_rule, visibility

# Renewals are not limited: many users behind one address would lose their sessions together.
_RENEWAL = "GetTokensFromRefreshToken"


def add_rate_limit(scope: Construct, user_pool: cognito.IUserPool, limit: int) -> None:
    """Block an address, in every operation but renewals, while it made more requests than allowed in five minutes.

    Args:
        scope: The pattern that owns the pool; the id of the web ACL inside is ``WebAcl``.
        user_pool: The pool to protect, of the same Region.
        limit: Requests of one address in five minutes.
    """
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        # Cognito has freed from what is confidential what samples show.
        visibility_config=visibility("WebAcl", sampled=True),
        rules=[rate_rule(limit, unlimited_operations=[_RENEWAL], sampled=True)],
    )
    associate(scope, user_pool.user_pool_arn, acl.attr_arn)
