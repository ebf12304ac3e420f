"""Writes docs/benchmarks.md from the figures of a run: nothing in it is typed by hand."""

import json
from collections.abc import Iterable, Sequence
from textwrap import dedent
from typing import Any

from benchmarks import memory
from benchmarks.processes import ROOT
from cdp_constructs.estimates import price

__all__ = ["NOT_RUN", "PAGE", "RESULTS", "rounded", "text"]

RESULTS = ROOT / "benchmarks/results.json"
PAGE = ROOT / "docs/benchmarks.md"
NOT_RUN = "# Benchmarks\n\n`make bench` writes this page. It was not run with this version yet.\n"

_WAYS = {
    "typescript": "TypeScript by hand",
    "by_hand": "Python by hand",
    "ours": "this library",
    "solutions_constructs": "Solutions Constructs",
}
_JOBS = {
    "fan_out": "fan-out to two queues",
    "private_cdn": "private CDN",
    "upload": "upload",
    "iot_to_firehose": "IoT to Firehose",
    "system": "a photo service of all of these, with sign-in",
}
# How many times as long as what it is compared with a thing may take.
_GOALS = {"by_hand": 1.05, "solutions_constructs": 0.75}
_VERSUS = ("ours, of its wall", "ours, of its user", "by hand, of its wall")
_COLD_GOAL, _IMPORT_GOAL, _CALL_GOAL, _MESSAGE_GOAL, _INSTANCE_GOAL = 0.45, 1.2, 1.3, 1.1, 1.0
_LINEAR = 1.1
# What DynamoDB, SQS and SNS usually take to answer within a Region.
_WAITING_MS = 5
_REQUESTS = price("lambda.requests")


