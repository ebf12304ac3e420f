"""Orders that only signed-in users read and place."""

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_lambda as lambda_

from cdp_constructs import AuthorizedApi


def build(stack: Stack, orders: lambda_.IFunction) -> AuthorizedApi:
    """Put a function behind an API whose users sign up and in with a pool of its own."""
    api = AuthorizedApi(stack, "Shop", allowed_origins=["https://shop.example.com"])
    api.add_routes(["GET /orders"], orders)
    api.add_routes(["POST /orders"], orders, throttle=apigatewayv2.ThrottleSettings(rate_limit=50, burst_limit=100))
    return api
