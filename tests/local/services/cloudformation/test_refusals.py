"""What CloudFormation and the services refuse on AWS is refused here, and its stack fails."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import DeploymentError, LocalCloud
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template
from tests.local.resources import allow, arn, function, role, table

HANDLER = "def handler(event, context): return None"
STREAM = {"Fn::GetAtt": ["Table", "StreamArn"]}
READS = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]


def mapping(source: Any, **properties: Any) -> dict[str, Any]:
    base = {"EventSourceArn": source, "FunctionName": {"Ref": "Function"}}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {**base, **properties}}


def stream_reader(*statements: Any) -> dict[str, Any]:
    source = table("id")
    source["Properties"]["StreamSpecification"] = {"StreamViewType": "NEW_IMAGE"}
    return template(
        {
            "Table": source,
            "Role": role(*statements),
            "Function": function(HANDLER, "Role"),
            "Mapping": mapping(STREAM, StartingPosition="TRIM_HORIZON"),
        }
    )


def test_a_mapping_of_a_stream_needs_a_role_that_may_list_streams(stacks: Any) -> None:
    with pytest.raises(AssertionError, match="DescribeStream, and ListStreams Actions on your stream in IAM"):
        stacks.deploy(stream_reader(allow(READS, STREAM)))
    stacks.deploy(stream_reader(allow(READS, STREAM), allow(["dynamodb:ListStreams"], "*")))


def test_a_mapping_of_a_queue_needs_a_role_that_may_receive(cloud: LocalCloud, stacks: Any) -> None:
    resources = {"Queue": QUEUE["Resources"]["Queue"], "Role": role(), "Function": function(HANDLER, "Role")}
    with pytest.raises(AssertionError, match="does not have permissions to call ReceiveMessage on SQS"):
        stacks.deploy(template({**resources, "Mapping": mapping(arn("Queue"))}))
    outputs = {name: {"Value": value} for name, value in (("Function", {"Ref": "Function"}), ("Queue", arn("Queue")))}
    made = stacks.deploy(template(resources, Outputs=outputs))
    with pytest.raises(ClientError, match="ReceiveMessage on SQS"):
        cloud.client("lambda").create_event_source_mapping(EventSourceArn=made["Queue"], FunctionName=made["Function"])


def test_a_log_group_that_was_kept_is_in_the_way_of_the_next(stacks: Any) -> None:
    name = f"kept-{uuid.uuid4().hex[:8]}"
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}, "DeletionPolicy": "Retain"}
    stacks.deploy(template({"Group": group}))
    with pytest.raises(AssertionError, match=f"{name}.* already exists"):
        stacks.deploy(template({"Other": group}))


def test_a_bucket_with_objects_keeps_its_stack(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("full")
    writer.stack(stack, template({"Bucket": {"Type": "AWS::S3::Bucket"}}))
    deployment = cloud.deploy(writer.folder)
    s3, bucket = cloud.client("s3"), deployment.resources[stack]["Bucket"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    with pytest.raises(DeploymentError, match="not empty"):
        deployment.destroy()
    s3.delete_object(Bucket=bucket, Key="a")
    deployment.destroy()


def test_a_protected_stack_is_not_deleted(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("protected")
    writer.stack(stack, QUEUE, terminationProtection=True)
    deployment = cloud.deploy(writer.folder)
    with pytest.raises(DeploymentError, match="TerminationProtection is enabled"):
        deployment.destroy()
    writer.stack(stack, QUEUE)
    cloud.deploy(writer.folder).destroy()


def global_table(*regions: str, protected: bool = False, view: str = "NEW_IMAGE") -> dict[str, Any]:
    properties = dict(table("id")["Properties"])
    replicas = [{"Region": region, "DeletionProtectionEnabled": protected} for region in regions]
    properties |= {"Replicas": replicas, "StreamSpecification": {"StreamViewType": view}}
    return template({"Table": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties}})


def test_a_global_table_takes_one_replica_in_each_update(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("global")

    def deploy(*regions: str, **options: Any) -> None:
        writer.stack(stack, global_table(*regions, **options))
        cloud.deploy(writer.folder)

    deploy("us-east-1")
    with pytest.raises(DeploymentError, match="only add or remove a single replica"):
        deploy("us-east-1", "us-west-2", "eu-west-1")
    deploy("us-east-1", "us-west-2", protected=True)
    with pytest.raises(DeploymentError, match=r"StreamSpecification .* one entry in Replicas"):
        deploy("us-east-1", "us-west-2", view="KEYS_ONLY", protected=True)
    with pytest.raises(DeploymentError, match=r"protected against deletion: the replica of .* us-west-2"):
        deploy("us-east-1", protected=True)
    deploy("us-east-1", "us-west-2")
    deploy("us-east-1")


def test_an_export_that_is_imported_does_not_change(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    exporter, importer = name("exporter"), name("importer")

    def export(value: str, resources: dict[str, Any] = {}) -> dict[str, Any]:  # noqa: B006 - not changed
        outputs = {"Out": {"Value": value, "Export": {"Name": exporter}}}
        return {**QUEUE, "Resources": {**QUEUE["Resources"], **resources}, "Outputs": outputs}

    imported = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": exporter}}}
    writer.stack(exporter, export("one"))
    writer.stack(importer, template({"Parameter": imported}), dependencies=[exporter])
    cloud.deploy(writer.folder)
    writer.stack(exporter, export("two"))
    with pytest.raises(DeploymentError, match=f"Cannot update export {exporter} as it is in use by {importer}"):
        cloud.deploy(writer.folder)
    writer.stack(exporter, export("one", {"More": {"Type": "AWS::SQS::Queue"}}))
    assert cloud.deploy(writer.folder).changed == (exporter,)


def test_a_stack_keeps_what_it_read_of_another_until_its_own_template_changes(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    producer, consumer = name("producer"), name("consumer")
    reference = {"Fn::GetStackOutput": {"StackName": producer, "OutputName": "Out", "Region": "us-east-1"}}

    def deploy(value: str, description: str) -> tuple[str, ...]:
        writer.stack(producer, {**QUEUE, "Outputs": {"Out": {"Value": value}}})
        parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": reference}}
        body = template({"Parameter": parameter}, Description=description)
        writer.stack(consumer, body, dependencies=[producer], environment="aws://unknown-account/us-west-2")
        deployment = cloud.deploy(writer.folder)
        read = deployment.resources[consumer]["Parameter"]
        ssm = cloud.client("ssm", "us-west-2")
        return (*deployment.changed, ssm.get_parameter(Name=read)["Parameter"]["Value"])

    assert deploy("one", "first") == (producer, consumer, "one")
    assert deploy("two", "first") == (producer, "one")
    assert deploy("two", "second") == (consumer, "two")


def test_an_alarm_on_what_nothing_emits_is_listed(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    base = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 0, "Period": 60}

    def alarm(namespace: str, metric: str, dimension: str) -> dict[str, Any]:
        dimensions = [{"Name": dimension, "Value": "any"}]
        of = {"Namespace": namespace, "MetricName": metric, "Statistic": "Sum", "Dimensions": dimensions}
        return {"Type": "AWS::CloudWatch::Alarm", "Properties": {**base, **of}}

    alarms = {
        "Sent": alarm("AWS/SQS", "NumberOfMessagesSent", "QueueName"),
        "Lost": alarm("AWS/IoT", "ErrorActionFailure", "RuleName"),
        "Load": alarm("AWS/EFS", "PercentIOLimit", "FileSystemId"),
        "Own": alarm("Shop", "Orders", "Kind"),
    }
    writer.stack(name("alarms"), template(alarms))
    listed = {item.logical_id: item.reason for item in cloud.deploy(writer.folder).not_executed}
    assert listed == {
        "Lost": "https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html has no AWS/IoT "
        "ErrorActionFailure by RuleName: the alarm gets no value, on AWS neither",
        "Load": "the embedded cloud does not emit AWS/EFS PercentIOLimit by FileSystemId",
    }
