"""DynamoDB: a table of a template begins with the items of objects in S3 (`ImportSourceSpecification`).

MiniStack imports by its API, and its CloudFormation drops the specification, so that the table would be empty.
"""

import time
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.refine import after, after_deletion
from cdp_constructs.local.kit.types import Attributes, Properties

_ddb: Any = ministack.module("services.dynamodb", "_import_arn", "_imports", "_run_import", "_tables")
_responses: Any = ministack.module("core.responses", "get_account_id", "get_region")

_TABLE = "AWS::DynamoDB::Table"
_COPIED = ("S3BucketSource", "InputFormat", "InputFormatOptions")
_imported: set[str] = set()
"""ARNs of tables that have had their items: an import is done once, when a table is created."""


@after(_TABLE)
def _import(name: str, properties: Properties, _attributes: Attributes) -> None:
    """Import the items.

    Raises:
        ValueError: an object cannot be read, or an item is none of the table; CloudFormation rolls back.
    """
    specification, table = properties.get("ImportSourceSpecification"), _ddb._tables[name]
    if not specification or table["TableArn"] in _imported:
        return
    _imported.add(table["TableArn"])
    arn = _ddb._import_arn(table["TableArn"])
    description = {
        **{key: specification[key] for key in _COPIED if key in specification},
        "ImportArn": arn,
        "ImportStatus": "IN_PROGRESS",
        "TableArn": table["TableArn"],
        "TableId": table.get("TableId"),
        "InputCompressionType": specification.get("InputCompressionType") or "NONE",
        "StartTime": int(time.time()),
        **dict.fromkeys(("ProcessedSizeBytes", "ProcessedItemCount", "ImportedItemCount", "ErrorCount"), 0),
        "TableCreationParameters": {"AttributeDefinitions": properties.get("AttributeDefinitions") or []},
    }
    _ddb._imports[arn] = description
    _ddb._run_import(arn, name)
    if description["ImportStatus"] == "FAILED":
        raise ValueError(
            f"the import into {name} failed: {description['FailureCode']}: {description['FailureMessage']}"
        )


@after_deletion(_TABLE)
def _forget(name: str, _properties: Properties) -> None:
    _imported.discard(f"arn:aws:dynamodb:{_responses.get_region()}:{_responses.get_account_id()}:table/{name}")
