"""Images: the files and packages that a Dockerfile asks for, made once."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from cdp_constructs.local.containers.dockerfile import DockerfileError
from cdp_constructs.local.deployment.image_building import Build, make


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for name in ("src/app.py", "src/notes.md", "data/a.json", "data/b.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "greeter-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("greeter.py", "WORD = 'hello'\n")
        wheel.writestr("greeter-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        wheel.writestr("greeter-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("greeter-1.0.dist-info/RECORD", "")


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_where_the_image_has_them(context: Path) -> None:
    (context / ".dockerignore").write_text("# what nobody needs\n*.md\n**/notes.md\n.dockerignore\n")
    (context / "Dockerfile").write_text(
        "FROM python:3\nWORKDIR /srv\nCOPY src ./app\nCOPY data/*.json /etc/data/\nCOPY src/app.py main.py\n"
    )
    root = make(Build(context)) / "root"
    assert _files(root) == ["etc/data/a.json", "etc/data/b.json", "srv/app/app.py", "srv/main.py"]


def test_packages_are_its_own(context: Path) -> None:
    _wheel(context)
    (context / "Dockerfile").write_text(
        "FROM python:3\nWORKDIR /w\nCOPY . .\nRUN pip install --no-index --find-links . greeter\n"
    )
    python = make(Build(context)) / "environment" / "bin" / "python"
    words = subprocess.run(  # the image's own interpreter
        [python, "-c", "import greeter, importlib.util as u; print(greeter.WORD, u.find_spec('boto3'))"],
        check=True,
        capture_output=True,
        text=True,
        env={},
    )
    assert words.stdout.split() == ["hello", "None"]


def test_an_image_is_made_once_and_anew_when_anything_changes(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM node:22\nCOPY . /app\n")
    first = make(Build(context))
    when = first.stat().st_mtime_ns
    assert make(Build(context)) == first
    assert first.stat().st_mtime_ns == when
    (context / "src" / "app.py").write_text("changed")
    assert make(Build(context)) != first
    assert make(Build(context, arguments={"A": "1"})) not in {first, make(Build(context))}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("COPY missing.txt /", "line 2: COPY missing.txt: there is no such file"),
        ("COPY ../secret /", "line 2: COPY ../secret: there is no such file"),
        ("RUN pip install --no-index nothing-of-this-name", "line 2: pip .* failed: .*nothing-of-this-name"),
    ],
)
def test_what_fails_names_the_line_and_leaves_nothing(context: Path, line: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (context / "Dockerfile").write_text(f"FROM python:3\n{line}\n")
    with pytest.raises(DockerfileError, match=problem):
        make(Build(context))
    assert [path for path in (tmp_path / "cache" / "cdp-constructs").rglob("*") if path.is_file()] == []
