"""WebhookAutomation: another system's webhooks become work that is done once and can be replayed."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.cdk import cloudwatch, kms, lambda_, sns
from cdp_constructs.core.existing_secrets import check_secret
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute, minutes
from cdp_constructs.core.queues import (
    add_dead_letter_queue,
    add_work_queue,
    metric_dead_letters,
    metric_oldest_message,
)
from cdp_constructs.core.tables import add_table
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.messaging.queue_consumer import QueueConsumer
from cdp_constructs.workflow._webhook_endpoint import add_api, add_route, add_secret
from cdp_constructs.workflow._webhook_functions import add_receiver, add_replay
from cdp_constructs.workflow._webhook_source import WebhookSource

__all__ = ["WebhookAutomation", "WebhookSource"]

_KEPT_ACCEPTED, _KEPT_REJECTED = Duration.days(90), Duration.days(7)
# A sender that sends again does so within days; GitHub lets people do so by hand for three.
_REMEMBERED = Duration.days(7)
_REJECTIONS_THAT_ALARM = 10
_SILENCE = minutes(60)
_HTTP_API_QUOTAS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"


@checks_options
class WebhookAutomation(Construct):
    """Turns the webhooks of another system, such as an issue tracker, into work: verified, once, in order.

    CDP: Queuing Chain / キューイングチェーン パターン, with another system at its head.

    A public, throttled route whose function checks the signature, keeps the raw input in a bucket and puts it into a
    FIFO queue, once for each delivery id. The consumer's function works on the queue, and a replay function puts kept
    deliveries into it again::

        tracker = WebhookAutomation(stack, "Tracker", consumer=QueueConsumer(tickets), alarm_topic=operators)
        tracker.grant_replay(operator)
        CfnOutput(stack, "WebhookUrl", value=str(tracker.url))
    """

    accepted_prefix = "accepted/"
    """Where raw inputs of accepted deliveries are in the bucket."""
    rejected_prefix = "rejected/"
    """Where raw inputs of refused deliveries are in the bucket."""

    api: apigatewayv2.IHttpApi
    """The API with the route."""
    url: str | None
    """The address that the sender posts to, without a secret in it; None for an imported API."""
    secret: secretsmanager.ISecret
    """The secret that is shared with the sender."""
    bucket: s3.IBucket
    """Holds the raw inputs."""
    table: dynamodb.ITable
    """Remembers ids and digests of deliveries for 7 days."""
    encryption_key: "kms.IKey | None"
    """The key of all that is created here; None: each service encrypts with a key of its own."""
    receiver_function: "lambda_.IFunction"
    """Answers the sender."""
    replay_function: "lambda_.IFunction"
    """Puts kept deliveries into the queue again."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        consumer: QueueConsumer,
        source: WebhookSource | None = None,
        secret: secretsmanager.ISecret | None = None,
        api: apigatewayv2.IHttpApi | None = None,
        throttle: apigatewayv2.ThrottleSettings | None = None,
        bucket: s3.IBucket | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Create the route, the queue and the functions.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            consumer: The function that works on the deliveries, for example by opening, updating and closing tickets.
                It gets batches of a FIFO queue; a delivery that it fails on is delivered again after the visibility
                timeout.
            source: How the sender signs, names and orders its deliveries. Default: as GitHub does.
            secret: An existing secret that is shared with the sender, as plain text. While it is changed, its previous
                version is accepted too. Of another account: imported by its complete ARN and with its key, and its
                resource policy decides. Default: a new one; read it from Secrets Manager and give it to the sender.
            api: An existing HTTP API that gets the route. An imported one keeps its throttling. Default: a new one.
            throttle: Requests a second and burst of the route, 1 to 300 and 1 to 5,000; API Gateway answers 429 beyond
                (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html).
                Default: 50 and 100.
            bucket: An existing bucket for raw inputs, below ``accepted/`` and ``rejected/``; it needs lifecycle rules
                of its own. Default: a new one, which keeps accepted inputs 90 days and refused ones 7.
            encryption_key: A customer-managed key for the secret, the bucket, the table, the queues and the logs that
                are created here. Default: each service encrypts with a key of its own.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the logs of functions and API are kept. Default: 3 months.
            removal_policy: What happens to what is created here and holds data when the stack is deleted. Default:
                kept.

        Raises:
            InvalidOptionError: for a malformed source, a consumer without a function or with a batching window, a
                throttle out of range, or resources of another Region.
        """
        super().__init__(scope, construct_id)
        source = source or WebhookSource.hmac_sha256()
        limits = throttle or apigatewayv2.ThrottleSettings(rate_limit=50, burst_limit=100)
        self._check(consumer, limits)
        self.encryption_key = encryption_key
        check_secret(self, "secret", secret, readers="the role of the receiver function")
        self.secret = secret or add_secret(self, encryption_key=encryption_key, removal_policy=removal_policy)
        self.bucket = bucket or self._create_bucket(removal_policy)
        self.table = add_table(
            self,
            "Deliveries",
            partition_key="id",
            expiry_attribute="expiration",  # so Powertools calls it
            encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="deliveries that the handler failed on",
            fifo=True,
            encryption_key=encryption_key,
        )
        """Keeps deliveries that the consumer failed on for 14 days."""
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=consumer.queue_visibility_timeout(),
            max_receive_count=consumer.max_receive_count,
            fifo=True,
            encryption_key=encryption_key,
        )
        """Holds deliveries that wait for the consumer."""
        consumer.bind(self, self.queue)
        receiver = add_receiver(
            self, source, remembered=_REMEMBERED, log_retention=log_retention, removal_policy=removal_policy
        )
        self._metrics_of = receiver
        self.receiver_function = receiver
        self.replay_function = add_replay(self, log_retention=log_retention, removal_policy=removal_policy)
        self.api = api or add_api(
            self, limits, encryption_key=encryption_key, log_retention=log_retention, removal_policy=removal_policy
        )
        add_route(self, self.api, self.receiver_function, source.route, limits)
        imported = self.api.default_stage is None
        self.url = None if imported else f"{self.api.api_endpoint}{source.path}"
        self._add_alarms(alarm_topic)

    def grant_replay(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an operator's role, or a function, invoke the replay function."""
        # Not grant_invoke(): it would also allow every version and alias, of which there are none.
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.replay_function.function_arn],
        )

    def metric_accepted(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries that were put into the queue, per 5 minutes by default."""
        return function_metric(self._metrics_of, "AcceptedDeliveries", period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries whose signature, time or size was refused, per 5 minutes by default."""
        return function_metric(self._metrics_of, "RejectedDeliveries", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest delivery that waits for the consumer, per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries in the dead-letter queue, on which the consumer failed. Per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this webhook, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def _check(self, consumer: QueueConsumer, limits: apigatewayv2.ThrottleSettings) -> None:
        if consumer.function is None:
            fix = "Give QueueConsumer the function that works on deliveries"
            raise InvalidOptionError(self, "consumer.function", "is missing", fix)
        consumer.check_fifo(path_of(self))
        rate, burst = limits.rate_limit, limits.burst_limit
        for value, unit, most in ((rate, "requests a second", 300), (burst, "requests of burst", 5000)):
            if value is not None:
                check_range(self, "throttle", value, low=1, high=most, unit=unit, source=_HTTP_API_QUOTAS)

    def _create_bucket(self, removal_policy: RemovalPolicy) -> s3.Bucket:
        return add_private_bucket(
            self,
            "Bucket",
            encryption_key=self.encryption_key,
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(id=name, prefix=prefix, expiration=kept, noncurrent_version_expiration=days(1))
                for name, prefix, kept in (
                    ("ExpireAccepted", self.accepted_prefix, _KEPT_ACCEPTED),
                    ("ExpireRejected", self.rejected_prefix, _KEPT_REJECTED),
                )
            ],
        )

    def _add_alarms(self, alarm_topic: "sns.ITopic | None") -> None:
        where = f"{path_of(self)}: "
        add_alarm(
            self,
            "ReceiverErrorsAlarm",
            self.receiver_function.metric_errors(period=minute()),
            alarm_topic=alarm_topic,
            description=f"{where}deliveries could not be kept or queued and were answered 5xx. Look at the receiver's "
            "log, fix the cause, then let the sender send them again.",
        )
        add_alarm(
            self,
            "RejectedAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_REJECTIONS_THAT_ALARM,
            description=f"{where}many deliveries were refused within 5 minutes. Look at the raw inputs below "
            f"{self.rejected_prefix}: the sender has another secret, or somebody tries.",
        )
        if alarm_topic is None:
            return
        refused, accepted = self.metric_rejected(period=_SILENCE), self.metric_accepted(period=_SILENCE)
        add_alarm(
            self,
            "AllRejectedAlarm",
            cloudwatch.MathExpression(
                expression="IF(FILL(accepted, 0) == 0, FILL(refused, 0), 0)",
                using_metrics={"refused": refused, "accepted": accepted},
                period=_SILENCE,
                label="Refused deliveries in an hour without an accepted one",
            ),
            alarm_topic=alarm_topic,
            description=f"{where}deliveries of an hour were refused, and none was accepted. Look at the raw inputs "
            f"below {self.rejected_prefix}: the sender probably has another secret.",
        )
