"""Lambda: what runs functions here - workers forked from a template, a bounded number of them, with whole logs."""

import base64
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.lambda_.workers import _MOST_WORKERS
from tests.archives import zipped
from tests.local.resources import FOR_FUNCTIONS, allow, arn, function, role
from tests.processes import is_running

REGION = "eu-west-1"

CODE = """
import json, os, sys, time
import boto3

calls = 0

def handler(event, context):
    global calls
    calls += 1
    for line in event.get("lines", []):
        print(line)
    time.sleep(float((event.get("queryStringParameters") or event).get("sleep", 0)))
    if event.get("deeper"):
        payload = json.dumps({"deeper": event["deeper"] - 1, "sleep": event["sleep"]})
        boto3.client("lambda").invoke(FunctionName=context.function_name, Payload=payload)["Payload"].read()
    return {
        "pid": os.getpid(),
        "safe_path": sys.flags.safe_path,
        "calls": calls,
        "own": os.environ.get("OWN"),
        "folder": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
        "boto3": getattr(boto3, "__version__", None),
    }
"""

NAMES = ("One", "Other", "Busy", "Deep")
TEMPLATE = {
    "Resources": {
        "Role": role(allow(["lambda:InvokeFunction"], "*")),
        **{name: function(CODE, "Role", Timeout=60, Environment={"Variables": {"OWN": name}}) for name in NAMES},
    },
    "Outputs": {**{name: {"Value": {"Ref": name}} for name in NAMES}, "Role": {"Value": arn("Role")}},
}

Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def names(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    return deployed


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Call:
    client = cloud.client("lambda", REGION)

    def invoke(name: str, **event: Any) -> dict[str, Any]:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail")
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        result: dict[str, Any] = json.loads(answer["Payload"].read()) | {"log": log}
        return result

    return invoke


def is_forked(result: dict[str, Any]) -> bool:
    # Of the two interpreters only that of the template runs with -P. A call that came to a worker which was just about
    # to end tells nothing.
    return bool(result.get("safe_path"))


forks = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="workers are forked on Linux only")


@pytest.fixture
def forked(cloud: LocalCloud, names: dict[str, str], call: Call, eventually: Callable[..., Any]) -> dict[str, Any]:
    """Return the first answer of a worker that was forked: the template itself takes a moment to be ready."""

    def forked() -> dict[str, Any] | None:
        cloud.crash_function(names["One"], REGION)
        result = call(names["One"])
        return result if is_forked(result) else None

    result: dict[str, Any] = eventually(forked, within=20)
    return result


@forks
def test_a_worker_is_forked_with_the_environment_of_its_function(
    forked: dict[str, Any], names: dict[str, str], call: Call
) -> None:
    assert (forked["calls"], forked["own"], forked["folder"]) == (1, "One", True)
    again = call(names["One"])
    assert (again["pid"], again["calls"]) == (forked["pid"], 2)
    other = call(names["Other"])
    assert is_forked(other)
    assert (other["calls"], other["own"], other["pid"] != forked["pid"]) == (1, "Other", True)


@forks
def test_a_forked_worker_that_is_killed_is_replaced(
    cloud: LocalCloud, forked: dict[str, Any], names: dict[str, str], call: Call, eventually: Callable[..., Any]
) -> None:
    assert cloud.crash_function(names["One"], REGION) == 1
    assert eventually(lambda: not is_running(forked["pid"]))
    assert cloud.crash_function(names["One"], REGION) == 0
    assert call(names["One"])["pid"] != forked["pid"]


@forks
def test_a_function_with_a_package_of_its_own_gets_that_and_not_the_template(
    cloud: LocalCloud, forked: dict[str, Any], names: dict[str, str], call: Call
) -> None:
    code = zipped({"index.py": CODE, "boto3/__init__.py": "__version__ = 'of its own'\n"})
    cloud.client("lambda", REGION).create_function(
        FunctionName="own-boto3",
        Runtime="python3.14",
        Handler="index.handler",
        Role=names["Role"],
        Code={"ZipFile": code},
    )
    result = call("own-boto3")
    assert (result["boto3"], is_forked(result)) == ("of its own", False)
    assert forked["boto3"] != result["boto3"]


def test_more_requests_than_workers_wait_and_all_are_answered(cloud: LocalCloud, names: dict[str, str]) -> None:
    apis = cloud.client("apigatewayv2", REGION)
    target = cloud.client("lambda", REGION).get_function(FunctionName=names["Busy"])["Configuration"]["FunctionArn"]
    api = apis.create_api(Name="busy", ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=target, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="GET /", Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    cloud.client("lambda", REGION).add_permission(
        FunctionName=target, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    url = f"{cloud.http_api_url(api, REGION)}/?sleep=0.2"
    requests = 3 * _MOST_WORKERS
    with ThreadPoolExecutor(requests) as pool:
        answers = list(pool.map(lambda _: httpx.get(url, timeout=30), range(requests)))
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert 1 < len({answer.json()["pid"] for answer in answers}) <= _MOST_WORKERS


def test_functions_that_call_themselves_do_not_wait_for_themselves(names: dict[str, str], call: Call) -> None:
    # Every worker is taken by a call that needs another one to end.
    with ThreadPoolExecutor(_MOST_WORKERS) as pool:
        results = list(pool.map(lambda _: call(names["Deep"], deeper=1, sleep=0.3), range(_MOST_WORKERS)))
    assert all(result["own"] == "Deep" for result in results)


def test_a_log_holds_the_lines_of_its_own_call_all_of_them(names: dict[str, str], call: Call) -> None:
    for number in range(3):
        lines = [f"call {number} line {line}" for line in range(50)]
        log = call(names["Other"], lines=lines)["log"].splitlines()
        assert [line for line in log if line.startswith("call ")] == lines
        assert not any("end of call" in line for line in log)


def test_processes_of_functions_end_with_the_cloud(eventually: Callable[..., Any]) -> None:
    with LocalCloud.start() as cloud:
        role = cloud.client("iam").create_role(RoleName="short", AssumeRolePolicyDocument=FOR_FUNCTIONS)["Role"]["Arn"]
        code = zipped({"index.py": CODE})
        cloud.client("lambda", REGION).create_function(
            FunctionName="short",
            Runtime="python3.14",
            Handler="index.handler",
            Role=role,
            Code={"ZipFile": code},
        )
        answer = cloud.client("lambda", REGION).invoke(FunctionName="short", Payload=b"{}")
        pid = json.loads(answer["Payload"].read())["pid"]
        assert is_running(pid)
    assert eventually(lambda: not is_running(pid))
