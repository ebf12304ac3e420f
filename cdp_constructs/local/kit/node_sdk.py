"""What the server and the command line say of the AWS SDK for JavaScript."""

__all__ = ["COMMAND", "VARIABLE"]

COMMAND = "cdp local install-node-sdk"
VARIABLE = "CDP_LOCAL_NODE_SDK"
"""Tells the server where the SDK is, or will be when it is installed while the server runs."""
