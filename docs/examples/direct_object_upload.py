"""Signed-in users of a web application upload pictures; a consumer receives a message about each one that passed."""

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers

from cdp_constructs import DirectObjectUpload, SnsSqsFanout


def build(stack: Stack) -> DirectObjectUpload:
    """Add the upload, its route, and one consumer to a stack."""
    origins = ["https://www.example.com"]
    upload = DirectObjectUpload(
        stack, "Pictures", content_types=["image/jpeg", "image/png"], max_size_mb=10, allowed_origins=origins
    )
    accepted = SnsSqsFanout(stack, "Accepted", topic=upload.topic)
    accepted.add_subscriber("Thumbnails", filter_policy={"content_type": ["image/jpeg"]})

    api = apigatewayv2.HttpApi(
        stack,
        "Api",
        cors_preflight=apigatewayv2.CorsPreflightOptions(
            allow_origins=origins,
            allow_methods=[apigatewayv2.CorsHttpMethod.POST],
            allow_headers=["authorization", "content-type"],
        ),
    )
    issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"
    upload.add_routes(api, authorizer=authorizers.HttpJwtAuthorizer("Users", issuer, jwt_audience=["web"]))
    return upload
