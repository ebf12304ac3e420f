"""Reviews as text for a terminal and as Markdown for a pull request."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdp_constructs.review.cards.edges import Edge
from cdp_constructs.review.cards.formats import diagram
from cdp_constructs.review.changes.comparison import Change
from cdp_constructs.review.changes.findings import Kind
from cdp_constructs.review.values import one_line

__all__ = ["Review", "as_markdown", "as_text"]

_NAMED = 3
_LONGEST = 1_000
_BACKTICKS = re.compile("`+")
_MARKS = re.compile(r"([\\*_|`\[\]#])")


@dataclass(frozen=True)
class Review:
    """What changed.

    Attributes:
        changes: What changed in templates, by weight.
        templates: How many templates differ.
        code: Lines on code and packages that no template shows.
        added: Who sends what to whom, and did not before.
        removed: Who sent what to whom before.
    """

    changes: Sequence[Change]
    templates: int
    code: Sequence[str] = ()
    added: Sequence[Edge] = ()
    removed: Sequence[Edge] = ()

    @property
    def counts(self) -> Counter[Kind]:
        """How many changes there are of each kind."""
        return Counter(change.finding.kind for change in self.changes)

    @property
    def summary(self) -> str:
        """All kinds in one line."""
        if not self.changes:
            return "no architectural change"
        counted = "   ".join(f"{kind.word} {self.counts[kind]}" for kind in Kind)
        return f"{counted}   in {self.templates} template{'s' * (self.templates != 1)}"


def _where(change: Change) -> str:
    named = ", ".join(change.places[:_NAMED])
    more = len(change.places) - _NAMED
    rest = f" and {more} more" if more > 0 else ""
    examples = len(change.places) - change.deployed
    told = f", {examples} of them examples" if examples and change.deployed else ", an example" if examples == 1 else ""
    return f"in {named}{rest}{told}" if change.deployed or examples <= 1 else f"in {named}{rest}, examples"


def as_text(review: Review) -> str:
    """Return the review for a terminal."""
    return "\n".join(map(_line, _text(review))) + "\n"


def _text(review: Review) -> Iterator[str]:
    yield review.summary
    for change in review.changes:
        finding = change.finding
        yield ""
        yield f"{finding.kind.word:<10}{finding.title}"
        yield f"{'':<10}{_where(change)}"
        yield from (f"{'':<12}{line}" for line in finding.details)
    if review.code:
        yield ""
        yield "not in templates"
        yield from (f"  {line}" for line in review.code)


def as_markdown(review: Review) -> str:
    """Return the review for a pull request: a heading for each kind, details folded, and a diagram of what changed."""
    return "\n".join(_markdown(review)) + "\n"


_HEADINGS = {
    Kind.REPLACEMENT: "Data is replaced or removed",
    Kind.BROADENING: "Permissions are broadened",
    Kind.EXPOSURE: "Public exposure",
    Kind.RETENTION: "Encryption, retention and protection",
    Kind.ALARMS: "Alarms and places for failures",
    Kind.ACKNOWLEDGMENTS: "Newly accepted findings",
    Kind.COST: "Cost at rest",
    Kind.OTHER: "Also",
}


def _markdown(review: Review) -> Iterator[str]:
    yield f"**{review.summary}**"
    for kind in Kind:
        some = [change for change in review.changes if change.finding.kind == kind]
        if not some:
            continue
        yield ""
        yield f"### {_HEADINGS[kind]}"
        for change in some:
            yield ""
            yield f"- {_escaped(change.finding.title)} ({_escaped(_where(change))})"
            if change.finding.details:
                lines = [_line(line) for line in change.finding.details]
                fence = "`" * max(3, 1 + max(len(run) for line in lines for run in _BACKTICKS.findall(line) or [""]))
                yield ""
                yield f"  {fence}text"
                yield from (f"  {line}" for line in lines)
                yield f"  {fence}"
    if review.added or review.removed:
        arrows = {"==>|added|": review.added, "-.->|removed|": review.removed}
        yield ""
        yield "### Who sends what to whom"
        yield ""
        yield f"```mermaid\n{diagram(arrows)}```"
    if review.code:
        yield ""
        yield "### Not in templates"
        yield ""
        yield from (f"- {_escaped(line)}" for line in review.code)


def _escaped(text: str) -> str:
    """Write a text so that Markdown neither formats it nor tells anybody who is named in it."""
    return _MARKS.sub(r"\\\1", _line(text)).replace("<", "&lt;").replace("@", "&#64;")


def _line(text: str) -> str:
    """Write a line of a report, which is not endless."""
    shown = one_line(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(shown)} characters)"
