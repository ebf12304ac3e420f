"""What stops when an instance, a zone or a Region is lost, by the templates, and for how long."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cdp_constructs.judge.brief import Wish
from cdp_constructs.judge.graph import Graph, Part
from cdp_constructs.review.cards.tasks import tasks_of
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import number

__all__ = ["MOMENT_SECONDS", "Outcome", "Spread", "in_one_region", "outcomes", "spread"]

MOMENT_SECONDS = 1.0
"""What is over sooner did not stop: a request took longer, and that is all."""

_EVERYWHERE = {"AWS::CloudFront::Distribution", "AWS::Route53::RecordSet", "AWS::IAM::Role"}
"""What is in no Region, or in all of them."""

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html: 60 to 120 s. A machine without a standby
# is replaced by AWS in its zone; how long that takes is an assumption.
_STANDBY_SECONDS, _NEW_MACHINE_SECONDS = 120.0, 600.0
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html: to a reader within
# 60 s typically; without one a new writer is made, within 10 minutes typically
_READER_SECONDS, _NEW_WRITER_SECONDS = 60.0, 600.0
# https://docs.aws.amazon.com/AmazonElastiCache/latest/UserGuide/AutoFailover.html: a few minutes
_REPLICA_SECONDS = 180.0
# An image that is pulled, a container that starts: an assumption.
_START_SECONDS = 60.0
_DNS_SECONDS = 60.0

_GOES_ON, _COMES_BACK, _STAYS_AWAY = range(3)


def _kind(seconds: float) -> int:
    if seconds == float("inf"):
        return _STAYS_AWAY
    return _GOES_ON if seconds < MOMENT_SECONDS else _COMES_BACK


@dataclass(frozen=True)
class Spread:
    """Over what a part is spread.

    Attributes:
        instances: How many there are; 0 for a service of AWS that has none that one sees.
        zones: Over how many zones.
        regions: In which Regions; none for what is everywhere.
        interruption: Seconds until another instance does its work; 0 when others do it already.
        made_anew: Seconds until a lost one is made anew; infinite when nobody does it.
    """

    instances: int
    zones: int
    regions: Sequence[str]
    interruption: float = 0.0
    made_anew: float = float("inf")


@dataclass(frozen=True)
class Outcome:
    """What becomes of a wish when something is lost.

    Attributes:
        wish: Its name.
        loss: ``instance``, ``zone`` or ``Region``.
        part: What stops it, or interrupts it longest; empty when it goes on.
        seconds: Until it works again: 0 when it goes on, infinite when somebody has to do something.
        why: In words.
        measured: Seconds that somebody measured; infinite when somebody had to do something.
    """

    wish: str
    loss: str
    part: str
    seconds: float
    why: str
    measured: float | None = None

    @property
    def differs(self) -> bool:
        """Whether what was measured contradicts it: of another kind, or longer."""
        if self.measured is None:
            return False
        found, measured = _kind(self.seconds), _kind(self.measured)
        return found != measured or (found == _COMES_BACK and self.measured > self.seconds)


def spread(part: Part) -> Spread:
    """Return over what a part is spread; for a type that is not known here, over three zones of its Region."""
    if part.resource is None or part.template is None or part.type in _EVERYWHERE:
        return Spread(0, 3, ())
    read = _READERS.get(part.type)
    if read is not None:
        return read(part.resource, part.template, part.region or "")
    return Spread(0, 3, [part.region] if part.region else ())


def outcomes(graph: Graph, wish: Wish) -> tuple[list[str], list[Outcome]]:
    """Return the way that a wish takes, and what becomes of it in each loss.

    Args:
        graph: The assembly.
        wish: Where it begins and ends.

    Returns:
        A shortest way, none where there is none; and an outcome for each loss.
    """
    starts, ends = graph.at_any(wish.entries), graph.at_any(wish.stores)
    way = graph.path(starts, ends)
    if not way:
        return [], []
    needed = [name for name in way if not graph.path(starts, ends, without={name})]
    found = [_instance(graph, wish, needed), _zone(graph, wish, needed), _region(graph, wish, starts, ends, way)]
    return way, found


def in_one_region(graph: Graph) -> dict[str, str]:
    """Return the parts that are in one Region only, each with that Region."""
    return {name: regions[0] for name, part in graph.parts.items() if len(regions := spread(part).regions) == 1}


def _instance(graph: Graph, wish: Wish, needed: Sequence[str]) -> Outcome:
    worst = Outcome(wish.name, "instance", "", 0.0, "others do its work", wish.measured.get("instance"))
    for name in needed:
        over = spread(graph.parts[name])
        if not over.instances:
            continue
        seconds = over.made_anew if over.instances == 1 else over.interruption
        if seconds > worst.seconds:
            why = "there is one" if over.instances == 1 else f"{over.instances} of them, another one takes over"
            worst = Outcome(wish.name, "instance", name, seconds, why, worst.measured)
    return worst


def _zone(graph: Graph, wish: Wish, needed: Sequence[str]) -> Outcome:
    worst = Outcome(wish.name, "zone", "", 0.0, "others do its work", wish.measured.get("zone"))
    for name in needed:
        over = spread(graph.parts[name])
        if over.zones < 2:  # noqa: PLR2004 - one zone
            seconds, why = float("inf"), "it is in one zone"
        elif over.instances == 1:
            seconds, why = over.made_anew, "there is one, which is made anew in another zone"
        else:
            seconds, why = over.interruption, "another one takes over in another zone"
        if seconds > worst.seconds:
            worst = Outcome(wish.name, "zone", name, seconds, why, worst.measured)
    return worst


def _region(graph: Graph, wish: Wish, starts: set[str], ends: set[str], way: Sequence[str]) -> Outcome:
    measured = wish.measured.get("Region")
    worst = Outcome(wish.name, "Region", "", 0.0, "others do its work", measured)
    only = in_one_region(graph)
    for region in sorted({region for name in way for region in spread(graph.parts[name]).regions}):
        gone = {name for name, own in only.items() if own == region}
        other = graph.path(starts - gone, ends - gone, without=gone)
        if not other:
            part = next(name for name in way if name in gone)
            return Outcome(wish.name, "Region", part, float("inf"), f"there is no way without {region}", measured)
        if other != way:
            seconds = _routed_away(graph, way)
            if seconds >= worst.seconds:
                worst = Outcome(wish.name, "Region", region, seconds, "DNS leads to another Region", measured)
    return worst


def _routed_away(graph: Graph, way: Sequence[str]) -> float:
    """Return how long health checks and DNS lead to a Region that is lost."""
    templates = {part.template.path: part.template for name in way if (part := graph.parts[name]).template}
    seconds = [
        float(check.get("HealthCheckConfig.FailureThreshold", 3) or 3)
        * float(check.get("HealthCheckConfig.RequestInterval", 30) or 30)
        for template in templates.values()
        for check in template.of_type("AWS::Route53::HealthCheck")
        if isinstance(check.get("HealthCheckConfig.FailureThreshold", 3), int)
        and isinstance(check.get("HealthCheckConfig.RequestInterval", 30), int)
    ]
    return (min(seconds) + _DNS_SECONDS) if seconds else float("inf")


def _service(resource: Resource, template: Template, region: str) -> Spread:
    subnets = resource.items("NetworkConfiguration.AwsvpcConfiguration.Subnets")
    zones = max(1, len(subnets))
    tasks = tasks_of(resource, template)
    instances = int(max(1, tasks.desired, tasks.least))
    checks = [
        number(group.get("HealthCheckIntervalSeconds"), 30)
        * (number(group.get("UnhealthyThresholdCount"), 2) + number(group.get("HealthyThresholdCount"), 5))
        for one in resource.items("LoadBalancers")
        if (group := template.target(one.get("TargetGroupArn")))
    ]
    return Spread(instances, zones, [region], made_anew=_START_SECONDS + max(checks, default=0))


def _instance_of_rds(resource: Resource, template: Template, region: str) -> Spread:
    cluster = template.target(resource.get("DBClusterIdentifier"))
    if cluster is not None:
        return _cluster(cluster, template, region)
    if resource.get("MultiAZ") is True:
        return Spread(2, 2, [region], interruption=_STANDBY_SECONDS)
    return Spread(1, 1, [region], made_anew=_NEW_MACHINE_SECONDS)


def _cluster(resource: Resource, template: Template, region: str) -> Spread:
    number = sum(
        template.target(one.get("DBClusterIdentifier")) is resource for one in template.of_type("AWS::RDS::DBInstance")
    )
    # Its storage is in three zones: a new writer can be made in any of them.
    return Spread(max(1, number), 3, [region], interruption=_READER_SECONDS, made_anew=_NEW_WRITER_SECONDS)


def _cache(resource: Resource, template: Template, region: str) -> Spread:
    del template
    nodes = int(number(resource.get("NumCacheClusters"), 0) or 1 + number(resource.get("ReplicasPerNodeGroup"), 0))
    zones = min(nodes, 3) if resource.get("MultiAZEnabled") is True else 1
    return Spread(nodes, zones, [region], interruption=_REPLICA_SECONDS)


def _balancer(resource: Resource, template: Template, region: str) -> Spread:
    del template
    return Spread(0, len(resource.items("Subnets")) or len(resource.items("SubnetMappings")) or 1, [region])


def _function(resource: Resource, template: Template, region: str) -> Spread:
    del template
    subnets = resource.items("VpcConfig.SubnetIds")
    return Spread(0, len(subnets) if subnets else 3, [region])


def _table(resource: Resource, template: Template, region: str) -> Spread:
    del template
    replicas = [str(one.get("Region")) for one in resource.items("Replicas") if isinstance(one.get("Region"), str)]
    return Spread(0, 3, replicas or [region])


def _machine(resource: Resource, template: Template, region: str) -> Spread:
    del resource, template
    return Spread(1, 1, [region])


def _file_system(resource: Resource, template: Template, region: str) -> Spread:
    del template
    return Spread(0, 1 if resource.get("AvailabilityZoneName") else 3, [region])


_READERS: Mapping[str, Callable[[Resource, Template, str], Spread]] = {
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::EC2::Instance": _machine,
    "AWS::ECS::Service": _service,
    "AWS::EFS::FileSystem": _file_system,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::RDS::DBInstance": _instance_of_rds,
}
