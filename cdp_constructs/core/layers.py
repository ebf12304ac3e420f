"""One way to give functions a module of this library: a layer per stack, its environment, and its permissions."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aws_cdk import Stack

from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.validation import InvalidOptionError

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

# What functions have from here: ("layer", layer) and ("variable", name).
_shared: "WeakKeyDictionary[lambda_.Function, set[tuple[str, str]]]" = WeakKeyDictionary()


def share_module(
    construct: "Construct",
    function: "lambda_.Function",
    *,
    layer: str,
    environment: Mapping[str, str],
    statements: "Sequence[iam.PolicyStatement]",
) -> None:
    """Let a function import a module of this library and do what the module does.

    The layer is made in the function's stack, once: a layer version is replaced with every change of the code, and
    CloudFormation lets no stack replace what another one imports.

    Args:
        construct: The pattern, for messages.
        function: A Python function of the Region that the pattern is in.
        layer: ``<family>/<module>`` for ``cdp_constructs/<family>/layers/<module>``, whose folder ``python`` has the
            module.
        environment: Variables that the module reads.
        statements: What the module's calls need.

    Raises:
        InvalidOptionError: when the function does not run Python, or has one of the variables from here already.
    """
    from aws_cdk import aws_lambda as lambda_

    if function.runtime.family is not lambda_.RuntimeFamily.PYTHON:
        fix = "Give a function with a Python runtime and a zip package"
        raise InvalidOptionError(construct, "function", f"{function.node.path} runs {function.runtime.name}", fix)
    shared = _shared.setdefault(function, set())
    for name in environment:
        if ("variable", name) in shared:
            problem = f"{function.node.path} shares something as {name} already"
            raise InvalidOptionError(construct, "variable", problem, "Give another variable")
        shared.add(("variable", name))
    if ("layer", layer) not in shared:  # Lambda refuses the same layer twice
        shared.add(("layer", layer))
        function.add_layers(_layer(stack_of(function), layer))
    for name, value in environment.items():
        function.add_environment(name, value)
    for statement in statements:
        function.add_to_role_policy(statement)


@cache
def _layer(stack: Stack, name: str) -> "lambda_.LayerVersion":
    from aws_cdk import aws_lambda as lambda_

    from cdp_constructs.core.functions import layer_folder

    module = name.rpartition("/")[2]
    construct_id = "".join(word.capitalize() for word in module.split("_")) + "Layer"
    return lambda_.LayerVersion(
        stack,
        construct_id,
        description=f"Module {module} of cdp-constructs",
        code=lambda_.Code.from_asset(str(layer_folder(name)), exclude=["**/__pycache__", "**/*.pyc"]),
    )
