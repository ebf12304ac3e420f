"""The wheel, installed with pip into an empty environment, in somebody else's CDK application."""

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parent.parent

APPLICATION = """
import aws_cdk as cdk
from aws_cdk import aws_s3 as s3, aws_sns as sns
from cdp_constructs import DirectObjectUpload, SnsSqsFanout

app = cdk.App()
stack = cdk.Stack(app, "Theirs")
alarms = sns.Topic(stack, "Alarms")
fanout = SnsSqsFanout(stack, "Messages", alarm_topic=alarms)
fanout.add_subscriber("Archive")
DirectObjectUpload(
    stack, "Photos", allowed_origins=["https://photos.example.com"], content_types=["image/jpeg"], max_size_mb=10
)
app.synth()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)],
        check=True,
        capture_output=True,
    )
    [built] = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def their_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that has the wheel and what pip installed for it, and nothing else."""
    directory = tmp_path_factory.mktemp("theirs") / "venv"
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    # Versions as locked, so that somebody else's release cannot break this test.
    pins = re.findall(r"^([a-z0-9-]+==[^ \\;]+)", (ROOT / "requirements/dev.lock").read_text(), re.MULTILINE)
    constraints = directory / "constraints.txt"
    constraints.write_text("\n".join(pins))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", constraints, wheel],
        check=True,
        capture_output=True,
    )
    return python


