"""Metrics and alarms of deliveries to S3."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import kinesisfirehose as firehose
from cdp_constructs.core.cdk import lambda_, sns
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute, minutes
from cdp_constructs.data._parquet import ERRORS

# Firehose itself retries for some minutes before an alarm is of use.
_SLACK = Duration.minutes(10)
# Part of the invocations; one that fails is retried.
_SUCCESS_THAT_ALARMS = 0.5
_BEHIND_THAT_ALARMS = Duration.minutes(5)


def metric_lag(stream: "firehose.CfnDeliveryStream", *, period: Duration | None = None) -> cloudwatch.Metric:
    """Age in seconds of the oldest record that is not in S3 yet, per minute by default."""
    return _metric(stream, "DeliveryToS3.DataFreshness", period or minute(), "max")


def metric_behind(stream: "firehose.CfnDeliveryStream", *, period: Duration | None = None) -> cloudwatch.Metric:
    """Milliseconds between the last record that was read of the source and its newest, per minute by default."""
    return _metric(stream, "KinesisMillisBehindLatest", period or minute(), "max")


def metric_rejected(stream: "firehose.CfnDeliveryStream", *, period: Duration | None = None) -> cloudwatch.Metric:
    """Records that do not fit the schema, per 5 minutes by default."""
    return _metric(stream, "FailedConversion.Records", period or minutes(5), "sum")


def add_delivery_alarms(
    scope: "Construct",
    stream: "firehose.CfnDeliveryStream",
    interval: Duration,
    *,
    rejections: int,
    reads: bool,
    function: "lambda_.Function | None" = None,
    alarm_topic: "sns.ITopic | None",
) -> None:
    """Add the alarms of records that are late, do not fit, or are refused.

    Args:
        scope: The batch layer.
        stream: The delivery stream.
        interval: How long it gathers records.
        rejections: From how many records within 5 minutes that do not fit an alarm is raised.
        reads: Whether records are read from a stream, so that none can be refused.
        function: Transforms records; what does not fit it does not pass to be converted.
        alarm_topic: Receives the alarms; None leaves them out.
    """
    add_freshness_alarm(scope, stream, interval, alarm_topic=alarm_topic)
    add_alarm(
        scope,
        "UnconvertedAlarm",
        metric_rejected(stream) if function is None else _rejected_by_both(stream, function),
        alarm_topic=alarm_topic,
        threshold=rejections,
        description=f"{path_of(scope)}: records do not fit the schema. They are below {ERRORS} with the reason; "
        "correct the sender or the columns, and put them again.",
    )
    if function is not None:
        add_alarm(
            scope,
            "SplittingAlarm",
            _metric(stream, "ExecuteProcessing.Success", minutes(5), "avg"),
            alarm_topic=alarm_topic,
            threshold=_SUCCESS_THAT_ALARMS,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            description=f"{path_of(scope)}: the function that splits gathered records fails. After three more tries "
            f"Firehose puts a batch below {ERRORS}processing-failed/. Look at the function's log; put them again.",
        )
    if reads:
        add_alarm(
            scope,
            "BehindAlarm",
            metric_behind(stream),
            alarm_topic=alarm_topic,
            threshold=_BEHIND_THAT_ALARMS.to_milliseconds(),
            evaluation_periods=3,
            description=f"{path_of(scope)}: records wait in the stream. Look at the log of the delivery stream and at "
            "its role; the stream loses them at the end of its retention.",
        )
        return
    add_throttling_alarm(scope, "ThrottledAlarm", stream, alarm_topic=alarm_topic)


def add_freshness_alarm(
    scope: "Construct", stream: "firehose.CfnDeliveryStream", interval: Duration, *, alarm_topic: "sns.ITopic | None"
) -> None:
    """Add the alarm of records that wait for S3.

    Args:
        scope: The pattern.
        stream: The delivery stream.
        interval: How long it gathers records.
        alarm_topic: Receives the alarm; None leaves it out.
    """
    add_alarm(
        scope,
        "FreshnessAlarm",
        metric_lag(stream),
        alarm_topic=alarm_topic,
        threshold=interval.to_seconds() + _SLACK.to_seconds(),
        evaluation_periods=3,
        description=f"{path_of(scope)}: records wait for S3 much longer than they are gathered. Look at the log "
        "of the delivery stream and at its role; Firehose retries for 24 hours and then loses them.",
    )


def add_throttling_alarm(
    scope: "Construct", construct_id: str, stream: "firehose.CfnDeliveryStream", *, alarm_topic: "sns.ITopic | None"
) -> None:
    """Add the alarm of records that a delivery stream refuses.

    Args:
        scope: The pattern.
        construct_id: Id of the alarm inside ``scope``.
        stream: The delivery stream.
        alarm_topic: Receives the alarm; None leaves it out.
    """
    add_alarm(
        scope,
        construct_id,
        _metric(stream, "ThrottledRecords", minute(), "sum"),
        alarm_topic=alarm_topic,
        evaluation_periods=3,
        description=f"{path_of(scope)}: the delivery stream refuses records; producers have to retry. Ask "
        "for a higher quota.",
    )


def _rejected_by_both(stream: "firehose.CfnDeliveryStream", function: "lambda_.Function") -> cloudwatch.IMetric:
    """Records and measurements that do not fit, whoever of both found it."""
    return cloudwatch.MathExpression(
        expression="FILL(records, 0) + FILL(measurements, 0)",
        using_metrics={
            "records": metric_rejected(stream),
            "measurements": function_metric(function, "RejectedRecords"),
        },
        label="Records and measurements that do not fit",
        period=minutes(5),
    )


def _metric(stream: "firehose.CfnDeliveryStream", name: str, period: Duration, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Firehose",
        metric_name=name,
        dimensions_map={"DeliveryStreamName": stream.ref},
        statistic=statistic,
        period=period,
    )
