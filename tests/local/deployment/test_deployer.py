"""Deployments of cloud assemblies: order, Regions, assets, updates, and what is reported."""

import json
import time
from collections.abc import Callable

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.coverage.labels import LABELS, Support
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template
from tests.local.resources import arn, role


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


def test_a_stack_waits_for_what_it_imports_without_a_dependency(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    exporter, importer = name("a-exporter"), name("importer")
    slow = {"Export": {"Name": exporter}, "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}
    imported = {"Type": "String", "Value": {"Fn::ImportValue": exporter}}
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": imported}
    writer.stack(importer, template({"Parameter": parameter}))
    queues = {f"Queue{number}": {"Type": "AWS::SQS::Queue"} for number in range(30)}
    writer.stack(exporter, template({**QUEUE["Resources"], **queues}, Outputs={"Name": slow}))
    deployment = cloud.deploy(writer.folder)
    found = cloud.client("ssm").get_parameter(Name=deployment.resources[importer]["Parameter"])
    assert found["Parameter"]["Value"] == deployment.outputs[exporter]["Name"]


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


@pytest.mark.parametrize(
    ("region", "named"), [("us-east-1", True), ("eu-north-1", True), ("eu-north-1", False)], ids=str
)
def test_a_template_that_asks_for_the_bootstrap_version_gets_one(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str], region: str, named: bool
) -> None:
    qualifier = "hnb659fds" if named else name("old")
    path = f"/cdk-bootstrap/{qualifier}/version"
    asked = {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}}
    writer.stack(
        name("bootstrap"),
        {**QUEUE, "Parameters": asked},
        environment=f"aws://unknown-account/{region}",
        **({"bootstrapStackVersionSsmParameter": path} if named else {}),
    )
    cloud.deploy(writer.folder, bootstrap_qualifiers=[] if named else [qualifier])
    assert int(cloud.client("ssm", region).get_parameter(Name=path)["Parameter"]["Value"]) > 6


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


def test_a_function_in_a_language_that_does_not_run_is_listed_and_fails(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("java")
    code = {"Code": {"ZipFile": "class Handler {}"}, "Handler": "Handler", "Runtime": "java21"}
    made = {"Type": "AWS::Lambda::Function", "Properties": {**code, "Role": arn("Role")}}
    writer.stack(stack, template({"Role": role(), "Function": made}))
    deployment = cloud.deploy(writer.folder)
    (listed,) = deployment.not_executed
    assert (listed.logical_id, listed.support) == ("Function", Support.CONTROL_PLANE_ONLY)
    assert "java21" in listed.reason
    answer = cloud.client("lambda").invoke(FunctionName=deployment.resources[stack]["Function"])
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "Runtime.NotSupported"


def test_what_of_a_rule_is_not_executed_is_listed_for_the_rule(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("rules")

    def rule(sql: str, *actions: object) -> dict[str, object]:
        payload = {"Sql": sql, "Actions": actions}
        return {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": payload}}

    predicts = rule("SELECT machinelearning_predict('m', 'r', *) AS x FROM 'a'", {"CloudwatchAlarm": {}})
    writer.stack(stack, template({"Predicts": predicts, "Upper": rule("SELECT upper(x) AS x FROM 'a'")}))
    (listed,) = cloud.deploy(writer.folder).not_executed
    assert (listed.logical_id, listed.support) == ("Predicts", Support.EXECUTED)
    assert "function machinelearning_predict, action cloudwatchAlarm" in listed.reason


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
