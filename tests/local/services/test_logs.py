"""CloudWatch Logs: saved queries of Logs Insights, and what permissions name."""

import json
import time
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


@pytest.mark.parametrize(
    ("end", "allowed"), [(":*", True), (":log-stream:own*", True), ("", False), (":log-stream:x", False)]
)
def test_permissions_are_for_the_streams_of_a_group(cloud: LocalCloud, end: str, allowed: bool) -> None:
    group = "/shop/permissions"
    logs, iam = cloud.client("logs"), cloud.client("iam")
    logs.create_log_group(logGroupName=group)
    name = f"writer{len(end)}"
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}{end}"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": arn}]}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="write", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = cloud.client("logs", credentials=(key["AccessKeyId"], key["SecretAccessKey"]))
    event = {"timestamp": round(time.time() * 1000), "message": "an order"}
    try:
        if allowed:
            user.create_log_stream(logGroupName=group, logStreamName="own-1")
            user.put_log_events(logGroupName=group, logStreamName="own-1", logEvents=[event])
        else:
            with pytest.raises(ClientError, match=f"{group}:log-stream:own-1"):
                user.create_log_stream(logGroupName=group, logStreamName="own-1")
        with pytest.raises(ClientError, match="AccessDenied"):
            user.delete_log_group(logGroupName=group)
    finally:
        logs.delete_log_group(logGroupName=group)
