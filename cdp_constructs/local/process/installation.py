"""Makes the Python environment of the embedded cloud's server, once per user and version of the library."""

import json
import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Collection, Sequence
from pathlib import Path

from cdp_constructs.local.errors import InstallError
from cdp_constructs.local.process.environments import extras, installation_folder, pin_file
from cdp_constructs.local.process.locks import exclusive

__all__ = ["install", "installed_extras"]

_RECORD = "extras.json"
_BRANCHES = " \N{MULTIPLICATION SIGN}├╰─▶│"
"""What uv draws before the lines of an error."""


def installed_extras(folder: Path) -> frozenset[str] | None:
    """Return what an installation has beside the server; None when there is none, or its interpreter is gone."""
    try:
        recorded: list[str] = json.loads((folder / _RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return frozenset(recorded) if (folder / "bin" / "python").exists() else None


def install(wanted: Collection[str] = (), *, force: bool = False) -> bool:
    """Make the environment, and return whether anything was done.

    It holds the exact versions that this version of the library names, and not the library: the server imports that
    from the application that starts it. What was installed with earlier extras stays. Others see either the old
    environment or the complete new one, and whoever installs at the same time waits.

    Args:
        wanted: Names of `extras`.
        force: Makes it again although it is there.

    Raises:
        InstallError: an extra does not exist, or the packages could not be installed; the message is one line.
    """
    if unknown := sorted(set(wanted) - set(extras())):
        raise InstallError(f"there is no {', '.join(unknown)} to install; there is {', '.join(extras())}")
    folder = installation_folder()
    with exclusive(folder.parent / ".lock"):
        present = installed_extras(folder)
        if present is not None and present.issuperset(wanted) and not force:
            return False
        chosen = sorted({*wanted, *(present or ())})
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        try:
            _fill(made, ["server", *chosen])
            (made / _RECORD).write_text(json.dumps(chosen))
            _put_in_place(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return True


def _fill(folder: Path, pins: Sequence[str]) -> None:
    uv = shutil.which("uv")
    python = folder / "bin" / "python"
    try:
        venv.create(folder, symlinks=True, with_pip=uv is None)
    except (OSError, subprocess.SubprocessError) as error:
        raise InstallError(f"Python could not make an environment in {folder.parent}: {error}") from error
    by_uv = [str(uv), "pip", "install", "--python", str(python), "--compile-bytecode"]
    by_pip = [str(python), "-m", "pip", "install", "--retries", "1"]
    files = [part for name in pins for part in ("-r", str(pin_file(name)))]
    command = [*(by_uv if uv else by_pip), "--quiet", "--require-hashes", *files]
    # What is installed for the application must not count as installed.
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603  # as above
    if ended.returncode:
        raise InstallError(
            f"the packages of the embedded cloud could not be installed ({_reason(ended.stderr)}); "
            f"it needs a package index: check the network and the settings of {'uv' if uv else 'pip'}"
        )


def _reason(output: str) -> str:
    """Return the line that says why, of what pip or uv printed."""
    lines = [line.strip(_BRANCHES) for line in output.splitlines() if line.strip()]
    named = [line for line in lines if "error" in line.lower()]
    return (named or lines or ["no reason given"])[-1].removeprefix("ERROR: ").removeprefix("error: ")[:300]


def _put_in_place(made: Path, folder: Path) -> None:
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
        folder.rename(old / "environment")
        made.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        made.rename(folder)
