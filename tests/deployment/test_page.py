"""The commands of docs/deploy.md, from the first deployment to the last, run as they stand there.

Only the account differs, that nobody is asked about permissions, and that nothing is waited for.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(2400)]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text()
HOME, AWAY = "eu-west-1", "us-west-2"
ACCOUNT = "000000000000"

Run = Callable[[str], str]


def commands(heading: str) -> str:
    """The commands below a heading, up to the next one."""
    section = re.split(r"^#{2,3} ", PAGE.partition(f"{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = "\n".join(re.findall(r"^```console\n(.*?)^```", section, re.DOTALL | re.MULTILINE))
    assert found, f"{heading} has no commands"
    return found


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def run(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run commands in a shell that keeps its variables."""
    folder = tmp_path_factory.mktemp("deployment")
    variables = folder / "variables.sh"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    binaries = [str(ROOT / ".venv/bin"), str(ROOT / "node_modules/.bin"), kept["PATH"]]
    environment = kept | {
        **own_cloud.root.environment(own_cloud.endpoint, HOME),
        "PATH": os.pathsep.join(binaries),
        "CDK_OUTPUT": str(folder / "cdk.out"),
        "CDK_REQUIRE_APPROVAL": "never",
        "CDK_NOTICES": "false",
        "AWS_PAGER": "",
    }
    variables.write_text("")

    def execute(text: str) -> str:
        script = f". {variables}\nset -eux\n{text}\nset +x\nexport -p > {variables}\n"
        ended = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == 0, output[-6000:]
        return output

    return execute


def stacks(cloud: LocalCloud, region: str) -> dict[str, Any]:
    found = cloud.client("cloudformation", region).describe_stacks()["Stacks"]
    return {stack["StackName"]: stack for stack in found if stack["StackName"] != "CDKToolkit"}


def tables(cloud: LocalCloud, region: str) -> set[str]:
    return {name for name in cloud.client("dynamodb", region).list_tables()["TableNames"] if "ChatGlobal" in name}


def test_the_page_from_the_first_deployment_to_the_last(own_cloud: LocalCloud, run: Run) -> None:
    run(commands("## From the first deployment to the last").replace("111122223333", ACCOUNT))

    run(commands("### Deploy"))
    assert stacks(own_cloud, HOME).keys() == {"ChatGlobal", f"Chat-{HOME}", "ChatWeb"}
    assert stacks(own_cloud, AWAY) == {}
    assert stacks(own_cloud, HOME)["ChatGlobal"]["EnableTerminationProtection"]
    shared = tables(own_cloud, HOME)
    assert len(shared) == 2

    changed = run(commands("### Change"))
    assert "Number of stacks with differences: 1" in changed
    assert stacks(own_cloud, HOME)[f"Chat-{HOME}"]["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks(own_cloud, HOME)["ChatGlobal"]["StackStatus"] == "CREATE_COMPLETE"

    run(commands("### Add a Region"))
    assert stacks(own_cloud, AWAY).keys() == {f"Chat-{AWAY}", "ChatWebCopy"}
    assert tables(own_cloud, AWAY) == shared

    with own_cloud.cut_off(HOME):
        run(commands("### Lose the home Region"))
    functions = own_cloud.client("lambda", AWAY).get_paginator("list_functions").paginate()
    described = [function.get("Description") for page in functions for function in page["Functions"]]
    assert described.count("A fix that could not wait") == 1

    run(commands("### Retire a Region"))
    assert stacks(own_cloud, AWAY) == {}
    assert tables(own_cloud, AWAY) == set()

    run(commands("### Destroy"))
    assert stacks(own_cloud, HOME) == {}
    assert tables(own_cloud, HOME) == shared, "tables are kept"

    run(commands("### Deploy again"))
    assert stacks(own_cloud, HOME).keys() == {"ChatGlobal", f"Chat-{HOME}", "ChatWeb"}
    assert tables(own_cloud, HOME) >= shared


def use(cloud: LocalCloud) -> None:
    """Do what fleets and readers do: there are a thing, its certificate with policies, and a query."""
    iot, athena = (cloud.client(service, HOME) for service in ("iot", "athena"))
    (kind,) = iot.list_thing_types()["thingTypes"]
    iot.create_thing(thingName="A-0001", thingTypeName=kind["thingTypeName"])
    certificate = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.attach_thing_principal(thingName="A-0001", principal=certificate)
    for policy in iot.list_policies()["policies"]:
        iot.attach_policy(policyName=policy["policyName"], target=certificate)
    groups = [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]
    (group,) = [name for name in groups if name.startswith("iot_")]
    athena.start_query_execution(QueryString="SELECT 1", WorkGroup=group)


def test_the_iot_system_from_the_first_deployment_to_the_last(own_cloud: LocalCloud, run: Run) -> None:
    run(f"export ACCOUNT={ACCOUNT}")
    run(commands("### Deploy the IoT system"))
    assert stacks(own_cloud, HOME)["Iot"]["EnableTerminationProtection"]
    before = {table for table in own_cloud.client("dynamodb", HOME).list_tables()["TableNames"] if "Iot-" in table}

    run(commands("### Add a production line"))
    assert stacks(own_cloud, HOME)["Iot"]["StackStatus"] == "UPDATE_COMPLETE"
    iot = own_cloud.client("iot", HOME)
    (claim,) = iot.list_certificates()["certificates"]
    (policy,) = iot.list_attached_policies(target=claim["certificateArn"])["policies"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks(own_cloud, HOME)["Iot"]["Outputs"]}
    assert policy["policyName"] == outputs["ClaimPolicy"]

    run(commands("### Allow a device"))
    allowed = own_cloud.client("dynamodb", HOME).scan(TableName=outputs["AllowListName"])["Items"]
    assert [item["serial_number"]["S"] for item in allowed] == ["A-0001"]

    use(own_cloud)
    retiring = commands("### Retire the fleet")
    assert retiring.endswith("sleep 300\n")
    run(retiring.removesuffix("sleep 300\n"))
    run(commands("### Destroy the IoT system"))
    assert "Iot" not in stacks(own_cloud, HOME)
    kept = set(own_cloud.client("dynamodb", HOME).list_tables()["TableNames"])
    assert outputs["AllowListName"] in kept & before

    run(commands("### Deploy the IoT system again"))
    assert stacks(own_cloud, HOME)["Iot"]["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("walk", "steps"),
    [
        ("## From the first deployment to the last", 7),
        ("## The IoT system, from the first deployment to the last", 6),
    ],
)
def test_every_heading_of_the_walks_has_commands(walk: str, steps: int) -> None:
    section = PAGE.partition(f"{walk}\n")[2].partition("\n## ")[0]
    headings = re.findall(r"^### .+$", section, re.MULTILINE)
    assert len(headings) == steps
    for heading in headings:
        assert commands(heading)
