"""Functions on Node.js with the AWS SDK that Lambda's runtimes bring, downloaded by npm."""

import io
import json
import zipfile
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process import node_sdk
from tests.local.resources import allow, arn, function, role, table

VERSION_3 = """
const { S3Client, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { Upload } = require('@aws-sdk/lib-storage');
const { DynamoDBDocumentClient, PutCommand, GetCommand } = require('@aws-sdk/lib-dynamodb');
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { KinesisClient, PutRecordCommand } = require('@aws-sdk/client-kinesis');
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');
const { HttpRequest } = require('@smithy/protocol-http');
exports.handler = async ({ bucket, table, stream }) => {
  const s3 = new S3Client({ forcePathStyle: true });
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'put', Body: 'put' }));
  await new Upload({ client: s3, params: { Bucket: bucket, Key: 'uploaded', Body: 'uploaded' } }).done();
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: 'uploaded' }));
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient({}));
  await documents.send(new PutCommand({ TableName: table, Item: { id: '1', count: 2 } }));
  const { Item } = await documents.send(new GetCommand({ TableName: table, Key: { id: '1' } }));
  const put = await new KinesisClient({}).send(
    new PutRecordCommand({ StreamName: stream, PartitionKey: '1', Data: Buffer.from('record') }));
  const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  return { fetched: await (await fetch(url)).text(), Item, shard: put.ShardId, Arn, request: typeof HttpRequest };
};
"""
MODULE = """
import { SQSClient } from '@aws-sdk/client-sqs';
export const handler = async () => typeof SQSClient;
"""
VERSION_2 = """
const AWS = require('aws-sdk');
exports.handler = async ({ bucket }) => {
  await new AWS.S3().putObject({ Bucket: bucket, Key: 'old', Body: 'old' }).promise();
  return (await new AWS.STS().getCallerIdentity().promise()).Arn;
};
"""
OTHERS = """
let found;
try { require('aws-sdk'); found = true; } catch (error) { found = false; }
exports.handler = async () => found;
"""


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    node_sdk.install()
    on_node = {"Timeout": 60}
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "Table": table("id"),
                "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
                "Role": role(
                    allow(["s3:PutObject", "s3:GetObject"], {"Fn::Sub": "${Bucket.Arn}/*"}),
                    allow(["dynamodb:PutItem", "dynamodb:GetItem"], arn("Table")),
                    allow(["kinesis:PutRecord"], arn("Stream")),
                ),
                "Version3": function(VERSION_3, "Role", Runtime="nodejs22.x", **on_node),
                "Version2": function(VERSION_2, "Role", Runtime="nodejs16.x", **on_node),
                "Others": function(OTHERS, "Role", Runtime="nodejs22.x", **on_node),
                "Module": function("replaced below", "Role", Runtime="nodejs24.x", **on_node),
            },
            "Outputs": {
                name: {"Value": {"Ref": name}}
                for name in ("Bucket", "Table", "Stream", "Version3", "Version2", "Others", "Module")
            },
        }
    )
    return outputs


def _answer(cloud: LocalCloud, name: str, event: Any = None) -> Any:
    return json.load(cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}))["Payload"])


def test_clients_and_libraries_of_version_3_work(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    names = {"bucket": deployed["Bucket"], "table": deployed["Table"], "stream": deployed["Stream"]}
    answer = _answer(cloud, deployed["Version3"], names)
    assert "Arn" in answer, answer
    assert answer["fetched"] == "uploaded"
    assert answer["Item"] == {"id": "1", "count": 2}
    assert answer["shard"].startswith("shardId-"), "a client that begins with HTTP/2"
    assert deployed["Version3"] in answer["Arn"], "the credentials of the function's role, with their session token"
    assert answer["request"] == "function", "packages that Lambda's runtime has beside the clients"


def test_version_2_has_the_session_token_of_the_role(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    answer = _answer(cloud, deployed["Version2"], {"bucket": deployed["Bucket"]})
    assert isinstance(answer, str), answer
    assert deployed["Version2"] in answer


def test_runtimes_from_18_on_have_no_version_2(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    assert _answer(cloud, deployed["Others"]) is False


def test_modules_import_it(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.mjs", MODULE)
    cloud.client("lambda").update_function_code(FunctionName=deployed["Module"], ZipFile=package.getvalue())
    assert _answer(cloud, deployed["Module"]) == "function"
