"""What WebhookAutomation shares with the sender: a secret, an API, and a route without a token."""

from aws_cdk import Annotations, RemovalPolicy, Resource, Token
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.cdk import kms, lambda_, logs
from cdp_constructs.core.http_apis import add_access_logs, name_of, throttle_routes
from cdp_constructs.core.paths import account_of, path_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError


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


def check_secret(scope: "Construct", secret: secretsmanager.ISecret | None) -> None:
    """Refuse a secret of another account that cannot be read; of others say what lets the receiver read them.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html

    Raises:
        InvalidOptionError: it was imported without its complete ARN, or without its key.
    """
    here = account_of(stack_of(scope))
    if secret is None or Token.is_unresolved(here) or Token.is_unresolved(secret.env.account):
        return
    there = str(secret.env.account)
    if here == there:
        return
    if secret.secret_full_arn is None or secret.encryption_key is None:
        fix = "Import it with Secret.from_secret_attributes(secret_complete_arn=…, encryption_key=…)"
        lacks = "key" if secret.secret_full_arn else "complete ARN"
        problem = f"is {secret.node.path}, of account {there} and imported without its {lacks}"
        raise InvalidOptionError(scope, "secret", problem, fix)
    Annotations.of(scope).add_warning_v2(
        "cdp-constructs:SecretOfAnotherAccount",
        f"The secret {secret.node.path} is in account {there}. Make sure that its resource policy allows the role of "
        "the receiver function secretsmanager:GetSecretValue and secretsmanager:DescribeSecret, and that the policy of "
        "its key allows the role kms:Decrypt.",
    )


def let_read(secret: secretsmanager.ISecret, function: "lambda_.Function") -> None:
    """Let a function read a secret, and use the key that it was imported with."""
    secret.grant_read(function)
    key = secret.encryption_key
    # Of a key that this app defines, the CDK lets the function use it by the key's policy; others it cannot change.
    if key is not None and not Resource.is_owned_resource(key):
        via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{stack_of(function).region}.amazonaws.com"}}
        function.add_to_role_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn], conditions=via)
        )


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
