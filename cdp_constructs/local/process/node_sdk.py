"""The AWS SDK for JavaScript, which Lambda's Node.js runtimes bring: installed once per user and version.

Functions find version 3 from Node.js 18 on, and version 2 before. npm installs the exact versions that are named beside
this module, from the registry that it is set up with.
"""

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from cdp_constructs.local.errors import InstallError
from cdp_constructs.local.process.locks import exclusive

__all__ = ["install", "is_installed", "sdk_folder"]

_PINS = Path(__file__).with_name("pins") / "node"
_VERSIONS = ("v2", "v3")


def sdk_folder() -> Path:
    """Return where the SDK is for this user, whether it is there or not.

    `$XDG_CACHE_HOME/cdp-constructs/node-sdk/<digest of the pinned versions>`, else below `~/.cache`. `v2/node_modules`
    and `v3/node_modules` in it have the packages.
    """
    pins = b"".join((_PINS / version / "package-lock.json").read_bytes() for version in _VERSIONS)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "cdp-constructs" / "node-sdk" / sha256(pins).hexdigest()[:12]


def is_installed() -> bool:
    """Whether functions find the SDK."""
    return sdk_folder().exists()


def install(*, force: bool = False) -> bool:
    """Download the SDK, and return whether anything was done. Whoever installs at the same time waits.

    Args:
        force: Downloads it again although it is there.

    Raises:
        InstallError: there is no npm, or it could not download the packages; the message is one line.
    """
    folder = sdk_folder()
    with exclusive(folder.parent / ".lock"):
        if folder.exists() and not force:
            return False
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        made.chmod(0o755)  # functions may run as other users
        try:
            for version in _VERSIONS:
                _download(version, made / version)
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return True


def _download(version: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("npm is not on the PATH; install Node.js, which has it, and try again")
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PINS / version / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)  # noqa: S603  # npm
    if ended.returncode:
        lines = [line.removeprefix("npm error ") for line in ended.stderr.splitlines() if line.strip()]
        raise InstallError(
            f"npm could not download the AWS SDK for JavaScript ({(lines or ['no reason given'])[0][:300]}); "
            "it needs an npm registry: check the network and the settings of npm"
        )
    _prune(folder / "node_modules")


def _prune(packages: Path) -> None:
    """Remove what is for compilers and browsers, nine files of ten: the SDK is linked for the users of functions."""
    for built in [*packages.glob("*/*/dist-cjs"), *packages.glob("*/dist-cjs")]:
        for other in ("dist-es", "dist-types"):
            shutil.rmtree(built.with_name(other), ignore_errors=True)
    shutil.rmtree(packages / "aws-sdk" / "dist", ignore_errors=True)
    for types in [*packages.glob("aws-sdk/**/*.d.ts")]:
        types.unlink()
