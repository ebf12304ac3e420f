"""Deploys one cloud assembly to an embedded cloud of its own, and prints what came of it as JSON.

`python -m tools.foreign.attempt FOLDER`, with `--name` for the name by which its entries are listed, or with
`--assertions` for the stacks, too, by which an integration test of the CDK asserts on what it deploys.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def _attempt(folder: Path, name: str, *, assertions: bool) -> Mapping[str, Any]:
    every = read_assembly(folder)
    stacks = [stack.path for stack in every if assertions or not is_assertion(stack)]
    with LocalCloud.start(timeout=120) as cloud:
        try:
            deployment = cloud.deploy(folder, stacks=stacks, bootstrap_qualifiers=qualifiers_of(every))
        except DeploymentError as error:
            rolled_back = any(word in str(error).splitlines()[0] for word in _ROLLED_BACK)
            return {"outcome": "rolled back" if rolled_back else "refused", "reason": str(error)}
        result = _result(deployment, assertions=assertions)
        return result if assertions else {**result, "entries": drive(cloud, deployment, entries_of(name))}


def main() -> None:
    """Print the outcome of the assembly that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="")
    parser.add_argument("--assertions", action="store_true")
    given = parser.parse_args()
    result: Mapping[str, Any]
    try:
        result = _attempt(given.folder, given.name, assertions=given.assertions)
    except (AssemblyError, LocalCloudError) as error:
        result = {"outcome": "refused", "reason": str(error)}
    except Exception:  # noqa: BLE001  # what is looked for
        result = {"outcome": "crashed", "reason": traceback.format_exc()[-1500:]}
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
