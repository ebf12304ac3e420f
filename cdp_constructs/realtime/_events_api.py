"""An AppSync Events API whose users connect with tokens and to which roles publish, and its log."""

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.cdk import kms
from cdp_constructs.core.keys import let_logs_use_key
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.realtime._channels import check_issuer

BY_USER = "AMAZON_COGNITO_USER_POOLS"
BY_ROLE = "AWS_IAM"
_LONGEST_API_NAME = 50


def add_events_api(
    scope: "Construct",
    *,
    issuer: "cdp_constructs.TokenIssuer",
    encryption_key: "kms.IKey | None",
    log_retention: logs.RetentionDays,
    removal_policy: "RemovalPolicy",
) -> tuple[appsync.CfnApi, logs.LogGroup]:
    """Add the API and its log, of which the API may write nothing but its own streams.

    Args:
        scope: The pattern.
        issuer: A user pool and the app clients whose tokens are accepted.
        encryption_key: A customer-managed key for the log.
        log_retention: How long the log is kept.
        removal_policy: What happens to the log when the stack is deleted.

    Raises:
        InvalidOptionError: for an issuer that is no user pool, or without an audience.
    """
    user_pool_id, region = check_issuer(scope, issuer)
    log_role = iam.Role(scope, "LogRole", assumed_by=appsync_of(scope))
    user, role = _mode(BY_USER), _mode(BY_ROLE)
    api = appsync.CfnApi(
        scope,
        "Api",
        name=Names.unique_resource_name(scope, max_length=_LONGEST_API_NAME, separator="-"),
        event_config=appsync.CfnApi.EventConfigProperty(
            auth_providers=[
                appsync.CfnApi.AuthProviderProperty(
                    auth_type=BY_USER,
                    cognito_config=appsync.CfnApi.CognitoConfigProperty(
                        aws_region=region,
                        user_pool_id=user_pool_id,
                        app_id_client_regex=f"^({'|'.join(issuer.audience)})$",
                    ),
                ),
                appsync.CfnApi.AuthProviderProperty(auth_type=BY_ROLE),
            ],
            connection_auth_modes=[user],
            default_subscribe_auth_modes=[user],
            default_publish_auth_modes=[role],
            log_config=appsync.CfnApi.EventLogConfigProperty(
                cloud_watch_logs_role_arn=log_role.role_arn, log_level="ERROR"
            ),
        ),
    )
    if encryption_key is not None:
        let_logs_use_key(scope, encryption_key)
    log_group = logs.LogGroup(
        scope,
        "Logs",
        # AppSync writes to this name, and makes it without an expiry when it is not there.
        log_group_name=f"/aws/appsync/apis/{api.attr_api_id}",
        retention=log_retention,
        encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    # A policy of its own, made after the API: the API names the role and the policy names the API's log.
    streams = log_group.log_group_arn
    writes = iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams])
    policy = iam.Policy(scope, "LogPolicy", roles=[log_role], statements=[writes])
    acknowledge_resources(policy, [streams], "The streams of the API's own log; AppSync names them.")
    return api, log_group


def appsync_of(scope: "Construct", api_arn: str | None = None) -> iam.IPrincipal:
    """Return AppSync, working for this account, and where it is known already, for this API."""
    conditions: dict[str, dict[str, str]] = {"StringEquals": {"aws:SourceAccount": stack_of(scope).account}}
    if api_arn is not None:
        conditions["ArnEquals"] = {"aws:SourceArn": api_arn}
    return iam.ServicePrincipal("appsync.amazonaws.com", conditions=conditions)


def events_metric(name: str, dimensions: dict[str, str], period: "Duration | None") -> cloudwatch.Metric:
    """Return a metric of AppSync Events: https://docs.aws.amazon.com/appsync/latest/eventapi/cw-metrics.html."""
    return cloudwatch.Metric(
        namespace="AWS/AppSync",
        metric_name=name,
        dimensions_map=dimensions,
        statistic="sum",
        period=period or minute(),
    )


def _mode(auth_type: str) -> appsync.CfnApi.AuthModeProperty:
    return appsync.CfnApi.AuthModeProperty(auth_type=auth_type)
