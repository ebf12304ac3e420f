"""Custom resources of the CDK whose functions need Node with the JavaScript SDK, or the AWS CLI: handled natively.

They run under the role of the function they stand for, so a missing permission fails as on AWS. Every other custom
resource is sent to its function.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.cloudformation.custom_resources.aws_calls import call_service, is_sdk_call
from cdp_constructs.local.services.cloudformation.custom_resources.bucket_deployment import deploy_to_bucket
from cdp_constructs.local.services.cloudformation.custom_resources.event import Event, Handler, is_true

_custom_resource: Any = ministack.module("services.cloudformation.custom_resource", "_normalise_resource_properties")
_lambda: Any = ministack.module("services.lambda_svc", "_get_func_record_for_ref")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "execution_credentials")
_responses: Any = ministack.module("core.responses")


def _empty_bucket(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::S3AutoDeleteObjects`: empty a bucket that is about to be deleted, if it still has the CDK's tag."""
    bucket = event.properties["BucketName"]
    if event.request_type != "Delete":
        return bucket, {}
    s3 = event.client("s3")
    try:
        tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        if {"Key": "aws-cdk:auto-delete-objects", "Value": "true"} in tags:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchBucket", "NoSuchTagSet"}:
            raise
    return bucket, {}


def _empty_repository(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::ECRAutoDeleteImages`: empty a repository that is about to be deleted."""
    repository = event.properties["RepositoryName"]
    if event.request_type == "Delete":
        ecr = event.client("ecr")
        with suppress(ecr.exceptions.RepositoryNotFoundException):
            if images := ecr.list_images(repositoryName=repository)["imageIds"]:
                ecr.batch_delete_image(repositoryName=repository, imageIds=images)
    return repository, {}


def _retain_logs(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::LogRetention`: make a log group exist and set how long it keeps its events."""
    group = event.properties["LogGroupName"]
    logs = event.client("logs", event.properties.get("LogGroupRegion"))
    days = event.properties.get("RetentionInDays")
    if event.request_type == "Delete":
        if event.properties.get("RemovalPolicy") == "destroy":
            with suppress(logs.exceptions.ResourceNotFoundException):
                logs.delete_log_group(logGroupName=group)
        return group, {"LogGroupName": group}
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    if days:
        logs.put_retention_policy(logGroupName=group, retentionInDays=int(days))
    else:
        logs.delete_retention_policy(logGroupName=group)
    return group, {"LogGroupName": group}


def _restrict_default_security_group(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::VpcRestrictDefaultSG`: take the default rules from a VPC's default security group, or give them back."""
    group, ec2 = event.properties["DefaultSecurityGroupId"], event.client("ec2")
    rules = {
        "egress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        "ingress": [
            {
                "IpProtocol": "-1",
                "UserIdGroupPairs": [{"GroupId": group, "UserId": event.properties.get("Account", "")}],
            }
        ],
    }
    verb = "authorize" if event.request_type == "Delete" else "revoke"
    for direction, permissions in rules.items():
        try:
            getattr(ec2, f"{verb}_security_group_{direction}")(GroupId=group, IpPermissions=permissions)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"InvalidPermission.NotFound", "InvalidPermission.Duplicate"}:
                raise
    return event.physical_id or group, {}


