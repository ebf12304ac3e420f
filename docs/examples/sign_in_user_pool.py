"""Users of a shop, who stay signed in when a Region fails; each Region's API takes their tokens."""

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from cdp_constructs import AuthorizedApi, SignInUserPool


def build(stack: Stack, orders: lambda_.IFunction) -> SignInUserPool:
    """Add the users, and an API that takes their tokens."""
    users = SignInUserPool(stack, "Users")
    shop = AuthorizedApi(stack, "Shop", allowed_origins=["https://shop.example.com"], issuer=users.issuer)
    shop.add_routes(["GET /orders"], orders)
    return users
