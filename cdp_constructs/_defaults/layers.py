"""One way to give functions a module of this library: a layer per stack, its environment, and its permissions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import Stack
from constructs import Construct

from cdp_constructs._defaults.validation import InvalidOptionError

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_


def share_module(
    construct: Construct,
    function: "lambda_.Function",
    *,
    module: str,
    environment: Mapping[str, str],
    statements: "Sequence[iam.PolicyStatement]",
) -> None:
    """Let a function import a module of this library and do what the module does.

    The layer is made in the function's stack, once: a layer version is replaced with every change of the code, and
    CloudFormation lets no stack replace what another one imports.

    Args:
        construct: The pattern, for messages.
        function: A Python function of the Region that the pattern is in.
        module: Name of a folder of ``cdp_constructs/handlers`` whose ``python`` folder has the module of this name.
        environment: Variables that the module reads.
        statements: What the module's calls need.

    Raises:
        InvalidOptionError: when the function does not run Python, or has one of the variables from here already.
    """
    from aws_cdk import aws_lambda as lambda_

    if function.runtime.family is not lambda_.RuntimeFamily.PYTHON:
        fix = "Give a function with a Python runtime and a zip package"
        raise InvalidOptionError(construct, "function", f"{function.node.path} runs {function.runtime.name}", fix)
    for name in environment:
        marker = f"Shared{name}"
        if function.node.try_find_child(marker) is not None:
            problem = f"{function.node.path} shares something as {name} already"
            raise InvalidOptionError(construct, "variable", problem, "Give another variable")
        Construct(function, marker)
    layer = _layer(Stack.of(function), module)
    if function.node.try_find_child(layer.node.id) is None:
        Construct(function, layer.node.id)  # Lambda refuses the same layer twice
        function.add_layers(layer)
    for name, value in environment.items():
        function.add_environment(name, value)
    for statement in statements:
        function.add_to_role_policy(statement)


def _layer(stack: Stack, module: str) -> "lambda_.LayerVersion":
    from aws_cdk import aws_lambda as lambda_

    from cdp_constructs._defaults.functions import HANDLERS

    construct_id = "".join(word.capitalize() for word in module.split("_")) + "Layer"
    existing = stack.node.try_find_child(construct_id)
    if existing is not None:
        return existing  # type: ignore[return-value]  # made below
    return lambda_.LayerVersion(
        stack,
        construct_id,
        description=f"Module {module} of cdp-constructs",
        code=lambda_.Code.from_asset(str(HANDLERS / module), exclude=["**/__pycache__", "**/*.pyc"]),
    )
