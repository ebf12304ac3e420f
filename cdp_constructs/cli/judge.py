"""The command `cdp judge`."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cdp_constructs.assembly import AssemblyError
from cdp_constructs.judge.brief import BriefError, read_brief
from cdp_constructs.judge.judgement import Judgement
from cdp_constructs.judge.judgement import judge as judgement
from cdp_constructs.judge.reports import as_markdown, as_text
from cdp_constructs.review.reading import read_templates

__all__ = ["judge"]

_BAD_INPUT = 1
_REPORTS: Mapping[str, Callable[[Judgement], str]] = {"text": as_text, "markdown": as_markdown}


class JudgeFormat(StrEnum):
    """How a judgement is written."""

    TEXT = "text"
    MARKDOWN = "markdown"


def judge(
    assembly: Annotated[Path, typer.Argument(metavar="CDK_OUT", help="What cdk synth wrote.")] = Path("cdk.out"),
    stack: Annotated[
        list[str] | None, typer.Option("--stack", help="A stack, or a pattern; again for more.", show_default="all")
    ] = None,
    brief: Annotated[
        Path | None, typer.Option("--brief", help="TOML: how many people, where, what they do, and the goals.")
    ] = None,
    form: Annotated[JudgeFormat, typer.Option("--format", help="How it is written.")] = JudgeFormat.TEXT,
) -> None:
    """Print what stops when something is lost, how far away people are, what it costs, and the first quota.

    Reads templates only, without AWS. Exits with 1 if there is nothing to read.
    """
    try:
        wanted = None if brief is None else read_brief(brief)
        found = judgement(read_templates(assembly, stack), wanted)
        typer.echo(_REPORTS[form](found), nl=False)
    except (AssemblyError, BriefError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(_BAD_INPUT) from None
