"""Custom resources: those of the CDK, and those of an app's own functions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import custom_resources as cr

from cdp_constructs.local import Deployment, LocalCloud
from tests.local.services.cloudformation.custom_app import ACCOUNT, OREGON, TOKYO, synthesise, write_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("app") / "site", "<h1>first</h1>")


@pytest.fixture(scope="module")
def deployed(cloud: LocalCloud, site: Path) -> Iterator[Deployment]:
    deployed = cloud.deploy(synthesise(site.parent / "first", site))
    yield deployed
    deployed.destroy()


@pytest.fixture
def outputs(deployed: Deployment) -> dict[str, str]:
    return dict(deployed.outputs["Everything"])


def test_a_bucket_deployment_copies_files_with_metadata_and_markers_and_prunes(
    cloud: LocalCloud, site: Path, deployed: Deployment, outputs: dict[str, str]
) -> None:
    client, bucket = cloud.client("s3", region=OREGON), outputs["BucketName"]
    page = client.get_object(Bucket=bucket, Key="site/index.html")
    assert (page["Body"].read(), page["ContentType"], page["CacheControl"]) == (
        b"<h1>first</h1>",
        "text/html",
        "max-age=300",
    )
    assert outputs["QueueUrl"] in client.get_object(Bucket=bucket, Key="site/config.json")["Body"].read().decode()
    assert keys(client, bucket) == ["site/config.json", "site/index.html"]
    (site / "index.html").unlink()
    (site / "home.html").write_text("<h1>second</h1>")
    cloud.deploy(synthesise(site.parent / "second", site))
    assert keys(client, bucket) == ["site/config.json", "site/home.html"]
    distributions = cloud.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    ours = deployed.resources["Everything"]
    invalidated = [item["Id"] for item in distributions if item["Id"] in ours.values()]
    assert [len(invalidations(cloud, identity)) for identity in invalidated] == [2]


def keys(client: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket)["Contents"]]


def invalidations(cloud: LocalCloud, distribution: str) -> list[Any]:
    answer = cloud.client("cloudfront").list_invalidations(DistributionId=distribution)
    return list(answer["InvalidationList"]["Items"])


def test_bucket_notifications_are_configured(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    configured = cloud.client("s3", region=OREGON).get_bucket_notification_configuration(Bucket=outputs["BucketName"])
    assert [entry["Events"] for entry in configured["QueueConfigurations"]] == [["s3:ObjectCreated:*"]]


def test_calls_of_services_run_under_the_role_of_their_function(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    seeded = cloud.client("dynamodb", region=OREGON).get_item(TableName=outputs["TableName"], Key={"id": {"S": "seed"}})
    assert seeded["Item"]["n"] == {"N": "1"}
    assert outputs["KeyName"] == "id"


def test_a_call_can_assume_a_role(cloud: LocalCloud, tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Assuming")
    reader = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    reader.add_to_policy(iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"]))
    call = cr.AwsSdkCall(
        service="SQS",
        action="listQueues",
        assumed_role_arn=reader.role_arn,
        physical_resource_id=cr.PhysicalResourceId.of("list"),
    )
    statement = iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[reader.role_arn])
    resource = cr.AwsCustomResource(
        stack, "Call", on_update=call, policy=cr.AwsCustomResourcePolicy.from_statements([statement])
    )
    resource.node.add_dependency(reader)
    cloud.deploy(str(app.synth().directory)).destroy()


def test_a_provider_of_the_apps_own_answers(outputs: dict[str, str]) -> None:
    assert outputs["Answer"] == "hello Create"


def test_a_trigger_calls_its_function(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    messages = cloud.client("sqs", region=OREGON).receive_message(QueueUrl=outputs["TriggeredUrl"])["Messages"]
    assert [message["Body"] for message in messages] == ["triggered"]


def test_log_retention_is_set(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    name = f"/aws/lambda/{outputs['FunctionName']}"
    groups = cloud.client("logs", region=OREGON).describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [7]


def test_the_default_security_group_has_no_rules(cloud: LocalCloud, deployed: Deployment) -> None:
    vpc = next(identity for identity in deployed.resources["Everything"].values() if identity.startswith("vpc-"))
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = cloud.client("ec2", region=OREGON).describe_security_groups(Filters=filters)["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])


def test_a_stack_refers_to_a_stack_of_another_region(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    arn = outputs["Imported"]
    assert arn.startswith(f"arn:aws:sqs:{TOKYO}:{ACCOUNT}:")
    url = cloud.client("sqs", region=TOKYO).get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    assert url
    parameters = cloud.client("ssm", region=OREGON).get_parameters_by_path(Path="/cdk/exports", Recursive=True)
    assert arn in [parameter["Value"] for parameter in parameters["Parameters"]]


def test_a_call_that_the_role_does_not_allow_fails_the_stack(cloud: LocalCloud, tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Denied")
    cr.AwsCustomResource(
        stack,
        "Call",
        on_update=cr.AwsSdkCall(
            service="SQS",
            action="createQueue",
            parameters={"QueueName": "denied"},
            physical_resource_id=cr.PhysicalResourceId.of("denied"),
        ),
        policy=cr.AwsCustomResourcePolicy.from_statements(
            [iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"])]
        ),
    )
    with pytest.raises(Exception, match=r"not authorized to perform: sqs:(?i:createqueue)"):
        cloud.deploy(str(app.synth().directory))
