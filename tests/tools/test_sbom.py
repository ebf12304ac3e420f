"""`make sbom`: the list of packages beside the wheel is that of an installation, in the versions that were tested."""

import json
import re
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

from tools.sbom import LOCKED, write_sbom

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def sbom_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sbom(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def sbom(sbom_file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sbom_file.read_text())
    return document


def test_it_is_about_the_wheel_beside_it(sbom: dict[str, Any], sbom_file: Path) -> None:
    [wheel] = sbom_file.parent.glob("*.whl")
    version = wheel.name.split("-")[1]
    assert sbom_file.name == f"cdp_constructs-{version}.cdx.json"
    about = sbom["metadata"]["component"]
    assert (about["name"], about["version"]) == ("cdp-constructs", version)
    assert (sbom["bomFormat"], about["type"]) == ("CycloneDX", "library")


def test_it_lists_what_the_wheel_requires_and_nothing_of_development(sbom: dict[str, Any], sbom_file: Path) -> None:
    [wheel] = sbom_file.parent.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    required = {
        re.match(r"[\w.-]+", line)[0]  # type: ignore[index]  # a requirement begins with a name
        for line in headers.get_all("Requires-Dist", [])
        if "extra ==" not in line
    }
    listed = {one["name"].lower().replace("_", "-") for one in sbom["components"]}
    [root] = [one for one in sbom["dependencies"] if one["ref"] == sbom["metadata"]["component"]["bom-ref"]]
    assert {ref.partition("==")[0] for ref in root["dependsOn"]} == required == listed & required
    assert "jsii" in listed
    assert not listed & {"pytest", "boto3", "ministack", "pip", "cyclonedx-bom"}


def test_versions_are_those_that_the_tests_ran_with(sbom: dict[str, Any]) -> None:
    locked = dict(re.findall(r"^([a-z0-9.-]+)==([^ \\;]+)", LOCKED.read_text(), re.MULTILINE))
    versions = {one["name"].lower().replace("_", "-").replace(".", "-"): one["version"] for one in sbom["components"]}
    assert versions.items() <= {name.replace(".", "-"): version for name, version in locked.items()}.items()
