"""The boards beside each other: what ``docs/systems/gallery.md`` shows, from their templates and what was measured."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp_constructs.estimates.tables import markdown, with_tables
from cdp_constructs.judge.brief import LOSSES, read_brief
from cdp_constructs.judge.judgement import Judgement, judge
from cdp_constructs.judge.losses import MOMENT_SECONDS, Outcome
from cdp_constructs.judge.reports import lasts
from cdp_constructs.review.reading import read_templates
from cdp_constructs.review.values import number
from stacks.dojo.plots import cost_plot, distance_plot, recovery_plot

__all__ = [
    "BOARDS",
    "CHAT",
    "EXHIBITS",
    "MEASURED",
    "PAGE",
    "Difference",
    "Exhibit",
    "MeasuredDrill",
    "compared",
    "judge_all",
    "judged",
    "measured_drills",
    "page_with_tables",
    "pictures",
]

_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "docs" / "systems" / "gallery.md"
MEASURED = Path(__file__).with_name("measured.json")
"""What ``make dojo`` has counted; the seconds of each wish are in the briefs."""


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
    "D1": Exhibit(("DoubleHawks*",), _ROOT / "stacks/dojo/double_hawks/brief.toml"),
    "D2": Exhibit(("After6",), _ROOT / "stacks/dojo/after_6/brief.toml"),
    "D3": Exhibit(("Disconnect",), _ROOT / "stacks/dojo/disconnect/brief.toml"),
    "D4": Exhibit(("ElastiCache",), _ROOT / "stacks/dojo/elasticache/brief.toml"),
    "D5": Exhibit(("UminChat*",), _ROOT / "stacks/dojo/umin_chat/brief.toml"),
    "D6": Exhibit(("Anonymous",), _ROOT / "stacks/dojo/anonymous/brief.toml"),
    "D7": Exhibit(("Ichinensei",), _ROOT / "stacks/dojo/ichinensei/brief.toml"),
    "D8": Exhibit(("SketchBook*",), _ROOT / "stacks/dojo/sketch_book/brief.toml"),
    "D9": Exhibit(("BrowserOnly*",), _ROOT / "stacks/dojo/browser_only/brief.toml"),
    "D10": Exhibit(("CommonBoard",), _ROOT / "stacks/dojo/common_board/brief.toml"),
}
"""The boards that have stacks of the dojo."""
CHAT = Exhibit(("Chat*",), _ROOT / "stacks/chat/brief.toml")
EXHIBITS: Mapping[str, Exhibit] = {**dict(sorted(BOARDS.items(), key=lambda one: int(one[0][1:]))), "C": CHAT}
"""All of them, as the page shows them."""


@dataclass(frozen=True)
class MeasuredDrill:
    """What was done to a board.

    Attributes:
        title: What.
        lost: ``instance``, ``zone`` or ``Region``.
        failed: Requests that were not answered, though the client sent them again.
        seconds: Until everybody had sent and received again; counted from the repair, if that is what it took.
        until_repaired: Whether people were served again only when it was back.
    """

    title: str
    lost: str
    failed: int
    seconds: float
    until_repaired: bool = False


@dataclass(frozen=True)
class Difference:
    """What the templates say beside what was measured.

    Attributes:
        board: Its name.
        outcome: Both.
        reason: Why they differ; empty when they do not, or nobody has said why.
    """

    board: str
    outcome: Outcome
    reason: str


_SEND_AGAIN_SECONDS, _COLD_SECONDS = 5.0, 20.0


def judged(assembly: Path, exhibit: Exhibit) -> Judgement:
    """Compare the stacks of a board in an assembly with its brief."""
    return judge(read_templates(assembly, list(exhibit.stacks)), read_brief(exhibit.brief))


def judge_all(dojo: Path, chat: Path) -> dict[str, Judgement]:
    """Compare all of them with their briefs.

    Args:
        dojo: Assembly of the boards.
        chat: Assembly of our chat.
    """
    return {board: judged(chat if exhibit is CHAT else dojo, exhibit) for board, exhibit in EXHIBITS.items()}


def compared(found: Mapping[str, Judgement]) -> list[Difference]:
    """Return what was measured beside what the templates say."""
    return [
        Difference(board, outcome, _reason(judgement, outcome) if outcome.differs else "")
        for board, judgement in found.items()
        for one in judgement.wishes
        for outcome in one.outcomes
        if outcome.measured is not None
    ]


def _reason(judgement: Judgement, outcome: Outcome) -> str:
    """Return why what was measured is not what the templates say; empty when nobody has said so."""
    measured = outcome.measured or 0.0
    part = judgement.graph.parts.get(outcome.part)
    if part is not None and part.type.startswith("AWS::RDS::") and measured < MOMENT_SECONDS < outcome.seconds:
        return "AWS notices that a machine is gone and moves a name; here its process ends, and the next one takes over"
    if MOMENT_SECONDS < outcome.seconds < measured <= _shown_again(judgement) + _SEND_AGAIN_SECONDS:
        return (
            "a worker that dies keeps what it had in hand until the queue shows it again; no way goes through a queue"
        )
    if outcome.loss == "Region":
        return _reason_of_a_region(judgement, outcome, measured)
    goes_on = outcome.seconds < MOMENT_SECONDS
    if goes_on and _functions_on_the_way(judgement, outcome) and measured <= _COLD_SECONDS:
        return "every process of the function is killed at once here, and is started again; on AWS others run"
    if goes_on and measured <= _SEND_AGAIN_SECONDS:
        return "what a dead server was answering, and who was connected to it, comes back when the client tries again"
    return ""


def _reason_of_a_region(judgement: Judgement, outcome: Outcome, measured: float) -> str:
    if measured == float("inf") and _writes_in_one_region(judgement):
        return "the table is in every Region; the program writes where rooms are numbered, which no template says"
    if measured < MOMENT_SECONDS < outcome.seconds < float("inf"):
        return "the client knows every Region and goes to the next one at once; who asks by the one name waits for DNS"
    return ""


def _writes_in_one_region(judgement: Judgement) -> bool:
    """Whether servers of a board read a replica, so that they write in another Region."""
    templates = {part.template.path: part.template for part in judgement.graph.parts.values() if part.template}
    return any(
        "CHAT_REPLICA_REGION" in {variable.get("Name") for variable in container.get("Environment", [])}
        for template in templates.values()
        for definition in template.of_type("AWS::ECS::TaskDefinition")
        for container in definition.items("ContainerDefinitions")
    )


def _functions_on_the_way(judgement: Judgement, outcome: Outcome) -> bool:
    [way] = [one.way for one in judgement.wishes if one.wish.name == outcome.wish]
    return any(judgement.graph.parts[name].type == "AWS::Lambda::Function" for name in way)


def _shown_again(judgement: Judgement) -> float:
    """Return after how many seconds the queues of a board show a message again that nobody has deleted; 0 without."""
    queues = [part.resource for part in judgement.graph.parts.values() if part.type == "AWS::SQS::Queue"]
    seconds = [number(queue.get("VisibilityTimeout"), 30) for queue in queues if queue and queue.get("FifoQueue")]
    return max(seconds, default=0.0)


def measured_drills() -> dict[str, list[MeasuredDrill]]:
    """Return what ``make dojo`` did to each board, and how long it took."""
    return {board: [MeasuredDrill(**drill) for drill in one["drills"]] for board, one in _measured().items()}


def _measured() -> dict[str, Any]:
    found = json.loads(MEASURED.read_text())
    return {board: found[board] for board in EXHIBITS if board in found}


def pictures(found: Mapping[str, Judgement]) -> dict[Path, str]:
    """Return the page's pictures, as SVG."""
    drawn = {"cost": cost_plot, "distance": distance_plot, "recovery": recovery_plot}
    return {PAGE.with_name(f"gallery-{name}.svg"): draw(found) for name, draw in drawn.items()}


