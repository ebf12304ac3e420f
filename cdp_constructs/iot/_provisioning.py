"""Fleet provisioning: the template that creates things, its hook, and the role that it creates them with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge, acknowledge_resources
from cdp_constructs.core.cdk import dynamodb, lambda_
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.iot._common import CommonOptions, allow_items
from cdp_constructs.iot._things import Things


def add_hook(
    fleet: Construct,
    *,
    table: "dynamodb.ITable",
    things: Things,
    prefix: str,
    claim_window: Duration,
    common: CommonOptions,
) -> "lambda_.Function":
    """Add the function that AWS IoT asks before it creates a thing.

    Args:
        fleet: The fleet.
        table: The allow-list.
        things: The groups that devices can be in.
        prefix: ``arn:…:iot:<region>:<account>``.
        claim_window: How long after its first claim a device may claim again.
        common: The fleet's options.
    """
    function = add_function(
        fleet,
        "RegistrationFunction",
        handler="iot/registration",
        shares=["certificates"],
        description="Decides which devices get an identity",
        invocation=Invocation.REQUEST,
        publishes_metrics=True,
        correlates=True,
        # AWS IoT waits 5 seconds for the answer: https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
        timeout=seconds(5),
        memory_size=512,
        environment={
            "ALLOW_LIST": table.table_name,
            "CERTIFICATES": f"{prefix}:cert",
            "CLAIM_WINDOW_SECONDS": str(claim_window.to_seconds()),
            "GROUPS": json.dumps(things.group_names),
        },
        log_retention=common.log_retention,
        log_encryption_key=common.encryption_key,
        removal_policy=common.removal_policy,
    )
    allow_items(table, function, "dynamodb:GetItem", "dynamodb:UpdateItem", encryption_key=common.table_key)
    every_thing, certificates, clients = f"{prefix}:thing/*", f"{prefix}:cert/*", f"{prefix}:client/*"
    allow_on_prefixes(
        function,
        "EarlierClaims",
        [
            iam.PolicyStatement(actions=["iot:DescribeCertificate", "iot:UpdateCertificate"], resources=[certificates]),
            iam.PolicyStatement(actions=["iot:DetachThingPrincipal"], resources=[every_thing, certificates]),
            iam.PolicyStatement(actions=["iot:DeleteConnection"], resources=[clients]),
        ],
        prefixes=[every_thing, certificates, clients],
        reason="Things and certificates come with the devices, and no ARN tells those of one fleet from others; the "
        "function retires what the allow-list has for the serial number that is claimed.",
    )
    return function


def add_template(
    fleet: Construct, name: str, *, body: str, hook: "lambda_.Function", role: iam.Role
) -> iot.CfnProvisioningTemplate:
    """Add the provisioning template, and let AWS IoT call its hook.

    Args:
        fleet: The fleet.
        name: The template's name, at most 36 characters.
        body: See ``template_body``.
        hook: See ``add_hook``.
        role: See ``add_provisioning_role``.
    """
    from aws_cdk import aws_lambda as lambda_

    stack = stack_of(fleet)
    permission = lambda_.CfnPermission(
        fleet,
        "HookPermission",
        action="lambda:InvokeFunction",
        function_name=hook.function_arn,
        principal="iot.amazonaws.com",
        source_account=stack.account,
        source_arn=stack.format_arn(service="iot", resource="provisioningtemplate", resource_name=name),
    )
    template = iot.CfnProvisioningTemplate(
        fleet,
        "Template",
        template_name=name,
        description=f"Identities for devices of {path_of(fleet)}"[:500],
        enabled=True,
        provisioning_role_arn=role.role_arn,
        template_body=body,
        pre_provisioning_hook=iot.CfnProvisioningTemplate.ProvisioningHookProperty(
            target_arn=hook.function_arn, payload_version="2020-04-01"
        ),
    )
    # AWS IoT refuses a template whose hook it may not call.
    template.node.add_dependency(permission)
    return template


def template_body(*, thing_type: str, policies: Sequence[str], configuration: Mapping[str, str]) -> str:
    """Return the template that creates a thing for a serial number; what the hook decides are its parameters.

    Args:
        thing_type: Name of the things' type.
        policies: Names of the policies that their certificates get.
        configuration: What the device gets with its identity, beside its context.
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
    # Not to_json_string(): it would resolve the template's own Refs as those of CloudFormation.
    return json.dumps(body, separators=(",", ":"))


def add_provisioning_role(
    scope: Construct,
    construct_id: str,
    *,
    things: Things,
    policies: Sequence[iot.CfnPolicy],
) -> iam.Role:
    """Add the role with which fleet provisioning creates things, activates certificates and attaches policies.

    No page says which actions a template needs, only that the managed policy AWSIoTThingsRegistration has enough. The
    role has what that policy has, for the resources of this fleet, but for what the template has no use for: making
    certificates and policies, and billing groups.
    """
    stack = stack_of(scope)
    every_thing, certificates, all_groups = (
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
                    "iot:DetachThingPrincipal",
                    "iot:RemoveThingFromThingGroup",
                ],
                resources=[every_thing, certificates, all_groups, things.thing_type.attr_arn],
            ),
            iam.PolicyStatement(
                actions=["iot:AddThingToThingGroup", "iot:DescribeThingGroup"],
                resources=[every_thing, *(group.attr_arn for group in things.groups.values())],
            ),
            iam.PolicyStatement(
                actions=[
                    "iot:DescribeCertificate",
                    "iot:UpdateCertificate",
                    "iot:AttachPolicy",
                    "iot:AttachPrincipalPolicy",
                    "iot:DetachPolicy",
                    "iot:GetPolicy",
                    "iot:ListTargetsForPolicy",
                ],
                resources=[certificates, *(policy.attr_arn for policy in policies)],
            ),
            iam.PolicyStatement(
                actions=[
                    "iot:DescribeThingType",
                    "iot:ListAttachedPolicies",
                    "iot:ListPolicyPrincipals",
                    "iot:ListPrincipalPolicies",
                    "iot:ListPrincipalThings",
                    "iot:ListThingPrincipals",
                    "iot:RegisterThing",
                ],
                resources=["*"],
            ),
        ],
    )
    reason = (
        "Things and certificates come with the devices, and no ARN tells those of one fleet from others; "
        "the provisioning template and its hook decide which are made."
    )
    acknowledge_resources(policy, [every_thing, certificates, all_groups], reason)
    acknowledge(
        policy,
        "AwsSolutions-IAM5[Resource::*]",
        "AWS IoT has no resources to name for these actions: lists, and the registration by the template itself.",
    )
    return role