def rounded(value: Any) -> Any:
    """Return figures with three decimals, so that a diff of two runs can be read."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def text(results: dict[str, Any]) -> str:
    """Return the page."""
    return "\n".join(
        [
            *_introduction(results),
            *_synthesis(results["synthesis"]),
            *_side_by_side(results["side_by_side"]),
            *_imports(results["imports"]),
            *_calls(results["calls"]),
            *_memory(results["imports"], results["calls"]),
            *_messages(results["messages"]),
            "",
        ]
    )


def _introduction(results: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return _prose(
        f"""
        # Benchmarks

        Written by `make bench` on {results["date"]}, {results["machine"]}: {versions}.

        Seconds depend on the machine; ratios, which are made pair by pair of processes that ran one after the other,
        do not. A ratio above its goal is **bold**. What the figures are made of is in `benchmarks/`, and the figures
        in `benchmarks/results.json`. [What synthesis and a message cost](performance.md) says why.
        """
    )[1:]


def _prose(text: str) -> list[str]:
    return ["", *dedent(text).strip().split("\n")]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    marks = ["---" if column < left else "---:" for column in range(len(head))]
    return ["", *(f"| {' | '.join(row)} |" for row in (head, marks, *rows))]


def _ratio(value: float, goal: float) -> str:
    return f"{value:.2f}" if value <= goal else f"**{value:.2f}**"


def _synthesis(figures: dict[str, Any]) -> list[str]:
    lines = _prose(
        f"""
        ## Synthesis

        Whole processes in turn, plainly started, medians of {figures["rounds"]} run(s) of each: the same resources by
        hand and with this library, which the benchmark checks. TypeScript is compiled before, as the build step of a
        project does. Solutions Constructs makes what it makes, see
        [below](#side-by-side-with-solutions-constructs). Largest process: the interpreter, or Node.js. Goals: at most
        {_GOALS["by_hand"]} of Python by hand, {_GOALS["solutions_constructs"]} of Solutions Constructs. The last column
        says what Python by hand takes of Solutions Constructs: no library that makes these resources takes less.
        """
    )
    rows = []
    for job, ways in figures["warm"].items():
        for way, measured in ways.items():
            goal = _GOALS.get(way, float("inf"))
            versus = "" if way == "ours" else _ratio(measured["ours_wall"], goal)
            versus_user = "" if way == "ours" else _ratio(measured["ours_user"], goal)
            floor = f"{measured['by_hand_wall']:.2f}" if way == "solutions_constructs" else ""
            title = f"{_JOBS[job]}, {figures['resources'][job]} resources" if way == next(iter(ways)) else ""
            seconds = [f"{measured['wall']:.2f} s", f"{measured['user']:.2f} s", f"{measured['memory']:.0f} MB"]
            rows.append([title, _WAYS[way], *seconds, versus, versus_user, floor])
    head = ["job", "written in", "wall", "user", "largest process", *_VERSUS]
    lines += _table(head, rows, left=2)
    lines += _without_byte_code(figures)
    return lines + _instances(figures["instances"])


def _without_byte_code(figures: dict[str, Any]) -> list[str]:
    if not figures["without_byte_code"]:
        return []
    rows = []
    for job, ways in figures["without_byte_code"].items():
        for way, measured in ways.items():
            goal = _COLD_GOAL if way == "solutions_constructs" else float("inf")
            versus = "" if way == "ours" else _ratio(measured["ours_wall"], goal)
            title = _JOBS[job] if way == next(iter(ways)) else ""
            floor = f"{measured['by_hand_wall']:.2f}" if way == "solutions_constructs" else ""
            rows.append([title, _WAYS[way], f"{measured['wall']:.2f} s", f"{measured['user']:.2f} s", versus, floor])
    return [
        *_prose(
            f"""
            ### Without byte code

            The first start after an installation that compiled nothing, as `pip install --no-compile` leaves it:
            {figures["cold_rounds"]} run(s) of each. Goal: at most {_COLD_GOAL} of Solutions Constructs.
            """
        ),
        *_table(["job", "written in", "wall", "user", _VERSUS[0], _VERSUS[-1]], rows, left=2),
    ]


def _instances(figures: dict[str, Any]) -> list[str]:
    steps = list(next(iter(figures.values())))
    rows = [[_WAYS[way], *(f"{costs[step]:.0f} ms" for step in steps)] for way, costs in figures.items()]
    ours = figures["ours"]
    ratios = [_ratio(ours[step] / figures["by_hand"][step], _INSTANCE_GOAL) for step in steps]
    lines = [
        *_prose(
            f"""
            ### Each further instance

            User time of each further fan-out in one process, ten to a stack, between two numbers of them. Goal: at
            most {_INSTANCE_GOAL} of Python by hand.
            """
        ),
        *_table(["written in", *steps], [*rows, ["ours, of by hand", *ratios]]),
    ]
    if len(steps) > 1:
        growth = ours[steps[-1]] / ours[steps[0]]
        linear = "not more than linear" if growth <= _LINEAR else "**more than linear**"
        lines += ["", f"An instance of the last step takes {growth:.2f} times one of the first: {linear}."]
    return lines


def _side_by_side(figures: dict[str, Any]) -> list[str]:
    packs = list(next(iter(next(iter(figures.values())).values()))["findings"])
    rows = []
    for job, ways in figures.items():
        for way, looked in ways.items():
            title = _JOBS[job] if way == next(iter(ways)) else ""
            numbers = [looked["resources"], looked["alarms"], *looked["findings"].values(), looked["lines"]]
            rows.append([title, _WAYS[way], *(str(number) for number in numbers)])
    return [
        *_prose(
            """
            ## Side by side with Solutions Constructs

            One instance of each, with the topic for alarms that a stack has. Findings are those that nobody
            acknowledged, by pack of cdk-nag. Lines are those of the benchmark's app, without imports and
            documentation. What Solutions Constructs has no construct for is not there: signed URLs and rotated keys of
            the CDN, alarms, dead-letter queues of subscriptions, and Parquet with a table for queries.
            """
        ),
        *_table(["job", "written with", "resources", "alarms", *packs, "lines"], rows, left=2),
    ]


def _imports(figures: dict[str, Any]) -> list[str]:
    rows = [
        [
            f"`{name}`",
            one["kind"],
            f"{one['cpu_ms']:.0f} ms",
            f"{one['bare_ms']:.0f} ms",
            _ratio(one["ratio"], _IMPORT_GOAL),
        ]
        for name, one in figures.items()
    ]
    traced = [name for name, one in figures.items() if one["xray"]]
    return [
        *_prose(
            f"""
            ## Import of a handler

            CPU until a handler can be called, in a process of its own, against a bare one that imports boto3 and
            Logger and makes the same clients; where ours imports them too, also the resolver of Powertools and
            pydantic with a model. Goal: at most {_IMPORT_GOAL}. With the X-Ray SDK: {", ".join(traced) or "none"}.
            """
        ),
        *_table(["handler", "bare one has", "ours", "bare", "ratio"], rows, left=2),
    ]


def _calls(figures: dict[str, Any]) -> list[str]:
    rows = [
        [
            f"`{name}`",
            str(one["aws_calls"]),
            f"{one['cpu_ms']:.2f} ms",
            f"{one['bare_ms']:.2f} ms",
            _ratio(one["ratio"], _CALL_GOAL),
        ]
        for name, one in figures.items()
    ]
    return [
        *_prose(
            f"""
            ## A call of a handler

            CPU of a call with one message, or one request, against a bare handler that reads the same JSON and
            makes the same calls of AWS with the same clients; that of a request is a route of Powertools. Nothing
            else: no batches, no checks, no log, no correlation. boto3 does all but open connections. Goal: at most
            {_CALL_GOAL}. What ours does beside its calls mostly takes a twentieth to a fifth of a millisecond: the
            batch and the correlation, one line of log, the checks. It is above the goal where there are few calls
            for that, and where work is no call of AWS: `deep_health_check` asks a partner, `scale_up` and
            `peering_acceptance` make their client when they are called, `web_socket_authorization` reads a token
            and its claims, `log_lines` unpacks and packs, `site_check` compares a site. The bare handler of
            thumbnails makes the same picture in its own process; ours makes it in a process that ends with the
            picture, so that a hostile file costs only itself.
            """
        ),
        *_table(["handler", "calls of AWS", "ours", "bare", "ratio"], rows),
    ]


def _memory(imports: dict[str, Any], calls: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in imports.items():
        setting = one["setting"]
        share = f"{one['memory'] / setting:.0%}"
        start = f"{one['cpu_ms'] / memory.share_of(setting) / 1000:.1f} s"
        call = _call_and_price(calls[name], setting) if name in calls else ["", ""]
        why = memory.REASONS.get(name, "")
        rows.append([f"`{name}`", f"{setting} MB", f"{one['memory']:.0f} MB", share, start, *call, why])
    headings = ["handler", "setting", "in use", "of the setting", "a start", "a call", "a million calls", "why more"]
    return [
        *_prose(
            f"""
            ## Memory of functions

            Lambda gives CPU with memory, one at {memory.ONE_CPU:,} MB
            (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). **The rule:** a function has the
            smallest setting of {", ".join(f"{one:,}" for one in memory.SETTINGS)} MB at which a process has at most
            {memory.MOST_IN_USE:.0%} of it in use once the handler is imported, a call computes for at most
            {memory.LONGEST_CALL_MS / 1000} s, and, where somebody waits for the answer, a start computes for at most
            {memory.LONGEST_START_MS // 1000} s. What has more has a reason of its own, in the last column: what a
            batch or a document adds, or who waits. A start and a call are the CPU of the tables above at the share of
            the setting, on a processor like this machine's. The price of a million calls, by the list of
            {_REQUESTS.region} that was read on {_REQUESTS.read} ({_REQUESTS.source}, arm64), has {_WAITING_MS} ms of
            waiting for each call of AWS on top, and no starts: Lambda bills memory for as long as a call takes, and
            ${_REQUESTS.of(1_000_000):.2f} for the requests.
            """
        ),
        *_table(headings, rows),
    ]


def _call_and_price(call: dict[str, Any], setting: int) -> list[str]:
    """Return how long a call computes at a setting of memory, and what a million of them cost."""
    computing = call["cpu_ms"] / memory.share_of(setting)
    seconds = (computing + _WAITING_MS * call["aws_calls"]) / 1000
    gigabyte_seconds = 1_000_000 * seconds * setting / 1024
    dollars = _REQUESTS.of(1_000_000) + price("lambda.arm_gigabyte_seconds").of(gigabyte_seconds)
    return [f"{computing:.0f} ms", f"${dollars:.2f}"]


def _messages(figures: dict[str, Any]) -> list[str]:
    bare, fan_out, ratio = figures["Bare"], figures["Fanout"], figures["ratio"]
    return [
        *_prose(
            f"""
            ## A message

            {figures["messages"]:,} messages from a topic by a queue to a function on one embedded cloud,
            {figures["runs"]} run(s) of each in turn. The bare one has no encryption, no dead-letter queues and no
            policies beyond what SNS needs. CPU is that of the server and of the functions. Goal: at most
            {_MESSAGE_GOAL} of the time.
            """
        ),
        *_table(
            ["", "time a message", "CPU a message"],
            [
                ["bare topic, queue and function", f"{bare['wall']:.2f} ms", f"{bare['cpu']:.2f} ms"],
                ["`SnsSqsFanout`", f"{fan_out['wall']:.2f} ms", f"{fan_out['cpu']:.2f} ms"],
                ["ours, of bare", _ratio(ratio["wall"], _MESSAGE_GOAL), f"{ratio['cpu']:.2f}"],
            ],
        ),
    ]


def main() -> None:
    """Write the page anew from the figures of the last run."""
    PAGE.write_text(text(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
