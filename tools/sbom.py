"""``python -m tools.sbom``: the wheel, and a CycloneDX list of what is installed with it, in ``dist/``.

The wheel bundles no other package, so the list is not inside it (PEP 770) but beside it: what an installation gets, in
the versions of ``requirements/dev.lock`` that the tests ran with.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tools.supply_chain import ROOT, run, tool

LOCKED = ROOT / "requirements/dev.lock"


def write_sbom(directory: Path) -> Path:
    """Build the wheel into a directory, write the list beside it, and return the list's file.

    Raises:
        subprocess.CalledProcessError: when the wheel cannot be built or installed; the tool has said why.
    """
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT)
    wheel = max(directory.glob("cdp_constructs-*.whl"), key=lambda file: file.stat().st_mtime)
    version = wheel.name.split("-")[1]
    file = directory / f"cdp_constructs-{version}.cdx.json"
    with tempfile.TemporaryDirectory(prefix="cdp-sbom-") as folder:
        environment = Path(folder, "environment")
        run("uv", "venv", "--quiet", environment)
        run("uv", "pip", "install", "--quiet", "--python", environment, "--constraint", LOCKED, wheel)
        root = ("--pyproject", ROOT / "pyproject.toml", "--mc-type", "library")
        run(tool("cyclonedx-py"), "environment", environment, *root, "--output-reproducible", "-o", file)
    document = json.loads(file.read_text())
    # pyproject.toml does not have it: the version is dynamic.
    document["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/cdp-constructs@{version}"}
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    return file


def main() -> None:
    """Write both and say where."""
    parser = argparse.ArgumentParser(prog="make sbom", description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / "dist", help="where they go (default: dist)")
    file = write_sbom(parser.parse_args().directory.absolute())
    names = [one["name"] for one in json.loads(file.read_text())["components"]]
    sys.stdout.write(f"{file}: {len(names)} packages: {', '.join(names)}\n")


if __name__ == "__main__":
    main()
