"""Webhook automation: another system's webhook becomes work that is done once and can be done again."""

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.core.functions import Invocation, add_function, allow_on_objects
from cdp_constructs.core.http_apis import add_access_logs, throttle_routes
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import days, minute, minutes
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.messaging.queue_consumer import QueueConsumer
from cdp_constructs.workflow._webhook_source import WebhookSource

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

__all__ = ["WebhookAutomation", "WebhookSource"]

_ACCEPTED, _REJECTED = "accepted/", "rejected/"
_KEPT_ACCEPTED, _KEPT_REJECTED = Duration.days(90), Duration.days(7)
# A sender that sends again does so within days; GitHub lets people do so by hand for three.
_REMEMBERED = Duration.days(7)
_REJECTIONS_THAT_ALARM = 10
_HTTP_API_QUOTAS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"


class WebhookAutomation(Construct):
    """Turn the webhooks of another system, such as an issue tracker, into work: verified, once, in order.

    CDP: the classic catalogue has no name for it. It is Queuing Chain / キューイングチェイン パターン with another
    system at its head.

    Problem: a webhook's sender waits seconds for an answer, sends the same thing twice, sends while the receiver is
    broken, and anybody can send to a public address. When something goes wrong, the first question is what was sent.

    Solution: a public, throttled route whose function checks the signature against the shared secret, keeps the raw
    input in a bucket, and puts it into a FIFO queue, once for each delivery id; the answer is 202 before any work is
    done. ``handler`` works on the queue, in order for each thing that deliveries are about, and each delivery again
    until it succeeds or ends in the dead-letter queue. ``replay_function`` puts kept deliveries into the queue again.

    The handler gets an SQS batch. Each body is JSON with ``id``, ``received_at``, ``headers``, ``body`` (the sender's
    text), ``key`` (of the raw input in the bucket) and ``replay`` (a token, null for the first time). It returns
    ``batchItemFailures`` (Powertools' ``SqsFifoPartialProcessor(skip_group_on_error=True)``: a batch mixes groups) and
    must bear a delivery that comes twice: take ``id`` and ``replay`` as its idempotency key.

    Not for: senders that want the result in the answer, and streams of more than 300 deliveries a second.

    Nothing is lost: what could not be kept or queued is answered 5xx, so that the sender sends it again; what the
    handler fails on waits in ``dead_letter_queue`` for 14 days; the raw input of accepted deliveries stays 90 days,
    that of refused ones 7.

    Limits: a delivery has at most 256 KB (413 beyond). A FIFO queue takes 300 messages a second without batching
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        consumer: The function that works on the deliveries, for example by opening, updating and closing tickets. A
            delivery that it fails on comes again after the consumer's visibility timeout.
        source: How the sender signs, names and orders; GitHub's way by default.
        secret: The secret that is shared with the sender, as plain text. By default one is made; read it from Secrets
            Manager and give it to the sender. While it is changed, its previous version is accepted too.
        api: An HTTP API that gets the route; by default one is made for it. An imported one keeps its throttling.
        throttle: Requests per second and burst of the route, beyond which API Gateway answers 429; 50 and 100 by
            default.
        bucket: Keeps raw inputs below ``accepted/`` and ``rejected/``; its expiry is yours. By default one is made.
        alarm_topic: Receives the alarms; by default there are none.

    Attributes:
        api: The API.
        url: The address that the sender posts to; None for an imported API.
        secret: The shared secret.
        bucket: Holds the raw inputs.
        queue: Holds deliveries that wait for the handler.
        dead_letter_queue: Keeps what the handler failed on.
        table: Remembers delivery ids for 7 days.
        receiver_function: Answers the sender.
        replay_function: Puts kept deliveries into the queue again.

    Raises:
        InvalidOptionError: for a malformed source or a throttle out of range.
    """

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
        alarm_topic: "sns.ITopic | None" = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._source = source or WebhookSource.hmac_sha256()
        limits = throttle or apigatewayv2.ThrottleSettings(rate_limit=50, burst_limit=100)
        self._check(consumer, limits)
        self.secret: secretsmanager.ISecret = secret or self._make_secret()
        self.bucket: s3.IBucket = bucket or self._make_bucket()
        self.table = dynamodb.TableV2(
            self,
            "Deliveries",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expiration",
            billing=dynamodb.Billing.on_demand(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            # It remembers what was seen for a week, nothing that could not be sent again.
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=alarm_topic, holds="deliveries that the handler failed on", fifo=True
        )
        self.queue = add_work_queue(
            self,
            "Queue",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=consumer.queue_visibility_timeout(),
            max_receive_count=consumer.max_receive_count,
            fifo=True,
        )
        consumer.bind(self, self.queue)
        self.receiver_function: lambda_.IFunction = self._make_receiver()
        self.replay_function: lambda_.IFunction = self._make_replay()
        self.api: apigatewayv2.IHttpApi = api or self._make_api(limits)
        self._add_route(limits)
        imported = self.api.default_stage is None
        self.url: str | None = None if imported else f"{self.api.api_endpoint}{self._source.path}"
        self._add_alarms(alarm_topic)

    def metric_accepted(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries that were put into the queue, per 5 minutes by default."""
        return self._metric("AcceptedDeliveries", period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Deliveries whose signature, time or size was refused, per 5 minutes by default."""
        return self._metric("RejectedDeliveries", period)

    def metric_oldest_delivery(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest delivery that waits for the handler, per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name=name,
            dimensions_map={"function_name": self.receiver_function.function_name},
            statistic="sum",
            period=period or minutes(5),
        )

    def _check(self, consumer: QueueConsumer, limits: apigatewayv2.ThrottleSettings) -> None:
        if consumer.function is None:
            raise InvalidOptionError(
                self, "consumer", "has no function", "Give QueueConsumer the function that works on deliveries"
            )
        consumer.check_fifo(path_of(self))
        problem = self._source.problem()
        if problem is not None:
            raise InvalidOptionError(self, "source", *problem)
        rate, burst = limits.rate_limit, limits.burst_limit
        for value, unit, most in ((rate, "requests a second", 300), (burst, "requests of burst", 5000)):
            if value is not None:
                check_range(self, "throttle", value, low=1, high=most, unit=unit, source=_HTTP_API_QUOTAS)

    def _make_secret(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"Shared with the sender of {path_of(self)}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=48, exclude_punctuation=True, include_space=False
            ),
            removal_policy=RemovalPolicy.RETAIN,
        )
        reason = (
            "The sender keeps the other copy, which AWS cannot change: a person puts a new value here and there. The "
            "previous version is accepted meanwhile."
        )
        acknowledge(secret, "AwsSolutions-SMG4", reason)
        return secret

    def _make_bucket(self) -> s3.Bucket:
        return add_private_bucket(
            self,
            "Bucket",
            lifecycle_rules=[
                s3.LifecycleRule(id=name, prefix=prefix, expiration=kept, noncurrent_version_expiration=days(1))
                for name, prefix, kept in (
                    ("ExpireAccepted", _ACCEPTED, _KEPT_ACCEPTED),
                    ("ExpireRejected", _REJECTED, _KEPT_REJECTED),
                )
            ],
        )

    def _make_receiver(self) -> "lambda_.Function":
        source = self._source
        function = add_function(
            self,
            "ReceiverFunction",
            handler="workflow/receiver",
            description="Verifies webhooks, keeps them, and queues each once",
            invocation=Invocation.REQUEST,
            memory_size=512,
            environment={
                "BUCKET": self.bucket.bucket_name,
                "QUEUE_URL": self.queue.queue_url,
                "SECRET": self.secret.secret_arn,
                "TABLE": self.table.table_name,
                "REMEMBERED_SECONDS": str(_REMEMBERED.to_seconds()),
                "SCHEME": source.scheme,
                "SIGNATURE_HEADER": source.signature_header,
                "SIGNATURE_PREFIX": source.signature_prefix,
                "DELIVERY_HEADER": source.delivery_header or "",
                "GROUP_BY": source.group_by or "",
            },
        )
        self.secret.grant_read(function)
        self.queue.grant_send_messages(function)
        self._allow_objects(function, {_ACCEPTED: ["s3:PutObject"], _REJECTED: ["s3:PutObject"]})
        actions = [f"dynamodb:{name}" for name in ("DeleteItem", "GetItem", "PutItem", "UpdateItem")]
        function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[self.table.table_arn]))
        return function

    def _make_replay(self) -> "lambda_.Function":
        function = add_function(
            self,
            "ReplayFunction",
            handler="workflow/replay",
            description="Puts kept webhooks into the queue again; an operator calls it",
            invocation=Invocation.REQUEST,
            timeout=minutes(5),
            environment={
                "BUCKET": self.bucket.bucket_name,
                "QUEUE_URL": self.queue.queue_url,
            },
        )
        self.queue.grant_send_messages(function)
        below = {"StringLike": {"s3:prefix": f"{_ACCEPTED}*"}}
        listing = iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn], conditions=below)
        self._allow_objects(function, {_ACCEPTED: ["s3:GetObject"]}, listing)
        return function

    def _allow_objects(
        self, function: "lambda_.Function", actions: dict[str, list[str]], *others: iam.PolicyStatement
    ) -> None:
        allow_on_objects(
            function,
            "RawInputs",
            self.bucket,
            actions,
            *others,
            reason="The names of raw inputs are made of times and delivery ids; the prefix bounds what is reached.",
        )

    def _make_api(self, limits: apigatewayv2.ThrottleSettings) -> apigatewayv2.HttpApi:
        api = apigatewayv2.HttpApi(self, "Api", description=f"Receives the webhooks of {path_of(self)}")
        stage = add_access_logs(self, api)
        stage.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=limits.rate_limit, throttling_burst_limit=limits.burst_limit
        )
        return api

    def _add_route(self, limits: apigatewayv2.ThrottleSettings) -> None:
        from aws_cdk import aws_apigatewayv2_integrations as integrations

        route = apigatewayv2.HttpRoute(
            self,
            "Route",
            http_api=self.api,
            route_key=apigatewayv2.HttpRouteKey.with_(self._source.path, apigatewayv2.HttpMethod.POST),
            integration=integrations.HttpLambdaIntegration("Receiver", self.receiver_function),
            # Explicit, because the API's default authorizer would refuse the sender.
            authorizer=apigatewayv2.HttpNoneAuthorizer(),
        )
        reason = "Senders of webhooks carry no token: the function verifies the signature of every delivery itself."
        acknowledge(route, "AwsSolutions-APIG4", reason)
        throttle_routes(self.api, {f"POST {self._source.path}": limits}, after=[route])

    def _add_alarms(self, alarm_topic: "sns.ITopic | None") -> None:
        where = f"{path_of(self)}: "
        add_alarm(
            self,
            "ReceiverErrorsAlarm",
            self.receiver_function.metric_errors(period=minute()),
            alarm_topic=alarm_topic,
            description=f"{where}deliveries could not be kept or queued and were answered 5xx. Look at the receiver's "
            "log, mend the cause, then let the sender send them again.",
        )
        add_alarm(
            self,
            "RejectedAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_REJECTIONS_THAT_ALARM,
            description=f"{where}many deliveries were refused within 5 minutes. Look at the raw inputs below "
            f"{_REJECTED}: the sender has another secret, or somebody tries.",
        )
