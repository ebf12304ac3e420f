"""The tools for audit and SBOM, in an environment of their own, apart from what the library is tested with."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements/supply-chain.lock"
ENVIRONMENT = ROOT / "build/supply-chain"


def tool(name: str) -> Path:
    """Return a tool of ``requirements/supply-chain.lock``; its environment is made when it is missing or old."""
    made = ENVIRONMENT / ".installed"
    if not made.exists() or made.stat().st_mtime < LOCK.stat().st_mtime:
        run("uv", "venv", "--quiet", "--clear", ENVIRONMENT)
        run("uv", "pip", "sync", "--quiet", "--require-hashes", "--python", ENVIRONMENT, LOCK)
        made.touch()
    return ENVIRONMENT / "bin" / name


def run(*command: str | Path) -> None:
    """Run a command that must succeed, without its output.

    Raises:
        subprocess.CalledProcessError: when it fails; it has said why.
    """
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - own tools
