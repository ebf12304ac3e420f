"""Deployments at the same time: of different stacks both succeed, of the same stack one is refused as by AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import Deployment, DeploymentError, LocalCloud
from tests.assembly.assemblies import AssemblyWriter, template
from tests.local.resources import arn, function, role

ROOT = Path(__file__).parents[3]
REGION = "eu-central-1"
PARAMETER = "/cdk-bootstrap/hnb659fds/version"
SLOW = """
import json, time, urllib.request
def handler(event, context):
    if event["ResourceProperties"].get("Wait"):
        time.sleep(float(event["ResourceProperties"]["Wait"]))
    body = json.dumps({**{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
                       "Status": "SUCCESS", "PhysicalResourceId": "slow"}).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], data=body, method="PUT"))
"""


def slow(seconds: float) -> dict[str, Any]:
    """A template that takes so long to create or to update."""
    wait = {"ServiceToken": arn("Function"), "Wait": str(seconds)}
    resources = {
        "Role": role(),
        "Function": function(SLOW, "Role", Timeout=30),
        "Slow": {"Type": "Custom::Slow", "Properties": wait},
    }
    return {"Resources": resources}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A cloud without a bootstrap: each deployment here makes its own."""
    with LocalCloud.start(timeout=120) as running:
        yield running


def assemblies(tmp_path: Path, names: Sequence[str], region: str) -> list[Path]:
    """Return an assembly for each name, whose stack has a function and asks for the bootstrap; all with one asset."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text("def handler(event, context):\n    return event\n")
    digest = AssemblyWriter.asset_hash(code)
    bucket = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
    of_asset = {"Code": {"S3Bucket": bucket, "S3Key": f"{digest}.zip"}}
    body = template({"Role": role(), "Function": function("", "Role", **of_asset)})
    folders = []
    for name in names:
        writer = AssemblyWriter(tmp_path / name)
        own = writer.folder / "code"
        own.mkdir()
        (own / "index.py").write_text((code / "index.py").read_text())
        writer.stack(
            name,
            body,
            environment=f"aws://unknown-account/{region}",
            files=[own],
            bootstrapStackVersionSsmParameter=PARAMETER,
            requiresBootstrapStackVersion=6,
        )
        folders.append(writer.folder)
    return folders


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Return what each returned, or the error that it ended with."""
    ready = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        ready.wait()
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - looked at by the caller
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.parametrize("turn", range(3))
def test_deployments_of_different_stacks_share_the_bootstrap_and_an_asset(
    cloud: LocalCloud, tmp_path: Path, turn: int
) -> None:
    # Each turn in a Region that nobody has bootstrapped.
    region = ("eu-west-2", "eu-west-3", "ap-south-1")[turn]
    names = [f"beside-{number}" for number in range(4)]
    folders = assemblies(tmp_path, names, region)
    # As several programs do, each with clients of its own.
    clouds = [LocalCloud.attach(cloud.endpoint, credentials=cloud.root.credentials()) for _ in folders]
    found = at_once(
        [lambda each=each, folder=folder: each.deploy(folder) for each, folder in zip(clouds, folders, strict=True)]
    )
    assert [type(each) for each in found] == [Deployment] * len(folders), found
    for name, deployment in zip(names, found, strict=True):
        answer = cloud.client("lambda", region).invoke(
            FunctionName=deployment.resources[name]["Function"], Payload=json.dumps(name)
        )
        assert json.loads(answer["Payload"].read()) == name


def test_deployments_of_the_same_stack_end_with_it_complete(cloud: LocalCloud, writer: AssemblyWriter) -> None:
    writer.stack("together", slow(1))
    found = at_once([lambda: cloud.deploy(writer.folder)] * 3)
    assert any(isinstance(each, Deployment) for each in found), found
    for refused in [each for each in found if not isinstance(each, Deployment)]:
        assert isinstance(refused, DeploymentError)
        assert "the stack together was refused in us-east-1: Stack [together] already exists" in str(refused)
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName="together")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def _refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Message"])


