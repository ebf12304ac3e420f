"""The routes of a health check: public, because health checkers carry no token."""

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.validation import InvalidOptionError


def check_paths(scope: Construct, path: str, shallow_path: str) -> None:
    """Refuse what is no path of a health route, and one path for both."""
    for option, value in (("path", path), ("shallow_path", shallow_path)):
        if not value.startswith("/") or "{" in value or " " in value:
            fix = "Start it with / and use neither spaces nor path parameters, such as /health/deep"
            raise InvalidOptionError(scope, option, f"is {value!r}", fix)
    if path == shallow_path:
        raise InvalidOptionError(scope, "shallow_path", f"is {shallow_path!r}, as path is", "Use two paths")


def add_route(check: "cdp_constructs.DeepHealthCheck", construct_id: str, path: str) -> apigatewayv2.HttpRoute:
    """Add a public route that the check's function answers."""
    from aws_cdk import aws_apigatewayv2_integrations as integrations

    route = apigatewayv2.HttpRoute(
        check,
        construct_id,
        http_api=check.api,
        route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod.GET),
        integration=integrations.HttpLambdaIntegration(f"{construct_id}Integration", check.function),
        # Explicit, because the API's default authorizer would refuse the checkers.
        authorizer=apigatewayv2.HttpNoneAuthorizer(),
    )
    reason = "Health checkers carry no token. The answer names no resource, is cached, and the route is throttled."
    acknowledge(route, "AwsSolutions-APIG4", reason)
    return route
