"""The ``@architecture`` mark: what a test session synthesises."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from aws_cdk import App, Environment, Stack

Build = TypeVar("Build", bound=Callable[..., Any])


@dataclass(frozen=True)
class Architecture:
    """A function that builds something into the session's app."""

    build: Callable[..., Any]
    name: str
    takes_app: bool
    env: Environment | None

    def add_to(self, app: App) -> Any:
        """Build it, in a stack of its own unless the function asked for the app, and return what the function did."""
        if self.takes_app:
            return self.build(app)
        return self.build(Stack(app, self.name, env=self.env))


# In order of collection. A list, because two test modules may build under the same function name.
registered: list[Architecture] = []


@overload
def architecture(build: Build) -> Build: ...
@overload
def architecture(*, env: Environment | None = None) -> Callable[[Build], Build]: ...
def architecture(build: Build | None = None, *, env: Environment | None = None) -> Any:
    """Mark a function whose result is synthesised once for the whole test session.

    The function takes one argument, by name: ``stack`` is an empty stack of its own, ``app`` is the session's app, for
    systems of several stacks. Stacks of different functions must have different ids.

    Args:
        build: The function.
        env: Account and Region of the stack; environment-agnostic by default. Not for functions that take ``app``.

    Raises:
        TypeError: when the argument is neither ``stack`` nor ``app``, or ``env`` is given with ``app``.
    """
    if build is None:
        return lambda function: _register(function, env)
    return _register(build, env)


def _register(build: Build, env: Environment | None) -> Build:
    parameters = list(inspect.signature(build).parameters)
    if parameters not in (["stack"], ["app"]):
        message = f"{build.__qualname__}({', '.join(parameters)}): an architecture takes one argument, stack or app"
        raise TypeError(message)
    takes_app = parameters == ["app"]
    if takes_app and env is not None:
        message = f"{build.__qualname__}(app): env belongs to a stack; give it to the stacks that the function makes"
        raise TypeError(message)
    registered.append(Architecture(build, _stack_name(build), takes_app, env))
    return build


def _stack_name(build: Callable[..., Any]) -> str:
    """Name the stack after its module and function: test_sns_sqs_fanout.defaults becomes SnsSqsFanoutDefaults."""
    module = build.__module__.rpartition(".")[2].removeprefix("test_")
    return "".join(word.capitalize() for word in f"{module}_{build.__name__}".split("_"))
