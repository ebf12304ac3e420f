"""A photo service: users sign in and upload, two services learn of pictures, a CDN delivers them, frames report."""

import json

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from benchmarks.apps.by_hand import fan_out, iot_to_firehose
from benchmarks.apps.by_hand.parts import add_alarm
from benchmarks.apps.by_hand.private_cdn import add_private_cdn
from benchmarks.apps.by_hand.upload import add_upload

_ORIGINS = ["https://www.example.com"]
_LOGGED = {"request": "$context.requestId", "user": "$context.authorizer.claims.sub", "status": "$context.status"}


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the system."""
    scope = Construct(stack, f"{name}Api")
    api = _add_api(scope, _add_users(scope, operators))
    _watch(scope, api, operators)
    upload = add_upload(stack, f"{name}Pictures", operators)
    _add_route(api, "/uploads", upload.form_function)
    fan_out.build(stack, f"{name}Accepted", operators, topic=upload.topic)
    sign = add_private_cdn(stack, f"{name}Files", operators, bucket=upload.bucket, origin_path="/accepted")
    _add_route(api, "/downloads", sign)
    iot_to_firehose.build(stack, f"{name}Frames", operators)


def _add_users(scope: Construct, operators: sns.ITopic) -> authorizers.HttpJwtAuthorizer:
    pool = cognito.UserPool(
        scope,
        "Users",
        self_sign_up_enabled=True,
        sign_in_aliases=cognito.SignInAliases(email=True),
        sign_in_case_sensitive=False,
        auto_verify=cognito.AutoVerifiedAttrs(email=True),
        keep_original=cognito.KeepOriginalAttrs(email=True),
        password_policy=cognito.PasswordPolicy(
            min_length=12,
            require_digits=True,
            require_lowercase=True,
            require_uppercase=True,
            require_symbols=True,
            temp_password_validity=Duration.days(3),
        ),
        mfa=cognito.Mfa.OPTIONAL,
        mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
        account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
        feature_plan=cognito.FeaturePlan.ESSENTIALS,
        deletion_protection=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    client = pool.add_client(
        "Client",
        auth_flows=cognito.AuthFlow(user_srp=True),
        disable_o_auth=True,
        generate_secret=False,
        prevent_user_existence_errors=True,
        enable_token_revocation=True,
        access_token_validity=Duration.hours(4),
        id_token_validity=Duration.hours(4),
        refresh_token_validity=Duration.days(90),
        refresh_token_rotation_grace_period=Duration.seconds(60),
    )
    throttled = cloudwatch.Metric(
        namespace="AWS/Cognito",
        metric_name="SignInThrottles",
        dimensions_map={"UserPool": pool.user_pool_id, "UserPoolClient": client.user_pool_client_id},
        period=Duration.minutes(5),
        statistic="sum",
    )
    add_alarm(scope, "ThrottledSignInsAlarm", throttled, operators, "Cognito throttles sign-ins")
    issuer = f"https://cognito-idp.{Stack.of(scope).region}.amazonaws.com/{pool.user_pool_id}"
    return authorizers.HttpJwtAuthorizer("SignedIn", issuer, jwt_audience=[client.user_pool_client_id])


def _add_api(scope: Construct, authorizer: authorizers.HttpJwtAuthorizer) -> apigatewayv2.HttpApi:
    api = apigatewayv2.HttpApi(
        scope,
        "Api",
        default_authorizer=authorizer,
        cors_preflight=apigatewayv2.CorsPreflightOptions(
            allow_origins=_ORIGINS,
            allow_methods=[apigatewayv2.CorsHttpMethod.GET, apigatewayv2.CorsHttpMethod.POST],
            allow_headers=["authorization", "content-type"],
            max_age=Duration.hours(1),
        ),
    )
    log_group = logs.LogGroup(
        scope, "AccessLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.RETAIN
    )
    stage: apigatewayv2.CfnStage = api.default_stage.node.default_child  # type: ignore[union-attr,assignment]
    stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=log_group.log_group_arn, format=json.dumps(_LOGGED)
    )
    stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
        throttling_rate_limit=5000, throttling_burst_limit=2500, detailed_metrics_enabled=True
    )
    return api


def _watch(scope: Construct, api: apigatewayv2.HttpApi, operators: sns.ITopic) -> None:
    errors = api.metric_server_error(period=Duration.minutes(1), statistic="sum")
    latency = api.metric_latency(period=Duration.minutes(1), statistic="p99")
    add_alarm(scope, "ServerErrorsAlarm", errors, operators, "Answers 5xx", threshold=5, evaluation_periods=2)
    add_alarm(scope, "LatencyAlarm", latency, operators, "Slow answers", threshold=2000, evaluation_periods=5)


def _add_route(api: apigatewayv2.HttpApi, path: str, function: lambda_.IFunction) -> None:
    integration = integrations.HttpLambdaIntegration(function.node.id, function)
    api.add_routes(path=path, methods=[apigatewayv2.HttpMethod.POST], integration=integration)
