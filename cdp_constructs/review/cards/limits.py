"""Limits that were set: what runs at once, how long, how often."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from cdp_constructs.review.cards.failures import places
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values, counted, duration, listed

__all__ = ["limits"]


def limits(template: Template) -> list[str]:
    """Return a line for each limit, with the names of all that have it."""
    values, failed = Values(template), places(template)
    alike: dict[str, list[str]] = defaultdict(list)
    for resource in template.resources.values():
        if resource.type == "AWS::SQS::Queue" and resource.name in failed:
            # A place for what failed: people read it, in their own time.
            continue
        if read := _READERS.get(resource.type):
            for limit in read(resource, values):
                alike[limit].append(resource.name)
    return [f"{limit}: {listed(sorted(names))}" for limit, names in sorted(alike.items())]


def _function(resource: Resource, values: Values) -> Iterator[str]:
    yield f"{values.text(resource.get('MemorySize', 128))} MB, {duration(resource.get('Timeout', 3))} a call"
    if (most := resource.get("ReservedConcurrentExecutions")) is not None:
        yield f"{values.text(most)} calls at once, reserved"


def _http_stage(resource: Resource, values: Values) -> Iterator[str]:
    settings = {"": resource.get("DefaultRouteSettings", {}), **resource.get("RouteSettings", {})}
    for route, one in sorted(settings.items()):
        if rate := one.get("ThrottlingRateLimit"):
            burst = values.text(one.get("ThrottlingBurstLimit"))
            yield f"{route} {values.text(rate)} requests a second, {burst} at once".strip()


def _rest_stage(resource: Resource, values: Values) -> Iterator[str]:
    for one in resource.items("MethodSettings"):
        if rate := one.get("ThrottlingRateLimit"):
            path = f"{values.text(one.get('HttpMethod'))} {values.text(one.get('ResourcePath'))}"
            yield f"{path} {values.text(rate)} requests a second"


def _web_acl(resource: Resource, values: Values) -> Iterator[str]:
    for rule in resource.items("Rules"):
        rate = rule.get("Statement", {}).get("RateBasedStatement", {})
        if limit := rate.get("Limit"):
            window = duration(rate.get("EvaluationWindowSec", 300))
            yield f"{values.text(rule.get('Name'))} {values.text(limit)} requests in {window}"


def _queue(resource: Resource, values: Values) -> Iterator[str]:
    del values
    yield f"visible again after {duration(resource.get('VisibilityTimeout', 30))}"


def _task(resource: Resource, values: Values) -> Iterator[str]:
    yield f"{values.text(resource.get('Cpu'))} CPU units, {values.text(resource.get('Memory'))} MB a task"


def _service(resource: Resource, values: Values) -> Iterator[str]:
    if (count := resource.get("DesiredCount")) is not None:
        yield counted(int(count), "task") if str(count).isdigit() else f"{values.text(count)} tasks"


def _scaling(resource: Resource, values: Values) -> Iterator[str]:
    what = values.text(resource.get("ScalableDimension")).rpartition(":")[2]
    what = {"DesiredCount": "tasks", "ReadReplicaCount": "readers"}.get(what, what)
    yield f"{values.text(resource.get('MinCapacity'))} to {values.text(resource.get('MaxCapacity'))} {what}"


def _cluster(resource: Resource, values: Values) -> Iterator[str]:
    if scaling := resource.get("ServerlessV2ScalingConfiguration"):
        low, high = values.text(scaling.get("MinCapacity")), values.text(scaling.get("MaxCapacity"))
        yield f"{low} to {high} capacity units"


_READERS: Mapping[str, Callable[[Resource, Values], Iterator[str]]] = {
    "AWS::ApiGateway::Stage": _rest_stage,
    "AWS::ApiGatewayV2::Stage": _http_stage,
    "AWS::ApplicationAutoScaling::ScalableTarget": _scaling,
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _task,
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::SQS::Queue": _queue,
    "AWS::WAFv2::WebACL": _web_acl,
}
