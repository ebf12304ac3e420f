"""The commands of `cdp`, put together."""

import typer

from cdp_constructs.cli import dead_letters, stacks
from cdp_constructs.cli.local import local

__all__ = ["app"]

app = typer.Typer(
    name="cdp",
    help="AWS Cloud Design Patterns: tools around the library.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(local, name="local")
app.add_typer(dead_letters.app, name="dead-letters")
app.command()(stacks.logs)
app.command()(stacks.resource)
app.command()(stacks.output)
