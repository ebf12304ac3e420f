"""The commands of `cdp`, put together."""

from importlib.util import find_spec
from typing import Annotated

import typer

from cdp_constructs._version import __version__
from cdp_constructs.cli.init import init
from cdp_constructs.cli.judge import judge
from cdp_constructs.cli.review import card, review

__all__ = ["app"]

# What `cdp --help` puts together.
_WRITE, _RUN, _DEPLOYED = "An application, and its reviews", "On this machine", "A deployed stack, here or on AWS"

app = typer.Typer(
    name="cdp",
    help="Begin, review, run and look after CDK applications.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def cdp(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Begin, review, run and look after CDK applications."""


app.command(rich_help_panel=_WRITE)(init)
app.command(rich_help_panel=_WRITE)(card)
app.command(rich_help_panel=_WRITE)(review)
app.command(rich_help_panel=_WRITE)(judge)

if all(find_spec(package) for package in ("boto3", "httpx")):
    from cdp_constructs.cli import dead_letters, stacks
    from cdp_constructs.cli.local import local
    from cdp_constructs.cli.trace import trace

    app.add_typer(local, name="local", rich_help_panel=_RUN)
    app.command(rich_help_panel=_DEPLOYED)(stacks.logs)
    app.command(rich_help_panel=_DEPLOYED)(trace)
    app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=_DEPLOYED)
    app.command(rich_help_panel=_DEPLOYED)(stacks.resource)
    app.command(rich_help_panel=_DEPLOYED)(stacks.output)
else:
    # They read AWS or the embedded cloud; cards and reviews read files.
    def _without(name: str, panel: str) -> None:
        @app.command(
            name, rich_help_panel=panel, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
        )
        def missing() -> None:
            """Needs cdp-constructs[local-client]."""
            typer.echo(f"Error: cdp {name} needs more packages: pip install 'cdp-constructs[local-client]'", err=True)
            raise typer.Exit(1)

    _without("local", _RUN)
    for command in ("logs", "trace", "dead-letters", "resource", "output"):
        _without(command, _DEPLOYED)
