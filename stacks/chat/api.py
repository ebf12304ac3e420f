"""The chat's HTTP API of one Region."""

import json
from typing import TYPE_CHECKING, cast

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs._defaults.alarms import add_alarm
from cdp_constructs._defaults.functions import Invocation, add_function
from stacks.chat import HANDLERS
from stacks.chat.global_stack import ROOMS_OF_USER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns


# Requests per second and burst. All HTTP APIs of an account share 10,000/s in a Region (burst 5,000, not adjustable),
# so the chat leaves half to others; the routes that call further functions get what those can take.
_THROTTLE = (5000, 2500)
_ROUTES: dict[str, tuple[int, int] | None] = {
    "POST /rooms": (200, 100),
    "GET /rooms": None,
    "POST /rooms/{room}/members": (500, 250),
    "DELETE /rooms/{room}/members/me": (500, 250),
    "POST /rooms/{room}/messages": None,
    "GET /rooms/{room}/messages": None,
    "POST /rooms/{room}/uploads": (500, 250),
    "GET /rooms/{room}/attachments/{attachment}": (1000, 500),
}

_LOGGED = {
    "request_id": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "user": "$context.authorizer.claims.sub",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "integration_error": "$context.integrationErrorMessage",
    "authorizer_error": "$context.authorizer.error",
}


class Api(Construct):
    """Signed-in users' way to rooms, messages and attachments.

    Attributes:
        api: The HTTP API with its default stage.
        function: Answers every route.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        allowed_origins: "Sequence[str]",
        issuer: str,
        audience: str,
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = add_function(
            self,
            "Function",
            handler=HANDLERS / "api",
            description="Answers the chat's API",
            invocation=Invocation.REQUEST,
            memory_size=1024,
            timeout=Duration.seconds(15),
        )
        self.api = apigatewayv2.HttpApi(
            self,
            "Api",
            description="Chat: rooms, messages, attachments",
            default_authorizer=authorizers.HttpJwtAuthorizer("SignedIn", issuer, jwt_audience=[audience]),
            cors_preflight=apigatewayv2.CorsPreflightOptions(
                allow_origins=list(allowed_origins),
                allow_methods=[
                    apigatewayv2.CorsHttpMethod.GET,
                    apigatewayv2.CorsHttpMethod.POST,
                    apigatewayv2.CorsHttpMethod.DELETE,
                ],
                allow_headers=["authorization", "content-type"],
                expose_headers=["retry-after"],
                max_age=Duration.hours(1),
            ),
        )
        self._add_routes()
        self._add_alarms(alarm_topic)

    def use_table(self, table: "dynamodb.ITableV2", log_regions: "Sequence[str]") -> None:
        """Let the API work on this Region's replica.

        Args:
            table: The replica.
            log_regions: Every Region that may hold a part of a room's history.
        """
        self.function.add_environment("TABLE_NAME", table.table_name)
        self.function.add_environment("LOG_REGIONS", ",".join(log_regions))
        actions = ["BatchGetItem", "GetItem", "PutItem", "Query"]
        index_arn = f"{table.table_arn}/index/{ROOMS_OF_USER}"
        for names, resource in ((actions, table.table_arn), (["Query"], index_arn)):
            statement = iam.PolicyStatement(actions=[f"dynamodb:{name}" for name in names], resources=[resource])
            self.function.add_to_role_policy(statement)

    def use_attachments(self, form_function: "lambda_.IFunction", signing_functions: "Mapping[str, str]") -> None:
        """Let the API have uploads and downloads signed.

        Args:
            form_function: Hands out upload forms of this Region.
            signing_functions: Name of the function that signs downloads of a Region's attachments, by Region.
        """
        self.function.add_environment("UPLOAD_FUNCTION", form_function.function_name)
        self.function.add_environment("SIGNING_FUNCTIONS", json.dumps(signing_functions))
        arns = [self._function_arn(region, name) for region, name in signing_functions.items()]
        # Not grant_invoke(): it would also allow every version and alias of the functions.
        arns.append(form_function.function_arn)
        self.function.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))

    def metric_server_errors(self) -> cloudwatch.Metric:
        """Answers 5xx per minute."""
        return self.api.metric_server_error(period=Duration.minutes(1), statistic="sum")

    def metric_latency(self, statistic: str = "p99") -> cloudwatch.Metric:
        """Milliseconds from request to answer."""
        return self.api.metric_latency(period=Duration.minutes(1), statistic=statistic)

    def _function_arn(self, region: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="lambda",
            region=region,
            resource="function",
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _add_routes(self) -> None:
        integration = integrations.HttpLambdaIntegration("Function", self.function)
        stage = cast("apigatewayv2.CfnStage", self.api.default_stage.node.default_child)  # type: ignore[union-attr]
        for name, throttle in _ROUTES.items():
            method, path = name.split(" ")
            routes = self.api.add_routes(path=path, methods=[apigatewayv2.HttpMethod[method]], integration=integration)
            if throttle is not None:
                rate, burst = throttle
                stage.add_property_override(f"RouteSettings.{name}.ThrottlingRateLimit", rate)
                stage.add_property_override(f"RouteSettings.{name}.ThrottlingBurstLimit", burst)
                # API Gateway refuses settings of a route that does not exist yet.
                stage.node.add_dependency(*routes)
        rate, burst = _THROTTLE
        stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=rate, throttling_burst_limit=burst, detailed_metrics_enabled=True
        )
        log_group = logs.LogGroup(
            self, "AccessLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.RETAIN
        )
        stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(_LOGGED)
        )

    def _add_alarms(self, alarm_topic: "sns.ITopic") -> None:
        where = f"{self.node.path}: "
        add_alarm(
            self,
            "ServerErrorsAlarm",
            self.metric_server_errors(),
            alarm_topic=alarm_topic,
            threshold=5,
            evaluation_periods=2,
            description=f"{where}the API answers 5xx. Look at the function's log and at the deep health route.",
        )
        add_alarm(
            self,
            "LatencyAlarm",
            self.metric_latency(),
            alarm_topic=alarm_topic,
            threshold=2000,
            evaluation_periods=5,
            description=f"{where}one request in a hundred takes 2 s or longer. Look at the function's traces.",
        )
        add_alarm(
            self,
            "ThrottlesAlarm",
            self.function.metric_throttles(period=Duration.minutes(1)),
            alarm_topic=alarm_topic,
            description=f"{where}Lambda turns requests away. Raise the account's concurrency in this Region.",
        )
