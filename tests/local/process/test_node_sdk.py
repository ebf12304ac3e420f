"""The AWS SDK for JavaScript is downloaded once, by npm, in the versions that the package names."""

import json
from pathlib import Path

import pytest

from cdp_constructs.local.errors import InstallError
from cdp_constructs.local.process import node_sdk

NPM = """#!/bin/sh
echo "$PWD $@" >> {calls}
mkdir -p node_modules/@aws-sdk/client-s3/dist-cjs node_modules/@aws-sdk/client-s3/dist-es
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for npm, and return the file that has what it was called with."""
    made = tmp_path / "calls"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _npm(tmp_path, monkeypatch, NPM.format(calls=made))
    return made


def _npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir(exist_ok=True)
    npm.write_text(script)
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")


def test_it_is_downloaded_once(calls: Path, tmp_path: Path) -> None:
    assert not node_sdk.is_installed()
    assert node_sdk.install() is True
    assert node_sdk.install() is False
    assert node_sdk.install(force=True) is True
    assert node_sdk.is_installed()
    assert node_sdk.sdk_folder().is_relative_to(tmp_path / "cache" / "cdp-constructs" / "node-sdk")
    assert [line.split()[1] for line in calls.read_text().splitlines()] == ["ci"] * 4, "both versions, twice"
    client = node_sdk.sdk_folder() / "v3" / "node_modules" / "@aws-sdk" / "client-s3"
    assert [folder.name for folder in client.iterdir()] == ["dist-cjs"], "what is not for Node.js is left out"
    assert [file.name for file in node_sdk.sdk_folder().parent.iterdir()] == [node_sdk.sdk_folder().name]


@pytest.mark.usefixtures("calls")
def test_without_a_registry_one_line_says_so_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _npm(tmp_path, monkeypatch, "#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    with pytest.raises(InstallError, match=r"\(code ENOTFOUND\); it needs an npm registry") as failure:
        node_sdk.install()
    assert "\n" not in str(failure.value)
    assert not node_sdk.is_installed()
    assert not any(tmp_path.rglob(".new-*"))


@pytest.mark.usefixtures("calls")
def test_without_npm_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InstallError, match=r"npm is not on the PATH; install Node\.js"):
        node_sdk.install()


def test_the_versions_are_pinned_without_a_registry() -> None:
    for version in ("v2", "v3"):
        lock = json.loads((node_sdk._PINS / version / "package-lock.json").read_text())
        packages = [package for path, package in lock["packages"].items() if path]
        assert packages
        assert all(package["integrity"].startswith("sha512-") for package in packages)
        assert not any("resolved" in package for package in packages)
