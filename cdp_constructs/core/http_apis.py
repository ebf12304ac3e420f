"""One way to bound how often the routes of an HTTP API are called, and to keep who called them."""

import json
from typing import TYPE_CHECKING, cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from constructs import Construct

_LOGGED = {
    "request_id": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "user": "$context.authorizer.claims.sub",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "integration_error": "$context.integrationErrorMessage",
    "authorizer_error": "$context.authorizer.error",
}


def add_access_logs(
    scope: "Construct",
    api: apigatewayv2.HttpApi,
    *,
    log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
) -> apigatewayv2.CfnStage:
    """Keep a line of JSON for every request to the default stage, and return the stage.

    Args:
        scope: The pattern that owns the API; the log group is its ``AccessLogs``.
        api: The API.
        log_retention: How long the lines are kept.
    """
    log_group = logs.LogGroup(scope, "AccessLogs", retention=log_retention, removal_policy=RemovalPolicy.RETAIN)
    stage = cast("apigatewayv2.CfnStage", api.default_stage.node.default_child)  # type: ignore[union-attr]
    stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=log_group.log_group_arn, format=json.dumps(_LOGGED)
    )
    return stage


def throttle_routes(
    api: apigatewayv2.IHttpApi,
    limits: "Mapping[str, apigatewayv2.ThrottleSettings]",
    *,
    after: "Iterable[apigatewayv2.HttpRoute]",
) -> None:
    """Let routes take fewer requests than the others; an imported API's stage is not ours to configure.

    Args:
        api: The HTTP API, served from its default stage.
        limits: Requests per second and burst, for all callers together, by route as API Gateway writes it, such as
            ``GET /orders/{order}``. Beyond, API Gateway answers 429.
        after: The routes themselves: API Gateway refuses settings of a route that does not exist yet.
    """
    stage = api.default_stage
    if stage is None:
        return
    resource = cast("apigatewayv2.CfnStage", stage.node.default_child)
    for route_key, limit in limits.items():
        escaped = route_key.replace(".", "\\.")  # a dot would start the next level of the override
        settings = {"ThrottlingRateLimit": limit.rate_limit, "ThrottlingBurstLimit": limit.burst_limit}
        resource.add_property_override(f"RouteSettings.{escaped}", settings)
    resource.node.add_dependency(*after)
