"""Which metrics services emit, by which dimensions, and which of them the embedded cloud emits.

CloudWatch takes each combination of dimensions for a metric of its own: an alarm on another one never gets a value, and
nothing says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DOCUMENTED", "Documented", "Watched", "not_emitted", "watched"]


@dataclass(frozen=True)
class Documented:
    """The metrics of a namespace.

    Attributes:
        page: Where AWS lists them.
        emitted: Names by their dimensions, which are joined by ``+``: those that the embedded cloud emits, too.
        others: Those that it does not emit.
    """

    page: str
    emitted: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Watched:
    """A metric that an alarm reads: its namespace, its name, and the names of its dimensions."""

    namespace: str
    name: str
    dimensions: frozenset[str]

    def __str__(self) -> str:
        by = " and ".join(sorted(self.dimensions))
        return f"{self.namespace} {self.name}{f' by {by}' if by else ''}"


_DOCS = "https://docs.aws.amazon.com"
_OF_QUEUES = (
    "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesDelayed ApproximateNumberOfMessagesNotVisible "
    "ApproximateNumberOfMessagesVisible NumberOfEmptyReceives NumberOfMessagesDeleted NumberOfMessagesReceived "
    "NumberOfMessagesSent"
)
_OF_TOPICS = (
    "NumberOfMessagesPublished NumberOfNotificationsDelivered NumberOfNotificationsFailed "
    "NumberOfNotificationsRedrivenToDlq NumberOfNotificationsFailedToRedriveToDlq"
)
_OF_VERSIONS = "Invocations Errors Throttles Duration"
_OF_TARGETS = (
    "RequestCount TargetResponseTime HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count "
    "HTTPCode_Target_5XX_Count TargetConnectionErrorCount"
)
_WITH_PROTOCOL = " ".join(
    f"{operation}.{outcome}"
    for operation in ("Connect", "PublishIn", "PublishOut", "Subscribe")
    for outcome in ("Success", "AuthError")
)

DOCUMENTED: Mapping[str, Documented] = {
    "AWS/SQS": Documented(
        f"{_DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
        {"QueueName": _OF_QUEUES},
        {"QueueName": "SentMessageSize"},
    ),
    "AWS/SNS": Documented(
        f"{_DOCS}/sns/latest/dg/sns-monitoring-using-cloudwatch.html",
        {"TopicName": _OF_TOPICS},
        {"TopicName": "PublishSize NumberOfNotificationsFilteredOut"},
    ),
    "AWS/Lambda": Documented(
        f"{_DOCS}/lambda/latest/dg/monitoring-metrics-types.html",
        {
            "FunctionName": f"{_OF_VERSIONS} ConcurrentExecutions IteratorAge AsyncEventsReceived AsyncEventsDropped "
            "DestinationDeliveryFailures",
            "FunctionName+Resource": _OF_VERSIONS,
            "ExecutedVersion+FunctionName+Resource": _OF_VERSIONS,
            "": "Throttles ConcurrentExecutions",
        },
        {
            "FunctionName+Resource": "ConcurrentExecutions ProvisionedConcurrencyUtilization "
            "ProvisionedConcurrencySpilloverInvocations",
            "FunctionName": "AsyncEventAge DeadLetterErrors PostRuntimeExtensionsDuration RecursiveInvocationsDropped "
            "ProvisionedConcurrencySpilloverInvocations",
            "": "Invocations Errors Duration UnreservedConcurrentExecutions ClaimedAccountConcurrency",
        },
    ),
    "AWS/ApiGateway": Documented(
        f"{_DOCS}/apigateway/latest/developerguide/http-api-metrics.html",
        {
            "ApiId": "Count 4xx 5xx Latency IntegrationLatency",
            "ApiId+Stage": "Count 4xx 5xx Latency IntegrationLatency IntegrationError",
            "ApiName": "Count 4XXError 5XXError Latency",
            "ApiName+Stage": "Count 4XXError 5XXError Latency",
        },
        {
            "ApiId": "DataProcessed ConnectCount MessageCount ClientError ExecutionError IntegrationError",
            "ApiId+Stage": "DataProcessed ConnectCount MessageCount ClientError ExecutionError",
            "ApiId+Method+Resource+Stage": "Count 4xx 5xx Latency IntegrationLatency DataProcessed",
        },
    ),
    "AWS/AppSync": Documented(
        f"{_DOCS}/appsync/latest/eventapi/cw-metrics.html",
        {
            "EventAPIId": "Requests 4XXError 5XXError Latency SubscribeSuccess SubscribeClientError "
            "SubscribeServerError",
            "ChannelNamespaceName+EventAPIId": "SubscribeSuccess SubscribeClientError SubscribeServerError",
        },
        {"EventAPIId": "ConnectSuccess ConnectClientError ConnectServerError ActiveConnections InboundEvents"},
    ),
    "AWS/DynamoDB": Documented(
        f"{_DOCS}/amazondynamodb/latest/developerguide/metrics-dimensions.html",
        {
            "TableName": "ReadThrottleEvents WriteThrottleEvents ConditionalCheckFailedRequests",
            "Operation+TableName": "SuccessfulRequestLatency ThrottledRequests SystemErrors",
            "": "UserErrors",
        },
        {
            "TableName": "ConsumedReadCapacityUnits ConsumedWriteCapacityUnits TimeToLiveDeletedItemCount",
            "ReceivingRegion+TableName": "ReplicationLatency",
        },
    ),
    "AWS/Kinesis": Documented(
        f"{_DOCS}/streams/latest/dev/monitoring-with-cloudwatch.html",
        {
            "StreamName": "PutRecord.Success PutRecord.Latency PutRecords.Success PutRecords.Latency "
            "GetRecords.Success GetRecords.Latency GetRecords.IteratorAgeMilliseconds IncomingRecords IncomingBytes "
            "ReadProvisionedThroughputExceeded WriteProvisionedThroughputExceeded"
        },
    ),
    "AWS/Firehose": Documented(
        f"{_DOCS}/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html",
        {
            "DeliveryStreamName": "DeliveryToS3.DataFreshness DeliveryToS3.Success DeliveryToS3.Records "
            "FailedConversion.Records IncomingRecords IncomingBytes KinesisMillisBehindLatest ThrottledRecords "
            "ExecuteProcessing.Duration ExecuteProcessing.Success SucceedProcessing.Records"
        },
        {"DeliveryStreamName": "SucceedConversion.Records DeliveryToS3.Bytes BackupToS3.DataFreshness"},
    ),
    "AWS/IoT": Documented(
        f"{_DOCS}/iot/latest/developerguide/metrics_dimensions.html",
        {
            "Protocol": _WITH_PROTOCOL,
            "RuleName": "TopicMatch",
            "ActionType+RuleName": "Success Failure ErrorActionSuccess ErrorActionFailure",
        },
        {
            "Protocol": "Connect.ClientError Connect.ServerError Connect.Throttle PublishIn.ClientError "
            "PublishIn.ServerError PublishIn.Throttle",
            "RuleName": "ParseError RuleMessageThrottled RuleNotFound",
            "BehaviorName+SecurityProfileName": "Violations",
        },
    ),
    "AWS/Route53": Documented(
        f"{_DOCS}/Route53/latest/DeveloperGuide/monitoring-health-checks.html",
        {"HealthCheckId": "HealthCheckStatus"},
        {"HealthCheckId": "HealthCheckPercentageHealthy ChildHealthCheckHealthyCount"},
    ),
    "AWS/SES": Documented(
        f"{_DOCS}/ses/latest/dg/event-publishing-retrieving-cloudwatch.html",
        {
            "": "Send Delivery Bounce Complaint Reputation.BounceRate Reputation.ComplaintRate",
            "ses:configuration-set": "Send Delivery Bounce Complaint Reputation.BounceRate Reputation.ComplaintRate",
        },
    ),
    "AWS/States": Documented(
        f"{_DOCS}/step-functions/latest/dg/procedure-cw-metrics.html",
        {
            "StateMachineArn": "ExecutionsAborted ExecutionsFailed ExecutionsStarted ExecutionsSucceeded "
            "ExecutionsTimedOut ExecutionTime"
        },
        {"StateMachineArn": "ExecutionThrottled"},
    ),
    "AWS/WAFV2": Documented(
        f"{_DOCS}/waf/latest/developerguide/waf-metrics.html",
        {
            "Rule+WebACL": "AllowedRequests BlockedRequests",  # of CloudFront
            "Region+Rule+WebACL": "AllowedRequests BlockedRequests",
        },
        {"Rule+WebACL": "CountedRequests", "Region+Rule+WebACL": "CountedRequests"},
    ),
    "AWS/CloudFront": Documented(
        f"{_DOCS}/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html",
        {},
        {"DistributionId+Region": "Requests BytesDownloaded TotalErrorRate 4xxErrorRate 5xxErrorRate"},
    ),
    "AWS/CodePipeline": Documented(
        f"{_DOCS}/codepipeline/latest/userguide/metrics-dimensions.html",
        {},
        {"PipelineName": "FailedPipelineExecutions PipelineDuration"},
    ),
    "AWS/Cognito": Documented(
        f"{_DOCS}/cognito/latest/developerguide/metrics-for-cognito-user-pools.html",
        {},
        {"UserPool+UserPoolClient": "SignInSuccesses SignInThrottles SignUpSuccesses SignUpThrottles"},
    ),
    "AWS/ECS": Documented(
        f"{_DOCS}/AmazonECS/latest/developerguide/available-metrics.html",
        {"ClusterName+ServiceName": "CPUUtilization MemoryUtilization"},
        {"ClusterName": "CPUReservation MemoryReservation CPUUtilization MemoryUtilization"},
    ),
    "AWS/ApplicationELB": Documented(
        f"{_DOCS}/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html",
        {
            "LoadBalancer": f"{_OF_TARGETS} ActiveConnectionCount HTTPCode_ELB_4XX_Count HTTPCode_ELB_502_Count "
            "HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count HTTPCode_ELB_5XX_Count HTTP_Fixed_Response_Count "
            "HTTP_Redirect_Count NewConnectionCount ProcessedBytes RejectedConnectionCount",
            "LoadBalancer+TargetGroup": f"{_OF_TARGETS} HealthyHostCount LambdaUserError RequestCountPerTarget "
            "UnHealthyHostCount",
        },
        {
            "LoadBalancer": "ClientTLSNegotiationErrorCount ConsumedLCUs HTTPCode_ELB_3XX_Count "
            "HTTPCode_ELB_500_Count RuleEvaluations TargetTLSNegotiationErrorCount",
            "LoadBalancer+TargetGroup": "LambdaInternalError TargetTLSNegotiationErrorCount",
            "TargetGroup": "LambdaInternalError LambdaUserError RequestCountPerTarget",
        },
    ),
    "AWS/NetworkELB": Documented(
        f"{_DOCS}/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html",
        {
            "LoadBalancer": "ActiveFlowCount NewFlowCount ProcessedBytes",
            "LoadBalancer+TargetGroup": "HealthyHostCount UnHealthyHostCount",
        },
        {
            "LoadBalancer": "ActiveFlowCount_TCP ActiveFlowCount_TLS ConsumedLCUs NewFlowCount_TCP NewFlowCount_TLS "
            "ProcessedBytes_TCP ProcessedBytes_TLS RejectedFlowCount TCP_Client_Reset_Count TCP_ELB_Reset_Count "
            "TCP_Target_Reset_Count",
        },
    ),
    "AWS/RDS": Documented(
        f"{_DOCS}/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html",
        {
            "DBInstanceIdentifier": "CPUUtilization DatabaseConnections FreeableMemory FreeStorageSpace ReplicaLag "
            "AuroraReplicaLag",
            "DBClusterIdentifier": "CPUUtilization DatabaseConnections FreeableMemory AuroraReplicaLag",
            "DBClusterIdentifier+Role": "CPUUtilization DatabaseConnections FreeableMemory AuroraReplicaLag",
        },
        {
            "DBClusterIdentifier": "AuroraReplicaLagMaximum AuroraReplicaLagMinimum ServerlessDatabaseCapacity "
            "VolumeBytesUsed"
        },
    ),
    "AWS/ElastiCache": Documented(
        f"{_DOCS}/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html",
        {
            "CacheClusterId": "CurrConnections EngineCPUUtilization Evictions BytesUsedForCache CacheHits CacheMisses "
            "ReplicationLag",
        },
        {"CacheClusterId": "DatabaseMemoryUsagePercentage MasterLinkHealthStatus NewConnections"},
    ),
    "AWS/EFS": Documented(
        f"{_DOCS}/efs/latest/ug/efs-metrics.html",
        {},
        {"FileSystemId": "PercentIOLimit BurstCreditBalance ClientConnections StorageBytes TotalIOBytes"},
    ),
    "AWS/NATGateway": Documented(
        f"{_DOCS}/vpc/latest/userguide/metrics-dimensions-nat-gateway.html",
        {},
        {"NatGatewayId": "ErrorPortAllocation PacketsDropCount ActiveConnectionCount BytesOutToDestination"},
    ),
    "AWS/ElasticBeanstalk": Documented(
        f"{_DOCS}/elasticbeanstalk/latest/dg/health-enhanced-cloudwatch.html",
        {},
        {"EnvironmentName": "EnvironmentHealth InstancesDegraded InstancesSevere ApplicationRequests5xx"},
    ),
    "AWS/TransitGateway": Documented(
        f"{_DOCS}/vpc/latest/tgw/transit-gateway-cloudwatch-metrics.html",
        {},
        {"TransitGateway": "BytesIn BytesOut PacketsIn PacketsOut PacketDropCountBlackhole PacketDropCountNoRoute"},
    ),
    "AWS/Logs": Documented(
        f"{_DOCS}/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html",
        {"DestinationType+FilterName+LogGroupName": "DeliveryErrors"},
        {"DestinationType+FilterName+LogGroupName": "DeliveryThrottling ForwardedBytes ForwardedLogEvents"},
    ),
}
"""By namespace. Where the table has not all of a page, it has what templates have needed so far."""


def watched(properties: Mapping[str, Any]) -> Iterator[Watched]:
    """Yield the metrics of AWS's services that an alarm reads, but for those of a query or a search.

    Args:
        properties: Of the resource, as the template has them.
    """
    stats = [query["MetricStat"]["Metric"] for query in properties.get("Metrics", ()) if "MetricStat" in query]
    for metric in [properties, *stats]:
        namespace, name = metric.get("Namespace"), metric.get("MetricName")
        if isinstance(namespace, str) and isinstance(name, str) and namespace.startswith("AWS/"):
            names = frozenset(str(dimension["Name"]) for dimension in metric.get("Dimensions", ()))
            yield Watched(namespace, name, names)


def not_emitted(metric: Watched) -> str | None:
    """Return why an alarm on a metric gets no value here; None when it does."""
    documented = DOCUMENTED.get(metric.namespace)
    if documented is None or _has(documented.others, metric):
        return f"the embedded cloud does not emit {metric}"
    if _has(documented.emitted, metric):
        return None
    return f"{documented.page} has no {metric}: the alarm gets no value, on AWS neither"


def _has(names: Mapping[str, str], metric: Watched) -> bool:
    return metric.name in names.get("+".join(sorted(metric.dimensions)), "").split()
