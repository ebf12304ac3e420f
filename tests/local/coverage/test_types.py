"""Any application of the CDK deploys: a specimen with what users of each family of services write, and every type."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.coverage import records
from cdp_constructs.local.coverage.catalogue import CATALOGUE
from cdp_constructs.local.coverage.labels import LABELS

ROOT = Path(__file__).parents[3]
SPECIMEN = Path(__file__).parent / "typical_app" / "app.py"
FAMILIES = re.findall(r'^    "(\w+)": \w+,$', SPECIMEN.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("specimen") / "cdk.out"
    environment = {**os.environ, "CDK_VALIDATION": "false"}
    command = [sys.executable, "-m", "tests.local.coverage.typical_app.app", str(output)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    return output


def _cdk_types() -> set[str]:
    """Every resource type that the installed CDK has a construct for."""
    files = importlib.metadata.files("aws-cdk-lib") or []
    modules = [Path(str(file.locate())) for file in files if file.match("aws_cdk/*/__init__.py")]
    found = (
        re.findall(r"cloudformationResource: (AWS::\w+::\w+)$", text, re.MULTILINE) for text in map(_text, modules)
    )
    return {name for names in found for name in names}


def _text(module: Path) -> str:
    return module.read_text(encoding="utf-8")


def test_the_specimen_has_all_its_families() -> None:
    assert len(FAMILIES) >= 18


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_services_deploys_and_leaves_nothing(cloud: LocalCloud, assembly: Path, family: str) -> None:
    deployed = cloud.deploy(assembly, stacks=[family])
    template = json.loads((assembly / f"{family}.template.json").read_text(encoding="utf-8"))

    assert set(deployed.resources[family]) == set(template["Resources"])
    labelled = {item.logical_id for item in deployed.not_executed}
    not_executed = {name for name, resource in template["Resources"].items() if resource["Type"] in LABELS}
    assert labelled == not_executed

    deployed.destroy()

    stacks = cloud.client("cloudformation").list_stacks()["StackSummaries"]
    states = {stack["StackName"]: stack["StackStatus"] for stack in reversed(stacks)}
    assert states[family] == "DELETE_COMPLETE"


def _unknown(client: Any, names: list[str]) -> set[str]:
    """Return the types that CloudFormation would refuse, without creating anything."""
    unknown: set[str] = set()
    for start in range(0, len(names), 400):
        resources = {f"Resource{index}": {"Type": name} for index, name in enumerate(names[start : start + 400])}
        try:
            client.validate_template(TemplateBody=json.dumps({"Resources": resources}))
        except client.exceptions.ClientError as error:
            unknown.update(re.findall(r"AWS::\w+::\w+", error.response["Error"]["Message"]))
    return unknown


def test_every_type_of_the_cdk_is_known_and_a_misspelt_one_is_not(cloud: LocalCloud) -> None:
    names = sorted(_cdk_types())
    assert len(names) > 1_500

    # Types that are missing here belong into recorded_types.txt, or are emulated.
    assert _unknown(cloud.client("cloudformation"), [*names, "AWS::S3::Bukkit"]) == {"AWS::S3::Bukkit"}


def test_every_label_says_what_is_missing() -> None:
    assert not [name for name, label in LABELS.items() if not label.reason]


@pytest.fixture(scope="module")
def provided_by_ministack() -> set[str]:
    program = (
        "import json; from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as handlers; "
        "print(json.dumps(list(handlers)))"
    )
    finished = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(finished.stdout.splitlines()[-1]))


def test_labels_name_types_that_the_embedded_cloud_has(provided_by_ministack: set[str]) -> None:
    assert set(LABELS) <= provided_by_ministack | set(CATALOGUE)


def test_nothing_is_only_recorded_that_ministack_provides(provided_by_ministack: set[str]) -> None:
    assert not {item.name for item in records.RESOURCE_TYPES} & provided_by_ministack