def _write_exports(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::CrossRegionExportWriter`: keep what stacks of another Region need as parameters of that Region."""
    writer = event.properties["WriterProps"]
    exports: Mapping[str, str] = writer["exports"]
    before: Mapping[str, str] = event.old_properties.get("WriterProps", {}).get("exports", {})
    ssm = event.client("ssm", writer["region"])
    obsolete = set(exports) if event.request_type == "Delete" else set(before) - set(exports)
    for name in sorted(obsolete):
        ssm.delete_parameters(Names=[name])
    if event.request_type != "Delete":
        for name in sorted(set(exports) - set(before)):
            ssm.put_parameter(Name=name, Value=exports[name], Type="String", Overwrite=True)
    return event.physical_id or event.logical_id, {}


def _read_exports(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::CrossRegionExportReader`: mark the parameters as in use, and give their values."""
    reader = event.properties["ReaderProps"]
    imports: Mapping[str, str] = reader["imports"]
    before: Mapping[str, str] = event.old_properties.get("ReaderProps", {}).get("imports", {})
    ssm, tag = event.client("ssm", reader["region"]), f"aws-cdk:strong-ref:{reader['prefix']}"
    released = set(imports) if event.request_type == "Delete" else set(before) - set(imports)
    for name in sorted(released):
        with suppress(ssm.exceptions.InvalidResourceId):
            ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=[tag])
    if event.request_type != "Delete":
        for name in sorted(set(imports) - set(before)):
            tags = [{"Key": tag, "Value": "true"}]
            ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags)
    return event.physical_id or event.logical_id, dict(imports)


def _read_parameter(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::CrossRegionStringParameterReader`: the ARN of a Lambda@Edge function of another stack."""
    data = {}
    if event.request_type != "Delete":
        ssm = event.client("ssm", event.properties["Region"])
        data["FunctionArn"] = ssm.get_parameter(Name=event.properties["ParameterName"])["Parameter"]["Value"]
    return event.physical_id or event.logical_id, data


def _trigger(event: Event) -> tuple[str, dict[str, Any]]:
    """`Custom::Trigger`: call a function once it is deployed."""
    physical_id = event.physical_id or event.logical_id
    skipped = event.request_type == "Update" and not is_true(event.properties.get("ExecuteOnHandlerChange", "true"))
    if event.request_type != "Delete" and not skipped:
        kind = event.properties.get("InvocationType", "RequestResponse")
        answer = event.client("lambda").invoke(FunctionName=event.properties["HandlerArn"], InvocationType=kind)
        if "FunctionError" in answer:
            raise RuntimeError(answer["Payload"].read().decode())
    return physical_id, {}


_HANDLERS: Mapping[str, Handler] = {
    "Custom::AWS": call_service,
    "Custom::CDKBucketDeployment": deploy_to_bucket,
    "Custom::CrossRegionExportReader": _read_exports,
    "Custom::CrossRegionExportWriter": _write_exports,
    "Custom::CrossRegionStringParameterReader": _read_parameter,
    "Custom::ECRAutoDeleteImages": _empty_repository,
    "Custom::LogRetention": _retain_logs,
    "Custom::S3AutoDeleteObjects": _empty_bucket,
    "Custom::Trigger": _trigger,
    "Custom::VpcRestrictDefaultSG": _restrict_default_security_group,
}


@patch("ministack.services.cloudformation.custom_resource:invoke_custom_resource")
def _invoke(
    original: Callable[..., tuple[str, dict[str, Any]]],
    request_type: str,
    logical_id: str,
    properties: dict[str, Any],
    stack_name: str,
    stack_id: str,
    resource_type: str,
    physical_id: str | None = None,
    old_props: dict[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Handle the types above, on the worker thread of the resource; MiniStack invokes the functions of others."""
    handler = call_service if is_sdk_call(properties) else _HANDLERS.get(resource_type)
    if handler is None:
        arguments = (request_type, logical_id, properties, stack_name, stack_id, resource_type)
        return original(*arguments, physical_id=physical_id, old_props=old_props)
    _, config, name = _lambda._get_func_record_for_ref(properties.get("ServiceToken", ""))
    if config is None:
        raise ValueError(f"the function {name} that {logical_id} names as its provider does not exist")
    normalise = _custom_resource._normalise_resource_properties
    event = Event(
        request_type=request_type,
        logical_id=logical_id,
        physical_id=physical_id,
        properties=normalise(properties),
        old_properties=normalise(old_props or {}),
        region=_responses.get_region(),
        credentials=_lambda_runtime.execution_credentials(config),
    )
    return handler(event)
