"""Synthesises the reference systems that the context key ``systems`` names: ``cdk synth`` or ``python app.py``.

Needs no AWS credentials and looks nothing up.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import aws_cdk as cdk
import cdk_nag

SYSTEMS = {"chat": "stacks.chat.system", "iot": "stacks.iot.system"}

# The CDK CLI passes the context of cdk.json; without the CLI it is read here.
if "CDK_CONTEXT_JSON" in os.environ:
    app = cdk.App()
else:
    settings = json.loads(Path(__file__).with_name("cdk.json").read_text())
    app = cdk.App(context=settings["context"], outdir=os.environ.get("CDK_OUTDIR", settings["output"]))

systems = app.node.try_get_context("systems")
names = list(SYSTEMS) if systems is None else systems.split(",") if isinstance(systems, str) else systems
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
