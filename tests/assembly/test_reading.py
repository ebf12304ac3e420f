"""The reader of cloud assemblies: order, environments, nested assemblies, assets, and one clear error for bad input."""

from pathlib import Path

import pytest

from cdp_constructs.assembly import AssemblyError, read_assembly, select
from tests.assembly.assemblies import QUEUE, AssemblyWriter


@pytest.fixture
def writer(tmp_path: Path) -> AssemblyWriter:
    return AssemblyWriter(tmp_path / "cdk.out")


def test_a_stack_without_environment_goes_to_the_default_one(writer: AssemblyWriter) -> None:
    writer.stack("Plain", QUEUE)
    (stack,) = read_assembly(writer.folder)
    assert (stack.name, stack.account, stack.region) == ("Plain", "000000000000", "us-east-1")


def test_a_stack_keeps_its_environment_name_parameters_and_tags(writer: AssemblyWriter) -> None:
    writer.stack(
        "Artifact",
        QUEUE,
        environment="aws://111122223333/ap-northeast-1",
        stackName="chat-tokyo",
        parameters={"Size": "3"},
        tags={"team": "chat"},
        bootstrapStackVersionSsmParameter="/cdk-bootstrap/custom/version",
        requiresBootstrapStackVersion=6,
    )
    (stack,) = read_assembly(writer.folder)
    assert (stack.name, stack.account, stack.region) == ("chat-tokyo", "111122223333", "ap-northeast-1")
    assert stack.parameters == {"Size": "3"}
    assert stack.tags == {"team": "chat"}
    assert (stack.bootstrap_parameter, stack.bootstrap_version) == ("/cdk-bootstrap/custom/version", 6)


def test_dependencies_come_first_whatever_their_order_in_the_manifest(writer: AssemblyWriter) -> None:
    writer.stack("Web", QUEUE, dependencies=["Data", "Network"])
    writer.stack("Data", QUEUE, dependencies=["Network"])
    writer.stack("Network", QUEUE)
    stacks = read_assembly(writer.folder)
    assert [stack.name for stack in stacks] == ["Network", "Data", "Web"]
    assert stacks[2].dependencies == {"Network", "Data"}


def test_stacks_that_need_not_wait_for_each_other_keep_the_order_of_the_manifest(writer: AssemblyWriter) -> None:
    names = [f"Region{number}" for number in range(9)]
    writer.stack("Web", QUEUE, dependencies=names)
    for name in names:
        writer.stack(name, QUEUE)
    assert [stack.name for stack in read_assembly(writer.folder)] == [*names, "Web"]


def test_stacks_of_nested_assemblies_are_read_and_ordered(writer: AssemblyWriter) -> None:
    stage = AssemblyWriter(writer.folder / "Prod", nested_in=writer)
    stage.stack("ProdData", QUEUE, stackName="Prod-Data", displayName="Prod/Data")
    stage.stack("ProdWeb", QUEUE, stackName="Prod-Web", displayName="Prod/Web", dependencies=["ProdData"])
    writer.stack("After", QUEUE, dependencies=["assembly-Prod"])
    stacks = read_assembly(writer.folder)
    assert [stack.name for stack in stacks] == ["Prod-Data", "Prod-Web", "After"]
    assert stacks[2].dependencies == {"ProdData", "ProdWeb"}
    assert stacks[0].template() == QUEUE


def test_stacks_that_share_a_name_are_labelled_by_their_path(writer: AssemblyWriter) -> None:
    for region in ("us-west-2", "ap-northeast-1"):
        writer.stack(
            f"Chat{region}", QUEUE, environment=f"aws://unknown-account/{region}", stackName="Chat", displayName=region
        )
    writer.stack("Global", QUEUE, displayName="all/Global")
    assert {stack.label for stack in read_assembly(writer.folder)} == {"us-west-2", "ap-northeast-1", "Global"}


