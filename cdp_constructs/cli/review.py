"""The commands `cdp card` and `cdp review`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cdp_constructs.assembly import AssemblyError
from cdp_constructs.review.assemblies import accepted, compared_assemblies, newly_accepted
from cdp_constructs.review.cards.card import Card
from cdp_constructs.review.cards.formats import FORMATS
from cdp_constructs.review.changes.comparison import Change, Compared, changed_edges, together
from cdp_constructs.review.changes.findings import Kind
from cdp_constructs.review.reading import read_templates
from cdp_constructs.review.reports import Review, as_markdown, as_text
from cdp_constructs.review.revisions import ReviewError, Revisions

__all__ = ["card", "review"]

_BAD_INPUT = 1
_WRONG_USAGE = 2
_FOUND = 3
_REPORTS: Mapping[str, Callable[[Review], str]] = {"text": as_text, "markdown": as_markdown}


class CardFormat(StrEnum):
    """How a card is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    MERMAID = "mermaid"


class ReviewFormat(StrEnum):
    """How a review is written."""

    TEXT = "text"
    MARKDOWN = "markdown"


class _UsageError(ReviewError):
    """The command cannot be meant like this."""


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (AssemblyError, ReviewError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(_WRONG_USAGE if isinstance(error, _UsageError) else _BAD_INPUT) from None
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        # Templates are anybody's, and CloudFormation takes more than any reader of them knows.
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        fix = "if `cdk synth` wrote it, report this"
        typer.echo(f"Error: a template is not as CloudFormation has it ({said}); {fix}", err=True)
        raise typer.Exit(_BAD_INPUT) from None


def card(
    assembly: Annotated[Path, typer.Argument(metavar="CDK_OUT", help="What cdk synth wrote.")] = Path("cdk.out"),
    stack: Annotated[
        list[str] | None, typer.Option("--stack", help="A stack, or a pattern; again for more.", show_default="all")
    ] = None,
    form: Annotated[CardFormat, typer.Option("--format", help="How it is written.")] = CardFormat.TEXT,
) -> None:
    """Print what stacks are made of, who may do what, what faces the internet, and where data and failures go."""
    with _explained():
        templates = read_templates(assembly, stack)
        cards = [FORMATS[form](Card(one, accepted(assembly, one.path))) for one in templates]
        typer.echo("\n".join(cards), nl=False)


def review(
    base: Annotated[
        str, typer.Argument(metavar="[BASE]", help="Revision to compare with, from where HEAD left it.")
    ] = "main",
    head: Annotated[
        str | None, typer.Argument(metavar="[HEAD]", help="The other revision.", show_default="the working tree")
    ] = None,
    *,
    before: Annotated[
        Path | None, typer.Option("--from", help="An assembly to compare with, in place of revisions.")
    ] = None,
    now: Annotated[Path | None, typer.Option("--to", help="The other assembly.", show_default="cdk.out")] = None,
    form: Annotated[ReviewFormat, typer.Option("--format", help="How it is written.")] = ReviewFormat.TEXT,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="KINDS",
            help="Exit with 3 if there is one of them: replacement, broadening, exposure, retention, alarms, "
            "acknowledgments, cost.",
            show_default=False,
        ),
    ] = "",
    deployed: Annotated[
        str,
        typer.Option("--deployed", help="Pattern of the paths of templates that are deployed; others are examples."),
    ] = "*stack*",
) -> None:
    """Print what changed in the architecture, what matters most first.

    Reads the templates that the repository has committed as snapshots; nothing of a revision is installed or run. Exits
    with 0, with 1 if there is nothing to compare, with 2 for wrong usage, with 3 if there is something of --fail-on.
    """
    with _explained():
        kinds = _kinds(fail_on)
        found = (
            _of_assemblies(before, now or Path("cdk.out"))
            if before or now
            else _of_revisions(Revisions(Path.cwd(), base, head, deployed))
        )
        typer.echo(_REPORTS[form](found), nl=False)
    if any(change.finding.kind in kinds for change in found.changes):
        raise typer.Exit(_FOUND)


def _kinds(names: str) -> set[Kind]:
    known = {kind.option: kind for kind in Kind if kind != Kind.OTHER}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        raise _UsageError(f"--fail-on {', '.join(unknown)}: there are {', '.join(known)}")
    return {known[name] for name in wanted}


def _of_assemblies(before: Path | None, now: Path) -> Review:
    if before is None:
        raise _UsageError("--to needs --from, the assembly to compare with")
    some = list(compared_assemblies(before, now))
    accepted_now = [Change(finding, ["the assembly"], 1) for finding in newly_accepted(before, now)]
    changes = sorted([*together(some), *accepted_now], key=lambda change: change.finding.kind)
    added, removed = changed_edges(some)
    return Review(changes, _different(some), added=added, removed=removed)


def _of_revisions(revisions: Revisions) -> Review:
    some = list(revisions.compared())
    code = [f"code: {folder} ({count} file{'s' * (count > 1)})" for folder, count in revisions.code().items()]
    added, removed = changed_edges(some)
    packages = [f"package: {line}" for line in revisions.locked()]
    return Review(together(some), len(some), [*code, *packages], added, removed)


def _different(some: Sequence[Compared]) -> int:
    return sum((one.before and one.before.body) != (one.now and one.now.body) for one in some)
