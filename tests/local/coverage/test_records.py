"""Resources that are kept as a record only: their references have the form that they have on AWS."""

import re
from typing import Any

import pytest

from cdp_constructs.local.coverage import records
from tests.local.conftest import Stacks
from tools import recorded_arns

HERE = "us-east-1:000000000000"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def test_the_form_of_every_recorded_type_is_known() -> None:
    lines = [line.split() for line in recorded_arns.FILE.read_text(encoding="utf-8").splitlines()]
    assert [line[0] for line in lines] == sorted(item.name for item in records.RESOURCE_TYPES)
    assert not [line for line in lines if not line[2].startswith("arn:")]


@pytest.fixture(scope="module")
def outputs(stacks: Stacks) -> dict[str, str]:
    """`Ref` and the ARN of one resource of each type that the tests name, all in one stack."""
    template: dict[str, Any] = {"Resources": {}, "Outputs": {}}
    for logical_id, resource_type, properties in TYPES:
        template["Resources"][logical_id] = {"Type": resource_type, "Properties": properties}
        template["Outputs"][f"{logical_id}Ref"] = {"Value": {"Ref": logical_id}}
        template["Outputs"][f"{logical_id}Arn"] = {"Value": {"Fn::GetAtt": [logical_id, "Arn"]}}
    return stacks.deploy(template)


TYPES: list[tuple[str, str, dict[str, str]]] = [
    ("Kafka", "AWS::MSK::Cluster", {"ClusterName": "events"}),
    ("Search", "AWS::OpenSearchServerless::Collection", {"Name": "search"}),
    ("Broker", "AWS::AmazonMQ::Configuration", {"Name": "mq"}),
    ("Graph", "AWS::Neptune::DBCluster", {"DBClusterIdentifier": "graph"}),
    ("Domain", "AWS::Elasticsearch::Domain", {"DomainName": "logs"}),
    ("Alias", "AWS::StepFunctions::StateMachineAlias", {"Name": "live"}),
    ("Index", "AWS::Kendra::Index", {"Name": "pages"}),
    ("Agent", "AWS::Bedrock::Agent", {"AgentName": "helper"}),
    ("Guardrail", "AWS::Bedrock::Guardrail", {"Name": "polite"}),
    ("Mails", "AWS::SES::ContactList", {"ContactListName": "readers"}),
    ("Balancer", "AWS::ElasticLoadBalancingV2::TrustStore", {"Name": "trusted"}),
    ("Login", "AWS::Cognito::Terms", {"TermsName": "terms-of-use"}),
    ("Queue", "AWS::Batch::JobQueue", {"JobQueueName": "nightly"}),
    ("Flow", "AWS::MWAA::Environment", {"Name": "dags"}),
    ("Map", "AWS::Location::Map", {"MapName": "town"}),
]


@pytest.mark.parametrize(
    ("logical_id", "reference", "arn"),
    [
        ("Kafka", f"arn:aws:kafka:{HERE}:cluster/events/{UUID}", f"arn:aws:kafka:{HERE}:cluster/events/{UUID}"),
        ("Search", "search", f"arn:aws:aoss:{HERE}:collection/search"),
        ("Broker", "mq", f"arn:aws:mq:{HERE}:configuration:mq"),
        ("Graph", "graph", f"arn:aws:rds:{HERE}:cluster:graph"),
        ("Domain", "logs", f"arn:aws:es:{HERE}:domain/logs"),
        ("Alias", f"arn:aws:states:{HERE}:.*live", f"arn:aws:states:{HERE}:.*live"),
        ("Index", "pages", f"arn:aws:kendra:{HERE}:index/pages"),
        ("Agent", "helper", f"arn:aws:bedrock:{HERE}:agent/helper"),
        ("Guardrail", f"arn:aws:bedrock:{HERE}:guardrail/polite", f"arn:aws:bedrock:{HERE}:guardrail/polite"),
        ("Mails", "readers", f"arn:aws:ses:{HERE}:contact-list/readers"),
        (
            "Balancer",
            f"arn:aws:elasticloadbalancing:{HERE}:.*trusted",
            f"arn:aws:elasticloadbalancing:{HERE}:.*trusted",
        ),
        ("Login", "terms-of-use", f"arn:aws:cognito-idp:{HERE}:terms/terms-of-use"),
        ("Queue", f"arn:aws:batch:{HERE}:job-queue/nightly", f"arn:aws:batch:{HERE}:job-queue/nightly"),
        ("Flow", "dags", f"arn:aws:airflow:{HERE}:environment/dags"),
        ("Map", "town", f"arn:aws:geo:{HERE}:map/town"),
    ],
)
def test_references_are_those_of_the_service(
    outputs: dict[str, str], logical_id: str, reference: str, arn: str
) -> None:
    assert re.fullmatch(reference, outputs[f"{logical_id}Ref"])
    assert re.fullmatch(arn, outputs[f"{logical_id}Arn"])


def test_other_attributes_are_properties_or_the_short_id(stacks: Stacks) -> None:
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::Batch::JobQueue", "Properties": {"JobQueueName": "named"}},
            "Guardrail": {"Type": "AWS::Bedrock::Guardrail", "Properties": {"Name": "polite"}},
        },
        "Outputs": {
            "Property": {"Value": {"Fn::GetAtt": ["Queue", "JobQueueName"]}},
            "Id": {"Value": {"Fn::GetAtt": ["Guardrail", "GuardrailId"]}},
        },
    }
    assert stacks.deploy(template) == {"Property": "named", "Id": "polite"}
