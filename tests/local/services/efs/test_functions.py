"""Functions mount file systems of EFS: they share files, and are refused where AWS refuses them."""

import json
import shutil
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.resources import arn, function, role

REGION = "eu-central-1"
WRITER = """
import os, pathlib

FOLDER = pathlib.Path("/mnt/rooms")

def handler(event, context):
    (FOLDER / "deep").mkdir(exist_ok=True)
    with open("/mnt/rooms/deep/notes", "a") as notes:
        notes.write(event["note"])
    return sorted(os.listdir(FOLDER))
"""
READER = """
import os

def handler(event, context):
    try:
        return {"notes": open("/mnt/shared/deep/notes").read(), "user": os.getuid()}
    except OSError as error:
        return {"missing": str(error)}
"""
NODE = """
const fs = require("node:fs");
exports.handler = async (event) => {
  fs.appendFileSync("/mnt/rooms/deep/notes", event.note);
  return fs.promises.readFile("/mnt/rooms/deep/notes", "utf8");
};
"""
IN_VPC = {"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Ref": "Functions"}]}


def _mounted(path: str) -> dict[str, Any]:
    return {"FileSystemConfigs": [{"Arn": arn("Point"), "LocalMountPath": path}], "VpcConfig": IN_VPC}


def _group(*rules: dict[str, Any]) -> dict[str, Any]:
    properties = {"GroupDescription": "g", "VpcId": {"Ref": "Network"}, "SecurityGroupIngress": list(rules)}
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}


def _subnet(zone: str, block: str) -> dict[str, Any]:
    properties = {"VpcId": {"Ref": "Network"}, "CidrBlock": block, "AvailabilityZone": f"{REGION}{zone}"}
    return {"Type": "AWS::EC2::Subnet", "Properties": properties}


NFS = {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "SourceSecurityGroupId": {"Ref": "Functions"}}
FILES: dict[str, Any] = {
    "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    "Subnet": _subnet("a", "10.0.0.0/24"),
    "Functions": _group(),
    "Mounts": _group(NFS),
    "Files": {"Type": "AWS::EFS::FileSystem", "Properties": {}},
    "Target": {
        "Type": "AWS::EFS::MountTarget",
        "Properties": {
            "FileSystemId": {"Ref": "Files"},
            "SubnetId": {"Ref": "Subnet"},
            "SecurityGroups": [{"Ref": "Mounts"}],
        },
    },
    "Point": {
        "Type": "AWS::EFS::AccessPoint",
        "DependsOn": "Target",
        "Properties": {
            "FileSystemId": {"Ref": "Files"},
            "PosixUser": {"Uid": "1000", "Gid": "1000"},
            "RootDirectory": {
                "Path": "/rooms",
                "CreationInfo": {"OwnerUid": "1000", "OwnerGid": "1000", "Permissions": "750"},
            },
        },
    },
    "Role": role(),
}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    functions = {
        "Writer": function(WRITER, "Role", **_mounted("/mnt/rooms")),
        "Reader": function(READER, "Role", **_mounted("/mnt/shared")),
        "Outsider": function(READER, "Role"),
        "Node": function(NODE, "Role", Runtime="nodejs22.x", **_mounted("/mnt/rooms")),
    }
    outputs = {name: {"Value": {"Ref": name}} for name in (*functions, "Mounts", "Functions")}
    found: dict[str, str] = stacks.deploy({"Resources": {**FILES, **functions}, "Outputs": outputs}, region=REGION)
    return found


def _call(cloud: LocalCloud, name: str, event: Any = None) -> Any:
    answer = cloud.client("lambda", region=REGION).invoke(FunctionName=name, Payload=json.dumps(event))
    document = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, document
    return document


def test_functions_share_the_files_of_an_access_point(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    assert "deep" in _call(cloud, deployed["Writer"], {"note": "one\n"})
    _call(cloud, deployed["Writer"], {"note": "two\n"})
    assert _call(cloud, deployed["Reader"])["notes"].startswith("one\ntwo\n")
    described = cloud.client("lambda", region=REGION).get_function_configuration(FunctionName=deployed["Reader"])
    [config] = described["FileSystemConfigs"]
    assert config["LocalMountPath"] == "/mnt/shared"


def test_a_function_without_the_file_system_does_not_see_it(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    _call(cloud, deployed["Writer"], {"note": ""})
    assert "/mnt/shared/deep/notes" in _call(cloud, deployed["Outsider"])["missing"]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_a_function_on_node_finds_the_same_files(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    _call(cloud, deployed["Writer"], {"note": "python\n"})
    assert _call(cloud, deployed["Node"], {"note": "node\n"}).endswith("python\nnode\n")
    assert _call(cloud, deployed["Reader"])["notes"].endswith("node\n")


def test_a_mount_target_lets_in_whom_its_security_group_does(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    ec2 = cloud.client("ec2", region=REGION)
    nfs = {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049}
    source = {"UserIdGroupPairs": [{"GroupId": deployed["Functions"]}]}
    rule: dict[str, Any] = {"GroupId": deployed["Mounts"], "IpPermissions": [nfs | source]}
    ec2.revoke_security_group_ingress(**rule)
    try:
        with pytest.raises(ClientError) as refusal:
            _call(cloud, deployed["Writer"], {"note": "lost"})
    finally:
        ec2.authorize_security_group_ingress(**rule)
    error = refusal.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (
        "EFSMountConnectivityException",
        408,
    )
    assert "no ingress rule" in error["Error"]["Message"]
    assert "lost" not in _call(cloud, deployed["Reader"])["notes"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"VpcConfig": {}}, "must be configured to execute in a VPC"),
        (_mounted("/var/rooms"), "/var/rooms"),
        ({"VpcConfig": {"SubnetIds": [{"Ref": "Elsewhere"}]}}, f"there is none in {REGION}b"),
    ],
)
def test_what_aws_refuses_is_refused(stacks: Any, changed: dict[str, Any], message: str) -> None:
    resources = {
        **FILES,
        "Elsewhere": _subnet("b", "10.0.1.0/24"),
        "Refused": function(WRITER, "Role", **{**_mounted("/mnt/rooms"), **changed}),
    }
    with pytest.raises(AssertionError, match=message):
        stacks.deploy({"Resources": resources}, region=REGION)
