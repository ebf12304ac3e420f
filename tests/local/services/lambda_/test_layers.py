"""Lambda layers: pure Python is imported from them, and code for another machine gives way to the host's package."""

import io
import json
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import PIL
import pytest
from PIL import _imaging

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.lambda_.layers import without_foreign_code

REGION = "us-west-2"
ARM64_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xb7\x00" + bytes(40)
SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))

HANDLER = """
import PIL, pure_package
def handler(event, context):
    return {"pillow": PIL.__version__, "pure": pure_package.ANSWER}
"""


def zipped(files: dict[str, bytes | str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()


def names(layer: bytes) -> list[str]:
    return sorted(zipfile.ZipFile(io.BytesIO(layer)).namelist())


def test_a_function_gets_the_hosts_package_for_one_of_another_machine(cloud: LocalCloud, stacks: Any) -> None:
    layer = zipped(
        {
            "python/PIL/__init__.py": "__version__ = 'compiled for another machine'",
            "python/PIL/_imaging.cpython-314-aarch64-linux-gnu.so": ARM64_ELF,
            "python/pillow.libs/libjpeg-1.so.62.4.0": ARM64_ELF,
            "python/pure_package/__init__.py": "ANSWER = 42",
        }
    )
    s3 = cloud.client("s3", region=REGION)
    s3.create_bucket(Bucket="conformance-layers", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="conformance-layers", Key="layer.zip", Body=layer)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}},
            },
            "Layer": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {
                    "Content": {"S3Bucket": "conformance-layers", "S3Key": "layer.zip"},
                    "CompatibleRuntimes": ["python3.14"],
                    "CompatibleArchitectures": ["arm64"],
                },
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Architectures": ["arm64"],
                    "Handler": "index.handler",
                    "Code": {"ZipFile": HANDLER},
                    "Layers": [{"Ref": "Layer"}],
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
        },
        "Outputs": {"Function": {"Value": {"Ref": "Function"}}},
    }
    outputs = stacks.deploy(template, region=REGION)
    answer = cloud.client("lambda", region=REGION).invoke(FunctionName=outputs["Function"])
    assert json.loads(answer["Payload"].read()) == {"pillow": PIL.__version__, "pure": 42}


@pytest.mark.parametrize("folder", ["python", "python/lib/python3.14/site-packages"])
@pytest.mark.parametrize(
    "compiled",
    [
        {"package/_code.cpython-314-aarch64-linux-gnu.so": ARM64_ELF},
        {"package/_code.abi3.so": ARM64_ELF},
        {"package/_code.cpython-399-x86_64-linux-gnu.so": Path(_imaging.__file__).read_bytes()},
        {"package/libs/libz.so.1.3": ARM64_ELF},
    ],
)
def test_a_package_leaves_as_a_whole(folder: str, compiled: dict[str, bytes]) -> None:
    files: dict[str, bytes | str] = {"package/__init__.py": "", "other/__init__.py": "", "single.py": ""}
    layer = zipped({f"{folder}/{name}": body for name, body in {**files, **compiled}.items()} | {"bin/tool": ARM64_ELF})
    assert names(without_foreign_code(layer)) == ["bin/tool", f"{folder}/other/__init__.py", f"{folder}/single.py"]


def test_what_this_machine_can_run_stays_byte_for_byte() -> None:
    own = Path(_imaging.__file__).read_bytes()
    layer = zipped({f"python/package/_code{SUFFIX}": own, "python/package/_stable.abi3.so": own})
    assert without_foreign_code(layer) == layer
