"""`cdp init` writes an application, or says why it does not."""

import re
import tomllib
from pathlib import Path

import pytest
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
