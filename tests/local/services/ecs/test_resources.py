"""Memory and files of containers: what uses too much is killed, and volumes are shared and stay."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from cdp_constructs.local import DeploymentError, LocalCloud
from tests.local.services.ecs.web import REGION, Web

Eventually = Callable[..., Any]
MEBIBYTES = 100
NODE = """
const fs = require("node:fs");
fs.appendFileSync("/mnt/rooms/notes", "node\\n");
fs.promises.readFile("/mnt/rooms/notes", "utf8").then((text) => console.log(JSON.stringify(text)));
"""
SERVER = """
import http.server, json, os, pathlib, subprocess, threading, urllib.parse

FOLDER = pathlib.Path("/mnt/rooms")
kept = []

def act(kind, value):
    if kind == "eat":
        kept.append(bytearray(os.urandom(1) * (int(value) * 1024 * 1024)))
    elif kind == "write":
        (FOLDER / "deep").mkdir(exist_ok=True)
        with open("/mnt/rooms/notes", "a") as notes:
            notes.write(value)
        os.replace("/mnt/rooms/notes", "/mnt/rooms/deep/notes")
        os.rename(FOLDER / "deep" / "notes", "/mnt/rooms/notes")
    elif kind == "node":
        return json.loads(subprocess.run(["node", "-e", NODE], capture_output=True, timeout=20).stdout)
    elif kind == "scratch":
        pathlib.Path("/scratch/file").write_text("x")
        # The same volume at a second path, below which this machine has the program itself.
        return sorted(os.listdir("/tmp"))
    elif kind == "variable":
        return os.environ["ROOMS"]
    return {"notes": (FOLDER / "notes").read_text() if FOLDER.joinpath("notes").exists() else "", "pid": os.getpid()}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = json.dumps(act(path[1:], urllib.parse.unquote(query))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
""".replace("NODE]", f"{NODE!r}]")


def _volume(name: str, **efs: Any) -> dict[str, Any]:
    return {"Name": name, **({"EFSVolumeConfiguration": efs} if efs else {})}


MORE: dict[str, Any] = {
    "Resources": {
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Network"},
                "CidrBlock": "10.0.0.0/24",
                "AvailabilityZone": f"{REGION}a",
            },
        },
        "Tasks": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "tasks",
                "VpcId": {"Ref": "Network"},
                "SecurityGroupIngress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
            },
        },
        "Mounts": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "mounts",
                "VpcId": {"Ref": "Network"},
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 2049,
                        "ToPort": 2049,
                        "SourceSecurityGroupId": {"Ref": "Tasks"},
                    }
                ],
            },
        },
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
            "Properties": {
                "FileSystemId": {"Ref": "Files"},
                "PosixUser": {"Uid": "1000", "Gid": "1000"},
                "RootDirectory": {
                    "Path": "/rooms",
                    "CreationInfo": {"OwnerUid": "1000", "OwnerGid": "1000", "Permissions": "750"},
                },
            },
        },
    },
    "Outputs": {"Mounts": {"Value": {"Ref": "Mounts"}}, "Tasks": {"Value": {"Ref": "Tasks"}}},
    "DependsOn": ["Listener", "Target"],
    "Container": {
        "Memory": MEBIBYTES,
        "Environment": [{"Name": "ROOMS", "Value": "/mnt/rooms/deep"}],
        "MountPoints": [
            {"SourceVolume": "rooms", "ContainerPath": "/mnt/rooms"},
            {"SourceVolume": "scratch", "ContainerPath": "/scratch"},
            {"SourceVolume": "scratch", "ContainerPath": "/tmp"},  # noqa: S108 - a path in the container
        ],
    },
    "Task": {
        "Volumes": [
            _volume(
                "rooms",
                FilesystemId={"Ref": "Files"},
                TransitEncryption="ENABLED",
                AuthorizationConfig={"AccessPointId": {"Ref": "Point"}, "IAM": "ENABLED"},
            ),
            _volume("scratch"),
        ]
    },
}
NETWORK = {
    "NetworkConfiguration": {
        "AwsvpcConfiguration": {"Subnets": [{"Ref": "Subnet"}], "SecurityGroups": [{"Ref": "Tasks"}]}
    }
}


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"), MORE)
        deployment = system.deploy("first", SERVER, **NETWORK)
        yield system
        deployment.destroy()


def _do(web: Web, kind: str, value: str = "") -> Any:
    return web.get(f"/{kind}?{quote(value)}").json()


def test_tasks_share_the_files_of_an_access_point(web: Web) -> None:
    _do(web, "write", "one\n")
    _do(web, "write", "two\n")  # by the other task
    seen = [_do(web, "look") for _ in range(4)]
    assert {each["notes"] for each in seen} == {"one\ntwo\n"}
    assert len({each["pid"] for each in seen}) == 2
    assert _do(web, "variable").endswith("/rooms/deep")
    assert not _do(web, "variable").startswith("/mnt")


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_programs_in_node_find_the_same_files(web: Web) -> None:
    assert "node\n" in _do(web, "node")


def test_a_volume_without_a_file_system_is_the_task_s_own(web: Web) -> None:
    assert [_do(web, "scratch") for _ in range(4)] == [["file"]] * 4


def test_a_container_that_uses_too_much_memory_is_killed_and_replaced(web: Web, eventually: Eventually) -> None:
    _do(web, "write", "kept\n")
    before = {task["taskArn"] for task in web.tasks()}
    web.get(f"/eat?{MEBIBYTES * 2 // 5}")  # within the limit
    web.get(f"/eat?{MEBIBYTES * 2 // 5}")  # of the other task
    assert {task["taskArn"] for task in web.tasks()} == before
    with contextlib.suppress(httpx.TransportError):  # it may be killed before it answers
        web.get(f"/eat?{MEBIBYTES}")
    gone = eventually(lambda: before - {task["taskArn"] for task in web.tasks()}, within=30)
    [stopped] = web.client("ecs").describe_tasks(cluster=web.outputs["Cluster"], tasks=list(gone))["tasks"]
    [container] = stopped["containers"]
    assert (container["exitCode"], container["reason"]) == (
        137,
        "OutOfMemoryError: Container killed due to memory usage",
    )
    eventually(lambda: sorted(web.health().values()) == ["healthy"] * 2, within=30)
    assert "kept\n" in _do(web, "look")["notes"]


def test_a_mount_target_lets_in_whom_its_security_group_does(web: Web) -> None:
    rule = {
        "GroupId": web.outputs["Mounts"],
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 2049,
                "ToPort": 2049,
                "UserIdGroupPairs": [{"GroupId": web.outputs["Tasks"]}],
            }
        ],
    }
    ec2 = web.client("ec2")
    ec2.revoke_security_group_ingress(**rule)
    with pytest.raises(DeploymentError, match=r"Connection timed out: no ingress rule of sg-"):
        web.deploy("second", SERVER, **NETWORK)
    ec2.authorize_security_group_ingress(**rule)