def test_assets_name_their_bucket_in_the_region_of_the_stack(writer: AssemblyWriter, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text("x = 1")
    writer.stack("Agnostic", QUEUE, files=[code])
    writer.stack("Regional", QUEUE, environment="aws://unknown-account/us-west-2", files=[code / "index.py"])
    agnostic, regional = (stack.assets[0] for stack in read_assembly(writer.folder))
    assert (agnostic.bucket, agnostic.region) == ("cdk-hnb659fds-assets-000000000000-us-east-1", "us-east-1")
    assert (regional.bucket, regional.region) == ("cdk-hnb659fds-assets-000000000000-us-west-2", "us-west-2")
    assert (agnostic.is_folder, regional.is_folder) == (True, False)
    assert agnostic.source == code
    assert regional.key.endswith(".py")


def test_container_images_are_named(writer: AssemblyWriter) -> None:
    place = {"repositoryName": "cdk-assets-${AWS::AccountId}-${AWS::Region}", "imageTag": "abc"}
    source = {"directory": "asset.abc", "dockerFile": "web.Dockerfile", "dockerBuildArgs": {"VERSION": "3"}}
    image = {"displayName": "Web/Image", "source": source, "destinations": {"current": place}}
    writer.stack("Web", QUEUE, docker_images={"abc": image, "def": {"source": {"executable": ["make-image"]}}})
    built, made = read_assembly(writer.folder)[0].images
    assert (built.label, built.source, built.dockerfile) == ("Web/Image", writer.folder / "asset.abc", "web.Dockerfile")
    assert (built.arguments, built.names) == ({"VERSION": "3"}, ("cdk-assets-000000000000-us-east-1:abc",))
    assert (made.label, made.source) == ("def", None)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        pytest.param(None, ["Network", "Data", "Web"], id="all"),
        pytest.param(["Data"], ["Network", "Data"], id="with what it depends on"),
        pytest.param(["*t*"], ["Network", "Data"], id="pattern"),
        pytest.param([], [], id="none"),
    ],
)
def test_stacks_are_selected_with_their_dependencies(
    writer: AssemblyWriter, patterns: list[str] | None, names: list[str]
) -> None:
    writer.stack("Web", QUEUE, dependencies=["Data"])
    writer.stack("Data", QUEUE, dependencies=["Network"])
    writer.stack("Network", QUEUE)
    assert [stack.name for stack in select(read_assembly(writer.folder), patterns)] == names


def test_a_stack_that_is_not_there_is_named_with_those_that_are(writer: AssemblyWriter) -> None:
    writer.stack("Web", QUEUE)
    with pytest.raises(AssemblyError, match=r"no stack of the assembly is called Wbe; it has Web"):
        select(read_assembly(writer.folder), ["Wbe"])


def test_a_folder_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"manifest\.json does not exist; name the folder that `cdk synth` wrote"):
        read_assembly(tmp_path)


def test_a_file_that_the_manifest_names_and_is_not_there_is_said_to_be_missing(writer: AssemblyWriter) -> None:
    writer.stack("Web", QUEUE)
    (writer.folder / "Web.assets.json").unlink()
    [stack] = read_assembly(writer.folder)
    with pytest.raises(AssemblyError, match=r"Web\.assets\.json does not exist; the assembly is incomplete"):
        _ = stack.assets


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(AssemblyError, match=r"is not JSON .*; synthesise again"):
        read_assembly(tmp_path)


def test_an_asset_made_by_a_command_is_refused(writer: AssemblyWriter) -> None:
    writer.stack("Web", QUEUE)
    (writer.folder / "Web.assets.json").write_text(
        '{"files": {"a": {"displayName": "Site", "source": {"executable": ["make", "site"]}, "destinations": {}}}}'
    )
    (web,) = read_assembly(writer.folder)
    with pytest.raises(AssemblyError, match=r"the asset Site is made by the command \['make', 'site'\]"):
        _ = web.assets


def test_a_manifest_of_assets_is_needed_by_its_own_stack_only(writer: AssemblyWriter) -> None:
    writer.stack("Web", QUEUE)
    writer.stack("Data", QUEUE)
    (writer.folder / "Web.assets.json").unlink()
    (data,) = select(read_assembly(writer.folder), ["Data"])
    assert (data.assets, data.images) == ((), ())
    (web,) = select(read_assembly(writer.folder), ["Web"])
    with pytest.raises(AssemblyError, match=r"Web\.assets\.json does not exist"):
        _ = web.assets


@pytest.mark.parametrize("content", ["[]", "null", '"text"'])
def test_a_manifest_that_is_no_object_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(AssemblyError, match=r"manifest\.json is no object of JSON; synthesise again"):
        read_assembly(tmp_path)


def test_a_file_in_place_of_the_folder_and_a_folder_in_place_of_the_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}")
    with pytest.raises(AssemblyError, match=r"file/manifest\.json does not exist; name the folder"):
        read_assembly(tmp_path / "file")
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(AssemblyError, match=r"manifest\.json cannot be read"):
        read_assembly(tmp_path)
