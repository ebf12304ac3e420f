"""A quicker start for CDK applications in Python: what Node and Python load one after the other, side by side."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_cdk import CloudFormationValidatePlugin

# Room for what a synthesis leaves behind, so that it is not copied several times while it is still in use (megabytes).
_YOUNG_GENERATION = 64


def tune_node() -> None:
    """Set, in ``NODE_OPTIONS``, how the Node that jsii starts uses memory and its compilers.

    Call it before anything imports ``aws_cdk``; options that are already there stay and win.

    Raises:
        RuntimeError: when jsii runs already.
    """
    if "jsii" in sys.modules:
        message = "Node is running already: call tune_node() before the first import of aws_cdk"
        raise RuntimeError(message)
    settings = Path(__file__).with_name("node_settings.cjs").as_posix()
    ours = f'--max-semi-space-size={_YOUNG_GENERATION} --require "{settings}"'
    os.environ["NODE_OPTIONS"] = f"{ours} {os.environ.get('NODE_OPTIONS', '')}".strip()


def load_template_validator(*modules: str) -> "CloudFormationValidatePlugin":
    """Return the CDK's template validator, made in Node while this process imports modules.

    The CDK makes its validator at the end of the first synthesis, where everything waits for it, and Node is idle while
    Python imports. Register the result in place of the built-in one; it checks the same rules::

        validator = load_template_validator("aws_cdk.aws_lambda", "pydantic")
        app = App()
        ...
        Validations.of(app).add_plugins(validator)

    Args:
        modules: What to import meanwhile: the service modules of the CDK that the application uses anyway, and whatever
            else takes long. They must not call the CDK while they are imported, as jsii answers one thread at a
            time; the CDK's own modules do not.
    """
    from aws_cdk import CloudFormationValidatePlugin

    with ThreadPoolExecutor(1) as node:
        validator = node.submit(CloudFormationValidatePlugin)
        for module in modules:
            import_module(module)
        return validator.result()
