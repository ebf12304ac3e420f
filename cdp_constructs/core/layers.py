"""One way to give functions a module of this library: a layer per stack, its environment, and its permissions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cdp_constructs.core.cdk import iam, lambda_
from cdp_constructs.core.paths import node_of, stack_of
from cdp_constructs.core.tree import keep, kept
from cdp_constructs.core.validation import InvalidOptionError

if TYPE_CHECKING:
    from aws_cdk import Stack
    from constructs import Construct


def share_module(
    construct: "Construct",
    function: "lambda_.Function",
    *,
    layer: str,
    environment: Mapping[str, str],
    statements: "Sequence[iam.PolicyStatement]" = (),
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
        statements: What the module's calls need beside what the pattern grants.

    Raises:
        InvalidOptionError: when the function does not run Python, or another pattern shared something under one of the
            variables.
    """
    from aws_cdk import aws_lambda as lambda_

    if function.runtime.family is not lambda_.RuntimeFamily.PYTHON:
        fix = "Give a function with a Python runtime and a zip package"
        raise InvalidOptionError(
            construct, "function", f"is {function.node.path}, which runs {function.runtime.name}", fix
        )
    for name, value in environment.items():
        share_variable(construct, function, name, value)
    if _is_first(function, _layer_id(layer)):  # Lambda refuses the same layer twice
        function.add_layers(_layer(stack_of(function), layer))
    for statement in statements:
        function.add_to_role_policy(statement)


def share_variable(construct: "Construct", function: "lambda_.Function", name: str, value: str) -> None:
    """Give a function a variable.

    Args:
        construct: The pattern, for messages.
        function: The function.
        name: Name of the variable.
        value: Its value.

    Raises:
        InvalidOptionError: when something else was shared with the function under the name.
    """
    if not _is_first(function, f"Variable{name}"):
        problem = f"is {name!r}, which something that was shared with {function.node.path} has already"
        raise InvalidOptionError(construct, "variable", problem, "Give another variable")
    function.add_environment(name, value)


def _is_first(function: "lambda_.Function", name: str) -> bool:
    """Whether this is the first time that something is shared with a function under a name."""
    if kept(function, f"Shared{name}") is not None:
        return False
    keep(function, f"Shared{name}", True)
    return True


def _layer(stack: "Stack", name: str) -> "lambda_.ILayerVersion":
    """Return the layer of a stack, which is made when it is first asked for."""
    made = node_of(stack).try_find_child(_layer_id(name))
    if made is not None:
        return made  # type: ignore[return-value]  # made below
    from aws_cdk import aws_lambda as lambda_

    from cdp_constructs.core.assets import layer_folder

    return lambda_.LayerVersion(
        stack,
        _layer_id(name),
        description=f"Module {_module(name)} of cdp-constructs",
        code=lambda_.Code.from_asset(str(layer_folder(name)), exclude=["**/__pycache__", "**/*.pyc"]),
    )


def _layer_id(name: str) -> str:
    return "".join(word.capitalize() for word in _module(name).split("_")) + "Layer"


def _module(name: str) -> str:
    return name.rpartition("/")[2]
