"""Whose a mail address is that comes from two sides: the function that Cognito asks before it makes an account."""

import json
from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.api._identity_provider import AccountLinking, IdentityProvider
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes, seconds


def add_account_linking(
    scope: Construct,
    user_pool: cognito.UserPool,
    providers: Sequence[IdentityProvider],
    linking: AccountLinking,
    *,
    alarm_topic: "sns.ITopic | None",
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> lambda_.Function:
    """Add the function that Cognito asks, and an alarm for when it fails: nobody new gets in then."""
    function = add_function(
        scope,
        "AccountLinking",
        handler="api/account_linking",
        description="Decides whose a mail address is when somebody signs up",
        invocation=Invocation.REQUEST,
        publishes_metrics=True,
        environment={
            "LINKS": json.dumps(linking is AccountLinking.LINK_VERIFIED),
            "PROVIDERS": json.dumps([provider.name for provider in providers]),
        },
        # Cognito waits so long, and asks three times at most.
        timeout=seconds(5),
        log_retention=log_retention,
        removal_policy=removal_policy,
    )
    user_pool.add_trigger(cognito.UserPoolOperation.PRE_SIGN_UP, function)
    actions = ["cognito-idp:ListUsers"]
    if linking is AccountLinking.LINK_VERIFIED:
        actions.append("cognito-idp:AdminLinkProviderForUser")
    # A policy beside the function: one of the function's own would come before the pool, which names the function.
    iam.Policy(
        scope,
        "AccountLinkingPolicy",
        roles=[role for role in (function.role,) if role],
        statements=[iam.PolicyStatement(actions=actions, resources=[user_pool.user_pool_arn])],
    )
    add_alarm(
        scope,
        "AccountLinkingErrorAlarm",
        _failures(function),
        alarm_topic=alarm_topic,
        description=f"{path_of(scope)}: sign-ups fail because the function that judges them does. Read its log; people "
        "who have an account still get in.",
    )
    return function


def _failures(function: lambda_.Function) -> "cloudwatch.MathExpression":
    """Return how many calls ended with an error that is no refusal: refusing is to raise, for Cognito."""
    from aws_cdk import aws_cloudwatch as cloudwatch

    refused = function_metric(function, "RefusedSignUps")
    return cloudwatch.MathExpression(
        expression="FILL(errors, 0) - FILL(refused, 0)",
        using_metrics={"errors": function.metric_errors(period=minutes(5)), "refused": refused},
        period=minutes(5),
        label="Sign-ups that could not be judged",
    )
