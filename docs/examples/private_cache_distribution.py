"""Files that users download from edge locations, each only their own."""

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_cognito as cognito

from cdp_constructs import PrivateCacheDistribution


def build(stack: Stack) -> PrivateCacheDistribution:
    """Serve ``<sub>/…`` of a new bucket to the user with that subject."""
    users = cognito.UserPool.from_user_pool_id(stack, "Users", "eu-west-1_example")
    issuer = f"https://cognito-idp.eu-west-1.amazonaws.com/{users.user_pool_id}"
    api = apigatewayv2.HttpApi(stack, "Api")

    files = PrivateCacheDistribution(stack, "Files")
    files.add_routes(
        api, authorizer=authorizers.HttpJwtAuthorizer("Users", issuer, jwt_audience=["web"]), path="/downloads"
    )
    return files
