"""Fleet provisioning: the template that makes things, and the role that it makes them with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.paths import stack_of

# https://docs.aws.amazon.com/general/latest/gr/iot-core.html
LONGEST_BODY = 10_240


def template_body(*, thing_type: str, policies: Sequence[str], configuration: Mapping[str, str]) -> str:
    """Return the template that makes a thing of a serial number; what the hook decides are its parameters.

    Args:
        thing_type: Name of the things' type.
        policies: Names of the policies that their certificates get.
        configuration: What the device is told with its identity, beside its context.
    """
    names = ("SerialNumber", "Context", "Kind", "Group", "AWS::IoT::Certificate::Id")
    resources: dict[str, Any] = {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "OverrideSettings": {"AttributePayload": "REPLACE", "ThingTypeName": "REPLACE", "ThingGroups": "REPLACE"},
            "Properties": {
                "ThingName": {"Ref": "SerialNumber"},
                "ThingTypeName": thing_type,
                "ThingGroups": [{"Ref": "Group"}],
                "AttributePayload": {"context": {"Ref": "Context"}, "kind": {"Ref": "Kind"}},
            },
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"},
        },
    }
    for number, policy in enumerate(policies):
        resources[f"policy{number}"] = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": policy}}
    body = {
        "Parameters": {name: {"Type": "String"} for name in names},
        "Resources": resources,
        "DeviceConfiguration": {**configuration, "context": {"Ref": "Context"}, "kind": {"Ref": "Kind"}},
    }
    # Not to_json_string(): it would take the template's own Refs for those of CloudFormation.
    return json.dumps(body, separators=(",", ":"))


def add_provisioning_role(
    scope: Construct,
    construct_id: str,
    *,
    groups: Sequence[iot.CfnThingGroup],
    policies: Sequence[iot.CfnPolicy],
    thing_type: iot.CfnThingType,
) -> iam.Role:
    """Add the role that fleet provisioning makes things, activates certificates and attaches policies with."""
    stack = stack_of(scope)
    things, certificates, all_groups = (
        stack.format_arn(service="iot", resource=resource, resource_name="*")
        for resource in ("thing", "cert", "thinggroup")
    )
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=iam.ServicePrincipal("iot.amazonaws.com").with_conditions(
            {"StringEquals": {"aws:SourceAccount": stack.account}}
        ),
    )
    policy = iam.Policy(
        scope,
        f"{construct_id}Policy",
        roles=[role],
        statements=[
            iam.PolicyStatement(
                actions=[
                    "iot:CreateThing",
                    "iot:DescribeThing",
                    "iot:UpdateThing",
                    "iot:ListThingGroupsForThing",
                    "iot:UpdateThingGroupsForThing",
                    "iot:AttachThingPrincipal",
                    "iot:RemoveThingFromThingGroup",
                ],
                resources=[things, certificates, all_groups, thing_type.attr_arn],
            ),
            iam.PolicyStatement(
                actions=["iot:AddThingToThingGroup", "iot:DescribeThingGroup"],
                resources=[things, *(group.attr_arn for group in groups)],
            ),
            iam.PolicyStatement(
                actions=["iot:DescribeCertificate", "iot:UpdateCertificate", "iot:AttachPolicy", "iot:GetPolicy"],
                resources=[certificates, *(policy.attr_arn for policy in policies)],
            ),
            iam.PolicyStatement(
                actions=[
                    "iot:DescribeThingType",
                    "iot:ListAttachedPolicies",
                    "iot:ListPrincipalThings",
                    "iot:ListThingPrincipals",
                ],
                resources=["*"],
            ),
        ],
    )
    reason = (
        "Things and certificates come with the devices, and no ARN tells those of one fleet from others; "
        "the provisioning template and its hook decide which are made."
    )
    acknowledge_resources(policy, [things, certificates, all_groups], reason)
    acknowledge(
        policy, "AwsSolutions-IAM5[Resource::*]", "Reads only; AWS IoT has no resources to name for these list actions."
    )
    return role
