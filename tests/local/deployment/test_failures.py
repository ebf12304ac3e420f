"""Deployments that fail: what is reported, and what is left."""

import json
from collections.abc import Callable

import pytest

from cdp_constructs.local import DeploymentError, LocalCloud, LocalCloudError
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template
from tests.local.resources import arn, function, role


def _status(cloud: LocalCloud, stack: str, region: str = "us-east-1") -> str | None:
    stacks = cloud.client("cloudformation", region).list_stacks()["StackSummaries"]
    statuses: list[str] = [found["StackStatus"] for found in stacks if found["StackName"] == stack]
    return statuses[0] if statuses else None


BROKEN = template({"Broken": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 999_999}}})


def test_a_failure_is_reported_with_its_resource_and_reason_and_stops_what_depends_on_it(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    broken, after, beside = name("broken"), name("after"), name("beside")
    writer.stack(broken, BROKEN)
    writer.stack(after, QUEUE, dependencies=[broken])
    writer.stack(beside, QUEUE)
    with pytest.raises(DeploymentError) as caught:
        cloud.deploy(writer.folder)
    cause = caught.value.events[0]
    assert (cause.stack, cause.logical_id, cause.resource_type) == (broken, "Broken", "AWS::SQS::Queue")
    assert "VisibilityTimeout" in cause.reason
    assert f"the stack {broken} failed in us-east-1 and is ROLLBACK_COMPLETE" in str(caught.value)
    assert f"{broken}: Broken (AWS::SQS::Queue): {cause.reason}" in str(caught.value)
    assert _status(cloud, after) is None
    assert _status(cloud, beside) == "CREATE_COMPLETE"


def test_a_stack_whose_creation_failed_can_be_deployed_again(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("repaired")
    writer.stack(stack, BROKEN)
    with pytest.raises(DeploymentError):
        cloud.deploy(writer.folder)
    writer.stack(stack, QUEUE)
    assert cloud.deploy(writer.folder).changed == (stack,)


def test_two_failures_in_parallel_are_reported_together(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    one, other = name("one"), name("other")
    writer.stack(one, BROKEN)
    writer.stack(other, BROKEN)
    with pytest.raises(DeploymentError) as caught:
        cloud.deploy(writer.folder)
    assert {event.stack for event in caught.value.events} == {one, other}


def test_a_failed_update_is_rolled_back_and_tells_its_own_events_only(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("update")
    writer.stack(stack, QUEUE)
    url = cloud.deploy(writer.folder).resources[stack]["Queue"]
    writer.stack(stack, template({**QUEUE["Resources"], **BROKEN["Resources"]}))
    for _ in range(2):
        with pytest.raises(DeploymentError) as caught:
            cloud.deploy(writer.folder)
        assert [event.logical_id for event in caught.value.events] == ["Broken"]
    assert _status(cloud, stack) == "UPDATE_ROLLBACK_COMPLETE"
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="still there")


def test_unknown_types_are_listed_before_anything_is_created(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    first, second = name("first"), name("second")
    nested = writer.folder / "nested.template.json"
    nested.write_text(json.dumps(template({"Gate": {"Type": "AWS::GameCastle::Gate"}})))
    parent = {
        "Nested": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": "https://s3.us-east-1.amazonaws.com/b/k"},
            "Metadata": {"aws:asset:path": nested.name},
        },
        "Game": {"Type": "AWS::GameCastle::Tower"},
    }
    writer.stack(first, QUEUE)
    writer.stack(second, template({"Queue": {"Type": "AWS::SQS::Queue"}, **parent}), dependencies=[first])
    with pytest.raises(DeploymentError, match="nothing was created") as caught:
        cloud.deploy(writer.folder)
    assert [(event.stack, event.logical_id, event.resource_type) for event in caught.value.events] == [
        (second, "Game", "AWS::GameCastle::Tower"),
        (second, "Nested/Gate", "AWS::GameCastle::Gate"),
    ]
    assert _status(cloud, first) is None


def test_container_images_that_cannot_be_made_are_refused_before_anything_is_created(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack, other = name("web"), name("other")
    (writer.folder / "asset.abc").mkdir()
    (writer.folder / "asset.abc" / "Dockerfile").write_text("FROM python:3\nRUN apt-get install -y git\n")
    images = {
        "abc": {"displayName": "Web/Image", "source": {"directory": "asset.abc"}},
        "def": {"displayName": "Web/Tar"},
    }
    writer.stack(stack, QUEUE, docker_images=images)
    writer.stack(other, QUEUE)
    with pytest.raises(
        DeploymentError, match=f"{stack}: Web/Image: Dockerfile, line 2: .*; {stack}: Web/Tar: it is a fin"
    ):
        cloud.deploy(writer.folder)
    assert _status(cloud, other) is None
    assert cloud.deploy(writer.folder, stacks=[other]).changed == (other,)


def test_a_missing_asset_is_named(cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]) -> None:
    asset = writer.folder / f"{name('asset')}.txt"
    asset.write_text(name("content"))
    writer.stack(name("stack"), QUEUE, files=[asset])
    asset.unlink()
    with pytest.raises(LocalCloudError, match=f"{asset.name}, an asset of .*, does not exist; synthesise again"):
        cloud.deploy(writer.folder)


REFUSES_TO_BE_DELETED = """
import json, urllib.request
def handler(event, context):
    status = "FAILED" if event["RequestType"] == "Delete" else "SUCCESS"
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": status, "Reason": "it stays", "PhysicalResourceId": "stubborn"}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""


def test_a_resource_that_cannot_be_deleted_is_reported(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("stubborn")

    function = {
        "Runtime": "python3.14",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": REFUSES_TO_BE_DELETED},
    }
    resources = {
        "Role": role(),
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Stubborn": {"Type": "Custom::Stubborn", "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}},
    }
    writer.stack(stack, template(resources))
    deployment = cloud.deploy(writer.folder)
    with pytest.raises(DeploymentError, match=f"the stack {stack} could not be deleted .* DELETE_FAILED") as caught:
        deployment.destroy()
    assert [event.logical_id for event in caught.value.events] == ["Stubborn"]
    assert "it stays" in caught.value.events[0].reason


def test_a_stack_that_another_one_uses_is_not_deleted(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    exporter, importer = name("exporter"), name("importer")
    value = {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Export": {"Name": exporter}}
    writer.stack(exporter, {**QUEUE, "Outputs": {"Name": value}})
    deployment = cloud.deploy(writer.folder)
    imported = {"Type": "String", "Value": {"Fn::ImportValue": exporter}}
    writer.stack(importer, template({"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": imported}}))
    cloud.deploy(writer.folder, stacks=[importer])
    with pytest.raises(DeploymentError, match=f"{exporter} was refused in us-east-1: .*{importer}"):
        deployment.destroy()


def test_a_custom_resource_whose_function_fails_is_told_at_once(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    code = "def handler(event, context):\n    raise ValueError('boom')"
    resources = {
        "Role": role(),
        "Function": function(code, "Role"),
        "Resource": {"Type": "Custom::Broken", "Properties": {"ServiceToken": arn("Function")}},
    }
    writer.stack(name("throws"), template(resources))
    with pytest.raises(DeploymentError, match="failed before it answered: ValueError: boom"):
        cloud.deploy(writer.folder)
