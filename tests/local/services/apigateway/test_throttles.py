"""API Gateway: the throttles of a stage and of its routes."""

from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.apigateway.throttles import TokenBucket
from tests.local.services.apigateway.apis import ORIGIN, TOKYO, api_template
from tests.local.services.apigateway.test_web_sockets import OFFERED, socket_template

# A bucket that does not fill up while a test runs.
SLOW = 0.001


def limits(burst: int, rate: float = SLOW) -> dict[str, float]:
    return {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}


def test_a_bucket_holds_the_burst_and_is_filled_at_the_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.4), bucket.take(0.5), bucket.take(0.5)] == [False, True, False]
    assert [bucket.take(100) for _ in range(4)] == [True, True, True, False]


@pytest.fixture(scope="module")
def throttled(cloud: LocalCloud, stacks: Any) -> str:
    """An API that takes two requests to each route and four to one of them."""
    template = api_template("https://issuer.example.com", "app", domain="throttled.example.com")
    stage = template["Resources"]["Stage"]["Properties"]
    stage["DefaultRouteSettings"], stage["RouteSettings"] = limits(2), {"GET /health": limits(4)}
    return cloud.http_api_url(stacks.deploy(template, region=TOKYO)["Api"], TOKYO)


def test_each_route_takes_the_burst_and_then_answers_429(throttled: str) -> None:
    answers = [httpx.get(f"{throttled}/health") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[-1].json() == {"message": "Too Many Requests"}
    # Whoever has no token takes one of the bucket as well; other routes have buckets of their own.
    statuses = [httpx.get(f"{throttled}/rooms/{room}").status_code for room in ("a", "b", "c")]
    assert statuses == [401, 401, 429]
    assert httpx.get(f"{throttled}/admin").status_code == 401


def test_a_preflight_is_not_throttled(throttled: str) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    assert {httpx.options(f"{throttled}/mine", headers=asked).status_code for _ in range(4)} == {204}


def test_connections_to_a_web_socket_api_are_throttled(cloud: LocalCloud, stacks: Any) -> None:
    template = socket_template()
    template["Resources"]["Stage"]["Properties"]["DefaultRouteSettings"] = limits(2)
    outputs = stacks.deploy(template)
    url = f"{cloud.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{outputs['ApiId']}/live"
    for _ in range(2):
        with connect(url, subprotocols=OFFERED) as connection:
            connection.send("hello")
            assert connection.recv(10) == "hello"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, subprotocols=OFFERED)
    assert refused.value.response.status_code == 429


def test_methods_of_a_rest_api_are_throttled_by_the_paths_that_templates_write(cloud: LocalCloud, stacks: Any) -> None:
    api = {"Ref": "Api"}
    mock = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode": 200}'},
        "IntegrationResponses": [{"StatusCode": "200"}],
    }
    resources: dict[str, Any] = {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "throttled"}}}
    parent: dict[str, Any] = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    for name, part in (("Orders", "orders"), ("Order", "{order}")):
        placed = {"RestApiId": api, "ParentId": parent, "PathPart": part}
        resources[name] = {"Type": "AWS::ApiGateway::Resource", "Properties": placed}
        parent = {"Ref": name}
        method = {"RestApiId": api, "ResourceId": parent, "HttpMethod": "GET", "AuthorizationType": "NONE"}
        properties = {**method, "Integration": mock, "MethodResponses": [{"StatusCode": "200"}]}
        resources[f"Get{name}"] = {"Type": "AWS::ApiGateway::Method", "Properties": properties}
    resources["Deployment"] = {
        "Type": "AWS::ApiGateway::Deployment",
        "DependsOn": ["GetOrders", "GetOrder"],
        "Properties": {"RestApiId": api},
    }
    settings = [
        {"HttpMethod": "*", "ResourcePath": "/*", **limits(4)},
        {"HttpMethod": "GET", "ResourcePath": "/~1orders~1{order}", **limits(2)},
    ]
    stage = {"RestApiId": api, "DeploymentId": {"Ref": "Deployment"}, "StageName": "live", "MethodSettings": settings}
    resources["Stage"] = {"Type": "AWS::ApiGateway::Stage", "Properties": stage}
    deployed = stacks.deploy({"Resources": resources, "Outputs": {"Api": {"Value": api}}})["Api"]
    url = f"{cloud.endpoint}/_aws/execute-api/{deployed}/live/orders"
    assert [httpx.get(f"{url}/7").status_code for _ in range(3)] == [200, 200, 429]
    assert [httpx.get(url).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
