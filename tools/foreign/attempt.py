"""Deploys one cloud assembly to an embedded cloud of its own, and prints what came of it as JSON.

`python -m tools.foreign.attempt FOLDER`, with `--name` for the name by which its entries are listed, or with
`--assertions` for the stacks, too, by which an integration test of the CDK asserts on what it deploys. When it is not
done after so many `--seconds`, it says what it waits for, and ends.
"""

import argparse
import json
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cdp_constructs.assembly import AssemblyError, StackArtifact, read_assembly
from cdp_constructs.local import Deployment, DeploymentError, LocalCloud, LocalCloudError
from cdp_constructs.local.coverage.labels import Support
from cdp_constructs.local.deployment.bootstrap import qualifiers_of
from tools.foreign.drive import drive
from tools.foreign.listed import entries_of

__all__ = ["is_assertion", "main"]

_ROLLED_BACK = ("ROLLBACK", "CREATE_FAILED", "DELETE_COMPLETE")
_ANSWER = "AssertionResults"


def is_assertion(stack: StackArtifact) -> bool:
    """Whether a stack has the assertions of an integration test."""
    return "DeployAssert" in stack.artifact_id


def _result(deployment: Deployment, *, assertions: bool) -> Mapping[str, Any]:
    records = sorted({each.resource_type for each in deployment.not_executed if each.support is Support.RECORD_ONLY})
    if not assertions:
        kinds = [name for name in records if name != "AWS::CDK::Metadata"]
        return {"outcome": "deployed with records" if kinds else "deployed", "reason": ", ".join(kinds)}
    answers = [
        json.loads(value)
        for outputs in deployment.outputs.values()
        for name, value in outputs.items()
        if name.startswith(_ANSWER)
    ]
    failed = [answer for answer in answers if answer.get("status") != "success"]
    return {"outcome": "failed" if failed else "passed", "reason": json.dumps(failed) if failed else ""}


def _say(result: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(result)}\n")
    sys.stdout.flush()


def _waiting(cloud: LocalCloud, stacks: Sequence[StackArtifact]) -> Iterator[str]:
    """Yield the resources that are not done yet, and their stacks."""
    for stack in stacks:
        client = cloud.client("cloudformation", stack.region, account=stack.account)
        try:
            events = client.describe_stack_events(StackName=stack.name)["StackEvents"]
        except ClientError:  # not started, or rolled back and gone
            continue
        latest: dict[str, Mapping[str, Any]] = {}
        for event in events:  # the newest first
            latest.setdefault(event["LogicalResourceId"], event)
        for name, event in latest.items():
            if event["ResourceStatus"].endswith("IN_PROGRESS"):
                yield f"{stack.name}/{name} ({event['ResourceType']}) {event['ResourceStatus']}"


def _give_up(cloud: LocalCloud, stacks: Sequence[StackArtifact], seconds: float) -> None:
    _say({"outcome": "hung", "reason": f"no end within {seconds:.0f} s; {', '.join(_waiting(cloud, stacks))}"})
    os._exit(0)  # the main thread waits for the deployment; the cloud ends with the process


def _attempt(folder: Path, name: str, *, assertions: bool, seconds: float) -> Mapping[str, Any]:
    every = read_assembly(folder)
    stacks = [stack for stack in every if assertions or not is_assertion(stack)]
    with LocalCloud.start(timeout=120) as cloud:
        limit = threading.Timer(seconds, _give_up, (cloud, stacks, seconds))
        limit.daemon = True
        limit.start()
        try:
            paths = [stack.path for stack in stacks]
            deployment = cloud.deploy(folder, stacks=paths, bootstrap_qualifiers=qualifiers_of(every))
        except DeploymentError as error:
            rolled_back = any(word in str(error).splitlines()[0] for word in _ROLLED_BACK)
            return {"outcome": "rolled back" if rolled_back else "refused", "reason": str(error)}
        finally:
            limit.cancel()
        result = _result(deployment, assertions=assertions)
        return result if assertions else {**result, "entries": drive(cloud, deployment, entries_of(name))}


def main() -> None:
    """Print the outcome of the assembly that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="")
    parser.add_argument("--assertions", action="store_true")
    parser.add_argument("--seconds", type=float, default=180)
    given = parser.parse_args()
    result: Mapping[str, Any]
    try:
        result = _attempt(given.folder, given.name, assertions=given.assertions, seconds=given.seconds)
    except (AssemblyError, LocalCloudError) as error:
        result = {"outcome": "refused", "reason": str(error)}
    except Exception:  # noqa: BLE001  # what is looked for
        result = {"outcome": "crashed", "reason": traceback.format_exc()[-1500:]}
    _say(result)


if __name__ == "__main__":
    main()
