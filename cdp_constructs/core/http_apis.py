"""One way to add routes to an HTTP API, to throttle them, and to keep a log of who called them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.cdk import kms, lambda_
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError, check_range

_LONGEST_NAME = 128
_LIMITS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"
MOST_REQUESTS, LARGEST_BURST = 10_000, 5_000
_SCOPES = "cdp-constructs:authorization-scopes"
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
_PATH = re.compile(r"(/([A-Za-z0-9._~:@!$&'()*,;=%-]+|\{[A-Za-z0-9._-]+\+?\}))+")

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


def name_of(scope: "Construct", suffix: str = "") -> str:
    """Return the name that an API, or an authorizer of it, has in the console: the pattern's path.

    Args:
        scope: The pattern. A ``Default`` at the end of its path is left out, as in logical ids.
        suffix: Tells what belongs to the API from the API itself, such as ``-SignedIn``.
    """
    path = path_of(scope).removesuffix("/Default").replace("/", "-")
    return path[: _LONGEST_NAME - len(suffix)] + suffix


def check_throttle(construct: "Construct", limits: apigatewayv2.ThrottleSettings) -> None:
    """Refuse limits that an account does not have.

    Raises:
        InvalidOptionError: naming the limit.
    """
    for name, value, most in (
        ("rate_limit", limits.rate_limit, MOST_REQUESTS),
        ("burst_limit", limits.burst_limit, LARGEST_BURST),
    ):
        if value is None:
            raise InvalidOptionError(construct, f"throttle.{name}", "is missing", "Give rate_limit and burst_limit")
        check_range(construct, f"throttle.{name}", value, low=1, high=most, unit="requests", source=_LIMITS)


def use_scopes(scope: "Construct", scopes: "Sequence[str]") -> None:
    """Let tokens need one of these scopes on routes that patterns add to an API below a construct.

    Not the CDK's ``default_authorization_scopes``: routes for everybody would have them too.

    Args:
        scope: What makes the API, before it has children.
        scopes: None of them: every token will do.
    """
    if scopes:
        scope.node.set_context(_SCOPES, list(scopes))


def add_function_routes(
    scope: "Construct",
    api: apigatewayv2.IHttpApi,
    function: "lambda_.IFunction",
    routes: "Mapping[str, str]",
    *,
    integration_id: str,
    authorizer: apigatewayv2.IHttpRouteAuthorizer | None,
) -> list[apigatewayv2.HttpRoute]:
    """Let a pattern's function answer routes of an API, for users whose token the API has verified.

    Args:
        scope: The pattern that owns the function.
        api: The HTTP API. Its CORS settings are its own.
        function: Answers.
        routes: Method and path, such as ``POST /uploads``, by construct id of the route.
        integration_id: Id of the integration.
        authorizer: Verifies the users' tokens; None for the API's default authorizer.

    Raises:
        InvalidOptionError: when there is no authorizer: the function would refuse everybody.
    """
    # Imported here: a pattern that is not called through an API does not pay for it.
    from aws_cdk import aws_apigatewayv2_integrations as integrations

    # The scopes of an API are those of its own issuer's tokens.
    scopes = None if authorizer else api.node.try_get_context(_SCOPES)
    authorizer = authorizer or api.default_authorizer
    if authorizer is None:
        fix = "Give one, such as HttpJwtAuthorizer(…), or an API with a default authorizer, as AuthorizedApi makes it"
        raise InvalidOptionError(scope, "authorizer", "is missing, and the API has no default authorizer", fix)
    integration = integrations.HttpLambdaIntegration(integration_id, function)
    added = []
    for construct_id, route in routes.items():
        method, _, path = route.partition(" ")
        if not _PATH.fullmatch(path):
            fix = "Begin with a slash and use no spaces, such as /uploads"
            raise InvalidOptionError(scope, "path", f"is {path!r}", fix)
        if scope.node.try_find_child(construct_id.replace("/", "--")) is not None:
            fix = "Give each API a path of its own, or another construct"
            raise InvalidOptionError(scope, "path", f"is {path!r}, which was added before", fix)
        key = apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod[method])
        added.append(
            apigatewayv2.HttpRoute(
                scope,
                construct_id,
                http_api=api,
                route_key=key,
                integration=integration,
                authorizer=authorizer,
                authorization_scopes=scopes,
            )
        )
    return added


def let_pages_send(api: apigatewayv2.IHttpApi, headers: "Sequence[str]", *, shown: "Sequence[str]") -> None:
    """Let pages of the origins that an API allows send more headers; an imported API is not changed.

    Args:
        api: The HTTP API.
        headers: What they may send beside what they may already.
        shown: Headers of answers that they may read.
    """
    resource = api.node.default_child
    if not isinstance(resource, apigatewayv2.CfnApi):
        return
    found = stack_of(resource).resolve(resource.cors_configuration)
    if not found:
        return
    allowed, exposed = found.get("allowHeaders", []), found.get("exposeHeaders", [])
    resource.cors_configuration = apigatewayv2.CfnApi.CorsProperty(
        allow_credentials=found.get("allowCredentials"),
        allow_headers=[*allowed, *(name for name in headers if name not in allowed)],
        allow_methods=found.get("allowMethods"),
        allow_origins=found.get("allowOrigins"),
        expose_headers=[*exposed, *(name for name in shown if name not in exposed)],
        max_age=found.get("maxAge"),
    )


def add_access_logs(
    scope: "Construct",
    api: apigatewayv2.HttpApi,
    *,
    log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    encryption_key: "kms.IKey | None" = None,
) -> apigatewayv2.CfnStage:
    """Keep a line of JSON for every request to the default stage, and return the stage.

    Args:
        scope: The pattern that owns the API; the log group is its ``AccessLogs``.
        api: The API.
        log_retention: How long the lines are kept.
        removal_policy: What happens to them when the stack is deleted.
        encryption_key: A customer-managed key for them; by default CloudWatch Logs encrypts with a key of its own.
    """
    log_group = add_log_group(
        scope,
        "AccessLogs",
        log_retention=log_retention,
        removal_policy=removal_policy,
        encryption_key=encryption_key,
    )
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
    """Let routes take fewer requests than the others; the stage of an imported API is not changed.

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
