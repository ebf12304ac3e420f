"""TransactionalOutbox: what changed and the events about it are written at once, so that they cannot part."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import cloudwatch, kms, sqs
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.keys import USE_KEY, USE_TABLE_KEY
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.core.table_streams import add_stream_age_alarm, read_table_stream
from cdp_constructs.core.tables import add_item_table, check_partitions, check_table, key_of, leading_keys, stream_of
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout

_LAYER = "messaging/transactional_outbox"
_CHANGE = ("ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
_EVENTS = [{"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "OUTBOX#"}]}}}}]


@checks_options
class TransactionalOutbox(Construct):
    """Publishes an event if and only if the change that it tells of was written, and lets a message be handled once.

    CDP: none; the transactional outbox of microservices. Functions use the module ``transactional_outbox``, which
    ``share_with`` gives them as a layer: it writes the state of a service and its events into the service's table, in
    one transaction. The table's stream takes the events to a fan-out, each at least once; no order is promised.

        outbox = TransactionalOutbox(self, "Orders", alarm_topic=operators)
        outbox.share_with(orders_function, partitions=["ORDER"])
        outbox.fanout.add_subscriber("Billing", consumer=QueueConsumer(billing_function))
    """

    table: dynamodb.ITable
    """Holds the state of the service, its outgoing events and the marks of handled messages."""
    fanout: SnsSqsFanout
    """Publishes the events; consumers subscribe here."""
    function: lambda_.Function
    """Reads the stream and publishes."""
    record_dead_letter_queue: "sqs.IQueue"
    """Keeps the keys of items that no topic takes, with the reason, for 14 days."""
    dead_letter_queue: "sqs.IQueue"
    """Keeps the places of the stream that could not be published within an hour, for 14 days."""
    encryption_key: "kms.IKey | None"
    """The given customer-managed key; None where the new fan-out has a key of its own and AWS encrypts the rest."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable | None = None,
        fanout: SnsSqsFanout | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the outbox.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            table: An existing table of this Region: partition key ``pk`` and sort key ``sk`` (strings), time to live by
                ``expires_at``, a stream of new images; an imported one with ``table_stream_arn``. Nothing on it is
                changed. Default: a new one, on demand, with point-in-time recovery and deletion protection.
            fanout: An existing standard fan-out of this Region. Default: a new one.
            encryption_key: A customer-managed key for the new table, the new fan-out, queues and logs. Default: a new
                key for the fan-out ($1 a month), and keys of AWS for the rest.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the function's logs are kept. Default: 3 months.
            removal_policy: What happens to the new table, the fan-out's new key and the logs when the stack is deleted.
                Default: kept, and the table protected from deletion.

        Raises:
            InvalidOptionError: for a table without the keys or the stream, a FIFO fan-out, and resources of another
                Region.
        """
        super().__init__(scope, construct_id)
        if fanout is not None and fanout.topic.fifo:
            problem = f"is {fanout.node.path}, whose topic is FIFO"
            fix = "Give a standard one: an event that is published twice would come out of order there as well"
            raise InvalidOptionError(self, "fanout", problem, fix)
        if table is not None:
            check_table(self, table, partition_key="pk", sort_key="sk")
        self.encryption_key = encryption_key
        self.table = table or add_item_table(
            self,
            "Table",
            encryption_key=encryption_key,
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            removal_policy=removal_policy,
        )
        self._table_key = key_of(self.table, encryption_key)
        self.fanout = fanout or SnsSqsFanout(
            self,
            "Fanout",
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
            # Of the key that the fan-out makes without one.
            removal_policy=removal_policy if encryption_key is None else RemovalPolicy.RETAIN,
        )
        self.record_dead_letter_queue = add_dead_letter_queue(
            self,
            "RecordDeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="keys of events that no topic takes",
            encryption_key=encryption_key,
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="parts of the table's stream that could not be published",
            encryption_key=encryption_key,
        )
        self.function = add_function(
            self,
            "Function",
            handler="messaging/outbox",
            description="Publishes the events of an outbox",
            invocation=Invocation.EVENT_SOURCE,
            publishes_metrics=True,
            correlates=True,
            environment={
                "TOPIC_ARN": self.fanout.topic.topic_arn,
                "RECORD_DEAD_LETTER_QUEUE_URL": self.record_dead_letter_queue.queue_url,
            },
            timeout=seconds(30),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        share_module(self, self.function, layer=_LAYER, environment={})
        self._allow_publishing()
        read_table_stream(
            self,
            "Stream",
            self.function,
            stream_arn=stream_of(self, self.table),
            filters=_EVENTS,
            dead_letter_queue=self.dead_letter_queue,
        )
        add_stream_age_alarm(self, "StreamAgeAlarm", self.function, alarm_topic=alarm_topic)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this outbox, for a composite alarm or a dashboard; those of an existing fan-out are its own."""
        return alarms_of(self)

    def share_with(
        self, function: "lambda_.Function", *, partitions: Sequence[str], variable: str = "OUTBOX_TABLE"
    ) -> iam.Grant:
        """Let a function use the module ``transactional_outbox`` with this table.

        Args:
            function: A Python function of the same Region. It gets the layer, a variable with the table's name, and may
                write events and marks of handled messages; it reads neither.
            partitions: What else it works on, such as ``["ORDER"]``: it reads and writes items whose partition key
                begins with one of these and a ``#``.
            variable: Name of the environment variable, for a function with more than one outbox.

        Raises:
            InvalidOptionError: for no partitions, a name that is empty or has a ``#``, ``*`` or ``?``, ``OUTBOX`` and
                ``INBOX``, a function that does not run Python, or a variable that is taken.
        """
        self._check_partitions(partitions)
        share_module(self, function, layer=_LAYER, environment={variable: self.table.table_name})
        if self._table_key is not None:
            self._table_key.grant(function, *USE_TABLE_KEY)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:PutItem"],
                resources=[self.table.table_arn],
                conditions=leading_keys("OUTBOX", "INBOX"),
            )
        )
        return iam.Grant.add_to_principal(
            grantee=function,
            actions=[f"dynamodb:{action}" for action in _CHANGE],
            resource_arns=[self.table.table_arn],
            conditions=leading_keys(*partitions),
        )

    def metric_published(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Events that were published, repetitions included. Sum over 5 minutes by default."""
        return function_metric(self.function, "PublishedEvents", period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Items that no topic takes. Sum over 5 minutes by default."""
        return function_metric(self.function, "RejectedEvents", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """How many milliseconds events wait for being published, the longest. Per minute by default."""
        return self.function.metric("IteratorAge", period=period or minute(), statistic="max")

    def _allow_publishing(self) -> None:
        self.fanout.grant_publish(self.function)
        self.function.add_to_role_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.record_dead_letter_queue.queue_arn])
        )
        if self.encryption_key is not None:
            self.encryption_key.grant(self.function, *USE_KEY)
        if self._table_key is not None:
            self._table_key.grant(self.function, "kms:Decrypt")

    def _check_partitions(self, partitions: Sequence[str]) -> None:
        check_partitions(self, "partitions", partitions, example="ORDER")
        for partition in partitions:
            if partition in {"OUTBOX", "INBOX"}:
                fix = "Leave it out: events and marks of handled messages are written by the module"
                raise InvalidOptionError(self, "partitions", f"contains {partition!r}", fix)
