"""Metrics that this library's functions publish: one namespace, one set of dimensions."""

from typing import TYPE_CHECKING

from cdp_constructs.core.cdk import cloudwatch, lambda_
from cdp_constructs.core.paths import node_of
from cdp_constructs.core.periods import minutes

if TYPE_CHECKING:
    from aws_cdk import Duration

NAMESPACE = "CdpConstructs"
"""``add_function`` sets it as ``POWERTOOLS_METRICS_NAMESPACE``; handlers need not know it."""


def function_metric(
    function: "lambda_.Function", name: str, *, period: "Duration | None" = None, statistic: str = "sum"
) -> "cloudwatch.Metric":
    """Return a metric that the handler of a function publishes with Powertools' ``Metrics``.

    Its dimensions are those of Powertools: ``service`` (the function's construct id) and ``function_name``, which the
    handler sets as a default dimension, so that two instances of a pattern have metrics of their own.

    Args:
        function: Made by ``add_function``.
        name: Name of the metric.
        period: 5 minutes by default.
        statistic: ``sum`` by default.
    """
    from aws_cdk import aws_cloudwatch as cloudwatch

    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"function_name": function.function_name, "service": node_of(function).id},
        statistic=statistic,
        period=period or minutes(5),
    )