def test_a_stack_takes_one_operation_at_a_time(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation", REGION)
    asked = {"StackName": "busy", "Capabilities": ["CAPABILITY_IAM"]}
    changed = {**asked, "TemplateBody": json.dumps(slow(0))}
    change = {**changed, "ChangeSetName": "second", "ChangeSetType": "UPDATE"}
    stack_id = client.create_stack(**asked, TemplateBody=json.dumps(slow(4)))["StackId"]
    creating = f"Stack:{stack_id} is in CREATE_IN_PROGRESS state and can not be updated."
    assert _refusal(client.create_stack, **changed) == "Stack [busy] already exists"
    assert _refusal(client.update_stack, **changed) == creating
    assert _refusal(client.create_change_set, **change) == creating
    client.get_waiter("stack_create_complete").wait(StackName="busy", WaiterConfig={"Delay": 1})

    client.create_change_set(**change)
    client.get_waiter("change_set_create_complete").wait(StackName="busy", ChangeSetName="second")
    client.update_stack(**asked, TemplateBody=json.dumps(slow(4.5)))
    updating = f"Stack:{stack_id} is in UPDATE_IN_PROGRESS state and can not be updated."
    assert _refusal(client.update_stack, **changed) == updating
    assert _refusal(client.create_change_set, **{**change, "ChangeSetName": "third"}) == updating
    assert _refusal(client.execute_change_set, StackName="busy", ChangeSetName="second") == updating
    assert _refusal(client.delete_stack, StackName="busy") == (
        "Stack [busy] cannot be deleted while in status UPDATE_IN_PROGRESS"
    )
    client.get_waiter("stack_update_complete").wait(StackName="busy", WaiterConfig={"Delay": 1})


def test_a_stack_that_is_being_created_can_be_deleted(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation", REGION)
    client.create_stack(StackName="given-up", Capabilities=["CAPABILITY_IAM"], TemplateBody=json.dumps(slow(2)))
    client.delete_stack(StackName="given-up")
    client.get_waiter("stack_delete_complete").wait(StackName="given-up", WaiterConfig={"Delay": 1})


def test_the_cdk_cli_deploys_in_several_processes(cloud: LocalCloud, tmp_path: Path) -> None:
    region = "ap-southeast-2"
    folders = assemblies(tmp_path, ["cli-one", "cli-two"], region)
    node = Path(sys.executable).parent / "node"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | {**cloud.root.environment(cloud.endpoint, region), "CDK_VALIDATION": "false"}

    def cdk(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(node), str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices", "--no-color"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    bootstrapped = cdk("bootstrap", f"aws://000000000000/{region}")
    assert bootstrapped.returncode == 0, bootstrapped.stderr
    deploy = ["deploy", "--require-approval", "never", "--app"]
    ended = at_once([lambda folder=folder: cdk(*deploy, str(folder)) for folder in folders])
    assert [each.returncode for each in ended] == [0, 0], [each.stderr for each in ended]

    for folder in (tmp_path / "same-1", tmp_path / "same-2"):
        writer = AssemblyWriter(folder)
        writer.stack("cli-same", slow(5), environment=f"aws://unknown-account/{region}")
    ended = at_once([lambda number=number: cdk(*deploy, str(tmp_path / f"same-{number}")) for number in (1, 2)])
    assert 0 in [each.returncode for each in ended], [each.stderr for each in ended]
    for each in ended:
        if each.returncode:
            # Which of the two is in the way depends on how far the other command was: the stack, or its change set.
            assert "cli-same" in each.stderr or "[cdk-deploy-change-set] already exists" in each.stderr
            assert "Traceback" not in each.stderr
    (stack,) = cloud.client("cloudformation", region).describe_stacks(StackName="cli-same")["Stacks"]
    assert stack["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
