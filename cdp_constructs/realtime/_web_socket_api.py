"""A WebSocket API whose users connect with tokens: its routes, its stage, and what was accepted about both."""

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.cdk import lambda_
from cdp_constructs.core.http_apis import name_of
from cdp_constructs.core.paths import path_of, stack_of

_STAGE = "live"
_ACTIONS = ("subscribe", "unsubscribe", "ping")
# All APIs of an account share 10,000 requests a second (burst 5,000) in a Region; clients of this one leave half of it.
_HALF = apigatewayv2.ThrottleSettings(rate_limit=5_000, burst_limit=2_500)
_ONLY_CONNECT = (
    "API Gateway authorizes WebSockets when they connect, and only then: this route is reached over a connection whose "
    "user the authorizer of $connect verified."
)
_NO_ACCESS_LOGS = (
    "Access logs of a WebSocket API need a role in the settings of the whole account, which a construct must not "
    "change. The functions log who connects, is refused, and subscribes."
)


def add_web_socket_api(
    scope: "Construct", *, authorizer: "lambda_.IFunction", subscriptions: "lambda_.IFunction"
) -> apigatewayv2.WebSocketStage:
    """Add the API and its only stage.

    Args:
        scope: The pattern.
        authorizer: Verifies who connects.
        subscriptions: Answers every route.
    """
    integration = integrations.WebSocketLambdaIntegration("Subscriptions", subscriptions)
    route = apigatewayv2.WebSocketRouteOptions
    api = apigatewayv2.WebSocketApi(
        scope,
        "Api",
        api_name=name_of(scope),
        description=f"Live channels of {path_of(scope)}",
        connect_route_options=route(
            integration=integration,
            authorizer=authorizers.WebSocketLambdaAuthorizer(
                "SignedIn",
                authorizer,
                authorizer_name=name_of(scope, "-SignedIn"),
                identity_source=["route.request.header.Sec-WebSocket-Protocol"],
            ),
        ),
        disconnect_route_options=route(integration=integration),
        default_route_options=route(integration=integration, return_response=True),
    )
    for name in _ACTIONS:
        api.add_route(name, integration=integration, return_response=True)
    for name in ("$disconnect", "$default", *_ACTIONS):
        acknowledge(api.node.find_child(f"{name}-Route"), "AwsSolutions-APIG4", _ONLY_CONNECT)
    stage = apigatewayv2.WebSocketStage(
        scope, "Stage", web_socket_api=api, stage_name=_STAGE, auto_deploy=True, throttle=_HALF
    )
    acknowledge(stage, ["AwsSolutions-APIG1", "Serverless-APIGWAccessLogging"], _NO_ACCESS_LOGS)
    return stage


def connections_arn(stage: apigatewayv2.WebSocketStage) -> str:
    """Return the ARN of the connections of a stage, which clients make: it ends with ``*``."""
    return stack_of(stage).format_arn(
        service="execute-api", resource=stage.api.api_id, resource_name=f"{_STAGE}/POST/@connections/*"
    )


def grant_posting(stage: apigatewayv2.WebSocketStage, grantee: iam.IGrantable) -> iam.Grant:
    """Let a publisher post to the connections of a stage."""
    return iam.Grant.add_to_principal(
        grantee=grantee, actions=["execute-api:ManageConnections"], resource_arns=[connections_arn(stage)]
    )
