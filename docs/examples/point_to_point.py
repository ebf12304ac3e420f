"""Operators send commands to single sensors, through an API that they sign in to."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2

from cdp_constructs import DeviceFleet, PointToPoint


def build(
    stack: Stack, fleet: DeviceFleet, api: apigatewayv2.HttpApi, authorizer: apigatewayv2.IHttpRouteAuthorizer
) -> PointToPoint:
    """Add commands to a fleet."""
    commands = PointToPoint(stack, "Commands", fleet=fleet, timeout=Duration.seconds(20))
    commands.add_routes(api, authorizer=authorizer)
    return commands
