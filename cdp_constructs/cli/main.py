"""Entry point of the command line `cdp`."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that its help documents.

    Args:
        arguments: What follows `cdp`; the arguments of this process by default.
    """
    try:
        from cdp_constructs.cli.app import app
    except ModuleNotFoundError as error:
        # The script is installed with the library, the packages that it needs with the extra.
        if (error.name or "").startswith("cdp_constructs"):
            raise
        sys.exit(f"cdp needs the package {error.name}: pip install 'cdp-constructs[local-client]'")
    app(sys.argv[1:] if arguments is None else arguments)
