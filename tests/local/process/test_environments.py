"""Where the server's environment is found, and how it is made."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from cdp_constructs import local
from cdp_constructs.local import InstallError, LocalCloud, StartError
from cdp_constructs.local.process import environments, installation
from cdp_constructs.local.process.environments import find_server_environment, installation_folder

ROOT = Path(__file__).parents[3]

FITTING = {**environments._own_versions(), **{name: environments._pins()[name] for name in environments._EXACT}}
OTHER_BOTO3 = {**FITTING, "boto3": "1.44.8"}
NETWORK_IS_GONE = """  \N{MULTIPLICATION SIGN} Failed to download `boto3`
  ├─▶ Request failed after 3 retries
  ╰─▶ dns error: failed to lookup address information
"""


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv(environments.VARIABLE, raising=False)


def script(file: Path, body: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def interpreter(file: Path, versions: dict[str, str]) -> Path:
    """Write what answers like an interpreter that is asked for the versions of its packages."""
    return script(file, f"echo '{json.dumps(versions)}'")


def uv(tmp_path: Path, body: str = "exit 0") -> Path:
    """Put a `uv` first on the PATH that takes note of what it is asked for; return the note."""
    calls = tmp_path / "calls"
    script(tmp_path / "bin" / "uv", f'echo "$@" >> {calls}\n{body}')
    return calls


def test_the_environment_of_the_process_comes_before_what_was_installed(tmp_path: Path) -> None:
    interpreter(installation_folder() / "bin" / "python", FITTING)
    interpreter(tmp_path / "bin" / "python", FITTING)
    script(tmp_path / "bin" / "cdp", "")
    found = find_server_environment()
    assert (found.python, found.is_own) == (Path(sys.executable), True)


def test_without_it_what_was_installed_then_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environments, "_own_versions", lambda: OTHER_BOTO3)
    tool = interpreter(tmp_path / "tools" / "cdp-constructs" / "bin" / "python", FITTING)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cdp").symlink_to(script(tool.with_name("cdp"), ""))  # as uv and pipx do
    assert find_server_environment().python == tool
    installed = interpreter(installation_folder() / "bin" / "python", FITTING)
    found = find_server_environment()
    assert (found.python, found.is_own) == (installed, False)


def test_the_variable_comes_before_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = interpreter(tmp_path / "python", FITTING)
    monkeypatch.setenv(environments.VARIABLE, str(chosen))
    found = find_server_environment()
    assert (found.python, found.is_own) == (chosen, False)


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        pytest.param(OTHER_BOTO3, f"boto3 is 1.44.8 where the server needs {FITTING['boto3']}", id="another boto3"),
        pytest.param({}, "ministack is not installed", id="nothing"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, versions: dict[str, str], reason: str
) -> None:
    monkeypatch.setattr(environments, "_own_versions", lambda: versions)
    with pytest.raises(StartError) as failure:
        LocalCloud.start()
    assert reason in str(failure.value)
    assert "run `cdp local install`" in str(failure.value)
    assert "\n" not in str(failure.value)
    monkeypatch.setenv(environments.VARIABLE, str(interpreter(tmp_path / "python", versions)))
    with pytest.raises(StartError, match=reason) as failure:
        LocalCloud.start()
    assert "\n" not in str(failure.value)


def test_the_server_runs_from_another_environment_and_imports_nothing_of_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv.create(tmp_path / "other", symlinks=True)
    [packages] = (tmp_path / "other").glob("lib/*/site-packages")
    (packages / "server.pth").write_text(sysconfig.get_path("purelib"))
    (tmp_path / "application").mkdir()
    (tmp_path / "application" / "ministack.py").write_text("raise RuntimeError('of the application')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "application"))
    monkeypatch.setenv(environments.VARIABLE, str(tmp_path / "other" / "bin" / "python"))
    with LocalCloud.start() as cloud:
        assert cloud.client("sts").get_caller_identity()["Account"] == "000000000000"


def test_an_application_loads_nothing_of_the_server() -> None:
    program = (
        "import sys\n"
        "from cdp_constructs.local import LocalCloud\n"
        "from cdp_constructs.cli import local\n"
        "server = {'ministack', 'aws_lambda_powertools', 'uvicorn', 'pydantic', 'cryptography', 'jwt', 'aws_cdk'}\n"
        "print(sorted(server & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_it_is_installed_once_with_exact_versions(tmp_path: Path) -> None:
    calls = uv(tmp_path)
    assert installation.install() is True
    assert installation.install() is False
    [call] = calls.read_text().splitlines()
    assert "--require-hashes" in call
    assert str(environments.pin_file("server")) in call
    assert (installation_folder() / "bin" / "python").exists()
    assert [
        file.name for file in installation_folder().parent.iterdir() if file.name.startswith((".new", ".old"))
    ] == []


def test_extras_are_added_and_stay(tmp_path: Path) -> None:
    calls = uv(tmp_path)
    installation.install()
    assert installation.install(["analytics"]) is True
    assert installation.install() is False
    assert installation.install(force=True) is True
    assert installation.installed_extras(installation_folder()) == frozenset({"analytics"})
    assert [str(environments.pin_file("analytics")) in call for call in calls.read_text().splitlines()] == [
        False,
        True,
        True,
    ]


def test_the_pinned_versions_are_those_of_the_lock_and_of_the_extra() -> None:
    lock = (ROOT / "requirements/dev.lock").read_text()
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["local"]
    pins = {pin for name in ("server", *environments.extras()) for pin in pinned(environments.pin_file(name))}
    assert pins <= set(re.findall(r"^([\w.-]+==\S+)", lock, re.MULTILINE))
    assert {requirement for requirement in extra if "==" in requirement} <= pins


def pinned(file: Path) -> list[str]:
    return re.findall(r"^([\w.-]+==\S+)", file.read_text(), re.MULTILINE)


def test_the_oldest_boto3_is_that_of_the_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"boto3>={'.'.join(map(str, local._OLDEST_BOTO3))}" in extras["local-client"]


def test_an_older_boto3_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _name: "1.34.162")
    with pytest.raises(ImportError, match=r"boto3 1\.35\.60 or newer and found 1\.34\.162: pip install"):
        _ = local.LocalCloud


def test_an_extra_that_does_not_exist_is_named() -> None:
    assert environments.extras() == ("analytics", "servers")
    with pytest.raises(InstallError, match="there is no server-of-theirs to install; there is analytics, servers"):
        installation.install(["server-of-theirs"])


def test_without_a_network_one_line_says_so_and_the_old_one_stays(tmp_path: Path) -> None:
    uv(tmp_path)
    installation.install()
    marker = installation_folder() / "old"
    marker.touch()
    uv(tmp_path, f"cat >&2 <<'END'\n{NETWORK_IS_GONE}END\nexit 1")
    with pytest.raises(InstallError) as failure:
        installation.install(force=True)
    assert "dns error: failed to lookup address information" in str(failure.value)
    assert "check the network" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert marker.exists()
    assert [file.name for file in installation_folder().parent.iterdir() if file.name.startswith(".new")] == []


def test_two_that_install_at_once_make_one(tmp_path: Path) -> None:
    calls = uv(tmp_path, "sleep 1")
    program = "from cdp_constructs.local.process import installation; print(installation.install())"
    command = [sys.executable, "-c", program]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ)) for _ in range(2)
    ]
    assert sorted(process.communicate(timeout=60)[0] for process in both) == ["False\n", "True\n"]
    assert len(calls.read_text().splitlines()) == 1


def test_an_installation_whose_python_is_gone_is_made_again(tmp_path: Path) -> None:
    uv(tmp_path)
    installation.install()
    (installation_folder() / "bin" / "python").unlink()
    assert installation.install() is True
    assert (installation_folder() / "bin" / "python").exists()
