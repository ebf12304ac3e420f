"""Load balancers: each metric that they emit is in the table of metrics, and what the table promises comes."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.coverage.metrics import DOCUMENTED
from tests.local.resources import function, role
from tests.local.services.elbv2.servers import (
    Target,
    attributes,
    balancer,
    closed_port,
    echo_server,
    fixed,
    forward,
    group,
    listener,
    rule,
    template,
)

Metric = tuple[str, str]
REFUSES = "def handler(event, context):\n    raise ValueError('no')\n"


def _at(priority: int, path: str, action: dict[str, Any]) -> dict[str, Any]:
    return rule(priority, [{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}], action)


def _promised(namespace: str) -> set[Metric]:
    emitted = DOCUMENTED[namespace].emitted
    return {(dimensions, name) for dimensions, names in emitted.items() for name in names.split()}


def _emitted(cloud: LocalCloud, namespace: str, *balancers: str) -> set[Metric]:
    """Return the names and dimensions of the metrics that some load balancers have."""
    own = {arn.partition("loadbalancer/")[2] for arn in balancers}
    pages = cloud.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace=namespace)
    listed = [metric for page in pages for metric in page["Metrics"]]
    return {
        ("+".join(sorted(each["Name"] for each in metric["Dimensions"])), metric["MetricName"])
        for metric in listed
        if own & {each["Value"] for each in metric["Dimensions"]}
    }


def _connect(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname, where.port), 5)


def test_an_application_load_balancer_emits_what_the_table_says(cloud: LocalCloud, stacks: Any) -> None:
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Function"},
        "Principal": "elasticloadbalancing.amazonaws.com",
    }
    of_function = {"TargetType": "lambda", "Targets": [{"Id": {"Fn::GetAtt": ["Function", "Arn"]}}]}
    moved = {"Type": "redirect", "RedirectConfig": {"Path": "/there", "StatusCode": "HTTP_302"}}
    with Target() as target, closed_port() as dead:
        outputs = stacks.deploy(
            template(
                Balancer=balancer(LoadBalancerAttributes=attributes(idle_timeout__timeout_seconds="1")),
                Listener=listener(forward("Targets")),
                Targets=group(target.port),
                Dead=group(dead),
                Empty=group(),
                Failing={
                    "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
                    "DependsOn": "Permission",
                    "Properties": of_function,
                },
                Role=role(),
                Function=function(REFUSES, "Role"),
                Permission={"Type": "AWS::Lambda::Permission", "Properties": permission},
                DeadRule=_at(1, "/dead", forward("Dead")),
                EmptyRule=_at(2, "/empty", forward("Empty")),
                FixedRule=_at(3, "/fixed", fixed("as it is")),
                RedirectRule=_at(4, "/moved", moved),
                FailingRule=_at(5, "/failing", forward("Failing")),
                Internal=balancer(Scheme="internal"),
                Inner=listener(forward("Targets"), LoadBalancerArn={"Ref": "Internal"}),
            )
        )
        url = cloud.listener_url(outputs["Listener"])
        with urllib3.PoolManager(retries=False) as http:
            for status in (200, 302, 404, 500):
                target.status = status
                assert http.request("GET", f"{url}/", redirect=False).status == status
            answers = {
                path: http.request("GET", f"{url}/{path}", redirect=False).status
                for path in ("dead", "empty", "fixed", "moved", "failing", "hang")
            }
            assert http.request("TRACE", f"{url}/").status == 405
        expected = {"dead": 502, "empty": 503, "fixed": 200, "moved": 302, "failing": 502, "hang": 504}
        assert answers == expected
        with _connect(cloud.listener_url(outputs["Inner"])) as refused:
            assert refused.recv(100) == b""
        cloud.metrics.advance(minutes=1)
    emitted = _emitted(cloud, "AWS/ApplicationELB", outputs["Balancer"], outputs["Internal"])
    assert emitted == _promised("AWS/ApplicationELB")


@pytest.mark.parametrize("namespace", ["AWS/ApplicationELB", "AWS/NetworkELB"])
def test_a_metric_is_either_emitted_or_not(namespace: str) -> None:
    others = DOCUMENTED[namespace].others
    assert _promised(namespace).isdisjoint((key, name) for key, names in others.items() for name in names.split())


def test_a_network_load_balancer_emits_what_the_table_says(cloud: LocalCloud, stacks: Any) -> None:
    with echo_server() as port:
        outputs = stacks.deploy(
            template(
                Balancer=balancer(Type="network"),
                Listener=listener(forward("Targets"), Port=7000, Protocol="TCP"),
                Targets=group(port, Protocol="TCP"),
            )
        )
        with _connect(cloud.listener_url(outputs["Listener"])) as connection:
            connection.sendall(b"one")
            assert connection.recv(100) == b"echo one"
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
        cloud.metrics.advance(minutes=1)
    assert _emitted(cloud, "AWS/NetworkELB", outputs["Balancer"]) == _promised("AWS/NetworkELB")
