"""What a stack costs at rest, roughly: what is paid by the month or the hour, before anything is done with it."""

from collections.abc import Callable, Mapping

from cdp_constructs.review.cards.composition import WORDS
from cdp_constructs.review.templates import Resource, Template, references
from cdp_constructs.review.values import counted

__all__ = ["PRICES_OF", "cost_at_rest", "monthly"]

PRICES_OF = "us-east-1, November 2026"
"""Region and time of the prices, which are list prices in US dollars."""
_HOURS = 730
_VCPU, _GIGABYTE = 0.04048 * _HOURS, 0.004445 * _HOURS
_ARM, _VALKEY = 0.8, 0.8
"""What remains of the price of x86, and of Redis OSS."""
_ALARM, _HIGH_RESOLUTION_ALARM, _COMPOSITE_ALARM = 0.10, 0.30, 0.50
_SECRET = 0.40
_ADDRESS = 0.005 * _HOURS
_INSTANCES = {
    "cache.r7g.large": 0.219,
    "cache.t4g.micro": 0.016,
    "cache.t4g.small": 0.032,
    "cache.t4g.medium": 0.065,
    "db.r6g.large": 0.29,
    "db.r8g.large": 0.29,
    "db.t4g.medium": 0.073,
    "db.t4g.micro": 0.016,
}
_CAPACITY_UNIT = 0.12


def cost_at_rest(template: Template) -> tuple[float, list[str]]:
    """Return dollars a month, and the part of each kind of resource, such as ``2 keys $2.00``, the dearest first."""
    by_word: dict[str, tuple[int, float]] = {}
    for resource in template.resources.values():
        if cost := monthly(resource, template):
            word = WORDS.get(resource.type, resource.type)
            count, sum_ = by_word.get(word, (0, 0.0))
            by_word[word] = (count + 1, sum_ + cost)
    parts = [
        f"{counted(count, word)} ${cost:,.2f}"
        for word, (count, cost) in sorted(by_word.items(), key=lambda item: (-item[1][1], item[0]))
    ]
    return sum(cost for _, cost in by_word.values()), parts


def monthly(resource: Resource, template: Template) -> float:
    """Return dollars a month at rest; 0 for what is paid by use."""
    price = _PRICES.get(resource.type)
    return price(resource, template) if price else 0.0


def _number(value: object, otherwise: float) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return otherwise


def _alarm(resource: Resource, template: Template) -> float:
    del template
    metrics = len([one for one in resource.items("Metrics") if "MetricStat" in one]) or 1
    period = _number(resource.get("Period"), 60)
    return metrics * (_HIGH_RESOLUTION_ALARM if period < 60 else _ALARM)  # noqa: PLR2004 - a minute


def _service(resource: Resource, template: Template) -> float:
    task = template.target(resource.get("TaskDefinition"))
    if task is None or resource.get("LaunchType", "FARGATE") != "FARGATE":
        return 0.0
    size = _number(task.get("Cpu"), 256) / 1024 * _VCPU + _number(task.get("Memory"), 512) / 1024 * _GIGABYTE
    arm = task.get("RuntimePlatform.CpuArchitecture") == "ARM64"
    scaled = [
        _number(one.get("MinCapacity"), 0)
        for one in template.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
        if resource.logical_id in references(one.get("ResourceId"))
    ]
    return _number(resource.get("DesiredCount"), min(scaled, default=1)) * size * (_ARM if arm else 1)


def _balancer(resource: Resource, template: Template) -> float:
    del template
    zones = len(resource.items("Subnets")) or len(resource.items("SubnetMappings"))
    facing = resource.get("Scheme", "internet-facing") == "internet-facing"
    return 0.0225 * _HOURS + (zones * _ADDRESS if facing else 0)


def _distribution(resource: Resource, template: Template) -> float:
    del template
    addresses_of_its_own = resource.get("DistributionConfig.ViewerCertificate.SslSupportMethod") == "vip"
    return 600.0 if addresses_of_its_own else 0.0


def _endpoint(resource: Resource, template: Template) -> float:
    del template
    return 0.01 * _HOURS * len(resource.items("SubnetIds")) if resource.get("VpcEndpointType") == "Interface" else 0.0


def _cluster(resource: Resource, template: Template) -> float:
    del template
    return _SECRET if resource.get("ManageMasterUserPassword") is True else 0.0


def _instance(resource: Resource, template: Template) -> float:
    kind = str(resource.get("DBInstanceClass"))
    copies = 2 if resource.get("MultiAZ") is True else 1
    if kind == "db.serverless":
        cluster = template.target(resource.get("DBClusterIdentifier"))
        least = cluster.get("ServerlessV2ScalingConfiguration.MinCapacity") if cluster else None
        return _CAPACITY_UNIT * _HOURS * _number(least, 0.5)
    return _INSTANCES.get(kind, 0.0) * _HOURS * copies


def _cache(resource: Resource, template: Template) -> float:
    del template
    shards = _number(resource.get("NumNodeGroups"), 1)
    nodes = _number(resource.get("NumCacheClusters"), shards * (1 + _number(resource.get("ReplicasPerNodeGroup"), 0)))
    price = _INSTANCES.get(str(resource.get("CacheNodeType")), 0.0) * (
        _VALKEY if resource.get("Engine") == "valkey" else 1
    )
    return price * _HOURS * nodes


def _stream(resource: Resource, template: Template) -> float:
    del template
    if resource.get("StreamModeDetails.StreamMode") == "ON_DEMAND":
        return 0.04 * _HOURS
    return 0.015 * _HOURS * _number(resource.get("ShardCount"), 1)


def _acl(resource: Resource, template: Template) -> float:
    del template
    return 5.0 + len(resource.items("Rules"))


def _each(price: float) -> Callable[[Resource, Template], float]:
    return lambda _, __: price


_PRICES: Mapping[str, Callable[[Resource, Template], float]] = {
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _each(_COMPOSITE_ALARM),
    "AWS::CloudWatch::Dashboard": _each(3.0),
    "AWS::EC2::EIP": _each(_ADDRESS),
    "AWS::EC2::NatGateway": _each(0.045 * _HOURS),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ECS::Service": _service,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::KMS::Key": _each(1.0),
    "AWS::Kinesis::Stream": _stream,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::RDS::DBInstance": _instance,
    "AWS::Route53::HealthCheck": _each(0.50),
    "AWS::Route53::HostedZone": _each(0.50),
    "AWS::SecretsManager::Secret": _each(_SECRET),
    "AWS::WAFv2::WebACL": _acl,
}
