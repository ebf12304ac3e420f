"""Firehose: a delivery stream is not made when its roles may not read the schema in AWS Glue, or the Kinesis stream.

A role that does not exist here, because it was imported, is not checked.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.services.iam.evaluation import role_allows

_iam: Any = ministack.module("services.iam", "_roles")
_responses: Any = ministack.module("core.responses")


def _may(role: str, action: str, resource: str) -> bool:
    return role.rpartition("/")[2] not in _iam._roles or role_allows(role, "firehose", action, resource)


def _schemas(properties: Properties) -> Iterator[Mapping[str, Any]]:
    for name, destination in properties.items():
        if name.endswith("DestinationConfiguration") and isinstance(destination, Mapping):
            conversion = destination.get("DataFormatConversionConfiguration") or {}
            if str(conversion.get("Enabled", True)).lower() == "true" and conversion.get("SchemaConfiguration"):
                yield conversion["SchemaConfiguration"]


def _arns(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what AWS Glue asks rights for: the catalog, the database, and the table."""
    region = schema.get("Region") or _responses.get_region()
    start = f"arn:aws:glue:{region}:{schema.get('CatalogId') or _responses.get_account_id()}"
    database = schema.get("DatabaseName")
    yield from (
        f"{start}:catalog",
        f"{start}:database/{database}",
        f"{start}:table/{database}/{schema.get('TableName')}",
    )


@before("AWS::KinesisFirehose::DeliveryStream")
def _check(properties: Properties) -> None:
    for schema in _schemas(properties):
        if not all(_may(str(schema.get("RoleARN", "")), "glue:GetTableVersions", arn) for arn in _arns(schema)):
            raise ValueError(
                "Access was denied when calling Glue. Please ensure that the role specified in the data format "
                "conversion configuration has the necessary permissions."
            )
    source = properties.get("KinesisStreamSourceConfiguration") or {}
    role, stream = str(source.get("RoleARN", "")), str(source.get("KinesisStreamARN", ""))
    if source and not _may(role, "kinesis:DescribeStream", stream):
        raise ValueError(f"Role {role} is not authorized to perform: kinesis:DescribeStream on resource {stream}.")
