"""Files of layers: a function finds them under /opt, and nobody else does."""

import json
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.archives import zipped
from tests.local.mounting import REASON, may_mount
from tests.local.resources import function, role

pytestmark = pytest.mark.skipif(not may_mount(), reason=REASON)

REGION = "us-west-2"
PYTHON = """
import os, pathlib, subprocess
def handler(event, context):
    read = pathlib.Path("/opt/settings.txt").read_text() if os.path.exists("/opt/settings.txt") else None
    said = subprocess.run(["say"], capture_output=True, text=True).stdout if event.get("run") else ""
    return {"opt": sorted(os.listdir("/opt")), "settings": read, "said": said, "user": os.getuid()}
"""
NODE = """
const fs = require("fs");
exports.handler = async () =>
  ({ opt: fs.readdirSync("/opt").sort(), settings: fs.readFileSync("/opt/settings.txt", "utf8") });
"""
FIRST = {"settings.txt": "of the first", "first/a.txt": "a"}
SECOND = {"settings.txt": "of the second", "second/b.txt": "b"}


def _layer(key: str) -> dict[str, Any]:
    content = {"S3Bucket": "conformance-opt", "S3Key": key}
    return {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": content}}


def _with_tool(files: dict[str, str]) -> bytes:
    return zipped({**files, "bin/say": "#!/bin/sh\necho from the layer\n"}, executable=["bin/say"])


@pytest.fixture(scope="module")
def functions(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    s3 = cloud.client("s3", region=REGION)
    s3.create_bucket(Bucket="conformance-opt", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="conformance-opt", Key="first.zip", Body=_with_tool(FIRST))
    s3.put_object(Bucket="conformance-opt", Key="second.zip", Body=zipped(SECOND))
    first, both = [{"Ref": "First"}], [{"Ref": "First"}, {"Ref": "Second"}]
    made = {
        "One": function(PYTHON, "Role", Layers=first),
        "Two": function(PYTHON, "Role", Layers=both),
        "None": function(PYTHON, "Role"),
        "Node": function(NODE, "Role", Runtime="nodejs22.x", Layers=both),
    }
    template = {
        "Resources": {"Role": role(), "First": _layer("first.zip"), "Second": _layer("second.zip"), **made},
        "Outputs": {name: {"Value": {"Ref": name}} for name in made},
    }
    outputs: dict[str, str] = stacks.deploy(template, region=REGION)
    return outputs


def _answer(cloud: LocalCloud, name: str, event: dict[str, Any] | None = None) -> Any:
    answer = cloud.client("lambda", region=REGION).invoke(FunctionName=name, Payload=json.dumps(event or {}))
    return json.load(answer["Payload"])


def test_a_function_finds_the_files_of_its_layer_and_may_run_them(cloud: LocalCloud, functions: dict[str, str]) -> None:
    answer = _answer(cloud, functions["One"], {"run": True})
    assert answer["opt"] == ["bin", "first", "settings.txt"]
    assert answer["settings"] == "of the first"
    assert answer["said"] == "from the layer\n"


@pytest.mark.parametrize("name", ["Two", "Node"])
def test_a_later_layer_comes_before_an_earlier_one(cloud: LocalCloud, functions: dict[str, str], name: str) -> None:
    answer = _answer(cloud, functions[name])
    assert answer["opt"] == ["bin", "first", "second", "settings.txt"]
    assert answer["settings"] == "of the second"


def test_nobody_else_finds_them(cloud: LocalCloud, functions: dict[str, str]) -> None:
    _answer(cloud, functions["Two"])
    machine = sorted(file.name for file in Path("/opt").iterdir())
    assert _answer(cloud, functions["None"])["opt"] == machine
    assert not Path("/opt/settings.txt").exists()
