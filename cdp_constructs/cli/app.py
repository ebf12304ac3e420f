"""The commands of `cdp`, put together."""

from importlib.util import find_spec

import typer

from cdp_constructs.cli.init import init
from cdp_constructs.cli.review import card, review

__all__ = ["app"]

app = typer.Typer(
    name="cdp",
    help="AWS Cloud Design Patterns: tools around the library.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(init)
app.command()(card)
app.command()(review)

if all(find_spec(package) for package in ("boto3", "httpx")):
    from cdp_constructs.cli import dead_letters, stacks
    from cdp_constructs.cli.local import local
    from cdp_constructs.cli.trace import trace

    app.add_typer(local, name="local")
    app.add_typer(dead_letters.app, name="dead-letters")
    app.command()(stacks.logs)
    app.command()(stacks.resource)
    app.command()(stacks.output)
    app.command()(trace)
else:
    # They read AWS or the embedded cloud; cards and reviews read files.
    def _without(name: str) -> None:
        @app.command(name, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
        def missing() -> None:
            """Needs cdp-constructs[local-client]."""
            typer.echo(f"Error: cdp {name} needs more packages: pip install 'cdp-constructs[local-client]'", err=True)
            raise typer.Exit(1)

    for command in ("local", "dead-letters", "logs", "resource", "output", "trace"):
        _without(command)
