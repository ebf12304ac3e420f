"""Deployments of cloud assemblies: order, Regions, assets, failures, updates, and what is reported."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import DeploymentError, LocalCloud, LocalCloudError
from cdp_constructs.local.coverage.labels import LABELS, Support
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
            ],
        }
    },
}


@pytest.fixture
def writer(tmp_path: Path) -> AssemblyWriter:
    return AssemblyWriter(tmp_path / "cdk.out")


@pytest.fixture
def name() -> Callable[[str], str]:
    """Stack names that no other test of the session has."""
    suffix = uuid.uuid4().hex[:8]
    return lambda stem: f"{stem}-{suffix}"


def _status(cloud: LocalCloud, stack: str, region: str = "us-east-1") -> str | None:
    stacks = cloud.client("cloudformation", region).list_stacks()["StackSummaries"]
    statuses: list[str] = [found["StackStatus"] for found in stacks if found["StackName"] == stack]
    return statuses[0] if statuses else None


def test_outputs_resources_and_regions_are_reported_per_stack(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    here, there = name("here"), name("there")
    writer.stack(here, QUEUE)
    writer.stack(there, QUEUE, environment="aws://unknown-account/ap-northeast-1")
    deployment = cloud.deploy(writer.folder)
    assert deployment.regions == {here: "us-east-1", there: "ap-northeast-1"}
    assert set(deployment.changed) == {here, there}
    for stack, region in deployment.regions.items():
        url = deployment.outputs[stack]["Url"]
        assert deployment.resources[stack]["Queue"] == url
        attributes = cloud.client("sqs", region).get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        assert attributes["Attributes"]["QueueArn"].split(":")[3] == region


def test_a_stack_uses_what_another_one_exports(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    exporter, importer = name("exporter"), name("importer")
    value = {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}
    writer.stack(
        importer,
        template(
            {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}},
            Outputs={"Name": {"Value": {"Fn::ImportValue": exporter}}},
        ),
        dependencies=[exporter],
    )
    writer.stack(exporter, {**QUEUE, "Outputs": {"Name": {**value, "Export": {"Name": exporter}}}})
    deployment = cloud.deploy(writer.folder)
    assert deployment.outputs[importer]["Name"] == deployment.outputs[exporter]["Name"]


def test_a_stack_of_a_named_account_goes_there(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("other-account")
    writer.stack(stack, QUEUE, environment="aws://111122223333/us-west-2")
    url = cloud.deploy(writer.folder).outputs[stack]["Url"]
    attributes = cloud.client("sqs", "us-west-2", account="111122223333").get_queue_attributes(
        QueueUrl=url, AttributeNames=["QueueArn"]
    )
    assert attributes["Attributes"]["QueueArn"].startswith("arn:aws:sqs:us-west-2:111122223333:")


def test_a_stack_takes_the_parameters_that_it_declares(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    one, other = name("one"), name("other")
    parameters = {"Delay": {"Type": "Number"}, "Size": {"Type": "Number", "Default": 1}}
    resources = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}}
    outputs = {"Delay": {"Value": {"Ref": "Delay"}}, "Size": {"Value": {"Ref": "Size"}}}
    writer.stack(one, template(resources, Parameters=parameters, Outputs=outputs), parameters={"Size": "2"})
    writer.stack(other, QUEUE)
    deployment = cloud.deploy(writer.folder, parameters={"Delay": "7"})
    assert deployment.outputs[one] == {"Delay": "7", "Size": "2"}


def test_a_function_runs_with_the_packages_of_this_environment_and_the_public_layer(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str], tmp_path: Path
) -> None:
    stack, region = name("function"), "eu-central-1"
    code = tmp_path / "code"
    (code / "inner").mkdir(parents=True)
    (code / "inner" / "__init__.py").write_text("VALUE = 'from the asset'")
    (code / "index.py").write_text(
        "import aws_lambda_powertools, boto3, cryptography, pydantic\n"
        "from inner import VALUE\n"
        "def handler(event, context):\n"
        "    return {'value': VALUE, 'region': boto3.client('sts').meta.region_name}\n"
    )
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.14",
            "Architectures": ["arm64"],
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Layers": [{"Ref": "Powertools"}],
            "Code": {
                "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                "S3Key": f"{AssemblyWriter.asset_hash(code)}.zip",
            },
        },
    }
    layer = {
        "Type": "AWS::SSM::Parameter::Value<String>",
        "Default": "/aws/service/powertools/python/arm64/python3.14/latest",
    }
    writer.stack(
        stack,
        template({"Role": ROLE, "Function": function}, Parameters={"Powertools": layer}),
        environment=f"aws://unknown-account/{region}",
        files=[code],
    )
    deployment = cloud.deploy(writer.folder)
    answer = cloud.client("lambda", region).invoke(FunctionName=deployment.resources[stack]["Function"], Payload=b"{}")
    assert json.load(answer["Payload"]) == {"value": "from the asset", "region": region}


@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13", "python3.14"])
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("version", ["latest", "3.20.0"])
def test_the_public_parameters_of_the_powertools_layer_are_there_in_every_region(
    cloud: LocalCloud, python: str, architecture: str, version: str
) -> None:
    path = f"/aws/service/powertools/python/{architecture}/{python}/{version}"
    for region in ("sa-east-1", "us-west-2"):
        value = cloud.client("ssm", region).get_parameter(Name=path)["Parameter"]["Value"]
        layer = f"AWSLambdaPowertoolsPythonV3-{python.replace('.', '')}-{architecture}"
        assert value.rpartition(":")[0] == f"arn:aws:lambda:{region}:017000801446:layer:{layer}"


def test_a_powertools_parameter_that_aws_does_not_have_is_not_there(cloud: LocalCloud) -> None:
    ssm = cloud.client("ssm")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/aws/service/powertools/python/arm64/python2.7/latest")


def test_tls_only_policies_hold_on_the_loopback_address(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("tls")

    def tls_only(action: str, resource: Any) -> dict[str, Any]:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": resource,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    queue_policy = {
        "Queues": [{"Ref": "Queue"}],
        "PolicyDocument": tls_only("sqs:*", {"Fn::GetAtt": ["Queue", "Arn"]}),
    }
    bucket_policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": tls_only("s3:*", {"Fn::Sub": "${Bucket.Arn}/*"})}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": queue_policy},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": bucket_policy},
    }
    writer.stack(stack, template(resources))
    deployed = cloud.deploy(writer.folder).resources[stack]
    cloud.client("sqs").send_message(QueueUrl=deployed["Queue"], MessageBody="hello")
    cloud.client("s3").put_object(Bucket=deployed["Bucket"], Key="a", Body=b"b")


@pytest.mark.parametrize("region", ["us-east-1", "eu-north-1"])
def test_a_template_that_asks_for_the_bootstrap_version_gets_one(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str], region: str
) -> None:
    path = "/cdk-bootstrap/hnb659fds/version"
    writer.stack(
        name("bootstrap"),
        {**QUEUE, "Parameters": {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}}},
        environment=f"aws://unknown-account/{region}",
        bootstrapStackVersionSsmParameter=path,
    )
    cloud.deploy(writer.folder)
    assert int(cloud.client("ssm", region).get_parameter(Name=path)["Parameter"]["Value"]) > 6


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


def test_a_stack_that_is_still_under_way_is_waited_for(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("under-way")
    condition = {"Handle": {"Ref": "Handle"}, "Timeout": "1", "Count": 1}
    never = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Never": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": condition},
    }
    cloud.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template(never)))
    assert _status(cloud, stack) == "CREATE_IN_PROGRESS"
    writer.stack(stack, QUEUE)
    assert cloud.deploy(writer.folder).changed == (stack,)
    assert _status(cloud, stack) == "CREATE_COMPLETE"


def test_two_failures_in_parallel_are_reported_together(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    one, other = name("one"), name("other")
    writer.stack(one, BROKEN)
    writer.stack(other, BROKEN)
    with pytest.raises(DeploymentError) as caught:
        cloud.deploy(writer.folder)
    assert {event.stack for event in caught.value.events} == {one, other}


def test_a_changed_assembly_updates_and_an_unchanged_one_does_nothing(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    changing, same = name("changing"), name("same")
    writer.stack(changing, QUEUE)
    writer.stack(same, QUEUE)
    first = cloud.deploy(writer.folder)
    properties = {"VisibilityTimeout": 77}
    writer.stack(changing, template({"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}))
    second = cloud.deploy(writer.folder)
    assert second.changed == (changing,)
    assert second.resources[changing] == first.resources[changing]
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=second.resources[changing]["Queue"], AttributeNames=["VisibilityTimeout"]
    )
    assert attributes["Attributes"] == {"VisibilityTimeout": "77"}
    assert cloud.deploy(writer.folder).changed == ()
    assert cloud.deploy(writer.folder).outputs[same] == first.outputs[same]


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


def test_container_images_are_refused_before_anything_is_created(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack, other = name("web"), name("other")
    writer.stack(stack, QUEUE, docker_images={"abc": {"displayName": "Web/Image"}})
    writer.stack(other, QUEUE)
    with pytest.raises(DeploymentError, match=f"has no containers and cannot take these image assets: {stack}: Web/Im"):
        cloud.deploy(writer.folder)
    assert _status(cloud, other) is None
    assert cloud.deploy(writer.folder, stacks=[other]).changed == (other,)


def test_a_missing_asset_is_named(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str], tmp_path: Path
) -> None:
    asset = tmp_path / f"{name('asset')}.txt"
    asset.write_text(name("content"))
    writer.stack(name("stack"), QUEUE, files=[asset])
    asset.unlink()
    with pytest.raises(LocalCloudError, match=f"{asset.name}, an asset of .*, does not exist; synthesise again"):
        cloud.deploy(writer.folder)


def test_nested_stacks_are_deployed_and_listed(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("parent")
    nested = writer.folder / "inner.template.json"
    nested.write_text(json.dumps(QUEUE))
    url = (
        "https://s3.us-west-2.amazonaws.com/cdk-hnb659fds-assets-000000000000-us-west-2/"
        f"{AssemblyWriter.asset_hash(nested)}.json"
    )
    resource = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": url},
        "Metadata": {"aws:asset:path": nested.name},
    }
    writer.stack(stack, template({"Inner": resource}), environment="aws://unknown-account/us-west-2", files=[nested])
    deployment = cloud.deploy(writer.folder)
    assert deployment.resources[stack]["Inner/Queue"].startswith("http")


def test_a_template_longer_than_a_request_may_be_is_deployed(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("long")
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x" * 3000}}
    writer.stack(stack, template({f"Parameter{number}": parameter for number in range(20)}))
    assert len(cloud.deploy(writer.folder).resources[stack]) == 20


def test_a_hundred_resources_take_seconds(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("hundred")
    writer.stack(stack, template({f"Queue{number}": {"Type": "AWS::SQS::Queue"} for number in range(100)}))
    started = time.monotonic()
    deployment = cloud.deploy(writer.folder)
    assert time.monotonic() - started < 5.0
    assert len(deployment.resources[stack]) == 100


def test_what_is_not_executed_is_listed_with_its_reason(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("labelled")
    label = LABELS["AWS::XRay::Group"]
    group = {"Type": "AWS::XRay::Group", "Properties": {"GroupName": stack}}
    writer.stack(stack, template({**QUEUE["Resources"], "Group": group}))
    (listed,) = cloud.deploy(writer.folder).not_executed
    assert (listed.stack, listed.logical_id, listed.resource_type) == (stack, "Group", "AWS::XRay::Group")
    assert listed.support is label.support is not Support.EXECUTED
    assert listed.reason == label.reason


def test_destroy_deletes_in_reverse_order_and_can_be_repeated(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    exporter, importer = name("exporter"), name("importer")
    value = {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Export": {"Name": exporter}}
    writer.stack(exporter, {**QUEUE, "Outputs": {"Name": value}})
    imported = {"Type": "String", "Value": {"Fn::ImportValue": exporter}}
    writer.stack(
        importer,
        template({"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": imported}}),
        dependencies=[exporter],
    )
    deployment = cloud.deploy(writer.folder)
    deployment.destroy()
    assert _status(cloud, exporter) == _status(cloud, importer) == "DELETE_COMPLETE"
    deployment.destroy()
    assert cloud.deploy(writer.folder).changed == (exporter, importer)


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
        "Role": ROLE,
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


def test_progress_is_reported_per_stack(cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]) -> None:
    stack = name("progress")
    writer.stack(stack, QUEUE)
    reported: list[tuple[str, str]] = []
    cloud.deploy(writer.folder, progress=lambda *step: reported.append(step))
    cloud.deploy(writer.folder, progress=lambda *step: reported.append(step))
    assert reported == [(stack, "deploying"), (stack, "deployed"), (stack, "deploying"), (stack, "unchanged")]


def test_an_attached_cloud_deploys_too(cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]) -> None:
    stack = name("attached")
    writer.stack(stack, QUEUE)
    LocalCloud.attach(cloud.endpoint).deploy(writer.folder)
    assert _status(cloud, stack) == "CREATE_COMPLETE"
