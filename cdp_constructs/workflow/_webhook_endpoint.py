"""What WebhookAutomation shares with the sender: a secret, an API, and a route without a token."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.cdk import kms, lambda_, logs
from cdp_constructs.core.http_apis import add_access_logs, name_of, throttle_routes
from cdp_constructs.core.paths import path_of


def add_secret(
    scope: "Construct", *, encryption_key: "kms.IKey | None", removal_policy: "RemovalPolicy"
) -> secretsmanager.Secret:
    """Add the secret that the sender signs with."""
    secret = secretsmanager.Secret(
        scope,
        "Secret",
        description=f"Shared with the sender of {path_of(scope)}",
        generate_secret_string=secretsmanager.SecretStringGenerator(
            password_length=48, exclude_punctuation=True, include_space=False
        ),
        encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
    reason = (
        "The sender keeps the other copy, which AWS cannot change: a person puts a new value here and there. The "
        "previous version is accepted meanwhile."
    )
    acknowledge(secret, "AwsSolutions-SMG4", reason)
    return secret


def add_api(
    scope: "Construct",
    limits: apigatewayv2.ThrottleSettings,
    *,
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: "RemovalPolicy",
) -> apigatewayv2.HttpApi:
    """Add an API that is throttled as a whole and logs every request."""
    api = apigatewayv2.HttpApi(
        scope, "Api", api_name=name_of(scope), description=f"Receives the webhooks of {path_of(scope)}"
    )
    stage = add_access_logs(
        scope, api, log_retention=log_retention, removal_policy=removal_policy, encryption_key=encryption_key
    )
    stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
        throttling_rate_limit=limits.rate_limit, throttling_burst_limit=limits.burst_limit
    )
    return api


def add_route(
    scope: "Construct",
    api: apigatewayv2.IHttpApi,
    receiver: "lambda_.IFunction",
    path: str,
    limits: apigatewayv2.ThrottleSettings,
) -> None:
    """Let the receiver answer ``POST`` on a path, for everybody: it verifies the signature itself."""
    from aws_cdk import aws_apigatewayv2_integrations as integrations

    route = apigatewayv2.HttpRoute(
        scope,
        "Route",
        http_api=api,
        route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod.POST),
        integration=integrations.HttpLambdaIntegration("Receiver", receiver),
        # Explicit, because the API's default authorizer would refuse the sender.
        authorizer=apigatewayv2.HttpNoneAuthorizer(),
    )
    reason = "Senders of webhooks carry no token: the function verifies the signature of every delivery itself."
    acknowledge(route, "AwsSolutions-APIG4", reason)
    throttle_routes(api, {f"POST {path}": limits}, after=[route])
