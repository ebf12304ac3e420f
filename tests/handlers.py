"""Imports the code of Lambda functions as a cold start does."""

import sys
from importlib import import_module
from types import ModuleType


def import_handler(package: str) -> ModuleType:
    """Import the module ``index`` of a handler anew, so that it reads the environment and makes its clients again.

    Args:
        package: The handler's package, such as ``cdp_constructs.upload.handlers.form``.
    """
    name = f"{package}.index"
    sys.modules.pop(name, None)
    return import_module(name)
