"""PointToPoint: a command that one device answers in time, or a desired state that waits for it."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import apigatewayv2, cloudwatch, dynamodb, kms, lambda_, sns, sqs
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_dead_letters, metric_oldest_message
from cdp_constructs.core.tables import (
    add_table,
    check_table,
    key_of,
)
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_exclusive
from cdp_constructs.iot._command_functions import add_command_function, add_outcome_function
from cdp_constructs.iot._common import CommonOptions
from cdp_constructs.iot.sql import select
from cdp_constructs.iot.topic_rule import TopicRule
from cdp_constructs.iot.topics import SENDER_FIELDS

__all__ = ["PointToPoint"]

_DELAY_LIMIT = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"
_TIMEOUTS_THAT_ALARM = 10
_ROUTES = (
    ("POST", "/things/{thing}/commands"),
    ("GET", "/commands/{session}"),
    ("PUT", "/things/{thing}/desired"),
    ("GET", "/things/{thing}/state"),
)


@checks_options
class PointToPoint(Construct):
    """Sends a command to one device and records its response or time-out, or sets a desired state in its shadow.

    CDP: none. AWS: command and response over MQTT; device shadow. Each command is a *session* with an id and exactly
    one end: what the device responds, or ``timed_out``.

        commands = PointToPoint(self, "Commands", fleet=fleet, timeout=Duration.seconds(20), alarm_topic=operators)
        commands.add_routes(api, authorizer=authorizer)
        commands.grant_command(operator_function)
    """

    table: "dynamodb.ITable"
    """The sessions: ``session`` (key), ``thing``, ``command``, ``status``, ``result``, ``expires_at``."""
    encryption_key: "kms.IKey | None"
    """Encrypts what is created here; None when AWS encrypts with keys of its own."""
    command_function: "lambda_.Function"
    """Sends commands and sets desired states, for an API and for direct invocation."""
    outcome_function: "lambda_.Function"
    """Ends sessions."""
    queue: "sqs.Queue"
    """Responses and time-outs."""
    dead_letter_queue: "sqs.Queue"
    """Responses and time-outs that failed five times."""
    rule: TopicRule
    """Sends responses of devices to ``queue``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fleet: "cdp_constructs.DeviceFleet",
        timeout: Duration | None = None,
        table: "dynamodb.ITable | None" = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add table, queue, rule and functions.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            fleet: The devices; one of these per fleet, as each receives all responses.
            timeout: How long a device has to respond, 1 second to 15 minutes (the longest delay of SQS). Default: 30
                seconds.
            table: An existing table with the partition key ``session`` (string), no sort key, and time to live by
                ``expires_at``. Default: a new one; sessions expire after 30 days.
            encryption_key: A customer-managed key for table, queues and logs. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the functions' logs are kept.
            removal_policy: What happens to the new table and the logs when the stack is deleted.

        Raises:
            InvalidOptionError: for a time-out out of range, options that exclude each other, and resources of another
                Region.
        """
        super().__init__(scope, construct_id)
        timeout = timeout or seconds(30)
        check_duration(self, "timeout", timeout, low=seconds(1), high=minutes(15), source=_DELAY_LIMIT)
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        self.encryption_key = encryption_key
        self._table_key = table_key = encryption_key if table is None else None
        common = CommonOptions(encryption_key, table_key, alarm_topic, log_retention, removal_policy)
        if table is not None:
            check_table(self, table, partition_key="session")
        self.table = table or add_table(
            self,
            "Sessions",
            partition_key="session",
            encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="responses of devices that could not be recorded",
            encryption_key=encryption_key,
        )
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=minutes(1),
            encryption_key=encryption_key,
        )
        self.outcome_function = add_outcome_function(self, self.table, self.queue, common)
        self.command_function = add_command_function(self, self.table, self.queue, common, fleet=fleet, timeout=timeout)
        self.rule = TopicRule(
            self,
            "Answers",
            # The levels of the topic come last, so that a device cannot respond as another one.
            sql=select(f"*, {SENDER_FIELDS}", fleet.topics.response_filter()),
            description=f"Responses to commands of {path_of(self)}",
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
        )
        # What a device writes must not be what SQS refuses: the dead-letter queue of the rule would raise its alarm.
        self.rule.add_queue(self.queue, base64=True)
        add_alarm(
            self,
            "TimedOutAlarm",
            self.metric_timed_out(),
            alarm_topic=alarm_topic,
            threshold=_TIMEOUTS_THAT_ALARM,
            description=f"{path_of(self)}: many commands timed out within 5 minutes. Look in the fleet index whether "
            "the devices are connected, and at the logs of the outcome function.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_routes(
        self,
        api: "apigatewayv2.IHttpApi",
        *,
        path: str = "/",
        authorizer: "apigatewayv2.IHttpRouteAuthorizer | None" = None,
    ) -> "list[apigatewayv2.HttpRoute]":
        """Let signed-in users send commands and set desired states.

        The routes are ``POST /things/{thing}/commands``, ``GET /commands/{session}``, ``PUT /things/{thing}/desired``
        and ``GET /things/{thing}/state``. Whoever passes the authorizer may command every device of the fleet.

        Args:
            api: The HTTP API.
            path: What stands before the routes, such as ``/fleet``. Default: nothing.
            authorizer: Verifies the users' tokens. Default: the API's default authorizer.

        Raises:
            InvalidOptionError: when there is no authorizer, and for a path that no route can have.
        """
        from cdp_constructs.core.http_apis import add_function_routes

        prefix = self._check_path(path)
        routes = {f"{method}{route}": f"{method} {prefix}{route}" for method, route in _ROUTES}
        return add_function_routes(
            self, api, self.command_function, routes, integration_id="Commands", authorizer=authorizer
        )

    def grant_command(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role or another function command devices, by invoking ``command_function``."""
        return self.command_function.grant_invoke(grantee)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role read the sessions, and use the table's key."""
        grant, key = self.table.grant_read_data(grantee), key_of(self.table, self._table_key)
        return grant if key is None else grant.combine(key.grant_decrypt(grantee))

    def metric_timed_out(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Commands that no device responded to in time. Default period: 5 minutes."""
        return function_metric(self.outcome_function, "TimedOutCommands", period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Responses that were dropped because they have no session and status. Default period: 5 minutes."""
        return function_metric(self.outcome_function, "RejectedResponses", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest response that waits to be recorded. Default period: 1 minute."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Responses in the dead-letter queue. Default period: 1 minute."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def _check_path(self, path: str) -> str:
        """Return what stands before the routes; the function learns it by a variable."""
        if not path.startswith("/") or "{" in path:
            raise InvalidOptionError(self, "path", f"is {path!r}", "Begin with a slash, without parameters: /fleet")
        prefix = path.rstrip("/")
        if prefix:
            self.command_function.add_environment("PATH_PREFIX", prefix)
        return prefix
