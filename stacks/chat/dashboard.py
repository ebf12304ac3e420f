"""What the chat's dashboard shows, row by row: what users notice on top, then what it depends on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from cdp_constructs.core.periods import minute, minutes
from cdp_constructs.operations.dashboards import StackContents, graph

if TYPE_CHECKING:
    from cdp_constructs import AuthorizedApi, Notifications, PrivateCacheDistribution, RealtimeChannels, TokenIssuer
    from stacks.chat.attachments import Attachments
    from stacks.chat.messages import Messages

# Where CloudFront has the metrics of all edge locations.
_CLOUDFRONT = "us-east-1"

Row = list[cloudwatch.GraphWidget]


def api_row(contents: StackContents, api: "AuthorizedApi") -> Row:
    """Return what users notice of the API."""
    errors, latency = (contents.alarm(f"Chat/Default/{name}Alarm") for name in ("ServerErrors", "Latency"))
    return [
        graph("Requests", api.metric_requests()),
        graph("Errors", api.metric_server_errors(), api.metric_client_errors(), alarms=[errors]),
        graph("Latency, ms", api.metric_latency().with_(statistic="p50"), api.metric_latency(), alarms=[latency]),
    ]


def live_row(channels: "RealtimeChannels") -> Row:
    """Return what users notice of live delivery."""
    failed = [channels.metric_connect_errors(), channels.metric_rejected(), channels.metric_publish_errors()]
    return [
        graph("Connections", channels.metric_connections(), channels.metric_connected(), width=12),
        graph("Live: errors", *failed, width=12),
    ]


def messages_row(contents: StackContents, messages: "Messages", attachments: "Attachments") -> Row:
    """Return what becomes of messages and files."""
    behind = messages.publisher.metric("IteratorAge", period=minute(), statistic="max")
    files = [attachments.upload.metric_accepted(), attachments.upload.metric_rejected()]
    thumbnails = [attachments.thumbnails.metric_made(), attachments.thumbnails.metric_rejected()]
    return [
        graph("Events published", messages.fanout.metric_published(period=minute())),
        graph("Behind the table, ms", behind, alarms=[contents.alarm("Messages/StreamAgeAlarm")]),
        graph("Uploads", *files, *thumbnails),
    ]


def table_row(contents: StackContents, table_name: str, others: Sequence[str]) -> Row:
    """Return what DynamoDB refuses, how long it takes, and how far the replicas of other Regions are behind."""

    def of(name: str, statistic: str, label: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name=name,
            dimensions_map={"TableName": table_name, **dimensions},
            statistic=statistic,
            period=minute(),
            label=label,
        )

    refused = [of(f"{kind}ThrottleEvents", "sum", f"{kind.lower()}s") for kind in ("Read", "Write")]
    took = [
        of("SuccessfulRequestLatency", "avg", operation, Operation=operation)
        for operation in ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem")
    ]
    behind = [of("ReplicationLatency", "avg", region, ReceivingRegion=region) for region in others]
    return [
        graph("Table: throttled", *refused, alarms=[contents.alarm("State/ThrottledAlarm")]),
        graph("Table: latency, ms", *took),
        graph("Table: replication to other Regions, ms", *behind),
    ]


def people_row(
    issuer: "TokenIssuer", delivery: "PrivateCacheDistribution", notifications: "Notifications | None"
) -> Row:
    """Return sign-in, downloads, and notices."""
    pool = {"UserPool": str(issuer.user_pool_id), "UserPoolClient": issuer.audience[0]}
    sign_in = [
        _metric("AWS/Cognito", name, pool, label)
        for name, label in {
            "SignInSuccesses": "signed in",
            "TokenRefreshSuccesses": "renewed",
            "SignInThrottles": "throttled",
        }.items()
    ]
    edge = {"DistributionId": delivery.distribution.distribution_id, "Region": "Global"}
    downloads = [
        _metric("AWS/CloudFront", "Requests", edge, "requests"),
        _metric("AWS/CloudFront", "5xxErrorRate", edge, "5xx, %", statistic="avg"),
        _metric("AWS/CloudFront", "4xxErrorRate", edge, "4xx, %", statistic="avg"),
    ]
    row = [
        graph("Sign-in", *sign_in, region=issuer.region),
        graph("Downloads (CloudFront)", *downloads, region=_CLOUDFRONT),
    ]
    if notifications is not None:
        sent = [notifications.metric_sent("mail"), notifications.metric_sent("push")]
        refused = [notifications.metric_rejected(), notifications.metric_sending_disabled()]
        returned = [_metric("AWS/SES", name, {}, name.lower()) for name in ("Bounce", "Complaint")]
        row.append(graph("Notices: sent, refused, returned", *sent, *refused, *returned))
    return row


def _metric(
    namespace: str, name: str, dimensions: dict[str, str], label: str, *, statistic: str = "sum"
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=minutes(5),
        label=label,
    )
