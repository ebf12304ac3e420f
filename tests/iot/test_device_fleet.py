"""What DeviceFleet promises in its templates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import DeviceFleet, InvalidOptionError, TopicRule
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.device_fleet import build as example

SIGNING_REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@architecture
def defaults(stack: Stack) -> DeviceFleet:
    return DeviceFleet(stack, "Fleet", app="sensors", contexts=["home", "factory"])


@architecture
def all_options(stack: Stack) -> DeviceFleet:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    fleet = DeviceFleet(
        stack,
        "Fleet",
        app="sensors",
        contexts=["home"],
        certificate_lifetime=Duration.days(90),
        claim_window=Duration.minutes(30),
        alarm_topic=alarms,
        removal_policy=RemovalPolicy.DESTROY,
    )
    fleet.add_claim_certificate("Line1", certificate_arn="arn:aws:iot:us-east-1:111122223333:cert/1234")
    fleet.add_claim_certificate("Line2", certificate_signing_request=SIGNING_REQUEST)
    fleet.add_certificate_authority("Vendor", certificate=PEM)
    fleet.add_endpoint("Endpoint")
    certificate = acm.Certificate.from_certificate_arn(
        stack, "Certificate", "arn:aws:acm:us-east-1:111122223333:certificate/1"
    )
    fleet.add_endpoint("OwnEndpoint", domain_name="mqtt.example.com", server_certificate=certificate)
    fleet.add_security_profile("Profile")
    rule = TopicRule(stack, "Telemetry", sql="SELECT * FROM 'dt/sensors/#'", description="", alarm_topic=alarms)
    fleet.allow_basic_ingest(rule)
    fleet.grant_create_claim(iam.Role(stack, "Installer", assumed_by=iam.AccountRootPrincipal()))
    return fleet


@architecture
def existing_table(stack: Stack) -> DeviceFleet:
    table = dynamodb.Table.from_table_arn(stack, "List", "arn:aws:dynamodb:us-east-1:111122223333:table/list")
    return DeviceFleet(stack, "Fleet", app="sensors", contexts=["home"], table=table)


@architecture
def two_in_one_stack(stack: Stack) -> None:
    for name in ("Hygrometers", "Chairs"):
        DeviceFleet(stack, name, app=name.lower(), contexts=["home"])


@architecture
def in_a_stage(app: App) -> None:
    DeviceFleet(Stack(Stage(app, "FleetStage"), "Sensors"), "Fleet", app="sensors", contexts=["home"])


@architecture
def documented(stack: Stack) -> DeviceFleet:
    return example(stack)


REVIEWED = [defaults, all_options]
EVERY_FLEET = [*REVIEWED, existing_table, two_in_one_stack, in_a_stage, documented]


@pytest.mark.parametrize("build", REVIEWED)
def test_architecture_for_reviewers(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(DeviceFleet, synthesis(documented))


@pytest.mark.parametrize("build", EVERY_FLEET)
def test_rule_packs_have_nothing_to_say(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def body(built: Any) -> dict[str, Any]:
    """Return the provisioning template, with references as ``<logical id>``."""
    [template] = built.resources("AWS::IoT::ProvisioningTemplate").values()
    parts = template["Properties"]["TemplateBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else f"<{part.get('Ref')}>" for part in parts)
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("build", REVIEWED)
def test_nobody_gets_an_identity_without_the_hook(build: Callable[..., Any], synthesis: Synthesis) -> None:
    built = synthesis(build)
    [template] = built.resources("AWS::IoT::ProvisioningTemplate").values()
    hook = template["Properties"]["PreProvisioningHook"]["TargetArn"]["Fn::GetAtt"][0]
    assert "RegistrationFunction" in hook
    [permission] = [
        logical_id
        for logical_id, resource in built.resources("AWS::Lambda::Permission").items()
        if resource["Properties"]["FunctionName"] == {"Fn::GetAtt": [hook, "Arn"]}
    ]
    assert permission in template["DependsOn"]
    source = built.resources("AWS::Lambda::Permission")[permission]["Properties"]["SourceArn"]["Fn::Join"][1][-1]
    assert source == f":provisioningtemplate/{template['Properties']['TemplateName']}"


def test_thing_is_what_the_hook_says_and_not_the_device(synthesis: Synthesis) -> None:
    thing = body(synthesis(defaults))["Resources"]["thing"]["Properties"]
    assert thing["AttributePayload"] == {"context": {"Ref": "Context"}, "kind": {"Ref": "Kind"}}
    assert thing["ThingGroups"] == [{"Ref": "Group"}]


def test_certificate_gets_all_three_policies(synthesis: Synthesis) -> None:
    built = synthesis(defaults)
    attached = {
        resource["Properties"]["PolicyName"].strip("<>")
        for resource in body(built)["Resources"].values()
        if resource["Type"] == "AWS::IoT::Policy"
    }
    claim = {logical_id for logical_id in built.resources("AWS::IoT::Policy") if "Claim" in logical_id}
    assert attached == set(built.resources("AWS::IoT::Policy")) - claim
    assert len(claim) == 1


def test_device_hears_of_its_rules_and_when_to_renew(synthesis: Synthesis) -> None:
    configuration = body(synthesis(all_options))["DeviceConfiguration"]
    assert configuration["renew_after_days"] == "90"
    kinds = [part.partition("=")[0] for part in configuration["ingest"].split(",")]
    assert kinds == ["certificate", "*"]


def test_endpoints_take_client_certificates_over_tls_1_2_or_newer_only(synthesis: Synthesis) -> None:
    endpoints = [e["Properties"] for e in synthesis(all_options).resources("AWS::IoT::DomainConfiguration").values()]
    assert len(endpoints) == 2
    for endpoint in endpoints:
        assert endpoint["TlsConfig"]["SecurityPolicy"] == "IoTSecurityPolicy_TLS13_1_2_2022_10"
        assert (endpoint["AuthenticationType"], endpoint["ApplicationProtocol"]) == ("AWS_X509", "SECURE_MQTT")


def test_allow_list_that_is_made_is_kept_and_can_be_restored(synthesis: Synthesis) -> None:
    [table] = synthesis(defaults).resources("AWS::DynamoDB::GlobalTable").values()
    [replica] = table["Properties"]["Replicas"]
    assert table["DeletionPolicy"] == "Retain"
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_claim_window_reaches_the_hook_and_is_an_hour(synthesis: Synthesis) -> None:
    for build, seconds in ((defaults, "3600"), (all_options, "1800")):
        (hook,) = [
            function["Properties"]
            for name, function in synthesis(build).resources("AWS::Lambda::Function").items()
            if "RegistrationFunction" in name
        ]
        assert hook["Environment"]["Variables"]["CLAIM_WINDOW_SECONDS"] == seconds


@pytest.mark.parametrize("window", [Duration.seconds(59), Duration.hours(25)])
def test_claim_window_out_of_range_is_refused(cdk_app: App, window: Duration) -> None:
    with pytest.raises(InvalidOptionError, match=r"claim_window is (59 seconds|25 hours)\. Use 1 minute to 1 day"):
        DeviceFleet(Stack(cdk_app, "Refused"), "Fleet", app="a", contexts=["home"], claim_window=window)


def test_second_claim_of_a_pending_device_raises_an_alarm(synthesis: Synthesis) -> None:
    (alarm,) = [
        alarm["Properties"]
        for name, alarm in synthesis(all_options).resources("AWS::CloudWatch::Alarm").items()
        if "RepeatedClaim" in name
    ]
    assert (alarm["MetricName"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("RepeatedClaims", 1, 1)


def test_every_place_for_failures_has_an_alarm(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    queues = built.resources("AWS::SQS::Queue")
    places = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]}
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in built.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == places
    alarms = [alarm["Properties"] for alarm in built.resources("AWS::CloudWatch::Alarm").values()]
    assert {"RefusedRegistrations", "Violations"} <= {alarm.get("MetricName") for alarm in alarms}
    assert any("ErrorActionFailure" in str(alarm.get("Metrics")) for alarm in alarms)


# All that the managed policy AWSIoTThingsRegistration (version 3) allows, but for what this template has no use for:
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSIoTThingsRegistration.html
NOT_NEEDED = {
    *("iot:CreateCertificateFromCsr", "iot:RegisterCertificate", "iot:CreatePolicy"),
    *("iot:AddThingToBillingGroup", "iot:DescribeBillingGroup", "iot:RemoveThingFromBillingGroup"),
}
REGISTRATION = {
    "iot:AddThingToThingGroup",
    "iot:AttachPolicy",
    "iot:AttachPrincipalPolicy",
    "iot:AttachThingPrincipal",
    "iot:CreateThing",
    "iot:DescribeCertificate",
    "iot:DescribeThing",
    "iot:DescribeThingGroup",
    "iot:DescribeThingType",
    "iot:DetachPolicy",
    "iot:DetachThingPrincipal",
    "iot:GetPolicy",
    "iot:ListPolicyPrincipals",
    "iot:ListPrincipalPolicies",
    "iot:ListPrincipalThings",
    "iot:ListTargetsForPolicy",
    "iot:ListThingGroupsForThing",
    "iot:ListThingPrincipals",
    "iot:RegisterThing",
    "iot:RemoveThingFromThingGroup",
    "iot:UpdateCertificate",
    "iot:UpdateThing",
    "iot:UpdateThingGroupsForThing",
}


def test_provisioning_role_has_what_aws_documents_for_it_and_no_more(synthesis: Synthesis) -> None:
    policies = synthesis(defaults).resources("AWS::IAM::Policy")
    [policy] = [policy for name, policy in policies.items() if "ProvisioningRolePolicy" in name]
    allowed: set[str] = set()
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        allowed |= set(actions)
        if statement["Resource"] == "*":
            assert all(action.split(":")[1].startswith(("List", "Describe", "RegisterThing")) for action in actions)
    assert allowed >= REGISTRATION
    assert not allowed & NOT_NEEDED


def test_hook_may_only_look_up_and_note_devices(synthesis: Synthesis) -> None:
    policies = synthesis(defaults).resources("AWS::IAM::Policy")
    [policy] = [p for name, p in policies.items() if "RegistrationFunctionRole" in name]
    actions = [
        action
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    assert sorted(actions) == ["dynamodb:GetItem", "dynamodb:UpdateItem", "logs:CreateLogStream", "logs:PutLogEvents"]


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("app", {"app": "my/app"}),
        ("app", {"app": ""}),
        ("contexts", {"contexts": []}),
        ("contexts", {"contexts": "home"}),
        ("contexts", {"contexts": ["all"]}),
        ("contexts", {"contexts": ["a", "a"]}),
        ("contexts", {"contexts": ["a b"]}),
        ("contexts", {"contexts": [f"c{number}" for number in range(41)]}),
        ("certificate_lifetime", {"certificate_lifetime": Duration.hours(1)}),
    ],
)
def test_options_that_cannot_work_are_refused(cdk_app: App, option: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError) as refused:
        DeviceFleet(Stack(cdk_app, "Stack"), "Fleet", **{"app": "sensors", "contexts": ["home"], **options})
    assert refused.value.option == option


def test_what_contradicts_itself_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    table = dynamodb.Table.from_table_name(stack, "List", "list")
    with pytest.raises(InvalidOptionError, match="removal_policy"):
        DeviceFleet(stack, "A", app="a", contexts=["b"], table=table, removal_policy=RemovalPolicy.DESTROY)
    fleet = DeviceFleet(stack, "Fleet", app="a", contexts=["b"])
    with pytest.raises(InvalidOptionError, match="certificate_arn"):
        fleet.add_claim_certificate("Claim")
    with pytest.raises(InvalidOptionError, match="domain_name"):
        fleet.add_endpoint("Endpoint", domain_name="mqtt.example.com")
    rule = TopicRule(stack, "Rule", sql="SELECT * FROM 'dt/#'", description="")
    with pytest.raises(InvalidOptionError, match="kind"):
        fleet.allow_basic_ingest(rule, kind="certificate")
