"""Application Load Balancers: access logs arrive in the bucket that allows it, and metrics count what happened."""

import gzip
import json
import re
import shlex
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.elbv2.servers import (
    Target,
    attributes,
    balancer,
    closed_port,
    fixed,
    forward,
    group,
    listener,
    rule,
    template,
)

Eventually = Callable[..., Any]
REGION = "us-east-1"


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as running:
        yield running


@pytest.fixture(scope="module")
def dead() -> Iterator[int]:
    with closed_port() as port:
        yield port


def _path(pattern: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": [pattern]}}]


def _policy(principal: dict[str, str]) -> dict[str, Any]:
    resource = {"Fn::Sub": "${Bucket.Arn}/web/AWSLogs/${AWS::AccountId}/*"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": resource}
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [statement]}},
    }


def _logged(bucket: Any, **properties: Any) -> dict[str, Any]:
    on = attributes(access_logs__s3__enabled="true", access_logs__s3__prefix="web")
    return balancer(LoadBalancerAttributes=[*on, {"Key": "access_logs.s3.bucket", "Value": bucket}], **properties)


@pytest.fixture(scope="module")
def outputs(stacks: Any, target: Target, dead: int) -> dict[str, str]:
    logged = {**_logged({"Ref": "Bucket"}), "DependsOn": "Policy"}
    deployed: dict[str, str] = stacks.deploy(
        template(
            Bucket={"Type": "AWS::S3::Bucket"},
            Policy=_policy({"AWS": "arn:aws:iam::127311923021:root"}),
            Balancer=logged,
            Listener=listener(forward("Targets")),
            Targets=group(target.port),
            Dead=group(dead),
            DeadRule=rule(7, _path("/dead"), forward("Dead")),
            FixedRule=rule(8, _path("/fixed"), fixed("as it is", "418")),
        )
    )
    return deployed


def _entries(cloud: LocalCloud, bucket: str) -> list[tuple[str, str]]:
    s3 = cloud.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    texts = ((key, gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode()) for key in keys)
    return [(key, entry) for key, text in texts for entry in text.splitlines()]


