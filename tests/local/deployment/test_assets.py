"""Assets: those of the assembly are deployed, and no other file of the machine unless it is asked for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack, Stage
from aws_cdk.aws_s3_assets import Asset
from aws_cdk.aws_sqs import CfnQueue

from cdp_constructs.local import LocalCloud, LocalCloudError
from tests.assembly.assemblies import QUEUE, AssemblyWriter

BUCKET = "cdk-hnb659fds-assets-000000000000-us-east-1"

Name = Callable[[str], str]


@pytest.fixture
def secret(tmp_path: Path, name: Name) -> Path:
    file = tmp_path / "credentials"
    file.write_text(name("secret"))
    return file


def keys(cloud: LocalCloud) -> set[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"] for item in found}


def refused(cloud: LocalCloud, folder: Path, named: Path) -> None:
    with pytest.raises(LocalCloudError, match="has assets outside of its folder") as caught:
        cloud.deploy(folder)
    assert str(named) in str(caught.value)
    assert "`cdp local up --allow-assets-outside`" in str(caught.value)


def test_a_file_outside_is_refused_unless_it_is_allowed(
    cloud: LocalCloud, writer: AssemblyWriter, secret: Path, name: Name
) -> None:
    stack = name("outside")
    writer.stack(stack, QUEUE, files=[secret])
    key = AssemblyWriter.asset_hash(secret)
    refused(cloud, writer.folder, secret)
    assert stack not in {item["StackName"] for item in cloud.client("cloudformation").describe_stacks()["Stacks"]}
    cloud.deploy(writer.folder, allow_assets_outside=True)
    assert key in keys(cloud)


def test_a_file_above_the_assembly_is_refused(
    cloud: LocalCloud, writer: AssemblyWriter, secret: Path, name: Name
) -> None:
    writer.stack(name("above"), QUEUE, files=[writer.folder / ".." / secret.name])
    refused(cloud, writer.folder, secret)


def test_a_container_image_from_outside_is_refused(
    cloud: LocalCloud, writer: AssemblyWriter, tmp_path: Path, name: Name
) -> None:
    """What a Dockerfile copies could be any file that the user can read."""
    context = tmp_path / "elsewhere"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM python:3\nCOPY . /app\n")
    image = {"displayName": "Web/Image", "source": {"directory": "../elsewhere"}}
    writer.stack(name("image"), QUEUE, docker_images={"abc": image})
    with pytest.raises(LocalCloudError, match=r"has assets outside of its folder: .*elsewhere"):
        cloud.deploy(writer.folder)


@pytest.mark.parametrize("kind", ["file", "folder", "asset"])
def test_a_link_that_leads_outside_is_refused(
    cloud: LocalCloud, writer: AssemblyWriter, secret: Path, name: Name, kind: str
) -> None:
    asset = writer.folder / "asset.1"
    if kind == "asset":
        asset.symlink_to(secret)
    else:
        (asset / "deep").mkdir(parents=True)
        (asset / "index.py").write_text(name("code"))
        (asset / "deep" / "link").symlink_to(secret if kind == "file" else secret.parent)
    writer.stack(name("link"), QUEUE, files=[asset])
    refused(cloud, writer.folder, secret if kind != "folder" else secret.parent)


def test_a_link_that_stays_inside_is_followed(cloud: LocalCloud, writer: AssemblyWriter, name: Name) -> None:
    asset = writer.folder / "asset.2"
    asset.mkdir()
    (asset / "index.py").write_text(name("code"))
    (asset / "again.py").symlink_to("index.py")
    writer.stack(name("inside"), QUEUE, files=[asset])
    assert cloud.deploy(writer.folder).changed
    assert f"{AssemblyWriter.asset_hash(asset)}.zip" in keys(cloud)


@pytest.mark.parametrize("part", ["templateFile", "file", "directoryName"])
def test_a_manifest_that_names_files_outside_is_refused(
    cloud: LocalCloud, writer: AssemblyWriter, name: Name, part: str
) -> None:
    other = AssemblyWriter(writer.folder.parent / "other")
    other.stack("other", QUEUE)
    nested = AssemblyWriter(writer.folder / "nested", nested_in=writer)
    nested.stack("inner", QUEUE)
    stack = name("outside")
    writer.stack(stack, QUEUE)
    artifact, value = {
        "templateFile": (stack, "../other/other.template.json"),
        "file": (f"{stack}.assets", "../other/other.assets.json"),
        "directoryName": ("assembly-nested", "../other"),
    }[part]
    writer.artifacts[artifact]["properties"][part] = value
    writer.write()
    with pytest.raises(LocalCloudError, match=f"names {re.escape(value)}, which is outside the assembly"):
        cloud.deploy(writer.folder)


@pytest.mark.parametrize("staging", [True, False])
def test_what_the_cdk_stages_is_inside_also_below_stages(
    cloud: LocalCloud, tmp_path: Path, name: Name, *, staging: bool
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text(name("code"))
    context: dict[str, Any] = {} if staging else {"aws:cdk:disable-asset-staging": True}
    app = App(outdir=str(tmp_path / "cdk.out"), context=context)
    for scope in (app, Stage(app, "Prod"), Stage(Stage(app, "Outer"), "Inner")):
        stack = Stack(scope, name("cdk"))
        Asset(stack, "Code", path=str(code))
    assembly = Path(app.synth().directory)
    if staging:
        assert len(cloud.deploy(assembly).changed) == 3
    else:
        refused(cloud, assembly, code)
        assert len(cloud.deploy(assembly, allow_assets_outside=True).changed) == 3


def test_assets_of_the_legacy_synthesizer_are_refused_with_the_one_that_is_needed(
    cloud: LocalCloud, tmp_path: Path, name: Name
) -> None:
    code = tmp_path / "index.py"
    code.write_text(name("code"))
    app = App(outdir=str(tmp_path / "cdk.out"))
    legacy, plain = name("legacy"), name("plain")
    Asset(Stack(app, legacy, synthesizer=LegacyStackSynthesizer()), "Code", path=str(code))
    CfnQueue(Stack(app, plain, synthesizer=LegacyStackSynthesizer()), "Queue")
    assembly = Path(app.synth().directory)
    with pytest.raises(LocalCloudError, match=f"the assets of {legacy} are .*legacy synthesizer.*DefaultStackSynth"):
        cloud.deploy(assembly)
    assert plain not in {item["StackName"] for item in cloud.client("cloudformation").describe_stacks()["Stacks"]}
    assert cloud.deploy(assembly, stacks=[plain]).changed == (plain,)


def test_another_stack_may_lack_its_manifest(cloud: LocalCloud, writer: AssemblyWriter, name: Name) -> None:
    wanted, broken = name("wanted"), name("broken")
    writer.stack(wanted, QUEUE)
    writer.stack(broken, QUEUE)
    (writer.folder / f"{broken}.assets.json").unlink()
    assert cloud.deploy(writer.folder, stacks=[wanted]).changed == (wanted,)
    with pytest.raises(LocalCloudError, match=rf"{broken}\.assets\.json does not exist"):
        cloud.deploy(writer.folder)
