"""Runs the library on the oldest versions that it allows: `make test-versions`.

Makes two environments in a temporary folder and needs a package index, so it is no part of `make test`:

- the lower bounds of `dependencies`: both reference systems are synthesised;
- the lower bounds of the extra `[local-client]`: the embedded cloud's server is installed as `cdp local install` does,
  and started from there.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["main"]

_ROOT = Path(__file__).parent.parent

_SYNTHESIS = """
import json
import aws_cdk as cdk
from stacks.chat import system as chat
from stacks.iot import system as iot

app = cdk.App(context=json.load(open("cdk.json"))["context"], outdir={outdir!r})
for name, system in (("chat", chat), ("iot", iot)):
    system.add_to(app, app.node.try_get_context(name))
app.synth()
"""

_CLOUD = """
import boto3, sys
from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process import environments, installation

installation.install()
assert not environments.find_server_environment().is_own
with LocalCloud.start() as cloud:
    assert cloud.client("sts").get_caller_identity()["Account"] == "000000000000"
print("boto3", boto3.__version__)
"""


def _environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Make an environment with the lowest versions that the requirements allow, and return its interpreter."""
    uv = Path(sys.executable).with_name("uv")
    python = folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)  # noqa: S603  # see `main`
    options = ["--quiet", "--resolution", "lowest-direct", "--python", str(python)]
    install = [str(uv), "pip", "install", *options, *requirements]
    subprocess.run(install, check=True)  # noqa: S603  # see `main`
    return python


def _run(python: Path, program: str, variables: Mapping[str, str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), **variables}
    subprocess.run([python, "-c", program], check=True, cwd=_ROOT, env=environment)  # noqa: S603  # see `main`


def main() -> None:
    """Make both environments and run in them; everything that is started is this project's own or uv."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as folder:
        # The systems' configuration is read with pydantic, which is not a dependency of the library.
        python = _environment(Path(folder, "cdk"), [*project["dependencies"], "pydantic>=2.10"])
        _run(python, _SYNTHESIS.format(outdir=str(Path(folder, "cdk.out"))), {"JSII_DEPRECATED": "quiet"})
        sys.stdout.write("both systems are synthesised with the lowest versions\n")
        client = project["optional-dependencies"]["local-client"]
        _run(_environment(Path(folder, "client"), client), _CLOUD, {"XDG_DATA_HOME": str(Path(folder, "data"))})
        sys.stdout.write("the embedded cloud runs for an application with the lowest versions\n")


if __name__ == "__main__":
    main()
