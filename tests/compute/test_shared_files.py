"""What SharedFiles promises in its templates."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack, Stage
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, SharedFiles
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.shared_files import build as example
from tests.networks import network, service
from tests.resources import only, statements

ACCOUNT = "111122223333"


@architecture
def defaults(stack: Stack) -> SharedFiles:
    return SharedFiles(stack, "Files")


@architecture
def all_options(stack: Stack) -> SharedFiles:
    files = SharedFiles(
        stack,
        "Files",
        vpc=network(stack, zones=2),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    images = files.add_folder("Images", path="/shop/images", owner=2000)
    files.mount_to_service(service(stack, files.vpc), images, path="/mnt/images")
    return files


@architecture
def existing_resources(stack: Stack) -> SharedFiles:
    return SharedFiles(
        stack,
        "Files",
        vpc=network(stack, zones=2),
        encryption_key=kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"),
    )


@architecture
def inside_a_stage(app: App) -> SharedFiles:
    return defaults(Stack(Stage(app, "FilesStage"), "Service"))


architecture(example)
MAIN = [defaults, all_options, existing_resources]


def mounting(built: Any, role: str) -> list[dict[str, Any]]:
    return [one for one in statements(built, role) if "elasticfilesystem" in str(one["Action"])]


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(SharedFiles, synthesis(example))


@pytest.mark.parametrize("build", [*MAIN, inside_a_stage], ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_files_are_encrypted_backed_up_and_outlive_the_stack(synthesis: Synthesis) -> None:
    kept = only(synthesis(defaults), "AWS::EFS::FileSystem")
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert kept["Properties"]["Encrypted"] is True
    assert kept["Properties"]["BackupPolicy"] == {"Status": "ENABLED"}
    assert {"TransitionToIA": "AFTER_30_DAYS"} in kept["Properties"]["LifecyclePolicies"]
    deleted = only(synthesis(all_options), "AWS::EFS::FileSystem")
    ((key, _),) = synthesis(all_options).resources("AWS::KMS::Key").items()
    assert (deleted["DeletionPolicy"], deleted["Properties"]["KmsKeyId"]) == ("Delete", {"Fn::GetAtt": [key, "Arn"]})


def test_nobody_mounts_without_tls_iam_and_an_access_point(synthesis: Synthesis) -> None:
    policy = only(synthesis(defaults), "AWS::EFS::FileSystem")["Properties"]["FileSystemPolicy"]["Statement"]
    # Nothing is allowed by the policy itself, so a client's own role has to be.
    assert [one["Effect"] for one in policy] == ["Deny", "Deny"]
    conditions = {key: value for one in policy for kind in one["Condition"].values() for key, value in kind.items()}
    assert conditions == {"aws:SecureTransport": "false", "elasticfilesystem:AccessPointArn": "true"}


def test_a_service_mounts_its_folder_and_may_nothing_else(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    ((point, access),) = built.resources("AWS::EFS::AccessPoint").items()
    assert access["Properties"]["PosixUser"] == {"Uid": "2000", "Gid": "2000"}
    assert access["Properties"]["RootDirectory"]["Path"] == "/shop/images"
    (volume,) = only(built, "AWS::ECS::TaskDefinition")["Properties"]["Volumes"]
    configuration = volume["EFSVolumeConfiguration"]
    assert configuration["TransitEncryption"] == "ENABLED"
    assert configuration["AuthorizationConfig"] == {"AccessPointId": {"Ref": point}, "IAM": "ENABLED"}
    (container,) = only(built, "AWS::ECS::TaskDefinition")["Properties"]["ContainerDefinitions"]
    assert [one["ContainerPath"] for one in container["MountPoints"]] == ["/mnt/images"]
    (statement,) = mounting(built, "TaskTaskRole")
    assert set(statement["Action"]) == {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}
    assert point in str(statement["Condition"]["StringEquals"]["elasticfilesystem:AccessPointArn"])
    rule = only(built, "AWS::EC2::SecurityGroupIngress")["Properties"]
    assert (rule["FromPort"], rule["ToPort"]) == (2049, 2049)
    targets = set(built.resources("AWS::EFS::MountTarget"))
    assert targets <= set(only(built, "AWS::ECS::Service")["DependsOn"])


def test_a_reader_may_not_write(synthesis: Synthesis) -> None:
    built = synthesis(example)
    functions = built.resources("AWS::Lambda::Function").values()
    paths = [one["Properties"]["FileSystemConfigs"][0]["LocalMountPath"] for one in functions]
    assert paths == ["/mnt/images"] * 2
    ((making,), (viewing,)) = mounting(built, "MakerServiceRole"), mounting(built, "ViewerServiceRole")
    assert set(making["Action"]) == {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}
    assert viewing["Action"] == "elasticfilesystem:ClientMount"


def test_alarm_tells_of_the_limit(synthesis: Synthesis) -> None:
    alarm = only(synthesis(all_options), "AWS::CloudWatch::Alarm")["Properties"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("PercentIOLimit", 95)
    assert synthesis(defaults).result.alarms == []


@pytest.mark.parametrize("path", ["/", "images", "/a b", "/a/../b", "/a/b/c/d/e", "/images/"])
def test_a_folder_that_efs_does_not_take_is_refused(path: str) -> None:
    stack = Stack()
    with pytest.raises(InvalidOptionError, match=r"path is .*Use one to four names"):
        SharedFiles(stack, "Files", vpc=network(stack)).add_folder("Images", path=path)


def test_wrong_mounts_are_refused() -> None:
    stack = Stack()
    files, others = SharedFiles(stack, "Files", vpc=network(stack)), SharedFiles(stack, "Others")
    folder = files.add_folder("Images", path="/images")
    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    with pytest.raises(InvalidOptionError, match=r"function is Default/Function, which is in no network"):
        files.mount_to_function(function, folder, path="/mnt/images")
    with pytest.raises(InvalidOptionError, match=r"path is '/images'. Use /mnt/ and a name"):
        files.mount_to_function(function, folder, path="/images")
    with pytest.raises(InvalidOptionError, match=r"folder is .*, of another file system"):
        others.mount_to_function(function, folder, path="/mnt/images")
    with pytest.raises(InvalidOptionError, match="owner is 0 as a POSIX id"):
        files.add_folder("Root", path="/root", owner=0)
