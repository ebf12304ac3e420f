"""Functions whose log lines have the id of the item that they are about."""

from typing import TYPE_CHECKING

from cdp_constructs.core.layers import share_module

if TYPE_CHECKING:
    from cdp_constructs.core.cdk import lambda_

__all__ = ["correlate"]


def correlate(function: "lambda_.Function") -> None:
    """Let a Python function import the module ``correlation``, in a layer that its stack has once.

    Raises:
        InvalidOptionError: when the function does not run Python.
    """
    share_module(function, function, layer="core/correlation", environment={})
