"""PointToPoint: a command that one device answers in time, or a desired state that waits for it."""

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function, allow_on_prefixes, consume_queue
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.core.validation import check_duration
from cdp_constructs.iot.topic_rule import TopicRule, select

if TYPE_CHECKING:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

    from cdp_constructs.iot.device_fleet import DeviceFleet

_DELAY_LIMIT = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"
_TIMEOUTS_THAT_ALARM = 10
_ROUTES = {
    "POST": "/things/{thing}/commands",
    "GET": "/commands/{session}",
    "PUT": "/things/{thing}/desired",
}


class PointToPoint(Construct):
    """Tell one device something, and know what became of it.

    CDP: none. AWS: command and response over MQTT; device shadow.

    Problem: a message that is published to a device says nothing about whether it was there, heard it or could do it.
    Solution, for a device that is there: each command is a *session* with an id; the device answers with that id on its
    response topic; a rule puts the answer into a queue, and the session ends as the device says. A delayed message in
    the same queue ends it as ``timed_out`` when nothing was heard. For a device that sleeps: a *desired state* in its
    shadow, which it takes when it is there; reported and desired state tell whether it did.

    Not for: telling many (``Broadcast``), or a command that must wait for the device (desired state, or a job).

    Nothing is lost: what a rule could not queue and what could not be worked on waits 14 days, with alarms. The first
    end of a session counts; an answer after the time-out is noted as late.

    Limits: time-outs up to 15 minutes (a delay of SQS); shadows of 8 KB; 20,000 publishes a second (soft). Sources:
    https://docs.aws.amazon.com/general/latest/gr/iot-core.html and
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        fleet: Whose devices are told; one of these per fleet, as each hears all answers.
        timeout: How long a device has to answer, 1 second to 15 minutes; 30 seconds by default.
        alarm_topic: Receives the alarms; by default there are none.
        removal_policy: What happens to the table of sessions when the stack goes; it is kept by default. Sessions are
            forgotten after 30 days.

    Attributes:
        command_function: Sends commands and sets desired states, for an API and for direct invocation.
        outcome_function: Ends sessions.
        sessions: The table of sessions.
        queue: Answers and time-outs.
        dead_letter_queue: Those that failed.

    Raises:
        InvalidOptionError: for a time-out out of range.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "DeviceFleet",
        timeout: Duration | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        timeout = timeout or seconds(30)
        check_duration(self, "timeout", timeout, low=seconds(1), high=minutes(15), source=_DELAY_LIMIT)
        policy = removal_policy or RemovalPolicy.RETAIN
        self.sessions: dynamodb.ITableV2 = dynamodb.TableV2(
            self,
            "Sessions",
            partition_key=dynamodb.Attribute(name="session", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=policy is not RemovalPolicy.DESTROY,
            removal_policy=policy,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=alarm_topic, holds="answers of devices that could not be recorded"
        )
        self.queue = add_work_queue(
            self, "Queue", dead_letter_queue=self.dead_letter_queue, visibility_timeout=minutes(1)
        )
        self.outcome_function: lambda_.IFunction = self._make_outcome_function()
        self.command_function: lambda_.IFunction = self._make_command_function(fleet, timeout)
        answers = TopicRule(
            self,
            "Answers",
            # What the topic says comes last, so that a device cannot say it.
            sql=select("*, topic(3) AS context, topic(4) AS thing", fleet.topics.response_filter()),
            description=f"Answers to commands of {path_of(self)}",
            alarm_topic=alarm_topic,
        )
        answers.add_queue(self.queue)
        add_alarm(
            self,
            "TimedOutAlarm",
            self.metric_timed_out(),
            alarm_topic=alarm_topic,
            threshold=_TIMEOUTS_THAT_ALARM,
            description=f"{path_of(self)}: many commands timed out within 5 minutes. Look in the fleet index whether "
            "the devices are connected, and at the logs of the outcome function.",
        )

    def add_routes(self, api: "apigatewayv2.IHttpApi", authorizer: "apigatewayv2.IHttpRouteAuthorizer") -> None:
        """Let signed-in users send commands and set desired states.

        ``POST /things/{thing}/commands``, ``GET /commands/{session}``, ``PUT /things/{thing}/desired`` and
        ``GET /things/{thing}/state``. Whoever gets through the authorizer may tell every device of the fleet.
        """
        from aws_cdk import aws_apigatewayv2 as apigatewayv2
        from aws_cdk import aws_apigatewayv2_integrations as integrations

        integration = integrations.HttpLambdaIntegration("Commands", self.command_function)
        routes = [*_ROUTES.items(), ("GET", "/things/{thing}/state")]
        for method, path in routes:
            apigatewayv2.HttpRoute(
                self,
                f"{method}{path}",
                http_api=api,
                route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod[method]),
                integration=integration,
                authorizer=authorizer,
            )

    def grant_command(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let another function tell devices something, by invoking ``command_function``."""
        return self.command_function.grant_invoke(grantee)

    def metric_timed_out(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Commands that no device answered in time, per 5 minutes by default."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name="TimedOutCommands",
            dimensions_map={"function_name": self.outcome_function.function_name},
            statistic="sum",
            period=period or minutes(5),
        )

    def _make_outcome_function(self) -> "lambda_.Function":
        function = add_function(
            self,
            "OutcomeFunction",
            handler="iot/outcomes",
            description="Records what became of commands to devices",
            invocation=Invocation.POLLED,
            environment={"SESSIONS": self.sessions.table_name},
        )
        self.sessions.grant(function, "dynamodb:UpdateItem")
        consume_queue(self, "Outcomes", function, self.queue)
        return function

    def _make_command_function(self, fleet: "DeviceFleet", timeout: Duration) -> "lambda_.Function":
        function = add_function(
            self,
            "CommandFunction",
            handler="iot/commands",
            description="Tells single devices something",
            invocation=Invocation.REQUEST,
            environment={
                "ALLOW_LIST": fleet.allow_list.table_name,
                "APP": fleet.topics.app,
                "OUTCOMES": self.queue.queue_url,
                "SESSIONS": self.sessions.table_name,
                "TIMEOUT_SECONDS": str(timeout.to_seconds()),
            },
        )
        self.sessions.grant(function, "dynamodb:PutItem", "dynamodb:GetItem")
        fleet.allow_list.grant(function, "dynamodb:GetItem")
        self.queue.grant(function, "sqs:SendMessage")
        stack = stack_of(self)
        topics = [
            stack.format_arn(service="iot", resource="topic", resource_name=f"cmd/{fleet.topics.app}/{context}/*/req")
            for context in fleet.contexts
        ]
        things = stack.format_arn(service="iot", resource="thing", resource_name="*")
        allow_on_prefixes(
            function,
            "Devices",
            [
                iam.PolicyStatement(actions=["iot:Publish"], resources=topics),
                iam.PolicyStatement(actions=["iot:GetThingShadow", "iot:UpdateThingShadow"], resources=[things]),
            ],
            prefixes=[*topics, things],
            reason="Devices come and go; the function tells only those on the allow-list, on their command topics.",
        )
        return function
