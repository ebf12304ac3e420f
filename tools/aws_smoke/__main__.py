"""``make aws-smoke PROFILE=…``: behaviour tests on the embedded cloud and on an account, and what differed."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

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


def outcomes(tests: Sequence[str], *arguments: str) -> Mapping[str, str]:
    """Run tests; return by name that they passed, or the first line of why not."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", f"--junit-xml={report}", *arguments, *tests]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if not report.exists():
            sys.exit(f"pytest did not run:\n{ended.stdout}{ended.stderr}")
        found = {}
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
            problem = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
            # An error after a test, such as what could not be removed, counts for the test.
            if problem is not None or case.attrib["name"] not in found:
                message = "" if problem is None else problem.attrib.get("message", problem.tag)
                found[case.attrib["name"]] = PASSED if problem is None else message.partition("\n")[0]
        return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Compare both, and return 1 when something differed."""
    parser = argparse.ArgumentParser(prog="make aws-smoke", description=__doc__)
    parser.add_argument("--profile", help="profile of the AWS configuration; default: the environment's credentials")
    parser.add_argument("--endpoint", help="address of an embedded cloud that stands for the account")
    parser.add_argument("tests", nargs="*", default=TESTS, help="default: a few of two patterns")
    given = parser.parse_args()
    on_account = ["-p", "tools.aws_smoke.plugin"]
    for option in ("profile", "endpoint"):
        if value := getattr(given, option):
            on_account += [f"--aws-{option}", value]
    _say("Running on the embedded cloud ...")
    here = outcomes(given.tests)
    _say("Deploying to the account, running there, and removing everything ...")
    there = outcomes(given.tests, *on_account)
    differing = {
        name: (here.get(name), there.get(name)) for name in {**here, **there} if here.get(name) != there.get(name)
    }
    for name, (local, account) in differing.items():
        _say(f"{name}\n  embedded cloud: {local}\n  account:        {account}")
    _say(f"{len(there)} tests, {sum(one == PASSED for one in there.values())} passed there, {len(differing)} differed")
    return 1 if differing or not there else 0


if __name__ == "__main__":
    sys.exit(main())
