"""The log of a firewall: what it blocked, without what must not be read by operators."""

from aws_cdk import ArnFormat, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.paths import stack_of

# https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
_PREFIX = "aws-waf-logs-"
_SECRET_HEADERS = ("authorization", "cookie")


def add_logging(
    scope: Construct,
    acl: wafv2.CfnWebACL,
    name: str,
    *,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> logs.LogGroup:
    """Let a web ACL log what it blocks.

    Args:
        scope: The pattern that owns it; the ids inside are ``Log`` and ``Logging``.
        acl: The web ACL.
        name: Ends the log group's name, which AWS WAF wants to begin in a certain way.
        log_retention: How long entries are kept.
        removal_policy: What happens to the log group when the stack is deleted.
    """
    log_group = add_log_group(
        scope, "Log", name=f"{_PREFIX}{name}", log_retention=log_retention, removal_policy=removal_policy
    )
    logging = wafv2.CfnLoggingConfiguration
    arn = stack_of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    headers = [logging.FieldToMatchProperty(single_header={"Name": header}) for header in _SECRET_HEADERS]
    # As CloudFormation names its members: the CDK passes this property on as it is.
    blocked = {
        "Behavior": "KEEP",
        "Requirement": "MEETS_ANY",
        "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
    }
    wafv2.CfnLoggingConfiguration(
        scope,
        "Logging",
        resource_arn=acl.attr_arn,
        log_destination_configs=[arn],
        redacted_fields=[*headers, logging.FieldToMatchProperty(query_string={})],
        logging_filter={"DefaultBehavior": "DROP", "Filters": [blocked]},
    )
    return log_group
