"""IdempotentFunction: a function whose handler is called once for each request, however often Lambda delivers it."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.compute._run_once import (
    add_failure_alarms,
    add_log_metric,
    add_records,
    check_function,
    check_path,
    reserve_concurrency,
    run_once_metric,
    wrap,
)
from cdp_constructs.compute.async_retries import AsyncRetries
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.event_sources import consume_stream
from cdp_constructs.core.functions import send_failures
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import days, minute
from cdp_constructs.core.queues import add_dead_letter_queue, metric_dead_letters
from cdp_constructs.core.table_streams import add_stream_age_alarm, let_read_table_stream
from cdp_constructs.core.tables import stream_of
from cdp_constructs.core.validation import check_duration, check_one_of, check_range

__all__ = ["IdempotentFunction"]

_POWERTOOLS = "https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/"
_MAPPINGS = "https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"
_LONGEST_KEPT = Duration.days(365)
_LONGEST_RECORD_AGE = Duration.days(7)


@checks_options
class IdempotentFunction(Construct):
    """Calls the handler of a function once for each request, however often the request is delivered.

    CDP: none; Powertools' idempotency, with a place for what fails. Lambda delivers at least once: some requests come
    twice. A table remembers each by its id, with the result, which the second delivery gets. Lambda retries
    what fails, and then it is kept in a dead-letter queue; errors that the log has raise an alarm::

        payments = IdempotentFunction(self, "Payments", function=function, key_path="payment", alarm_topic=operators)
        payments.add_stream_source("Orders", stream=orders)
    """

    function: lambda_.Function
    """The given function. Lambda calls the module ``run_once``, which calls the function's handler."""
    table: dynamodb.ITable
    """Remembers requests, and their results."""
    dead_letter_queue: sqs.IQueue
    """Keeps asynchronous invocations that failed, or waited too long, for 14 days."""
    stream_dead_letter_queues: dict[str, sqs.IQueue]
    """Keep places of streams that were given up for 14 days, by the id of the source."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.Function,
        key_path: str | None = None,
        validation_path: str | None = None,
        expires_after: Duration | None = None,
        table: dynamodb.ITable | None = None,
        retries: AsyncRetries | None = None,
        reserved_concurrency: int | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Wrap the function's handler.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            function: A Python function (3.10 to 3.14, zip package) of the same Region. It gets the layers of
                Powertools and of the module ``run_once``, variables that begin with ``RUN_ONCE``, and access to its own
                records.
            key_path: JMESPath to the id in the event, such as ``payment`` or ``detail.order``; a client that sends
                again sends the same one. Default: the id of the request, which Lambda's own retries of an asynchronous
                invocation share.
            validation_path: JMESPath to what must be the same for two requests with one id, such as ``amount``;
                otherwise the invocation fails. Default: nothing is compared.
            expires_after: How long a request is remembered, 1 minute to 365 days; longer than anybody sends it again.
                Default: 1 day.
            table: An existing table of this Region with the partition key ``id`` (a string), no sort key, and time to
                live by ``expires_at``; several functions may share it. Nothing on it is changed. Default: a new one,
                on demand, with point-in-time recovery and deletion protection.
            retries: How often, and how long, asynchronous invocations are retried. Default: twice, 6 hours.
            reserved_concurrency: Executions at most, 1 to what the account has left
                (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html); further calls get 429,
                and asynchronous ones wait. Default: what the function says.
            encryption_key: A customer-managed key for the new table and the queues. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            removal_policy: What happens to the new table when the stack is deleted. Default: kept, and protected from
                deletion.

        Raises:
            InvalidOptionError: for a function that does not run Python, is given to two of these, has settings of
                asynchronous invocations or, with ``alarm_topic``, no log group; a table without the key; values out of
                range.
        """
        super().__init__(scope, construct_id)
        kept_for = expires_after or days(1)
        check_duration(self, "expires_after", kept_for, low=minute(), high=_LONGEST_KEPT, source=_POWERTOOLS)
        paths = {"RUN_ONCE_KEY_PATH": key_path, "RUN_ONCE_VALIDATION_PATH": validation_path}
        check_path(self, "key_path", key_path)
        check_path(self, "validation_path", validation_path)
        self.function = function
        self.encryption_key = encryption_key
        self.stream_dead_letter_queues = {}
        self._alarm_topic = alarm_topic
        self._retries = retries or AsyncRetries()
        self.table = add_records(self, table, encryption_key=encryption_key, removal_policy=removal_policy)
        reserve_concurrency(self, function, reserved_concurrency)
        check_function(self, function)
        wrap(
            self,
            function,
            entry="request",
            table=self.table,
            encryption_key=encryption_key,
            expires_after=kept_for,
            environment={name: path for name, path in paths.items() if path is not None},
        )
        self.dead_letter_queue = add_dead_letter_queue(
            self,
            "DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds="asynchronous invocations that failed or waited too long",
            encryption_key=encryption_key,
        )
        self._keep_failures("FailedInvocations")
        add_failure_alarms(self, function, alarm_topic)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this function, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_alias(self, alias: lambda_.IAlias) -> lambda_.CfnEventInvokeConfig:
        """Keep failed asynchronous invocations of an alias, too: Lambda has settings for each.

        Args:
            alias: An alias of the function, such as that of a ``ReleasedFunction``.
        """
        return self._keep_failures(f"FailedInvocations-{alias.alias_name}", qualifier=alias.alias_name)

    def add_stream_source(
        self,
        construct_id: str,
        *,
        stream: kinesis.IStream | None = None,
        table: dynamodb.ITable | None = None,
        batch_size: int = 100,
        retry_attempts: int = 5,
        max_record_age: Duration | None = None,
        parallelization_factor: int = 1,
    ) -> lambda_.EventSourceMapping:
        """Let the function work on the records of a stream, so that one that always fails does not block its shard.

        A batch that fails is halved down to the record that is at fault; what fails still after the retries is left
        out, and its place in the stream goes to a dead-letter queue. The handler gets batches as Lambda makes them; it
        calls ``run_once`` with the id of each record, and returns ``batchItemFailures``.

        Args:
            construct_id: Id inside this pattern.
            stream: A Kinesis stream. Default: none, with ``table``.
            table: A table with a stream, which is read from its oldest record on. Default: none, with ``stream``.
            batch_size: Records of a batch at most, 1 to 10,000; of a table's stream the same
                (https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html). Default: 100.
            retry_attempts: How often a batch is retried, 0 to 10,000. Default: 5.
            max_record_age: How old a record may be to be retried, 1 minute to 7 days. Default: as old as the
                stream keeps it.
            parallelization_factor: Batches of a shard that are worked on at a time, 1 to 10; a partition key stays in
                order. Default: 1.

        Raises:
            InvalidOptionError: when none or both of ``stream`` and ``table`` are given, and for values out of range.
        """
        check_one_of(self, {"stream": stream, "table": table}, fix="Give stream or table")
        for option, value, low, high, unit in (
            ("batch_size", batch_size, 1, 10_000, "records"),
            ("retry_attempts", retry_attempts, 0, 10_000, "retries"),
            ("parallelization_factor", parallelization_factor, 1, 10, "batches"),
        ):
            check_range(self, option, value, low=low, high=high, unit=unit, source=_MAPPINGS, tokens=True)
        if max_record_age is not None:
            check_duration(
                self,
                "max_record_age",
                max_record_age,
                low=minute(),
                high=_LONGEST_RECORD_AGE,
                source=_MAPPINGS,
            )
        source = Construct(self, construct_id)
        queue = add_dead_letter_queue(
            source,
            "DeadLetterQueue",
            alarm_topic=self._alarm_topic,
            holds="places of the stream whose records always failed",
            encryption_key=self.encryption_key,
        )
        self.stream_dead_letter_queues[construct_id] = queue
        mapping = consume_stream(
            source,
            "Records",
            self.function,
            stream_arn=self._read(source, stream, table),
            dead_letter_queue=queue,
            batch_size=batch_size,
            parallelization_factor=parallelization_factor,
            retry_attempts=retry_attempts,
            max_record_age=max_record_age,
        )
        sending = iam.Grant.add_to_principal(
            grantee=self.function, actions=["sqs:SendMessage"], resource_arns=[queue.queue_arn]
        )
        # Lambda tries to read the stream when it makes the mapping.
        sending.apply_before(mapping)
        add_stream_age_alarm(source, "StreamAgeAlarm", self.function, alarm_topic=self._alarm_topic)
        return mapping

    def add_log_metric(self, construct_id: str, *, pattern: logs.IFilterPattern) -> cloudwatch.Metric:
        """Count lines of the log, per minute, for an alarm about what ended well in spite of an error.

        ``LoggedErrorsAlarm`` counts lines of the level ERROR already.

        Args:
            construct_id: Id inside this pattern.
            pattern: Which lines, such as ``FilterPattern.literal('{ $.message = "refund refused*" }')``.

        Raises:
            InvalidOptionError: for a function without a log group of its own.
        """
        return add_log_metric(self, construct_id, self.function, pattern)

    def metric_repeated(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Requests that had been worked on before. Sum over 5 minutes by default."""
        return run_once_metric(self.function, "RepeatedRequests", period=period)

    def metric_throttled(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Calls that found no concurrency left: 429 for a client, a later try otherwise. Per 5 minutes by default."""
        return self.function.metric_throttles(period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Invocations in the dead-letter queue. Per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def _read(self, source: Construct, stream: kinesis.IStream | None, table: dynamodb.ITable | None) -> str:
        """Let the function read a stream, and return its ARN."""
        if table is not None:
            arn = stream_of(source, table)
            let_read_table_stream(self.function, arn)
            if table.encryption_key is not None:
                table.encryption_key.grant(self.function, "kms:Decrypt")
            return arn
        assert stream is not None  # noqa: S101 - one of the two is given
        stream.grant_read(self.function)
        return stream.stream_arn

    def _keep_failures(self, construct_id: str, qualifier: str = "$LATEST") -> lambda_.CfnEventInvokeConfig:
        return send_failures(
            self,
            construct_id,
            self.function,
            self.dead_letter_queue,
            encryption_key=self.encryption_key,
            qualifier=qualifier,
            retry_attempts=self._retries.attempts,
            max_event_age=self._retries.max_event_age,
        )
