"""Who sends what to whom, through what."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.review.cards.failures import places
from cdp_constructs.review.statements import permissions, services_of
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values, duration

__all__ = ["Edge", "edges", "forwards"]


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
    "athena StartQueryExecution": "queries",
    "dynamodb BatchGetItem": "reads",
    "dynamodb GetItem": "reads",
    "dynamodb Query": "reads",
    "dynamodb Scan": "reads",
    "ecs UpdateService": "updates",
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
    "lambda UpdateAlias": "moves the alias",
    "rds ModifyDBCluster": "changes",
    "redshift-data ExecuteStatement": "queries",
    "redshift-data BatchExecuteStatement": "queries",
    "s3 GetObject": "gets objects",
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
    found.update(edge for _, edge in forwards(template))
    found.update(_mounts(template))
    found.update(_settings(template))
    found.update(edge for edge in _by_permission(template) if not _is_told(edge, found))
    ends = {(edge.source, edge.target) for edge in found}
    found.update(edge for edge in _connections(template) if (edge.source, edge.target) not in ends)
    return sorted(found)


def _is_told(edge: Edge, told: set[Edge]) -> bool:
    """Whether an edge that a permission lets suppose is one that a resource has said, or a part of it."""
    return any(
        edge.source == one.source and (edge.target == one.target or edge.target.startswith(f"{one.target}/"))
        for one in told
    )


def _subscription(resource: Resource, values: Values) -> Iterator[Edge]:
    topic, protocol = values.text(resource.get("TopicArn")), str(resource.get("Protocol"))
    target = values.text(resource.get("Endpoint"))
    policy = resource.get("FilterPolicy")
    scope = "in the body " if resource.get("FilterPolicyScope") == "MessageBody" else ""
    how = f"if {scope}{_filter(policy, values)}" if policy else ""
    yield Edge(topic, target if protocol in {"lambda", "sqs", "firehose"} else f"{protocol} {target}", how)


def _filter(policy: object, values: Values) -> str:
    """Write a filter of SNS or a pattern of EventBridge: ``total >= 1000 and kind is order or return``."""
    if not isinstance(policy, Mapping):
        return values.text(policy)
    return " and ".join(f"{field} {' or '.join(_alternatives(wanted, values))}" for field, wanted in _fields(policy))


def _alternatives(wanted: list[Any], values: Values) -> Iterator[str]:
    for number, one in enumerate(wanted):
        text = _wanted(one, values)
        yield text.removeprefix("is ") if number and not isinstance(one, Mapping) else text


def _fields(policy: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, list[Any]]]:
    for key, value in sorted(policy.items()):
        if isinstance(value, Mapping):
            yield from _fields(value, f"{above}{key}.")
        elif isinstance(value, list):
            yield above + key, value


_MATCHES = {"prefix": "begins with", "suffix": "ends with", "wildcard": "is like", "equals-ignore-case": "is"}


def _wanted(one: object, values: Values) -> str:
    match one:
        case {"numeric": [*parts]}:
            pairs = zip(parts[::2], parts[1::2], strict=False)
            return " and ".join(f"{sign} {values.text(number)}" for sign, number in pairs)
        case {"anything-but": refused}:
            texts = refused if isinstance(refused, list) else [refused]
            return f"is not {' or '.join(values.text(text) for text in texts)}"
        case {"exists": there}:
            return "is there" if there else "is not there"
        case {**test} if len(test) == 1 and (kind := next(iter(test))) in _MATCHES:
            return f"{_MATCHES[kind]} {values.text(test[kind])}"
        case _:
            return f"is {values.text(one)}"


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
    if pattern:
        yield Edge(bus, resource.name, f"if {_filter(pattern, values)}")
    for target in resource.items("Targets"):
        yield Edge(resource.name, values.text(target.get("Arn")), values.text(schedule))


def _schedule(resource: Resource, values: Values) -> Iterator[Edge]:
    yield Edge(resource.name, values.text(resource.get("Target.Arn")), values.text(resource.get("ScheduleExpression")))


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
    yield Edge("devices", resource.name, sql)
    for action in resource.items("TopicRulePayload.Actions"):
        for kind, settings in action.items():
            yield Edge(resource.name, f"{_target_of(settings, values) or kind}")


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


def _function(uri: object, values: Values) -> str:
    """Return the function that a URI of API Gateway invokes; empty for another one."""
    _, found, function = values.text(uri).rpartition("functions/")
    return function.removesuffix("/invocations") if found else ""


def _integration(resource: Resource, values: Values) -> Iterator[Edge]:
    uri = resource.get("IntegrationUri")
    if target := _function(uri, values) or values.text(uri):
        yield Edge(values.text(resource.get("ApiId")), target, "requests")


def _authorizer(resource: Resource, values: Values) -> Iterator[Edge]:
    if function := _function(resource.get("AuthorizerUri"), values):
        yield Edge(values.text(resource.get("ApiId")), function, "asks who may call")


def _data_source(resource: Resource, values: Values) -> Iterator[Edge]:
    function = resource.get("LambdaConfig.LambdaFunctionArn")
    if function is not None:
        yield Edge(values.text(resource.get("ApiId")).removesuffix(".ApiId"), values.text(function), "asks")


def _method(resource: Resource, values: Values) -> Iterator[Edge]:
    if function := _function(resource.get("Integration.Uri"), values):
        yield Edge(values.text(resource.get("RestApiId")), function, "requests")


def _distribution(resource: Resource, values: Values) -> Iterator[Edge]:
    paths: dict[str, list[str]] = {}
    for one in resource.items("DistributionConfig.CacheBehaviors"):
        paths.setdefault(values.text(one.get("TargetOriginId")), []).append(values.text(one.get("PathPattern")))
    acl = values.text(resource.get("DistributionConfig.WebACLId"))
    if acl and not acl.startswith("wafv2:"):
        yield Edge(acl, resource.name, "requests that pass")
    for origin in resource.items("DistributionConfig.Origins"):
        target = values.text(origin.get("DomainName")).removesuffix(".RegionalDomainName")
        said = ", ".join(sorted(set(paths.get(values.text(origin.get("Id")), ()))))
        yield Edge(resource.name, target, f"requests for {said}" if said else "requests")


def _rotation(resource: Resource, values: Values) -> Iterator[Edge]:
    rotates = values.text(resource.get("RotationLambdaARN"))
    days = resource.get("RotationRules.AutomaticallyAfterDays")
    every = f"every {days} days" if days else values.text(resource.get("RotationRules.ScheduleExpression"))
    if rotates:
        yield Edge(values.text(resource.get("SecretId")), rotates, f"is rotated {every}".strip())


def _mapped_api(resource: Resource, values: Values) -> Iterator[Edge]:
    yield Edge(values.text(resource.get("DomainName")), values.text(resource.get("ApiId")), "requests")


def _record(resource: Resource, values: Values) -> Iterator[Edge]:
    targets = [resource.get("AliasTarget.DNSName"), *resource.items("ResourceRecords")]
    for target in targets:
        if target is None or str(resource.get("Type")) not in {"A", "AAAA", "CNAME"}:
            continue
        place = values.text(target)
        for attribute in (".RegionalDomainName", ".DomainName", ".DNSName"):
            place = place.removesuffix(attribute)
        how = [f"for those near {values.text(region)}"] if (region := resource.get("Region")) else []
        if check := resource.get("HealthCheckId"):
            how.append(f"while {values.text(check)} passes")
        yield Edge(values.text(resource.get("Name")).rstrip("."), place.removeprefix("dualstack."), ", ".join(how))


def _health_check(resource: Resource, values: Values) -> Iterator[Edge]:
    settings = "HealthCheckConfig"
    host = values.text(resource.get(f"{settings}.FullyQualifiedDomainName"))
    if host:
        every = duration(resource.get(f"{settings}.RequestInterval", 30))
        path = values.text(resource.get(f"{settings}.ResourcePath"))
        yield Edge(resource.name, host.partition(".execute-api.")[0], f"{path} every {every}".strip())


def _database_events(resource: Resource, values: Values) -> Iterator[Edge]:
    of = ", ".join(values.texts(resource.get("SourceIds", []))) or "databases"
    yield Edge(
        of, values.text(resource.get("SnsTopicArn")), ", ".join(values.texts(resource.get("EventCategories", [])))
    )


def _flow_log(resource: Resource, values: Values) -> Iterator[Edge]:
    place = resource.get("LogGroupName", resource.get("LogDestination"))
    what = {"ALL": "all traffic", "REJECT": "refused traffic", "ACCEPT": "accepted traffic"}
    kind = values.text(resource.get("TrafficType", "ALL"))
    yield Edge(values.text(resource.get("ResourceId")), values.text(place), what.get(kind, kind))


def _triggers(resource: Resource, values: Values) -> Iterator[Edge]:
    for name, function in sorted((resource.get("LambdaConfig") or {}).items()):
        if isinstance(function, (str, Mapping)):
            yield Edge(resource.name, values.text(function), name)


def _web_acl(resource: Resource, values: Values) -> Iterator[Edge]:
    for place in resource.items("LogDestinationConfigs"):
        log = values.text(place).removeprefix("logs:log-group:")
        yield Edge(values.text(resource.get("ResourceArn")), log, "what was blocked or counted")


def _protects(resource: Resource, values: Values) -> Iterator[Edge]:
    yield Edge(values.text(resource.get("WebACLArn")), values.text(resource.get("ResourceArn")), "requests")


def forwards(template: Template) -> Iterator[tuple[Resource, Edge]]:
    """Yield each listener of a load balancer that forwards, with the edge to the service behind it."""
    values = Values(template)
    services: dict[str, list[tuple[str, str]]] = {}
    for service in template.of_type("AWS::ECS::Service"):
        for one in service.items("LoadBalancers"):
            group = values.text(one.get("TargetGroupArn"))
            services.setdefault(group, []).append((service.name, f"port {values.text(one.get('ContainerPort'))}"))
    for resource in template.of_type(*_LISTENERS):
        listener = resource
        if resource.type == "AWS::ElasticLoadBalancingV2::ListenerRule":
            listener = template.target(resource.get("ListenerArn")) or resource
        balancer = values.text(listener.get("LoadBalancerArn")) or values.text(resource.get("ListenerArn"))
        for group in dict.fromkeys(_groups(resource, values)):
            for name, port in services.get(group, [(group, "")]):
                yield (
                    listener,
                    Edge(balancer, name, ", ".join(part for part in (port, _asked(resource, values)) if part)),
                )


_LISTENERS = ("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule")


def _groups(resource: Resource, values: Values) -> Iterator[str]:
    for action in [*resource.items("DefaultActions"), *resource.items("Actions")]:
        groups = [action.get("TargetGroupArn")]
        groups += [one.get("TargetGroupArn") for one in action.get("ForwardConfig", {}).get("TargetGroups", ())]
        yield from (values.text(one) for one in groups if one is not None)


def _asked(rule: Resource, values: Values) -> str:
    """Say which requests a rule of a listener is for."""
    said = []
    for condition in rule.items("Conditions"):
        wanted = condition.get("PathPatternConfig") or condition.get("HostHeaderConfig") or {}
        said.append(" or ".join(values.texts(wanted.get("Values", condition.get("Values", [])))))
    return f"requests for {' and '.join(said)}" if any(said) else ""


def _mounts(template: Template) -> Iterator[Edge]:
    """Yield which services and functions mount which folder of which file system."""
    values = Values(template)
    folders = {
        point.name: (values.text(point.get("FileSystemId")), values.text(point.get("RootDirectory.Path", "/")))
        for point in template.of_type("AWS::EFS::AccessPoint")
    }
    for task in template.of_type("AWS::ECS::TaskDefinition"):
        for volume in task.items("Volumes"):
            settings = volume.get("EFSVolumeConfiguration", {})
            if "FilesystemId" in settings:
                point = values.text(settings.get("AuthorizationConfig", {}).get("AccessPointId"))
                system, folder = folders.get(point, (values.text(settings["FilesystemId"]), "/"))
                for name in services_of(task, template):
                    yield Edge(name, system, f"mounts its {folder}")
    for function in template.of_type("AWS::Lambda::Function"):
        for mount in function.items("FileSystemConfigs"):
            mounted = template.target(mount.get("Arn"))
            text = values.text(mount.get("Arn")).rpartition("access-point/")[2]
            system, folder = folders.get(mounted.name if mounted else text, (text, "/"))
            yield Edge(function.name, system, f"mounts its {folder}")


def _settings(template: Template) -> Iterator[Edge]:
    """Yield which services read which secrets and parameters when a task starts."""
    values = Values(template)
    for task in template.of_type("AWS::ECS::TaskDefinition"):
        for container in task.items("ContainerDefinitions"):
            for secret in container.get("Secrets", ()) if isinstance(container, Mapping) else ():
                source = template.target(secret.get("ValueFrom"))
                name = source.name if source else values.text(secret.get("ValueFrom"))
                yield from (Edge(service, name, "reads at its start") for service in services_of(task, template))


def _connections(template: Template) -> Iterator[Edge]:
    """Yield which security groups may connect to which, by the names of what has them."""
    has: dict[str, set[str]] = {}
    values = Values(template)
    for resource in template.resources.values():
        for path in _SECURITY_GROUPS:
            for group in resource.items(path):
                if found := template.target(group):
                    of = resource.get("FileSystemId") if resource.type == "AWS::EFS::MountTarget" else None
                    has.setdefault(found.name, set()).add(values.text(of) if of is not None else resource.name)

    def names(group: object) -> list[str]:
        found = template.target(group)
        return sorted(has.get(found.name, ())) or [found.name] if found else [values.text(group)]

    for rule in template.of_type("AWS::EC2::SecurityGroupIngress"):
        source = rule.get("SourceSecurityGroupId")
        if source is None:
            continue
        first, last = values.text(rule.get("FromPort")), values.text(rule.get("ToPort"))
        port = f"connects to port {first}" if first == last else f"connects to ports {first} to {last}"
        for target in names(rule.get("GroupId")):
            for client in names(source):
                yield Edge(client, target, port)


def _mail_events(resource: Resource, values: Values) -> Iterator[Edge]:
    target = resource.get(
        "EventDestination.SnsDestination.TopicARN", resource.get("EventDestination.EventBridgeDestination.EventBusArn")
    )
    if target is not None:
        place = values.text(target)
        yield Edge(
            values.text(resource.get("ConfigurationSetName")),
            "EventBridge" if place == "events:event-bus/default" else place,
            values.text(resource.get("EventDestination.MatchingEventTypes")),
        )


def _by_permission(template: Template) -> Iterator[Edge]:
    """Yield what functions and roles of this template send: what they may, they do."""
    named = {resource.name for resource in template.resources.values()}
    told = {resource.name for resource in template.of_type(*_TOLD)}
    values = Values(template)
    failed = places(template)
    mapped = {
        (values.text(one.get("EventSourceArn")), values.text(one.get("FunctionName")))
        for one in template.of_type("AWS::Lambda::EventSourceMapping")
    }
    for one in permissions(template):
        if one.denies or one.any_resource:
            continue
        if "ReceiveMessage" in one.actions:
            yield from (
                Edge(queue, who, "polled")
                for who in one.who
                for queue in one.resources
                if who in named and (queue, who) not in mapped
            )
        service_actions = [
            f"{part.split(' ')[0]} {name}"
            for part in one.actions.split("; ")
            for name in part.partition(" ")[2].split(", ")
        ]
        verbs = sorted({_SENDS[action] for action in service_actions if action in _SENDS})
        for who in one.who:
            if verbs and who in named and one.policy != who and who not in told:
                for target in one.resources:
                    if target.removesuffix("/*") in one.resources and target.endswith("/*"):
                        continue
                    if target.startswith("ses:configuration-set/"):
                        continue
                    if target not in failed and "Failures" not in target:
                        yield Edge(who, target, ", ".join(verbs))


_TOLD = (
    "AWS::AppSync::DataSource",
    "AWS::EC2::FlowLog",
    "AWS::Events::Rule",
    "AWS::IoT::TopicRule",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Logs::SubscriptionFilter",
    "AWS::Pipes::Pipe",
    "AWS::Scheduler::Schedule",
)
"""What says itself where it sends to; what its role may follows from that."""


_SECURITY_GROUPS = (
    "NetworkConfiguration.AwsvpcConfiguration.SecurityGroups",
    "SecurityGroupIds",
    "SecurityGroups",
    "VPCSecurityGroups",
    "VpcConfig.SecurityGroupIds",
    "VpcSecurityGroupIds",
)
"""Where resources say which security groups they have."""

_READERS: Mapping[str, Callable[[Resource, Values], Iterator[Edge]]] = {
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGatewayV2::ApiMapping": _mapped_api,
    "AWS::ApiGatewayV2::Authorizer": _authorizer,
    "AWS::ApiGatewayV2::Integration": _integration,
    "AWS::AppSync::DataSource": _data_source,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::Cognito::UserPool": _triggers,
    "AWS::EC2::FlowLog": _flow_log,
    "AWS::Events::Rule": _rule,
    "AWS::IoT::TopicRule": _topic_rule,
    "AWS::KinesisFirehose::DeliveryStream": _delivery,
    "AWS::Lambda::EventInvokeConfig": _invocation,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Logs::SubscriptionFilter": _log_subscription,
    "AWS::Pipes::Pipe": _pipe,
    "AWS::RDS::EventSubscription": _database_events,
    "AWS::Route53::HealthCheck": _health_check,
    "AWS::Route53::RecordSet": _record,
    "AWS::S3::Bucket": _bucket,
    "AWS::SES::ConfigurationSetEventDestination": _mail_events,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::RotationSchedule": _rotation,
    "AWS::WAFv2::LoggingConfiguration": _web_acl,
    "AWS::WAFv2::WebACLAssociation": _protects,
    "Custom::S3BucketNotifications": _custom_notifications,
}
