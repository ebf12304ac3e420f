"""Environments are bootstrapped with the CDK's own qualifier; a stack that asks for another bootstrap is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, DefaultStackSynthesizer, Stack
from aws_cdk.aws_s3_assets import Asset

from cdp_constructs.local import DeploymentError, LocalCloud
from tests.assembly.assemblies import QUEUE, AssemblyWriter

Name = Callable[[str], str]


def asking(writer: AssemblyWriter, stack: str, path: str, *, region: str = "us-east-1", version: int = 6) -> None:
    """Write a stack whose template reads the version of the bootstrap."""
    body: dict[str, Any] = {
        **QUEUE,
        "Parameters": {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}},
    }
    writer.stack(
        stack,
        body,
        environment=f"aws://unknown-account/{region}",
        bootstrapStackVersionSsmParameter=path,
        requiresBootstrapStackVersion=version,
    )


def stacks(cloud: LocalCloud, region: str = "us-east-1") -> set[str]:
    return {each["StackName"] for each in cloud.client("cloudformation", region).describe_stacks()["Stacks"]}


def test_a_version_that_is_no_number_is_refused(cloud: LocalCloud, writer: AssemblyWriter, name: Name) -> None:
    stack, path = name("odd"), f"/cdp/{name('odd')}/version"
    cloud.client("ssm").put_parameter(Name=path, Value="thirty", Type="String")
    asking(writer, stack, path)
    with pytest.raises(DeploymentError, match=f"{stack}: it needs version 6 of the bootstrap, and .* has thirty"):
        cloud.deploy(writer.folder)
    assert stack not in stacks(cloud)


@pytest.mark.parametrize("region", ["us-east-1", "eu-north-1"])
def test_an_environment_is_bootstrapped(cloud: LocalCloud, writer: AssemblyWriter, name: Name, region: str) -> None:
    path = "/cdk-bootstrap/hnb659fds/version"
    asking(writer, name("bootstrap"), path, region=region)
    cloud.deploy(writer.folder)
    assert int(cloud.client("ssm", region).get_parameter(Name=path)["Parameter"]["Value"]) > 6
    cloud.client("s3", region).head_bucket(Bucket=f"cdk-hnb659fds-assets-000000000000-{region}")


def test_another_qualifier_is_refused_until_the_environment_is_bootstrapped(
    cloud: LocalCloud, writer: AssemblyWriter, name: Name
) -> None:
    plain, other, team = name("plain"), name("other"), name("q")[-10:]
    asking(writer, plain, "/cdk-bootstrap/hnb659fds/version")
    asking(writer, other, f"/cdk-bootstrap/{team}/version", region="eu-west-1")
    with pytest.raises(DeploymentError) as caught:
        cloud.deploy(writer.folder)
    message = str(caught.value)
    assert f"{other}: SSM parameter /cdk-bootstrap/{team}/version not found" in message
    assert f"`cdk bootstrap --qualifier {team} aws://000000000000/eu-west-1`" in message
    assert f"`cdp local up --bootstrap-qualifier {team}`" in message
    assert plain not in stacks(cloud), "nothing was created"
    assert cloud.deploy(writer.folder, stacks=[plain]).changed == (plain,)
    cloud.deploy(writer.folder, bootstrap_qualifiers=[team])
    asking(writer, name("again"), f"/cdk-bootstrap/{team}/version", region="eu-west-1")
    cloud.deploy(writer.folder)


def test_what_the_cdk_synthesises_with_a_qualifier(cloud: LocalCloud, tmp_path: Path, name: Name) -> None:
    team, stack = name("q")[-10:], name("qualified")
    file = tmp_path / "file.txt"
    file.write_text(name("content"))
    app = App(outdir=str(tmp_path / "cdk.out"))
    Asset(Stack(app, stack, synthesizer=DefaultStackSynthesizer(qualifier=team)), "File", path=str(file))
    assembly = Path(app.synth().directory)
    with pytest.raises(DeploymentError, match="Has the environment been bootstrapped"):
        cloud.deploy(assembly)
    assert cloud.deploy(assembly, bootstrap_qualifiers=[team]).changed == (stack,)


def test_an_older_bootstrap_than_is_needed(cloud: LocalCloud, writer: AssemblyWriter, name: Name) -> None:
    team, stack = name("q")[-10:], name("newer")
    path = f"/cdk-bootstrap/{team}/version"
    asking(writer, stack, path)
    cloud.client("ssm").put_parameter(Name=path, Value="4", Type="String")
    with pytest.raises(DeploymentError, match=f"needs version 6 .* has 4.*cdk bootstrap --qualifier {team}"):
        cloud.deploy(writer.folder, bootstrap_qualifiers=[team])
    cloud.client("ssm").put_parameter(Name=path, Value="6", Type="String", Overwrite=True)
    cloud.deploy(writer.folder)


def test_a_parameter_of_another_name_has_to_be_there(cloud: LocalCloud, writer: AssemblyWriter, name: Name) -> None:
    path = f"/{name('own')}/bootstrap"
    asking(writer, name("own"), path)
    with pytest.raises(DeploymentError, match=f"{path} not found.*put the parameter {path} there"):
        cloud.deploy(writer.folder)
    cloud.client("ssm").put_parameter(Name=path, Value="6", Type="String")
    cloud.deploy(writer.folder)
