"""REST APIs that are defined by an OpenAPI document in a bucket."""

import uuid
from typing import Any

import httpx

from cdp_constructs.local import LocalCloud

DEFINITION = """
openapi: "3.0.1"
info: {title: orders, version: "1"}
paths:
  /orders:
    get:
      responses: {"200": {description: all}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: "200", responseTemplates: {application/json: '["$context.stage"]'}}}
    post:
      x-amazon-apigateway-auth: {type: AWS_IAM}
      x-amazon-apigateway-integration: {type: mock, requestTemplates: {application/json: '{"statusCode": 200}'}}
"""


def test_a_definition_in_a_bucket_has_the_methods_and_says_who_may_call_them(cloud: LocalCloud, stacks: Any) -> None:
    bucket = f"definitions-{uuid.uuid4().hex}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="api.yaml", Body=DEFINITION.encode())
    api = {"Ref": "Api"}
    outputs = stacks.deploy(
        {
            "Resources": {
                "Api": {
                    "Type": "AWS::ApiGateway::RestApi",
                    "Properties": {"BodyS3Location": {"Bucket": bucket, "Key": "api.yaml"}},
                },
                "Deployment": {
                    "Type": "AWS::ApiGateway::Deployment",
                    "Properties": {"RestApiId": api, "StageName": "live"},
                },
            },
            "Outputs": {"Api": {"Value": api}},
        }
    )
    url = f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/live"
    assert httpx.get(f"{url}/others").status_code == 403
    refused = httpx.post(f"{url}/orders", json={})
    assert (refused.status_code, refused.json()) == (403, {"message": "Missing Authentication Token"})
    assert httpx.get(f"{url}/orders").json() == ["live"]