def page_with_tables(page: str, found: Mapping[str, Judgement]) -> str:
    """Return the page with its tables as they should be."""
    tables = [
        ("losses", _losses(found)),
        ("measured", _measured_losses(found)),
        ("drills", _drills()),
        ("counts", _counts()),
        ("facts", _facts(found)),
        ("growth", _growth(found)),
    ]
    return with_tables(page, tables, command="make pages")


def _measured_losses(found: Mapping[str, Judgement]) -> str:
    rows = []
    for one in compared(found):
        outcome = one.outcome
        seen = _seconds(outcome.measured or 0.0)
        what = f"{one.board}: {outcome.wish}, {outcome.loss} lost"
        rows.append([what, lasts(outcome.seconds), seen, one.reason if outcome.differs else ""])
    return markdown(["board, wish and loss", "by the templates", "measured", "why they differ"], rows)


def _seconds(seconds: float) -> str:
    return lasts(seconds) if seconds == float("inf") else f"{seconds:.1f} s"


def _drills() -> str:
    rows = [
        [f"{board}: {one.title}", one.lost, str(one.failed), _after(one)]
        for board, drills in measured_drills().items()
        for one in drills
    ]
    return markdown(["board, and what happened", "lost", "requests that failed", "everybody again"], rows)


def _after(drill: MeasuredDrill) -> str:
    return f"{drill.seconds:.1f} s{' after it was back' if drill.until_repaired else ''}"


def _counts() -> str:
    rows = [
        [board, *(str(one[name]) for name in ("messages", "lost", "doubled"))] for board, one in _measured().items()
    ]
    return markdown(["board", "messages", "lost", "doubled"], rows)


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
