"""Crashes: an invocation in progress ends without a response, and the next one starts a new process."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import function, role

REGION = "us-west-2"


def test_a_crash_ends_the_invocation_in_progress_and_the_next_one_starts_a_new_process(
    cloud: LocalCloud, stacks: Any
) -> None:
    code = "import os, time\ndef handler(event, context):\n    time.sleep(event['sleep'])\n    return os.getpid()\n"
    template = {
        "Resources": {"Role": role(), "Sleeper": function(code, "Role")},
        "Outputs": {"Name": {"Value": {"Ref": "Sleeper"}}},
    }
    name = stacks.deploy(template, region=REGION)["Name"]

    def sleep(seconds: float) -> dict[str, Any]:
        payload = json.dumps({"sleep": seconds}).encode()
        answer: dict[str, Any] = cloud.client("lambda", REGION).invoke(FunctionName=name, Payload=payload)
        return {"error": answer.get("FunctionError"), "result": json.loads(answer["Payload"].read())}

    assert cloud.crash_function(name, REGION) == 0
    first = sleep(0)["result"]
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(sleep, 8)
        # The one process is at work, or about to be: either way the invocation cannot complete.
        assert eventually(lambda: cloud.crash_function(name, REGION)) == 1
        ended = under_way.result()
    assert ended["error"] or ended["result"] != first
    assert sleep(0)["result"] != first


def test_an_invocation_right_after_a_crash_is_not_given_to_the_process_that_ends(
    cloud: LocalCloud, stacks: Any
) -> None:
    # What has much memory takes longest to end.
    code = "import os\nmemory = b'x' * 2**28\ndef handler(event, context):\n    return os.getpid()\n"
    template = {
        "Resources": {"Role": role(), "Large": function(code, "Role")},
        "Outputs": {"Name": {"Value": {"Ref": "Large"}}},
    }
    name = stacks.deploy(template, region=REGION)["Name"]
    client = cloud.client("lambda", REGION)
    seen = set()
    for _ in range(5):
        answer = client.invoke(FunctionName=name)
        said = answer["Payload"].read()
        assert "FunctionError" not in answer, said
        seen.add(json.loads(said))
        assert cloud.crash_function(name, REGION) == 1
    assert len(seen) == 5
