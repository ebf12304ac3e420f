"""A function that was deployed: runs on the developer's machine, and may do what its role allows in the cloud."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process import kept
from tests.archives import zipped
from tests.local.resources import FOR_FUNCTIONS

REGION = "us-west-2"
CODE = """
import os, pathlib, boto3
from botocore.exceptions import ClientError

def attempt(action):
    try:
        return action()
    except (OSError, ClientError) as error:
        return None

def processes():
    others = [int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) != os.getpid()]
    return {"environments": [pid for pid in others if attempt(pathlib.Path(f"/proc/{pid}/environ").read_bytes)],
            "descriptors": [pid for pid in others if attempt(lambda: os.listdir(f"/proc/{pid}/fd"))],
            "memories": [pid for pid in others if attempt(pathlib.Path(f"/proc/{pid}/mem").open)],
            "killable": [pid for pid in others if attempt(lambda: os.kill(pid, 0) or "yes")]}

def readable(paths):
    found = []
    for start in paths:
        for folder, _, names in os.walk(start):
            found += [path for name in names if attempt(pathlib.Path(path := os.path.join(folder, name)).read_bytes)]
    return found

def handler(event, context):
    if "calls" in event:
        return [attempt(lambda: bool(getattr(boto3.client(service), method)())) for service, method in event["calls"]]
    if "paths" in event:
        return readable(event["paths"])
    return processes()
"""

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/proc/self").exists(),
    reason="needs root and Linux: without root a deployed function is code of the developer's; see docs/local-cloud.md",
)

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def function(local_cloud: LocalCloud) -> Call:
    """Return what calls a function whose role allows nothing."""
    code = zipped({"index.py": CODE})
    role = local_cloud.client("iam").create_role(RoleName="curious", AssumeRolePolicyDocument=FOR_FUNCTIONS)["Role"][
        "Arn"
    ]
    functions = local_cloud.client("lambda", REGION)
    functions.create_function(
        FunctionName="curious",
        Runtime="python3.14",
        Handler="index.handler",
        Role=role,
        Timeout=60,
        Code={"ZipFile": code},
    )

    def call(**event: Any) -> Any:
        answer = functions.invoke(FunctionName="curious", Payload=json.dumps(event).encode())
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    return call


def test_in_the_cloud_it_is_its_role(function: Call) -> None:
    calls = [("iam", "list_roles"), ("s3", "list_buckets"), ("secretsmanager", "list_secrets"), ("sqs", "list_queues")]
    assert function(calls=[("sts", "get_caller_identity"), *calls]) == [True, *([None] * len(calls))]


@needs_root
def test_it_can_neither_look_into_other_processes_nor_end_them(function: Call) -> None:
    assert function() == {"environments": [], "descriptors": [], "memories": [], "killable": []}


@needs_root
def test_it_reads_no_file_of_the_cloud_or_of_the_developer(local_cloud: LocalCloud, function: Call) -> None:
    assert local_cloud.log_file is not None
    folder = local_cloud.log_file.parent
    own = [folder, (folder / "tmp").resolve(), kept.state_file().parent, Path.home()]
    assert any(file.is_file() for file in (folder / "state").rglob("*"))
    assert function(paths=[str(path) for path in own]) == []
