"""The stacks of the bare chat; what one Region's stack needs of the first stack are parameters."""

import os
from collections.abc import Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

REGIONS = ("ap-northeast-1", "us-west-2")
TABLE, NAMESPACE = "BareChat", "rooms"
GLOBAL_STACK = "BareGlobal"
_HANDLERS = Path(__file__).parent / "handlers"
_USERS, _ROLES = "AMAZON_COGNITO_USER_POOLS", "AWS_IAM"


def stack_name(region: str) -> str:
    """Return the name of the stack of a Region."""
    return f"Bare-{region}"


def stream_parameter(region: str) -> str:
    """Return the parameter that takes the ARN of the stream of a Region's replica."""
    return f"Stream{region.title().replace('-', '')}"


class BareGlobal(cdk.Stack):
    """The table in every Region, and the user pool."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, GLOBAL_STACK, env=cdk.Environment(region=REGIONS[0]))
        dynamodb.TableV2(
            self,
            "Table",
            table_name=TABLE,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            replicas=[dynamodb.ReplicaTableProps(region=region) for region in REGIONS[1:]],
            billing=dynamodb.Billing.on_demand(),
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
        )
        pool = cognito.UserPool(self, "Users", self_sign_up_enabled=True, sign_in_aliases={"email": True})
        client = pool.add_client("Client", auth_flows=cognito.AuthFlow(user_password=True))
        cdk.CfnOutput(self, "UserPoolId", value=pool.user_pool_id)
        cdk.CfnOutput(self, "UserPoolClientId", value=client.user_pool_client_id)


class BareRegion(cdk.Stack):
    """API, publisher, live channels and archive of one Region."""

    def __init__(self, scope: Construct, region: str) -> None:
        super().__init__(scope, stack_name(region), env=cdk.Environment(region=region))
        pool = cdk.CfnParameter(self, "UserPoolId").value_as_string
        client = cdk.CfnParameter(self, "UserPoolClientId").value_as_string
        stream = cdk.CfnParameter(self, stream_parameter(region)).value_as_string
        table_arn = self.format_arn(service="dynamodb", resource="table", resource_name=TABLE)
        table = dynamodb.TableV2.from_table_attributes(self, "Table", table_arn=table_arn, table_stream_arn=stream)
        self._add_api(pool, client, table)
        topic = sns.Topic(self, "Topic")
        self._archive(topic)
        self._publish(topic, self._add_live_api(pool, client), table)

    def _add_api(self, pool: str, client: str, table: dynamodb.ITableV2) -> None:
        function = self._function("Post", memory_size=1024)
        table_actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"]
        table.grant(function, *table_actions)
        issuer = f"https://cognito-idp.{REGIONS[0]}.amazonaws.com/{pool}"
        api = apigatewayv2.HttpApi(
            self, "Api", default_authorizer=authorizers.HttpJwtAuthorizer("Jwt", issuer, jwt_audience=[client])
        )
        api.add_routes(
            path="/rooms/{room}/messages",
            methods=[apigatewayv2.HttpMethod.POST],
            integration=integrations.HttpLambdaIntegration("Integration", function),
        )
        cdk.CfnOutput(self, "ApiUrl", value=api.api_endpoint)

    def _add_live_api(self, pool: str, client: str) -> appsync.CfnApi:
        user, role = (appsync.CfnApi.AuthModeProperty(auth_type=kind) for kind in (_USERS, _ROLES))
        of_users = appsync.CfnApi.CognitoConfigProperty(
            aws_region=REGIONS[0], user_pool_id=pool, app_id_client_regex=f"^{client}$"
        )
        live = appsync.CfnApi(
            self,
            "Live",
            name=f"bare-{self.region}",
            event_config=appsync.CfnApi.EventConfigProperty(
                auth_providers=[
                    appsync.CfnApi.AuthProviderProperty(auth_type=_USERS, cognito_config=of_users),
                    appsync.CfnApi.AuthProviderProperty(auth_type=_ROLES),
                ],
                connection_auth_modes=[user],
                default_subscribe_auth_modes=[user],
                default_publish_auth_modes=[role],
            ),
        )
        appsync.CfnChannelNamespace(self, "Rooms", api_id=live.attr_api_id, name=NAMESPACE)
        cdk.CfnOutput(self, "LiveHttp", value=live.attr_dns_http)
        cdk.CfnOutput(self, "LiveRealtime", value=live.attr_dns_realtime)
        return live

    def _publish(self, topic: sns.Topic, live: appsync.CfnApi, table: dynamodb.ITableV2) -> None:
        function = self._function("Publish", {"TOPIC_ARN": topic.topic_arn, "LIVE_DOMAIN": live.attr_dns_http})
        topic.grant_publish(function)
        publish = iam.PolicyStatement(
            actions=["appsync:EventPublish"], resources=[f"{live.attr_api_arn}/channelNamespace/{NAMESPACE}"]
        )
        function.add_to_role_policy(publish)
        inserted = lambda_.FilterCriteria.filter(
            {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "MESSAGE#"}]}}}}
        )
        function.add_event_source(
            event_sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=100,
                parallelization_factor=10,
                filters=[inserted],
            )
        )

    def _archive(self, topic: sns.Topic) -> None:
        bucket = s3.Bucket(self, "Archive")
        queue = sqs.Queue(self, "ArchiveQueue", visibility_timeout=cdk.Duration.seconds(60))
        topic.add_subscription(subscriptions.SqsSubscription(queue, raw_message_delivery=True))
        function = self._function("Archiver", {"BUCKET": bucket.bucket_name})
        bucket.grant_put(function)
        function.add_event_source(
            event_sources.SqsEventSource(queue, batch_size=1000, max_batching_window=cdk.Duration.seconds(10))
        )

    def _function(
        self, construct_id: str, environment: dict[str, str] | None = None, *, memory_size: int = 256
    ) -> lambda_.Function:
        return lambda_.Function(
            self,
            construct_id,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"{construct_id.lower()}.handler",
            code=lambda_.Code.from_asset(str(_HANDLERS)),
            environment={"TABLE": TABLE, **(environment or {})},
            memory_size=memory_size,
            timeout=cdk.Duration.seconds(30),
        )


def build(regions: Sequence[str] = REGIONS) -> None:
    """Synthesise into the folder ``CDK_OUTDIR``."""
    app = cdk.App(outdir=os.environ["CDK_OUTDIR"])
    first = BareGlobal(app)
    for region in regions:
        BareRegion(app, region).add_stack_dependency(first)
    app.synth()


if __name__ == "__main__":
    build()
