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

names = app.node.try_get_context("systems") or list(SYSTEMS)
for name in names.split(",") if isinstance(names, str) else names:
    if name not in SYSTEMS:
        sys.exit(f"context key 'systems' names {name!r}. Use a list of {', '.join(map(repr, SYSTEMS))}.")
    system = import_module(SYSTEMS[name])
    try:
        system.add_to(app, app.node.try_get_context(name))
    except system.ConfigurationError as error:
        sys.exit(str(error))

cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
app.synth()
