"""Entry point of the command line `cdp`."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that its help documents.

    Args:
        arguments: What follows `cdp`; the arguments of this process by default.
    """
    from cdp_constructs.cli.app import app

    app(sys.argv[1:] if arguments is None else arguments, prog_name="cdp")
