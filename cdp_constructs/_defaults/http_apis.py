"""One way to bound how often the routes of an HTTP API are called."""

from typing import TYPE_CHECKING, cast

from aws_cdk import aws_apigatewayv2 as apigatewayv2

if TYPE_CHECKING:
    from collections.abc import Iterable


def throttle_route(
    api: apigatewayv2.IHttpApi,
    route_key: str,
    limits: apigatewayv2.ThrottleSettings,
    *,
    after: "Iterable[apigatewayv2.HttpRoute]",
) -> None:
    """Let a route take fewer requests than the others; an imported API's stage is not ours to configure.

    Args:
        api: The HTTP API, served from its default stage.
        route_key: The route as API Gateway writes it, such as ``GET /orders/{order}``.
        limits: Requests per second and burst, for all callers together. Beyond, API Gateway answers 429.
        after: The route itself: API Gateway refuses settings of a route that does not exist yet.
    """
    if api.default_stage is None:
        return
    stage = cast("apigatewayv2.CfnStage", api.default_stage.node.default_child)
    escaped = route_key.replace(".", "\\.")  # a dot would start the next level of the override
    stage.add_property_override(f"RouteSettings.{escaped}.ThrottlingRateLimit", limits.rate_limit)
    stage.add_property_override(f"RouteSettings.{escaped}.ThrottlingBurstLimit", limits.burst_limit)
    stage.node.add_dependency(*after)
