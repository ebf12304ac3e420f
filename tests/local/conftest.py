"""The embedded cloud of the conformance suite: one for the whole session."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.assembly.assemblies import AssemblyWriter

Template = Mapping[str, Any]


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Some tests import MiniStack, which writes keys to a fixed folder unless it gets another one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start(timeout=120) as running:
        yield running


class Stacks:
    """Deploys plain CloudFormation templates and remembers them, so that they are deleted after the module."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._deployed: list[tuple[str, str]] = []

    def deploy(self, template: Template, *, region: str = "us-east-1", name: str | None = None) -> dict[str, str]:
        """Create the stack, or update it when `name` is one deployed before; return its outputs."""
        stack_name = name or f"conformance-{uuid.uuid4().hex[:8]}"
        client = self._cloud.client("cloudformation", region=region)
        request = {
            "StackName": stack_name,
            "TemplateBody": json.dumps(template),
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        update = (region, stack_name) in self._deployed
        if update:
            client.update_stack(**request)
        else:
            client.create_stack(**request)
            self._deployed.append((region, stack_name))
        try:
            waiter = client.get_waiter("stack_update_complete" if update else "stack_create_complete")
            waiter.wait(StackName=stack_name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
        except Exception as error:
            events = client.describe_stack_events(StackName=stack_name)["StackEvents"]
            failed = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
                for event in events
                if event["ResourceStatus"].endswith("_FAILED")
            ]
            raise AssertionError(f"stack {stack_name} failed: {failed}") from error
        stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def delete(self, name: str, *, region: str = "us-east-1") -> None:
        client = self._cloud.client("cloudformation", region=region)
        try:
            self._delete(client, name, region)
        except WaiterError:
            # What a delivery stream or a load balancer wrote at its end is in the bucket.
            self._delete(client, name, region)
        self._deployed.remove((region, name))

    def _delete(self, client: Any, name: str, region: str) -> None:
        self._empty_buckets(client, name, region)
        client.delete_stack(StackName=name)
        waiter = client.get_waiter("stack_delete_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})

    def _empty_buckets(self, client: Any, name: str, region: str) -> None:
        """Buckets with objects are not deleted, as on AWS."""
        s3 = self._cloud.client("s3", region=region)
        for resource in client.describe_stack_resources(StackName=name)["StackResources"]:
            if resource["ResourceType"] == "AWS::S3::Bucket":
                bucket = resource["PhysicalResourceId"]
                for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                    for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])

    def delete_all(self) -> None:
        for region, name in reversed(list(self._deployed)):
            self.delete(name, region=region)


@contextmanager
def _deployed(cloud: LocalCloud) -> Iterator[Stacks]:
    stacks = Stacks(cloud)
    yield stacks
    stacks.delete_all()


@pytest.fixture(scope="module")
def stacks(cloud: LocalCloud) -> Iterator[Stacks]:
    with _deployed(cloud) as deployed:
        yield deployed


@pytest.fixture(scope="session", name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture
def writer(tmp_path: Path) -> AssemblyWriter:
    return AssemblyWriter(tmp_path / "cdk.out")


@pytest.fixture
def name() -> Callable[[str], str]:
    """Stack names that no other test of the session has."""
    suffix = uuid.uuid4().hex[:8]
    return lambda stem: f"{stem}-{suffix}"


@pytest.fixture
def total(cloud: LocalCloud) -> Callable[..., float | None]:
    """Return a function that reads a statistic of the last ten minutes; None when there is no data."""

    def read(namespace: str, metric: str, stat: str = "Sum", **dimensions: str) -> float | None:
        now = cloud.metrics.now()
        answer = cloud.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name.replace("__", ":"), "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=[stat],
        )
        points = [point[stat] for point in answer["Datapoints"]]
        return (sum(points) if stat == "Sum" else max(points)) if points else None

    return read
