"""Synthesises the reference systems that the context names: ``cdk synth`` or ``python app.py``.

Needs no AWS credentials and looks nothing up.
"""

import atexit
import gc
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cdp_constructs.startup import tune_node

if TYPE_CHECKING:
    import aws_cdk as cdk

# Imported by name when chosen, so that one system does not pay for the CDK modules of another.
SYSTEMS = {"chat": "stacks.chat.system", "iot": "stacks.iot.system"}


def chosen_systems(value: object) -> list[str]:
    """Return the names in the context key ``systems``; all of them when it is not set.

    Args:
        value: A list from ``cdk.json``, or what ``-c systems=…`` passes: names with commas between them.

    Raises:
        SystemExit: naming the value and the names there are.
    """
    if value is None:
        return list(SYSTEMS)
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not value or any(str(name) not in SYSTEMS for name in value):
        sys.exit(f"context key 'systems' is {value!r}. Use a list of {', '.join(map(repr, SYSTEMS))}.")
    return value


def new_app() -> "cdk.App":
    """Return the app as the CDK CLI sets it up; without the CLI, with the context of ``cdk.json``."""
    import aws_cdk as cdk

    if "CDK_CONTEXT_JSON" in os.environ:
        return cdk.App()
    settings = json.loads(Path(__file__).with_name("cdk.json").read_text())
    return cdk.App(context=settings["context"], outdir=os.environ.get("CDK_OUTDIR", settings["output"]))


def main() -> None:
    """Build the chosen systems, check them, and write the assembly."""
    import aws_cdk as cdk

    app = new_app()
    systems = chosen_systems(app.node.try_get_context("systems"))
    # Reads its rules in a thread, meanwhile.
    validator = cdk.CloudFormationValidatePlugin()
    import cdk_nag

    for name in systems:
        system = import_module(SYSTEMS[name])
        try:
            system.add_to(app, app.node.try_get_context(name))
        except system.ConfigurationError as error:
            sys.exit(str(error))
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app), validator)
    app.synth()


if __name__ == "__main__":
    # This process makes one assembly and ends, so it neither collects garbage while it imports and builds, nor takes
    # half a million objects apart when it is done: together an eighth of its time. jsii's own clean-up does run.
    gc.disable()
    tune_node()
    main()
    atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter itself calls first at its end
    sys.stdout.flush()
    os._exit(0)
