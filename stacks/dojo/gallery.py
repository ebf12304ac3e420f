"""The boards beside each other: the tables of ``docs/systems/gallery.md``, from their templates and their briefs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdp_constructs.estimates.tables import markdown, with_tables
from cdp_constructs.judge.brief import LOSSES, read_brief
from cdp_constructs.judge.judgement import Judgement, judge
from cdp_constructs.judge.reports import lasts
from cdp_constructs.review.reading import read_templates

__all__ = ["BOARDS", "PAGE", "Exhibit", "judged", "page_with_tables"]

_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "docs" / "systems" / "gallery.md"


@dataclass(frozen=True)
class Exhibit:
    """A board as the gallery shows it.

    Attributes:
        stacks: Names or patterns of its stacks.
        brief: What it is compared with.
    """

    stacks: tuple[str, ...]
    brief: Path


BOARDS: Mapping[str, Exhibit] = {
    "D2": Exhibit(("After6",), _ROOT / "stacks/dojo/after_6/brief.toml"),
    "D3": Exhibit(("Disconnect",), _ROOT / "stacks/dojo/disconnect/brief.toml"),
    "D5": Exhibit(("UminChat*",), _ROOT / "stacks/dojo/umin_chat/brief.toml"),
    "D6": Exhibit(("Anonymous",), _ROOT / "stacks/dojo/anonymous/brief.toml"),
    "D8": Exhibit(("SketchBook*",), _ROOT / "stacks/dojo/sketch_book/brief.toml"),
    "D9": Exhibit(("BrowserOnly*",), _ROOT / "stacks/dojo/browser_only/brief.toml"),
    "D10": Exhibit(("CommonBoard",), _ROOT / "stacks/dojo/common_board/brief.toml"),
}
"""The boards that have stacks of the dojo."""
CHAT = Exhibit(("Chat*",), _ROOT / "stacks/chat/brief.toml")


def judged(assembly: Path, exhibit: Exhibit) -> Judgement:
    """Compare the stacks of a board in an assembly with its brief."""
    return judge(read_templates(assembly, list(exhibit.stacks)), read_brief(exhibit.brief))


def page_with_tables(page: str, found: Mapping[str, Judgement]) -> str:
    """Return the page with its tables as they should be."""
    tables = [("losses", _losses(found)), ("facts", _facts(found)), ("growth", _growth(found))]
    return with_tables(page, tables, command="make pages")


def _losses(found: Mapping[str, Judgement]) -> str:
    rows = [
        [f"{board}: {one.wish.name}", *(lasts(outcome.seconds) for outcome in one.outcomes)]
        for board, judgement in found.items()
        for one in judgement.wishes
    ]
    return markdown(["board and wish", *(f"{loss} lost" for loss in LOSSES)], rows)


def _facts(found: Mapping[str, Judgement]) -> str:
    rows = []
    for board, judgement in found.items():
        near, far = min(one.to_data for one in judgement.distances), max(one.to_data for one in judgement.distances)
        first = judgement.quotas[0] if judgement.quotas else None
        people = judgement.brief.people if judgement.brief else 0
        total = sum(judgement.cost.values())
        rows.append(
            [
                board,
                f"{judgement.latency:.0f} ({near:.0f} to {far:.0f})",
                f"{judgement.at_rest:,.0f}",
                f"{total:,.0f}",
                f"{total / people:.4f}",
                f"{first.name}, at {first.reached_at(people):,.0f} people" if first else "none on the way of a message",
            ]
        )
    header = [
        "board",
        "ms to the data and back",
        "$ a month at rest",
        "$ for a million",
        "$ a person",
        "first quota, or the most tasks",
    ]
    return markdown(header, rows)


def _growth(found: Mapping[str, Judgement]) -> str:
    sizes = next(iter(found.values())).growth
    rows = [[board, *(f"{cost:,.0f}" for cost in judgement.growth.values())] for board, judgement in found.items()]
    return markdown(["$ a month for so many people", *(f"{size:,}" for size in sizes)], rows)
