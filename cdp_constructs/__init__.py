"""AWS Cloud Design Patterns as composable AWS CDK constructs.

Every pattern is importable from here (``from cdp_constructs import SnsSqsFanout``). Names resolve on first use, so that
an application pays only for the CDK service modules of the patterns it uses.
"""

from importlib import import_module

from cdp_constructs._exports import MODULE_OF
from cdp_constructs._version import __version__

__all__ = [*MODULE_OF, "__version__"]  # noqa: PLE0604 - names, which `make patterns` writes


def __getattr__(name: str) -> object:
    """Import the module of a public name when the name is first used (PEP 562)."""
    module = MODULE_OF.get(name)
    if module is None:
        message = f"module {__name__!r} has no attribute {name!r}; its public names are {', '.join(__all__)}"
        raise AttributeError(message)
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