def test_the_wheel_has_types_and_handlers_and_nothing_compiled(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "cdp_constructs/py.typed" in names
    assert "cdp_constructs/local/process/pins/server.txt" in names
    assert [name for name in names if name.endswith("/index.py")]
    assert not [name for name in names if name.endswith(".pyc") or name.startswith(("tests/", "stacks/"))]


def _built(outdir: Path, repository: str) -> tuple[Path, Path]:
    """Build as `make dist` does, and return the sdist and the wheel that it builds."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(outdir), str(ROOT)]
    environment = {**os.environ, "CDP_REPOSITORY": repository}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [sdist], [wheel] = outdir.glob("*.tar.gz"), outdir.glob("*.whl")
    return sdist, wheel


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def _relative_links(text: str) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith(("https://", "#"))]


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist, from_sdist = _built(tmp_path, "")
    assert sorted(zipfile.ZipFile(from_sdist).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2].partition("/")[0] for name in archive.getnames()}
    assert names - {""} == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "cdp_constructs",
        "hatch_build.py",
        "pyproject.toml",
    }


def test_a_package_names_the_source_that_its_release_names(tmp_path: Path) -> None:
    metadata = _metadata(_built(tmp_path, "https://example.com/shop/cdp-constructs/")[1])
    files = f"https://example.com/shop/cdp-constructs/blob/v{metadata['Version']}"
    links = dict(value.split(", ") for value in metadata.get_all("Project-URL", []))
    assert links["Source"] == "https://example.com/shop/cdp-constructs"
    assert links["Changelog"] == f"{files}/CHANGELOG.md"
    readme = str(metadata.get_payload())
    assert f"({files}/docs/patterns/sns-sqs-fanout.md)" in readme
    assert not _relative_links(readme)


def test_a_package_without_an_address_has_no_dead_links(wheel: Path) -> None:
    metadata = _metadata(wheel)
    readme = str(metadata.get_payload())
    assert metadata.get_all("Project-URL") is None
    assert "`SnsSqsFanout`" in readme
    assert "<!--" not in readme
    assert not _relative_links(readme)


def test_their_application_synthesises_with_working_assets(their_python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    subprocess.run(
        [their_python, "app.py"],
        cwd=tmp_path,
        env={**environment, "CDK_OUTDIR": "cdk.out", "CDK_VALIDATION": "false"},
        check=True,
        capture_output=True,
    )
    files = json.loads((tmp_path / "cdk.out/Theirs.assets.json").read_text())["files"].values()
    folders = [tmp_path / "cdk.out" / file["source"]["path"] for file in files if file["source"]["packaging"] == "zip"]
    # A layer has its modules below python/, and no handler.
    functions = [folder for folder in folders if not (folder / "python").is_dir()]
    assert functions
    for folder in functions:
        [index] = folder.rglob("index.py")
        compile(index.read_text(), str(index), "exec")
        assert "def handler(" in index.read_text()
    assert str(ROOT) not in (tmp_path / "cdk.out/Theirs.template.json").read_text()


def test_asset_hashes_are_the_same_from_the_wheel_and_from_the_source_tree(their_python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    assets = []
    for interpreter in (str(their_python), sys.executable):
        outdir = tmp_path / Path(interpreter).parent.parent.name.replace(".", "")
        subprocess.run(
            [interpreter, "app.py"],
            cwd=tmp_path,
            env={**os.environ, "CDK_OUTDIR": str(outdir), "CDK_VALIDATION": "false", "PYTHONPATH": ""},
            check=True,
            capture_output=True,
        )
        files = json.loads((outdir / "Theirs.assets.json").read_text())["files"]
        assets.append({key for key, file in files.items() if file["source"]["packaging"] == "zip"})
    assert assets[0] == assets[1]


# Several installations: on a busy machine longer than the usual limit.
@pytest.mark.timeout(900)
def test_the_application_of_cdp_init_passes_its_own_tests(their_python: Path, wheel: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}

    def run(*command: str | Path, folder: Path = tmp_path) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(their_python.with_name("cdp"), "init", "order-desk")
    application = tmp_path / "order-desk"
    constraints = their_python.parents[1] / "constraints.txt"
    install = (their_python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", constraints)
    # The wheel first: the name of this library is on no index.
    run(*install, f"{wheel}[local,testing]", "hatchling", "mypy", "ruff", "editables")
    run(*install, "--no-build-isolation", "--editable", f"{application}[test]")
    tests = (their_python, "-m", "pytest", "-q")
    assert "4 passed" in run(*tests, "--snapshot-update", folder=application)
    assert "4 passed" in run(*tests, folder=application)
    run(their_python.with_name("ruff"), "check", ".", folder=application)
    run(their_python.with_name("ruff"), "format", "--check", ".", folder=application)
    run(their_python.with_name("mypy"), folder=application)
    run(their_python, "app.py", folder=application)


# As above, and an environment for the embedded cloud.
@pytest.mark.timeout(1500)
def test_the_commands_of_start_here_run_as_printed(wheel: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs/start.md").read_text()
    install, begin, run, keep, look = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    # `cdp card` is what the README has beside these.
    readme = (ROOT / "README.md").read_text().partition("## Use it")[2].partition("```console\n")[2].partition("```")[0]
    commands = [line.partition(" #")[0].rstrip() for line in readme.splitlines()]
    assert set(commands) - set(page.splitlines()) == {"make dist", "cdp card cdk.out", "cdp judge cdk.out"}
    checkout = tmp_path / "checkout"
    (checkout / "dist").mkdir(parents=True)
    (checkout / "dist" / wheel.name).write_bytes(wheel.read_bytes())
    # It holds until Ctrl-C; what is kept ends by a command.
    assert run.endswith("cdp local up cdk.out\n")
    run = (
        run.replace("up cdk.out", "up cdk.out --keep --json > deployed.json")
        + "cdp local down\ncdp card cdk.out\ncdp judge cdk.out\n"
    )
    # As the page says: a second subscriber.
    change = """python -c "import pathlib; file = pathlib.Path('order_desk/stack.py')
text = file.read_text()
new = '        self.messages.add_subscriber(\\'Search\\')\\n        CfnOutput('
file.write_text(text.replace('        CfnOutput(', new, 1))"
"""
    pins = re.findall(r"^([a-z0-9-]+==[^ \\;]+)", (ROOT / "requirements/dev.lock").read_text(), re.MULTILINE)
    (tmp_path / "constraints.txt").write_text("\n".join(pins))
    someone = {"NAME": "Anna", "EMAIL": "anna@example.com"}
    environment = {
        **{key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}},
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in someone.items()},
        "HOME": str(tmp_path),
        "PIP_CONSTRAINT": str(tmp_path / "constraints.txt"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    script = f"set -ex\n{install}{begin}{run}{keep}{change}{look}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    deployed = json.loads((tmp_path / "order-desk/deployed.json").read_text())
    assert deployed["stacks"][0]["outputs"]["TopicArn"]
    assert "Search" in done.stdout.partition("4 passed")[2]
