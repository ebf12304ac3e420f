"""Imports the code of Lambda functions as a cold start does."""

import io
import sys
from importlib import import_module
from types import ModuleType

import pytest


def import_handler(package: str) -> ModuleType:
    """Import a handler's ``index`` and its other modules anew: they read the environment and make clients again.

    Args:
        package: The handler's package, such as ``cdp_constructs.upload.handlers.form``.
    """
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    return import_module(f"{package}.index")


def log_of(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what a handler logs from now on, as lines of JSON; loggers keep the output of the first test."""
    written = io.StringIO()
    monkeypatch.setattr(module.logger.registered_handler, "stream", written)
    return written
