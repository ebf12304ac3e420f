"""The systems with everything switched on, as their operator meets them: one deployment of each for the session."""

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import boto3
import pytest
from aws_cdk import App

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.operations.deployed.stacks import DeployedStack
from cdp_constructs.testing import architecture, eventually
from stacks.chat import system as chat_system
from stacks.iot import system as iot_system
from stacks.mobile import system as mobile_system
from stacks.serverless import system as serverless_system
from tests.operator.shell import Shell
from tests.stacks.chat.clients import Chat
from tests.stacks.iot.test_stacks import EVERYTHING

# `make test` validates the templates and runs the packs; here only the operator judges.
os.environ.setdefault("CDK_VALIDATION", "false")


@pytest.fixture(scope="session")
def nag_packs() -> Callable[[App], list[Any]]:
    return lambda _app: []


@architecture
def chat_with_everything(app: App) -> None:
    """The chat as it comes, which has everything: routing, notices, and a web client with a name."""
    chat_system.add_to(app, app.node.try_get_context("chat"))


@pytest.fixture(scope="session")
def chat(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Chat:
    """The chat in two Regions."""
    return Chat(local_cloud, deployed(chat_with_everything))


@architecture
def iot_with_everything(app: App) -> None:
    """The IoT system under the name that the pages have."""
    # A claim certificate is registered by hand, and changes no alarm.
    options = {name: value for name, value in EVERYTHING.items() if name != "claim_certificate_arns"}
    iot_system.add_to(app, {**app.node.try_get_context("iot"), **options})


@pytest.fixture(scope="session")
def iot(deployed: Callable[..., Deployment]) -> Deployment:
    """The IoT system."""
    return deployed(iot_with_everything)


@architecture
def serverless_with_everything(app: App) -> None:
    """The price lists as they come."""
    serverless_system.add_to(app, app.node.try_get_context("serverless"))


@pytest.fixture(scope="session")
def serverless(deployed: Callable[..., Deployment]) -> Deployment:
    """The price lists."""
    return deployed(serverless_with_everything)


@architecture
def mobile_with_everything(app: App) -> None:
    """The mobile backend as it comes."""
    mobile_system.add_to(app, app.node.try_get_context("mobile"))


@pytest.fixture(scope="session")
def mobile(deployed: Callable[..., Deployment]) -> Deployment:
    """The mobile backend, and what is in front of it."""
    return deployed(mobile_with_everything)


@pytest.fixture(scope="session")
def chat_shell(local_cloud: LocalCloud, chat: Chat, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return shell_of(
        local_cloud, tmp_path_factory, "docs/runbooks/index.md", {"owner": lambda _command: chat.user().sub}
    )


@pytest.fixture(scope="session")
def iot_shell(local_cloud: LocalCloud, iot: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    (region,) = iot.regions.values()

    def certificate(_command: str) -> str:
        made = local_cloud.client("iot", region).create_keys_and_certificate(setAsActive=True)
        return str(made["certificateId"])

    values = {
        "principal": certificate,
        "certificate": certificate,
        "serial number": lambda _command: "A-0001",
        "rawData": lambda _command: "eyJhIjogMX0=",
    }
    return shell_of(local_cloud, tmp_path_factory, "docs/runbooks/iot/index.md", values)


@pytest.fixture(scope="session")
def serverless_shell(
    local_cloud: LocalCloud, serverless: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Shell:
    (region,) = serverless.regions.values()
    (outputs,) = serverless.outputs.values()

    def execution(_command: str) -> str:
        """Return a list that failed, as the command before lists it."""
        states = local_cloud.client("stepfunctions", region)
        started = states.start_execution(stateMachineArn=outputs["ImportArn"], input="{}")["executionArn"]
        eventually(lambda: states.describe_execution(executionArn=started)["status"] == "FAILED", within=30)
        return str(started)

    return shell_of(local_cloud, tmp_path_factory, "docs/runbooks/serverless/index.md", {"execution": execution})


@pytest.fixture(scope="session")
def mobile_shell(local_cloud: LocalCloud, mobile: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    assert mobile.outputs
    return shell_of(local_cloud, tmp_path_factory, "docs/runbooks/mobile/index.md")


def shell_of(
    cloud: LocalCloud,
    folders: pytest.TempPathFactory,
    index: str,
    values: Mapping[str, Callable[[str], str]] = MappingProxyType({}),
) -> Shell:
    """Return the shell of who works by the pages of a folder, with what stands for names in angle brackets."""

    def message(command: str) -> str:
        """Put a message into the queue that the command names, and read its id as the page says: with `show`."""
        (queue,) = re.findall(r"(\S+) <message>", command)
        name = queue.replace("/", "")
        known = {one.name: one for one in stack.of_type("AWS::SQS::Queue")}
        url = (known.get(f"{name}DeadLetterQueue") or known[name]).physical_id
        stack.client("sqs").send_message(QueueUrl=url, MessageBody="poison")
        shown = shell.run(f"cdp dead-letters show {queue} --limit 100")
        return re.findall(r"^-- (\S+)", shown, re.MULTILINE)[-1]

    def identity(_command: str) -> str:
        """Write a line with an id into a log of the stack, as its functions do."""
        group, found = next(iter(stack.of_type("AWS::Logs::LogGroup"))).physical_id, uuid.uuid4().hex
        logs = stack.client("logs")
        logs.create_log_stream(logGroupName=group, logStreamName=found)
        line = json.dumps({"level": "INFO", "message": "accepted", "correlation_id": found})
        event = {"timestamp": int(time.time() * 1000), "message": line}
        logs.put_log_events(logGroupName=group, logStreamName=found, logEvents=[event])
        return found

    shell = Shell(cloud, folders.mktemp("shell"), index, {"message": message, "id": identity, **values})
    key, secret = cloud.root.credentials()
    session = boto3.Session(key, secret, region_name=shell.exported("AWS_REGION"))
    stack = DeployedStack(shell.exported("CDP_STACK"), session, endpoint_url=cloud.endpoint)
    return shell
