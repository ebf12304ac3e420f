"""Who sends what to whom, through what."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.review.statements import permissions
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values, duration

__all__ = ["Edge", "edges"]


@dataclass(frozen=True, order=True)
class Edge:
    """A way that something takes from one resource to another.

    Attributes:
        source: Where from.
        target: Where to.
        how: What it is, or when; empty where it goes without saying.
    """

    source: str
    target: str
    how: str = ""

    def __str__(self) -> str:
        """Write it as a card does."""
        return f"{self.source} -> {self.target}" + (f"   {self.how}" if self.how else "")


_SENDS = {
    "appsync EventPublish": "publishes",
    "dynamodb PutItem": "writes",
    "dynamodb UpdateItem": "writes",
    "dynamodb BatchWriteItem": "writes",
    "events PutEvents": "puts events",
    "execute-api ManageConnections": "sends to connections",
    "firehose PutRecord": "puts records",
    "firehose PutRecordBatch": "puts records",
    "iot Publish": "publishes",
    "kinesis PutRecord": "puts records",
    "kinesis PutRecords": "puts records",
    "lambda InvokeFunction": "invokes",
    "s3 PutObject": "puts objects",
    "ses SendEmail": "sends mail",
    "ses SendRawEmail": "sends mail",
    "sns Publish": "publishes",
    "sqs SendMessage": "sends",
    "states StartExecution": "starts",
}


def edges(template: Template) -> list[Edge]:
    """Return every edge, in the order of sources and targets."""
    values = Values(template)
    found: set[Edge] = set()
    for resource in template.resources.values():
        if read := _READERS.get(resource.type):
            found.update(read(resource, values))
    found.update(_by_permission(template))
    return sorted(found)


def _subscription(resource: Resource, values: Values) -> Iterator[Edge]:
    topic, protocol = values.text(resource.get("TopicArn")), str(resource.get("Protocol"))
    target = values.text(resource.get("Endpoint"))
    policy = resource.get("FilterPolicy")
    scope = " of the body" if resource.get("FilterPolicyScope") == "MessageBody" else ""
    how = f"if{scope} {_filter(policy, values)}" if policy else ""
    yield Edge(topic, target if protocol in {"lambda", "sqs", "firehose"} else f"{protocol} {target}", how)


def _filter(policy: object, values: Values) -> str:
    if isinstance(policy, Mapping):
        return " and ".join(f"{key} {json.dumps(_plain(value, values))}" for key, value in sorted(policy.items()))
    return values.text(policy)


def _plain(value: object, values: Values) -> object:
    """Return a pattern with names in place of references."""
    if isinstance(value, list):
        return [_plain(item, values) for item in value]
    if isinstance(value, Mapping):
        if any(key == "Ref" or key.startswith("Fn::") for key in value):
            return values.text(value)
        return {key: _plain(item, values) for key, item in value.items()}
    return value


def _mapping(resource: Resource, values: Values) -> Iterator[Edge]:
    said = []
    if size := resource.get("BatchSize"):
        said.append(f"{size} a batch")
    if window := resource.get("MaximumBatchingWindowInSeconds"):
        said.append(f"within {duration(window)}")
    if most := resource.get("ScalingConfig.MaximumConcurrency"):
        said.append(f"{most} at once")
    yield Edge(values.text(resource.get("EventSourceArn")), values.text(resource.get("FunctionName")), ", ".join(said))


def _rule(resource: Resource, values: Values) -> Iterator[Edge]:
    pattern = resource.get("EventPattern")
    schedule = resource.get("ScheduleExpression")
    bus = values.text(resource.get("EventBusName")) or "EventBridge"
    how = f"if {_filter(pattern, values)}" if pattern else ""
    for target in resource.items("Targets"):
        source = f"schedule {values.text(schedule)}" if schedule else bus
        yield Edge(source, values.text(target.get("Arn")), how)


def _schedule(resource: Resource, values: Values) -> Iterator[Edge]:
    yield Edge(f"schedule {values.text(resource.get('ScheduleExpression'))}", values.text(resource.get("Target.Arn")))


def _bucket(resource: Resource, values: Values) -> Iterator[Edge]:
    settings = resource.get("NotificationConfiguration")
    if isinstance(settings, Mapping):
        yield from _notifications(resource.name, settings, values)


def _custom_notifications(resource: Resource, values: Values) -> Iterator[Edge]:
    settings = resource.get("NotificationConfiguration")
    if isinstance(settings, Mapping):
        yield from _notifications(values.text(resource.get("BucketName")), settings, values)


def _notifications(bucket: str, settings: Mapping[str, Any], values: Values) -> Iterator[Edge]:
    if "EventBridgeConfiguration" in settings:
        yield Edge(bucket, "EventBridge")
    for kinds, arns in (
        ("LambdaFunctionConfigurations", ("LambdaFunctionArn", "Function")),
        ("LambdaConfigurations", ("Function",)),
        ("QueueConfigurations", ("QueueArn", "Queue")),
        ("TopicConfigurations", ("TopicArn", "Topic")),
    ):
        for one in settings.get(kinds, ()):
            target = next((one[key] for key in arns if key in one), None)
            yield Edge(bucket, values.text(target), values.text(one.get("Events", one.get("Event"))))


def _topic_rule(resource: Resource, values: Values) -> Iterator[Edge]:
    sql = " ".join(values.text(resource.get("TopicRulePayload.Sql")).split())
    for action in resource.items("TopicRulePayload.Actions"):
        for kind, settings in action.items():
            yield Edge("devices", f"{_target_of(settings, values) or kind}", sql)


def _target_of(settings: object, values: Values) -> str:
    if not isinstance(settings, Mapping):
        return ""
    keys = ("FunctionArn", "QueueUrl", "TargetArn", "DeliveryStreamName", "StreamName", "BucketName", "TableName")
    named = next(
        (settings[key] for key in (*keys, "Topic", "StateMachineName", "LogGroupName") if key in settings), None
    )
    return values.text(named) if named is not None else values.text(settings.get("PutItem", {}).get("TableName"))


def _delivery(resource: Resource, values: Values) -> Iterator[Edge]:
    source = resource.get("KinesisStreamSourceConfiguration.KinesisStreamARN")
    if source is not None:
        yield Edge(values.text(source), resource.name)
    for key, place in (
        ("ExtendedS3DestinationConfiguration", "BucketARN"),
        ("S3DestinationConfiguration", "BucketARN"),
        ("HttpEndpointDestinationConfiguration", "EndpointConfiguration.Url"),
        ("RedshiftDestinationConfiguration", "ClusterJDBCURL"),
        ("AmazonopensearchserviceDestinationConfiguration", "DomainARN"),
    ):
        target = resource.get(f"{key}.{place}")
        if target is not None:
            wait = resource.get(f"{key}.BufferingHints.IntervalInSeconds")
            yield Edge(resource.name, values.text(target), f"within {duration(wait)}" if wait else "")


def _pipe(resource: Resource, values: Values) -> Iterator[Edge]:
    yield Edge(values.text(resource.get("Source")), values.text(resource.get("Target")), resource.name)


def _log_subscription(resource: Resource, values: Values) -> Iterator[Edge]:
    pattern = values.text(resource.get("FilterPattern"))
    yield Edge(
        values.text(resource.get("LogGroupName")),
        values.text(resource.get("DestinationArn")),
        f"lines with {pattern}" if pattern else "",
    )


def _invocation(resource: Resource, values: Values) -> Iterator[Edge]:
    target = resource.get("DestinationConfig.OnSuccess.Destination")
    if target is not None:
        yield Edge(values.text(resource.get("FunctionName")), values.text(target), "when it succeeded")


def _service(resource: Resource, values: Values) -> Iterator[Edge]:
    for balancer in resource.items("LoadBalancers"):
        yield Edge(values.text(balancer.get("TargetGroupArn")), resource.name, f"port {balancer.get('ContainerPort')}")


def _listener(resource: Resource, values: Values) -> Iterator[Edge]:
    listener = values.text(resource.get("ListenerArn")) or values.text(resource.get("LoadBalancerArn"))
    for action in [*resource.items("DefaultActions"), *resource.items("Actions")]:
        groups = [action.get("TargetGroupArn")]
        groups += [one.get("TargetGroupArn") for one in action.get("ForwardConfig", {}).get("TargetGroups", ())]
        for group in dict.fromkeys(values.text(one) for one in groups if one is not None):
            yield Edge(listener, group)


def _mail_events(resource: Resource, values: Values) -> Iterator[Edge]:
    target = resource.get(
        "EventDestination.SnsDestination.TopicARN", resource.get("EventDestination.EventBridgeDestination.EventBusArn")
    )
    if target is not None:
        yield Edge(
            values.text(resource.get("ConfigurationSetName")),
            values.text(target),
            values.text(resource.get("EventDestination.MatchingEventTypes")),
        )


def _by_permission(template: Template) -> Iterator[Edge]:
    """Yield what functions and roles of this template send: what they may, they do."""
    named = {resource.name for resource in template.resources.values()}
    for one in permissions(template):
        if one.denies or one.any_resource:
            continue
        service_actions = [
            f"{part.split(' ')[0]} {name}"
            for part in one.actions.split("; ")
            for name in part.partition(" ")[2].split(", ")
        ]
        verbs = sorted({_SENDS[action] for action in service_actions if action in _SENDS})
        for who in one.who:
            if verbs and who in named and one.policy != who:
                for target in one.resources:
                    if "DeadLetterQueue" not in target and "Failures" not in target:
                        yield Edge(who, target, ", ".join(verbs))


_READERS: Mapping[str, Callable[[Resource, Values], Iterator[Edge]]] = {
    "AWS::ECS::Service": _service,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::ListenerRule": _listener,
    "AWS::Events::Rule": _rule,
    "AWS::IoT::TopicRule": _topic_rule,
    "AWS::KinesisFirehose::DeliveryStream": _delivery,
    "AWS::Lambda::EventInvokeConfig": _invocation,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Logs::SubscriptionFilter": _log_subscription,
    "AWS::Pipes::Pipe": _pipe,
    "AWS::S3::Bucket": _bucket,
    "AWS::SES::ConfigurationSetEventDestination": _mail_events,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Scheduler::Schedule": _schedule,
    "Custom::S3BucketNotifications": _custom_notifications,
}
