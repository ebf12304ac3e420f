"""`cdp init` writes an application, or says why it does not."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cdp_constructs import __version__
from cdp_constructs.cli.app import app


def init(name: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["init", name])
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_file_is_filled(folder: Path) -> None:
    assert init("order-desk")[0] == 0
    files = {
        str(file.relative_to(folder / "order-desk")): file.read_text() for file in folder.rglob("*") if file.is_file()
    }
    assert {"app.py", "cdk.json", "order_desk/stack.py", "tests/test_stack.py", ".github/workflows/review.yml"} < set(
        files
    )
    assert [name for name, text in files.items() if re.search(r"@(name|package|stack|version|next)@", text)] == []
    assert "class OrderDeskStack(Stack):" in files["order_desk/stack.py"]


def test_the_application_takes_this_version_of_the_library(folder: Path) -> None:
    init("shop")
    [required] = [
        one
        for one in tomllib.loads((folder / "shop/pyproject.toml").read_text())["project"]["dependencies"]
        if one.startswith("cdp-constructs")
    ]
    least, most = re.fullmatch(r"cdp-constructs>=([\d.]+),<([\d.]+)", required).groups()  # type: ignore[union-attr]
    assert (
        tuple(map(int, least.split(".")))
        <= tuple(map(int, __version__.split(".")[:2]))
        < tuple(map(int, most.split(".")))
    )


@pytest.mark.parametrize("name", ["", "Shop", "a b", "../shop", "shop/", "1shop", "a--b", "é", "x" * 61])
def test_a_name_that_is_none_is_refused(folder: Path, name: str) -> None:
    status, text = init(name)
    assert status == 1
    assert "is no name for an application" in text
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "tests", "aws-cdk", "cdp-constructs"])
def test_a_name_that_is_in_use_is_refused(folder: Path, name: str) -> None:
    status, text = init(name)
    assert (status, "choose another" in text) == (1, True)
    assert list(folder.iterdir()) == []


def test_what_is_there_stays(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop/app.py").write_text("mine")
    status, text = init("shop")
    assert (status, "is there and not empty" in text) == (1, True)
    assert (folder / "shop/app.py").read_text() == "mine"


def workflows(folder: Path) -> dict[str, dict[str, Any]]:
    found = (folder / ".github/workflows").glob("*.yml")
    return {file.name: yaml.safe_load(file.read_text()) for file in found}


@pytest.fixture
def delivered(folder: Path) -> Path:
    done = CliRunner().invoke(app, ["init", "order-desk", "--github", "example/order-desk"])
    assert done.exit_code == 0, done.output
    return folder / "order-desk"


def test_an_application_with_a_repository_is_delivered_from_it(delivered: Path) -> None:
    assert set(workflows(delivered)) == {"deploy.yml", "deploy-region.yml", "review.yml"}
    assert 'REPOSITORY = "example/order-desk"' in (delivered / "deploy_roles.py").read_text()
    assert "## Delivery" in (delivered / "README.md").read_text()
    texts = [file.read_text() for file in delivered.rglob("*") if file.is_file()]
    assert not [text for text in texts if re.search(r"@(name|package|stack|version|next|cli|repository)@", text)]


def test_nothing_of_a_delivery_is_written_without_a_repository(folder: Path) -> None:
    init("order-desk")
    assert set(workflows(folder / "order-desk")) == {"review.yml"}
    assert "## Delivery" not in (folder / "order-desk/README.md").read_text()


@pytest.mark.parametrize("name", ["deploy.yml", "deploy-region.yml"])
def test_only_jobs_that_deploy_get_a_token_and_no_secret_is_read(delivered: Path, name: str) -> None:
    workflow = workflows(delivered)[name]
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        deploys = "environment" in job or "uses" in job
        least = {"contents": "read", "actions": "read"}
        assert job["permissions"] == ({**least, "id-token": "write"} if deploys else least)
    assert "secrets." not in (delivered / ".github/workflows" / name).read_text()


@pytest.mark.parametrize("name", ["deploy.yml", "deploy-region.yml"])
def test_actions_are_named_by_a_commit_and_keep_no_credentials(delivered: Path, name: str) -> None:
    steps = [step for job in workflows(delivered)[name]["jobs"].values() for step in job.get("steps", [])]
    used = [step for step in steps if "uses" in step]
    assert used
    for step in used:
        assert re.fullmatch(r"(actions|aws-actions)/[a-z-]+@[0-9a-f]{40}", step["uses"])
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    # What somebody wrote into a name or a message is no part of a command.
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]


def test_regions_are_deployed_one_after_another_each_by_its_own_role(delivered: Path) -> None:
    jobs = workflows(delivered)["deploy.yml"]["jobs"]
    assert list(jobs) == ["build", "staging", "production-eu-west-1", "production-ap-northeast-1"]
    before = ["build", "staging", "production-eu-west-1"]
    for (name, job), needed in zip(list(jobs.items())[1:], before, strict=True):
        assert needed in job["needs"]
        assert job["with"]["environment"] == name
    roles = (delivered / "deploy_roles.py").read_text()
    for name, job in list(jobs.items())[1:]:
        assert f'"{name}": "{job["with"]["region"]}"' in roles


def test_the_cdk_cli_is_the_one_that_this_project_is_tested_with(delivered: Path) -> None:
    version = json.loads((Path(__file__).parents[2] / "package.json").read_text())["devDependencies"]["aws-cdk"]
    named = [
        found
        for file in delivered.rglob("*")
        if file.is_file()
        for found in re.findall(r"aws-cdk@([\d.]+)", file.read_text())
    ]
    assert set(named) == {version}


@pytest.mark.parametrize("repository", ["order-desk", "example/", "a/b/c", "example/*", "exam ple/desk"])
def test_a_repository_that_is_none_is_refused(folder: Path, repository: str) -> None:
    done = CliRunner().invoke(app, ["init", "order-desk", "--github", repository])
    assert (done.exit_code, "is no repository of GitHub" in done.output) == (1, True)
    assert list(folder.iterdir()) == []
