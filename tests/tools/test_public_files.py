"""Files of public projects: counted by what became of them, and compared with what is expected."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tools.patterns import ROOT
from tools.public_files import __main__ as command
from tools.public_files.expectations import Outcome, expectation_of


def saved(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(file, kind)
    return file.getvalue()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone of a project whose files are as expected."""
    folder = tmp_path / "clones" / "samples"
    files = {"a.png": saved("PNG"), "b.tif": saved("TIFF"), "c.pdf": b"%PDF-1.7\n", "d.svg": b"<svg/>"}
    (folder / "images").mkdir(parents=True)
    for name, content in files.items():
        (folder / "images" / name).write_bytes(content)
    for arguments in (
        ["init", "--quiet"],
        ["remote", "add", "origin", "https://github.com/example/samples.git"],
        ["add", "--all"],
        ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "Samples"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def run(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own: tests of handlers import anew what it decodes pictures with."""
    command = [sys.executable, "-m", "tools.public_files", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_files_are_counted_by_format_and_by_what_became_of_them(clone: Path) -> None:
    ran = run(clone.parent)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = ran.stdout
    assert "[example/samples](https://github.com/example/samples)" in printed
    assert "| PNG, APNG | 1 | 1 |  |  |  |  |" in printed
    assert "| TIFF | 1 |  |  |  |  | 1 |" in printed
    assert "| SVG | 1 |  |  |  |  | 1 |" in printed
    assert "| other types of the table | 1 |  |  | 1 |  |  |" in printed


def test_what_is_not_as_expected_is_named_and_fails(clone: Path) -> None:
    (clone / "images" / "e.jpg").write_bytes(b"GIF89a")
    (clone / "images" / "f.gif").write_bytes(b"GIF89a")
    ran = run(clone.parent)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    printed = ran.stdout
    assert (
        "example/samples/images/e.jpg: quarantined content-differs-from-type; expected: accepted, thumbnail" in printed
    )
    assert "example/samples/images/f.gif: accepted, no thumbnail broken; expected: accepted, thumbnail" in printed


def test_a_folder_without_clones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command.main([str(tmp_path)])


def test_an_exception_is_for_one_file_of_a_format() -> None:
    assert expectation_of("sindresorhus/file-type/fixture/fixture-json.webp").outcome is Outcome.QUARANTINED
    assert expectation_of("sindresorhus/file-type/fixture/fixture.webp").outcome is Outcome.THUMBNAIL
    assert expectation_of("any/project/README").outcome is Outcome.NO_FORM
