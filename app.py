"""Synthesises the reference systems that the context key ``systems`` names: ``cdk synth`` or ``python app.py``.

Needs no AWS credentials and looks nothing up. Where the packages are not installed for the Python that started it, it
goes on with that of ``.venv``, or says how to make it.
"""

import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_OWN_PYTHON = _HERE / ".venv" / "bin" / "python"

if any(find_spec(package) is None for package in ("aws_cdk", "cdk_nag", "pydantic")):
    # Its prefix, not its path: the interpreter of a virtual environment is a link to another one.
    if _OWN_PYTHON.exists() and Path(sys.prefix).resolve() != _OWN_PYTHON.parents[1].resolve():
        os.execv(_OWN_PYTHON, [str(_OWN_PYTHON), *sys.argv])  # noqa: S606 - no shell is wanted
    sys.exit(f"The Python packages of this project are not installed for {sys.executable}. Run: make install")

import aws_cdk as cdk  # noqa: E402 - after the check that it is there
import cdk_nag  # noqa: E402

SYSTEMS = {name: f"stacks.{name}.system" for name in ("chat", "iot", "dojo", "services", "mobile", "serverless")}
# The others are built when they are asked for; the images of the dojo's containers need Docker on AWS.
UNASKED = ["chat", "iot"]

# The CDK CLI passes the context of cdk.json; without the CLI it is read here.
if "CDK_CONTEXT_JSON" in os.environ:
    app = cdk.App()
else:
    settings = json.loads((_HERE / "cdk.json").read_text())
    app = cdk.App(context=settings["context"], outdir=os.environ.get("CDK_OUTDIR", settings["output"]))

systems = app.node.try_get_context("systems")
names = UNASKED if systems is None else systems.split(",") if isinstance(systems, str) else systems
if not isinstance(names, list) or not names or any(str(name) not in SYSTEMS for name in names):
    sys.exit(f"context key 'systems' is {names!r}. Use a list of {', '.join(map(repr, SYSTEMS))}.")
for name in names:
    system = import_module(SYSTEMS[name])
    try:
        system.add_to(app, app.node.try_get_context(name))
    except system.ConfigurationError as error:
        sys.exit(str(error))

cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
app.synth()
