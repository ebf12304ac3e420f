"""Imports the code of Lambda functions as a cold start does."""

import sys
from importlib import import_module
from types import ModuleType


def import_handler(package: str) -> ModuleType:
    """Import a handler's ``index`` and its other modules anew: they read the environment and make clients again.

    Args:
        package: The handler's package, such as ``cdp_constructs.upload.handlers.form``.
    """
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    return import_module(f"{package}.index")
