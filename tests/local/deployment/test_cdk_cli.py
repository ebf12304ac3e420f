"""The pinned CDK CLI works against the embedded cloud with nothing but AWS_ENDPOINT_URL and made-up keys."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, DefaultStackSynthesizer, Environment, Stack
from aws_cdk.aws_s3_assets import Asset

from cdp_constructs.local import DeploymentError, LocalCloud

ROOT = Path(__file__).parents[3]
REGION = "eu-west-1"

APP = """
import os
import aws_cdk as cdk
from aws_cdk import aws_lambda, aws_s3, aws_sqs

app = cdk.App()
stack = cdk.Stack(app, "Small", env=cdk.Environment(region=os.environ["CDK_DEFAULT_REGION"]))
bucket = aws_s3.Bucket(stack, "Bucket", enforce_ssl=True, removal_policy=cdk.RemovalPolicy.DESTROY)
queue = aws_sqs.Queue(stack, "Queue", enforce_ssl=True,
                      visibility_timeout=cdk.Duration.seconds(int(os.environ["VISIBILITY_TIMEOUT"])))
function = aws_lambda.Function(stack, "Function", runtime=aws_lambda.Runtime.PYTHON_3_14, handler="index.handler",
                               code=aws_lambda.Code.from_asset("code"), environment={"QUEUE_URL": queue.queue_url})
queue.grant_send_messages(function)
cdk.CfnOutput(stack, "FunctionName", value=function.function_name)
cdk.CfnOutput(stack, "QueueUrl", value=queue.queue_url)
app.synth()
"""
HANDLER = """
import os
import boto3

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody="from the function")
"""

Cdk = Callable[..., str]


@pytest.fixture
def own_cloud() -> Iterator[LocalCloud]:
    """A cloud of this test's own: a bootstrapped one is not what the other tests expect."""
    with LocalCloud.start() as cloud:
        yield cloud


@pytest.fixture
def cdk(own_cloud: LocalCloud, tmp_path: Path) -> Cdk:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(HANDLER)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | {
        **own_cloud.root.environment(own_cloud.endpoint, REGION),
        "CDK_VALIDATION": "false",
    }
    node = Path(sys.executable).parent / "node"

    def run(*arguments: str, visibility_timeout: int = 30) -> str:
        command = [str(node), str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments]
        ended = subprocess.run(
            [*command, "--app", f"{sys.executable} app.py", "--no-notices", "--no-color"],
            cwd=tmp_path,
            env=environment | {"VISIBILITY_TIMEOUT": str(visibility_timeout), "JSII_NODE": str(node)},
            capture_output=True,
            text=True,
            check=False,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == 0, output
        # The CLI would go on with the keys it was given, and the bootstrapped roles would not have been tried.
        assert "could not be used to assume" not in output
        return output

    return run


def _stack(cloud: LocalCloud) -> Any:
    return cloud.client("cloudformation", REGION).describe_stacks(StackName="Small")["Stacks"][0]


def test_bootstrap_deploy_diff_redeploy_and_destroy(cdk: Cdk, own_cloud: LocalCloud, tmp_path: Path) -> None:
    cdk("bootstrap", f"aws://000000000000/{REGION}")
    cdk("deploy", "--require-approval", "never")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in _stack(own_cloud)["Outputs"]}

    answer = own_cloud.client("lambda", REGION).invoke(FunctionName=outputs["FunctionName"], Payload=b"{}")
    assert "FunctionError" not in answer, json.load(answer["Payload"])
    sqs = own_cloud.client("sqs", REGION)
    (message,) = sqs.receive_message(QueueUrl=outputs["QueueUrl"])["Messages"]
    assert message["Body"] == "from the function"

    assert "Number of stacks with differences: 0" in cdk("diff")
    difference = cdk("diff", visibility_timeout=45)
    assert "Number of stacks with differences: 1" in difference
    assert "VisibilityTimeout" in difference

    cdk("deploy", "--require-approval", "never", visibility_timeout=45)
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "45"}
    assert _stack(own_cloud)["StackStatus"] == "UPDATE_COMPLETE"

    # The deployer continues where the CLI stopped: the same stack, the bucket of the bootstrap.
    assert own_cloud.deploy(tmp_path / "cdk.out").outputs["Small"] == outputs

    cdk("destroy", "--force")
    left = own_cloud.client("cloudformation", REGION).describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in left] == ["CDKToolkit"]
    assert outputs["QueueUrl"] not in sqs.list_queues().get("QueueUrls", [])


def test_an_environment_that_was_bootstrapped_with_another_qualifier(
    cdk: Cdk, own_cloud: LocalCloud, tmp_path: Path
) -> None:
    app = App(outdir=str(tmp_path / "qualified"))
    environment = Environment(account="000000000000", region=REGION)
    stack = Stack(app, "Qualified", env=environment, synthesizer=DefaultStackSynthesizer(qualifier="team"))
    Asset(stack, "Code", path=str(tmp_path / "code"))
    assembly = app.synth().directory
    with pytest.raises(DeploymentError, match=f"cdk bootstrap --qualifier team aws://000000000000/{REGION}"):
        own_cloud.deploy(assembly)
    cdk("bootstrap", "--qualifier", "team", "--toolkit-stack-name", "Team", f"aws://000000000000/{REGION}")
    assert own_cloud.deploy(assembly).changed == ("Qualified",)
