"""How many tasks a container service has, and what of each is paid for."""

from typing import NamedTuple

from cdp_constructs.estimates import price
from cdp_constructs.review.templates import Resource, Template, references
from cdp_constructs.review.values import number

__all__ = ["Tasks", "billed_size", "tasks_of"]


class Tasks(NamedTuple):
    """Numbers of tasks.

    Attributes:
        desired: What the service asks for; where it does not say, the least that it is scaled to, or one.
        least: What it is scaled to at least.
        most: What it is scaled to at most.
    """

    desired: float
    least: float
    most: float


def tasks_of(service: Resource, template: Template) -> Tasks:
    """Return how many tasks a service has; what is known at deployment only counts as not said."""
    scaled = [
        one
        for one in template.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
        if service.logical_id in references(one.get("ResourceId"))
    ]
    least = [number(one.get("MinCapacity"), 0) for one in scaled]
    desired = number(service.get("DesiredCount"), min(least, default=1))
    most = [number(one.get("MaxCapacity"), desired) for one in scaled]
    return Tasks(desired, min(least, default=desired), max(most, default=desired))


def billed_size(task: Resource) -> tuple[float, float]:
    """Return virtual CPUs and gigabytes of a task definition as they are paid for: those of arm64 cost less."""
    part = price("fargate.arm").value if task.get("RuntimePlatform.CpuArchitecture") == "ARM64" else 1.0
    return part * number(task.get("Cpu"), 256) / 1024, part * number(task.get("Memory"), 512) / 1024