def _leave(url: str, target: Target, eventually: Eventually) -> None:
    """Close a connection while the target has not answered yet."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), 5) as connection:
        connection.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: target.waiting)


def test_requests_are_logged_and_counted(
    cloud: LocalCloud,
    outputs: dict[str, str],
    target: Target,
    eventually: Eventually,
    total: Callable[..., float | None],
) -> None:
    cloud.check_targets(1)
    url = cloud.listener_url(outputs["Listener"])
    with urllib3.PoolManager(retries=False) as http:
        agent = {"User-Agent": 'tests "quoted"'}
        told = json.loads(http.request("GET", f"{url}/a?b=c", headers=agent).data)
        http.request("POST", f"{url}/dead", body=b"x")
        http.request("GET", f"{url}/fixed")
    _leave(url, target, eventually)
    own = {"LoadBalancer": outputs["Balancer"].partition("loadbalancer/")[2]}
    eventually(lambda: total("AWS/ApplicationELB", "RequestCount", **own) == 3)
    assert not _entries(cloud, outputs["Bucket"])  # the interval is not over
    cloud.metrics.advance(minutes=5)
    entries = eventually(lambda: _entries(cloud, outputs["Bucket"]))
    assert len(entries) == 4
    name = outputs["Balancer"].partition("loadbalancer/")[2]
    key = entries[0][0]
    pattern = (
        rf"web/AWSLogs/000000000000/elasticloadbalancing/{REGION}/\d{{4}}/\d\d/\d\d/"
        rf"000000000000_elasticloadbalancing_{REGION}_{re.escape(name.replace('/', '.'))}"
        r"_\d{8}T\d\d[0-5][05]Z_127\.[\d.]+_[0-9a-f]+\.log\.gz"
    )
    assert re.fullmatch(pattern, key)
    served, failed, fixed_response, left = (shlex.split(entry) for _, entry in entries)
    assert {len(each) for each in (served, failed, fixed_response, left)} == {33}
    assert (served[0], served[2], served[4]) == ("http", name, f"127.0.0.1:{target.port}")
    assert (served[8], served[9]) == ("200", "200")
    address = url.removeprefix("http://").partition(":")[0]
    assert served[12] == f"GET http://{address}:80/a?b=c HTTP/1.1"
    assert served[13] == r"tests \x22quoted\x22"
    assert served[16] == outputs["Targets"]
    assert served[17] == told["headers"]["x-amzn-trace-id"]
    assert (served[20], served[22]) == ("0", "forward")
    assert (failed[4], failed[8], failed[9], failed[20]) == ("-", "502", "-", "7")
    assert (fixed_response[8], fixed_response[9], fixed_response[20], fixed_response[22]) == (
        "418",
        "-",
        "8",
        "fixed-response",
    )
    assert (left[8], left[9]) == ("460", "-")

    of_group = {"TargetGroup": outputs["Targets"].rpartition(":")[2], **own}
    of_dead = {"TargetGroup": outputs["Dead"].rpartition(":")[2], **own}
    counted = {
        (metric, stat): total("AWS/ApplicationELB", metric, stat, **dimensions)
        for metric, stat, dimensions in [
            ("RequestCount", "Sum", own),
            ("HTTPCode_Target_2XX_Count", "Sum", of_group),
            ("HTTPCode_ELB_5XX_Count", "Sum", own),
            ("HTTPCode_ELB_502_Count", "Sum", own),
            ("TargetConnectionErrorCount", "Sum", of_dead),
            ("HTTP_Fixed_Response_Count", "Sum", own),
            ("RequestCountPerTarget", "Sum", of_group),
            ("HealthyHostCount", "Maximum", of_group),
        ]
    }
    # What never chose a target is no request that was processed.
    assert counted.pop(("RequestCount", "Sum")) == 3
    assert counted.pop(("RequestCountPerTarget", "Sum")) == 2
    assert set(counted.values()) == {1}
    assert (total("AWS/ApplicationELB", "TargetResponseTime", "Maximum", **of_group) or 0) < 5
    assert total("AWS/ApplicationELB", "ActiveConnectionCount", **own)
    assert _values_a_minute(cloud, "HealthyHostCount", of_group) == {1}  # not one for each request or look


def _values_a_minute(cloud: LocalCloud, metric: str, dimensions: dict[str, str]) -> set[float]:
    now = cloud.metrics.now()
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now,
        Period=60,
        Statistics=["SampleCount"],
    )["Datapoints"]
    return {point["SampleCount"] for point in points}


def test_a_bucket_that_does_not_allow_it_is_refused(cloud: LocalCloud, stacks: Any, outputs: dict[str, str]) -> None:
    cloud.client("s3").create_bucket(Bucket="closed-to-logs")
    with pytest.raises(AssertionError, match="Access Denied for bucket: closed-to-logs"):
        stacks.deploy(template(Balancer=_logged("closed-to-logs")))
    wanted = {"access_logs.s3.bucket": "closed-to-logs", "access_logs.s3.enabled": "true"}
    with pytest.raises(ClientError, match="Access Denied for bucket: closed-to-logs"):
        cloud.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=outputs["Balancer"],
            Attributes=[{"Key": key, "Value": value} for key, value in wanted.items()],
        )
    described = cloud.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=outputs["Balancer"])
    kept = {each["Key"]: each["Value"] for each in described["Attributes"]}
    assert kept["access_logs.s3.bucket"] == outputs["Bucket"]


def test_the_service_may_be_allowed_too(stacks: Any) -> None:
    service = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    logged = {**_logged({"Ref": "Bucket"}), "DependsOn": "Policy"}
    assert stacks.deploy(template(Bucket={"Type": "AWS::S3::Bucket"}, Policy=_policy(service), Balancer=logged))
