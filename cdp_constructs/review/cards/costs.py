"""What a stack costs at rest, roughly: what is paid by the month or the hour, before anything is done with it."""

from collections.abc import Callable, Mapping

from cdp_constructs.estimates import REGION, figures, price
from cdp_constructs.review.cards.composition import WORDS
from cdp_constructs.review.cards.tasks import billed_size, tasks_of
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import counted, number

__all__ = ["PRICES_OF", "cost_at_rest", "monthly"]

PRICES_OF = f"{REGION}, November 2026"
"""Region and time of the prices, which are list prices in US dollars."""
_HOURS = 730


def _of(name: str) -> float:
    return price(name).value


def _hours(name: str) -> float:
    return _of(name) * _HOURS


def _node(service: str, kind: str) -> float:
    """Return the price of a month of an instance or a node; 0 for a kind whose price nobody has read."""
    known = figures("prices").get(f"{service}.{kind}")
    return known.value * _HOURS if known else 0.0


def cost_at_rest(template: Template) -> tuple[float, list[str]]:
    """Return dollars a month, and the part of each kind of resource, such as ``2 keys $2.00``, the dearest first."""
    by_word: dict[str, tuple[int, float]] = {}
    for resource in template.resources.values():
        if cost := monthly(resource, template):
            word = WORDS.get(resource.type) or resource.type.removeprefix("AWS::").replace("::", " ")
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


def _alarm(resource: Resource, template: Template) -> float:
    del template
    metrics = len([one for one in resource.items("Metrics") if "MetricStat" in one]) or 1
    period = number(resource.get("Period"), 60)
    return metrics * _of("cloudwatch.alarms_of_seconds" if period < 60 else "cloudwatch.alarms")  # noqa: PLR2004 - a minute


def _service(resource: Resource, template: Template) -> float:
    task = template.target(resource.get("TaskDefinition"))
    if task is None or resource.get("LaunchType", "FARGATE") != "FARGATE":
        return 0.0
    processors, gigabytes = billed_size(task)
    size = processors * _hours("fargate.cpu_hours") + gigabytes * _hours("fargate.gigabyte_hours")
    return tasks_of(resource, template).desired * size


def _balancer(resource: Resource, template: Template) -> float:
    del template
    zones = len(resource.items("Subnets")) or len(resource.items("SubnetMappings"))
    facing = resource.get("Scheme", "internet-facing") == "internet-facing"
    return _hours("elastic_load_balancing.balancer_hours") + (zones * _hours("ec2.address_hours") if facing else 0)


def _distribution(resource: Resource, template: Template) -> float:
    del template
    addresses_of_its_own = resource.get("DistributionConfig.ViewerCertificate.SslSupportMethod") == "vip"
    return _of("cloudfront.addresses_of_its_own") if addresses_of_its_own else 0.0


def _endpoint(resource: Resource, template: Template) -> float:
    del template
    if resource.get("VpcEndpointType") != "Interface":
        return 0.0
    return _hours("ec2.endpoint_hours") * len(resource.items("SubnetIds"))


def _cluster(resource: Resource, template: Template) -> float:
    del template
    return _of("secrets_manager.secrets") if resource.get("ManageMasterUserPassword") is True else 0.0


def _instance(resource: Resource, template: Template) -> float:
    kind = str(resource.get("DBInstanceClass"))
    copies = 2 if resource.get("MultiAZ") is True else 1
    if kind == "db.serverless":
        cluster = template.target(resource.get("DBClusterIdentifier"))
        least = cluster.get("ServerlessV2ScalingConfiguration.MinCapacity") if cluster else None
        return _hours("rds.capacity_unit_hours") * number(least, 0.5)
    return _node("rds", kind) * copies


def _cache(resource: Resource, template: Template) -> float:
    del template
    shards = number(resource.get("NumNodeGroups"), 1)
    nodes = number(resource.get("NumCacheClusters"), shards * (1 + number(resource.get("ReplicasPerNodeGroup"), 0)))
    discount = _of("elasticache.valkey") if resource.get("Engine") == "valkey" else 1
    return _node("elasticache", str(resource.get("CacheNodeType"))) * discount * nodes


def _stream(resource: Resource, template: Template) -> float:
    del template
    if resource.get("StreamModeDetails.StreamMode") == "ON_DEMAND":
        return _hours("kinesis.on_demand_stream_hours")
    return _hours("kinesis.shard_hours") * number(resource.get("ShardCount"), 1)


def _acl(resource: Resource, template: Template) -> float:
    del template
    return _of("waf.acls") + _of("waf.rules") * len(resource.items("Rules"))


def _each(name: str, hours: float = 1) -> Callable[[Resource, Template], float]:
    return lambda _, __: _of(name) * hours


_PRICES: Mapping[str, Callable[[Resource, Template], float]] = {
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _each("cloudwatch.composite_alarms"),
    "AWS::CloudWatch::Dashboard": _each("cloudwatch.dashboards"),
    "AWS::EC2::EIP": _each("ec2.address_hours", _HOURS),
    "AWS::EC2::NatGateway": _each("ec2.nat_gateway_hours", _HOURS),
    "AWS::EC2::TransitGatewayAttachment": _each("ec2.transit_gateway_attachment_hours", _HOURS),
    # The other end is no resource of its Region, and is paid by the hour as well.
    "AWS::EC2::TransitGatewayPeeringAttachment": _each("ec2.transit_gateway_attachment_hours", 2 * _HOURS),
    "AWS::EC2::TransitGatewayVpcAttachment": _each("ec2.transit_gateway_attachment_hours", _HOURS),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ECS::Service": _service,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::KMS::Key": _each("kms.keys"),
    "AWS::Kinesis::Stream": _stream,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::RDS::DBInstance": _instance,
    "AWS::Route53::HealthCheck": _each("route53.health_checks"),
    "AWS::Route53::HostedZone": _each("route53.hosted_zones"),
    "AWS::SecretsManager::Secret": _each("secrets_manager.secrets"),
    "AWS::WAFv2::WebACL": _acl,
}
