"""Writes cdp_constructs/local/coverage/recorded_arns.txt: `python -m tools.recorded_arns`, after the CDK was updated.

The forms of ARNs, and what `Ref` returns, are those of the CDK's database of CloudFormation, which its CLI contains.
"""

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session

from cdp_constructs.local.coverage import records

__all__ = ["FILE", "recorded_arns"]

ROOT = Path(__file__).parents[1]
FILE = ROOT / "cdp_constructs/local/coverage/recorded_arns.txt"
_DATABASE = ROOT / "node_modules/aws-cdk/db.json.gz"
_NAMESPACE = 2
"""The place of the service in an ARN: `arn:aws:kafka:…`."""
_NAMESPACES = {
    "cognito": "cognito-idp",  # the recorded types are of user pools; those of identity pools are emulated
    "inspectorv2": "inspector2",
    "iotsecuretunneling": "iot",
    "msk": "kafka",
    "opsworkscm": "opsworks-cm",
    "systemsmanagersap": "ssm-sap",
}
"""Services of which neither the database nor a service model with CloudFormation's name has the right one."""
_FORMS = {
    "AWS::MSK::Cluster": "cluster/${ClusterName}/${Uuid}",
    "AWS::MSK::Configuration": "configuration/${Name}/${Uuid}",
    "AWS::MSK::Replicator": "replicator/${ReplicatorName}/${Uuid}",
    "AWS::MSK::ServerlessCluster": "cluster/${ClusterName}/${Uuid}",
}
"""Forms that the database lacks, from the Service Authorization Reference."""


def _resources() -> dict[str, Mapping[str, Any]]:
    with gzip.open(_DATABASE, "rt", encoding="utf-8") as file:
        entities = json.load(file)["schema"]["resource"]["entities"]
    return {resource["cloudFormationType"]: resource for resource in entities}


def _namespaces(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The name that ARNs have for a service: that of most of its types, else the one that its API signs with."""
    session = botocore.session.get_session()
    models = (session.get_service_model(name) for name in session.get_available_services())
    signing = {model.service_id.replace(" ", "").lower(): model.signing_name for model in models}
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, resource in resources.items():
        if "arnTemplate" in resource:
            found[name.split("::")[1].lower()][resource["arnTemplate"].split(":")[_NAMESPACE]] += 1
    return signing | {service: counted.most_common(1)[0][0] for service, counted in found.items()} | _NAMESPACES


def _form(name: str, resource: Mapping[str, Any], namespace: str) -> str:
    if "arnTemplate" in resource:
        return str(resource["arnTemplate"])
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.rpartition("::")[2]).lower()
    return f"arn:${{Partition}}:{namespace}:${{Region}}:${{Account}}:{_FORMS.get(name, f'{kind}/${{Id}}')}"


def _reference(resource: Mapping[str, Any]) -> str:
    """Of an identifier with several parts, `Ref` is here the one that the template cannot know."""
    identifier: list[str] = resource.get("cfnRefIdentifier") or resource.get("primaryIdentifier") or ["Id"]
    given = resource.get("properties", {})
    return next((part for part in identifier if part not in given), identifier[-1])


def _lines() -> Iterator[str]:
    resources = _resources()
    namespaces = _namespaces(resources)
    for name in sorted(one.name for one in records.RESOURCE_TYPES):
        service = name.split("::")[1].lower()
        resource = resources.get(name, {})
        form = _form(name, resource, namespaces.get(service, service))
        yield f"{name} {_reference(resource)} {form}"


def recorded_arns() -> str:
    """Return the file: a type on each line, the property or attribute that `Ref` returns, and the form of its ARN."""
    return "".join(f"{line}\n" for line in _lines())


if __name__ == "__main__":
    FILE.write_text(recorded_arns(), encoding="utf-8")
