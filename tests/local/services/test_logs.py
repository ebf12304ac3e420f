"""CloudWatch Logs: saved queries of Logs Insights."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.messaging import OREGON, TOKYO, outputs


def saved(text: str) -> dict[str, Any]:
    properties = {"Name": "Shop/Errors", "QueryString": text, "LogGroupNames": [{"Ref": "Log"}]}
    resources = {
        "Log": {"Type": "AWS::Logs::LogGroup"},
        "Query": {"Type": "AWS::Logs::QueryDefinition", "Properties": properties},
    }
    return {"Resources": resources, "Outputs": outputs("Log", "Query")}


def test_a_saved_query_of_a_template_is_described_and_changed_in_place(cloud: LocalCloud, stacks: Any) -> None:
    client = cloud.client("logs", TOKYO)
    made = stacks.deploy(saved("fields @message"), region=TOKYO, name="saved-queries")
    (found,) = client.describe_query_definitions(queryDefinitionNamePrefix="Shop/")["queryDefinitions"]
    assert {name: found[name] for name in ("queryDefinitionId", "name", "queryString", "logGroupNames")} == {
        "queryDefinitionId": made["Query"],
        "name": "Shop/Errors",
        "queryString": "fields @message",
        "logGroupNames": [made["Log"]],
    }
    assert client.describe_query_definitions(queryDefinitionNamePrefix="Other/")["queryDefinitions"] == []
    assert cloud.client("logs", OREGON).describe_query_definitions()["queryDefinitions"] == []
    assert stacks.deploy(saved("limit 1"), region=TOKYO, name="saved-queries") == made
    (changed,) = client.describe_query_definitions(queryDefinitionNamePrefix="Shop/")["queryDefinitions"]
    assert (changed["queryDefinitionId"], changed["queryString"]) == (made["Query"], "limit 1")
    stacks.delete("saved-queries", region=TOKYO)
    assert client.describe_query_definitions(queryDefinitionNamePrefix="Shop/")["queryDefinitions"] == []


def test_a_query_that_was_not_saved_is_neither_changed_nor_deleted(cloud: LocalCloud) -> None:
    client = cloud.client("logs", TOKYO)
    for call in (
        lambda: client.put_query_definition(queryDefinitionId="never-made", name="n", queryString="limit 1"),
        lambda: client.delete_query_definition(queryDefinitionId="never-made"),
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call()
