"""``make aws-smoke PROFILE=…``: behaviour tests on an account and on the embedded cloud, and what differed."""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.aws_smoke.account import AwsAccount
from tools.aws_smoke.errors import REFUSED, RefusedError, StoppedError

ROOT = Path(__file__).parents[2]
FANOUT = "tests/behaviour/messaging/test_sns_sqs_fanout.py"
TESTS = (
    "tests/behaviour/workflow/test_webhook_automation.py",
    *(
        f"{FANOUT}::test_{name}"
        for name in (
            "one_publish_reaches_every_subscriber_that_wants_it",
            "an_envelope_carries_topic_and_attributes",
            "a_filter_on_attributes_lets_only_matches_through",
            "a_filter_on_the_body_lets_only_matches_through",
            "a_duplicate_is_archived_once",
        )
    ),
)
"""The smallest stacks that say something: an HTTP API, functions, a bucket, tables, queues, topics and keys."""

PASSED = "passed"
DIFFERED, NOT_RUN, INTERRUPTED = 1, 2, 130
_SHOWN = 7


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Run pytest, and wait until it has removed everything also when somebody interrupts."""
    with subprocess.Popen(  # noqa: S603 - our own
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        # Ctrl-C reaches pytest by itself, which removes and ends.
        before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        try:
            output, _ = process.communicate()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return process.returncode, output


def _shortened(message: str) -> str:
    lines = [line for line in message.splitlines() if line.strip()]
    return "\n    ".join(lines[:_SHOWN])


def outcomes(tests: Sequence[str], *arguments: str) -> Mapping[str, str]:
    """Run tests; return by name that they passed, or why not.

    Raises:
        RefusedError: the account is not used, or pytest did not run.
        StoppedError: somebody interrupted.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, reason = Path(folder, "report.xml"), Path(folder, "reason.txt")
        given = [*arguments, f"--aws-reason={reason}"] if arguments else []
        status, output = _run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", f"--junit-xml={report}", *given, *tests]
        )
        if status == REFUSED:
            raise RefusedError(reason.read_text())
        if status == pytest.ExitCode.INTERRUPTED:
            raise StoppedError(reason.read_text() if reason.exists() else "everything was removed")
        if not report.exists():
            raise RefusedError(f"pytest did not run:\n{output}")
        found = {}
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
            problem = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
            # An error after a test, such as what could not be removed, counts for the test.
            if problem is not None or case.attrib["name"] not in found:
                message = "" if problem is None else problem.attrib.get("message", problem.tag)
                found[case.attrib["name"]] = PASSED if problem is None else _shortened(message)
        return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def compare(profile: str | None, endpoint: str | None, tests: Sequence[str]) -> int:
    """Run tests on the account and on the embedded cloud, say what differed, and return 1 when something did.

    Raises:
        RefusedError: the account cannot be used.
    """
    if not profile:
        raise RefusedError("name a profile of the AWS configuration: make aws-smoke PROFILE=name")
    AwsAccount(profile, endpoint).check()
    on_account = ["-p", "tools.aws_smoke.plugin", "--aws-profile", profile]
    on_account += ["--aws-endpoint", endpoint] if endpoint else []
    _say("Deploying to the account, running there, and removing everything ...")
    there = outcomes(tests, *on_account)
    _say("Running on the embedded cloud ...")
    here = outcomes(tests)
    differing = {
        name: (there.get(name), here.get(name)) for name in {**there, **here} if there.get(name) != here.get(name)
    }
    for name, (account, local) in differing.items():
        _say(f"{name}\n  account:        {account}\n  embedded cloud: {local}")
    _say(f"{len(there)} tests, {sum(one == PASSED for one in there.values())} passed there, {len(differing)} differed")
    return DIFFERED if differing or not there else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make aws-smoke", description=__doc__)
    parser.add_argument("--profile", help="profile of the AWS configuration")
    parser.add_argument("--endpoint", help="address of an embedded cloud that stands for the account")
    parser.add_argument("tests", nargs="*", default=TESTS, help="default: a few of two patterns")
    given = parser.parse_args()
    try:
        return compare(given.profile, given.endpoint, given.tests)
    except RefusedError as refusal:
        sys.stderr.write(f"aws-smoke: {refusal}\n")
        return NOT_RUN
    except StoppedError as stopped:
        sys.stderr.write(f"aws-smoke: interrupted; {stopped}\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
