"""What the boards' demonstration has measured, and where it is written down."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import inf

import tomlkit
from rich.table import Table

from demo.dojo.conversation import Counted
from demo.dojo.faults import Drill, Faults
from stacks.dojo.gallery import EXHIBITS, MEASURED, MeasuredDrill

__all__ = ["READS", "SENDS", "Measurement", "Result", "as_table", "measurement", "with_measured", "write"]

SENDS, READS = "send a message", "read it"
"""Wishes of briefs that are measured by what people do while something is lost."""
_SENDING, _READING = ("POST", "put_item"), ("GET", "query")
"""As the ledger calls their requests: of HTTP, and of DynamoDB where browsers call it themselves."""


@dataclass(frozen=True)
class Measurement:
    """What a fault did to people.

    Args:
        drill: As the gallery shows it.
        stopped: Seconds for which each wish was not served, by its name; infinite when somebody had to act.
    """

    drill: MeasuredDrill
    stopped: Mapping[str, float]


@dataclass
class Result:
    """What was counted and measured on a board."""

    counted: Counted = field(default_factory=Counted)
    measured: list[Measurement] = field(default_factory=list)
    passed: bool = False
    """Whether every step on it saw what it expected."""


def measurement(drill: Drill, faults: Faults) -> Measurement:
    """Return what a drill did to the people of a board.

    Raises:
        RuntimeError: the drill did not watch them, or ended before everybody had sent and received again.
    """
    watch, ledger = faults.watch, faults.crowd.ledger
    since = 0.0 if watch is None else watch.restored or watch.began
    again = ledger.again([person.name for person in faults.crowd.present], since)
    if watch is None or again is None:
        raise RuntimeError(f"{drill.title}: it ended before everybody had sent and received again")
    told = MeasuredDrill(drill.title, drill.lost, len(watch.failed), round(again - since, 1), drill.until_repaired)
    sends, reads = watch.stopped(*_SENDING), max(watch.stopped(*_READING), ledger.slowest_delivery(watch.began))
    if drill.until_repaired:
        sends, reads = inf, reads if drill.reads_on else inf
    return Measurement(told, {SENDS: sends, READS: reads})


def as_table(results: Mapping[str, Result]) -> Table:
    """Return what is compared: how long it took on each board, and what is left."""
    table = Table(title="Until everybody had sent and received again")
    for column in ("Board", "What happened", "Lost"):
        table.add_column(column)
    for column in ("Requests failed", "Seconds", "Messages lost", "doubled"):
        table.add_column(column, justify="right")
    for board, result in results.items():
        for number, one in enumerate(result.measured):
            drill = one.drill
            seconds = f"{drill.seconds:.1f} after it was back" if drill.until_repaired else f"{drill.seconds:.1f}"
            counts = (
                (f"{result.counted.lost} of {result.counted.messages}", str(result.counted.doubled))
                if number == 0
                else ("", "")
            )
            table.add_row(board if number == 0 else "", drill.title, drill.lost, str(drill.failed), seconds, *counts)
    return table


def write(results: Mapping[str, Result]) -> None:
    """Write what was measured into the briefs, where the judge compares it, and into the gallery's file.

    What was measured of other boards stays, and of those on which a step failed.

    Args:
        results: By the board's name in the gallery.
    """
    kept = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    for board, result in results.items():
        if not result.passed:
            continue
        drills = [asdict(one.drill) for one in result.measured]
        kept[board] = {**asdict(result.counted), "drills": drills}
        brief = EXHIBITS[board].brief
        brief.write_text(with_measured(brief.read_text(), result.measured))
    MEASURED.write_text(json.dumps({board: kept[board] for board in EXHIBITS if board in kept}, indent=2) + "\n")


def with_measured(brief: str, measured: Iterable[Measurement]) -> str:
    """Return a brief whose wishes have what was measured of them; where several drills lose the same, the longest.

    Args:
        brief: Its TOML.
        measured: What was measured.
    """
    document = tomlkit.parse(brief)
    longest: dict[str, dict[str, float]] = {}
    for one in measured:
        for wish, seconds in one.stopped.items():
            of_wish = longest.setdefault(wish, {})
            of_wish[one.drill.lost] = max(round(seconds, 1), of_wish.get(one.drill.lost, 0.0))
    for wish, table in document["wishes"].items():
        if wish in longest:
            values = tomlkit.table()
            values.comment("seconds, by `make dojo`")
            for loss, seconds in longest[wish].items():
                values[loss] = seconds
            if "measured" not in table:
                values.add(tomlkit.nl())
            table["measured"] = values
    return tomlkit.dumps(document)
