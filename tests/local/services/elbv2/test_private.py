"""Load balancers that are not for everybody: internal ones, VPC links to them, and those that pass bytes on."""

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import function, role
from tests.local.services.elbv2.servers import (
    Target,
    balancer,
    echo_server,
    fixed,
    forward,
    group,
    listener,
    template,
)

INTERNAL = {"Scheme": "internal"}
ASKS = """
import urllib.request

def handler(event, context):
    with urllib.request.urlopen(event["url"], timeout=5) as answer:
        return answer.read().decode()
"""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as running:
        yield running


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with echo_server() as port:
        yield port


def _http_api(stage: str) -> dict[str, dict[str, Any]]:
    api, link = {"Ref": "Api"}, {"Ref": "Link"}
    integration = {
        "ApiId": api,
        "ConnectionType": "VPC_LINK",
        "ConnectionId": link,
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "ANY",
        "IntegrationUri": {"Ref": "Listener"},
        "PayloadFormatVersion": "1.0",
    }
    target = {"Fn::Sub": "integrations/${Integration}"}
    return {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "private", "ProtocolType": "HTTP"}},
        "Link": {"Type": "AWS::ApiGatewayV2::VpcLink", "Properties": {"Name": "link", "SubnetIds": ["subnet-1"]}},
        "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {"ApiId": api, "RouteKey": "$default", "Target": target},
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": api, "StageName": stage, "AutoDeploy": True},
        },
    }


def test_an_internal_load_balancer_is_reached_from_inside_only(cloud: LocalCloud, stacks: Any, target: Target) -> None:
    outputs = stacks.deploy(
        template(
            Balancer=balancer(**INTERNAL),
            Listener=listener(forward("Targets")),
            Targets=group(target.port),
            Role=role(),
            Function=function(ASKS, "Role"),
        )
    )
    where = urlsplit(cloud.listener_url(outputs["Listener"]))
    assert outputs["Name"] == where.hostname  # what a template hands to those who may
    with pytest.raises(httpx.TransportError):
        httpx.get(where.geturl())
    [found] = cloud.client("elbv2").describe_load_balancers(LoadBalancerArns=[outputs["Balancer"]])["LoadBalancers"]
    by_name = {"Host": f"{found['LoadBalancerName']}.alb.localhost"}
    assert httpx.get(f"{cloud.endpoint}/", headers=by_name).status_code == 403
    asked = {"url": f"{where.geturl()}/from-inside"}
    answer = cloud.client("lambda").invoke(FunctionName=outputs["Function"], Payload=json.dumps(asked))
    assert json.loads(json.loads(answer["Payload"].read()))["path"] == "/from-inside"


@pytest.mark.parametrize(("stage", "path"), [("$default", "/a?b=c"), ("live", "/live/a?b=c")])
def test_an_http_api_reaches_it_through_a_vpc_link(
    cloud: LocalCloud, stacks: Any, target: Target, stage: str, path: str
) -> None:
    outputs = stacks.deploy(
        template(
            Balancer=balancer(**INTERNAL),
            Listener=listener(forward("Targets")),
            Targets=group(target.port),
            **_http_api(stage),
        )
    )
    url = f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/{stage}/a?b=c"
    answer = httpx.post(url, content=b"hello")
    assert (answer.status_code, answer.json()["path"], answer.json()["body"]) == (200, path, "hello")


def test_a_fixed_response_comes_through_a_vpc_link(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(
        template(Balancer=balancer(**INTERNAL), Listener=listener(fixed("here", "202")), **_http_api("$default"))
    )
    answer = httpx.get(f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/$default/")
    assert (answer.status_code, answer.text) == (202, "here")


def test_a_rest_api_reaches_a_network_load_balancer_through_a_vpc_link(
    cloud: LocalCloud, stacks: Any, target: Target
) -> None:
    api = {"Ref": "Api"}
    integration = {
        "Type": "HTTP_PROXY",
        "IntegrationHttpMethod": "GET",
        "ConnectionType": "VPC_LINK",
        "ConnectionId": {"Ref": "Link"},
        "Uri": {"Fn::Sub": "http://${Balancer.DNSName}:8080/behind"},
    }
    root = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    method = {"RestApiId": api, "ResourceId": root, "HttpMethod": "GET", "AuthorizationType": "NONE"}
    link = {"Name": "link", "TargetArns": [{"Ref": "Balancer"}]}
    deployment = {"Type": "AWS::ApiGateway::Deployment", "DependsOn": "Get", "Properties": {"RestApiId": api}}
    stage = {"RestApiId": api, "DeploymentId": {"Ref": "Deployment"}, "StageName": "live"}
    outputs = stacks.deploy(
        template(
            Balancer=balancer(Type="network", **INTERNAL),
            Listener=listener(forward("Targets"), Port=8080, Protocol="TCP"),
            Targets=group(target.port, Protocol="TCP"),
            Link={"Type": "AWS::ApiGateway::VpcLink", "Properties": link},
            Api={"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "private"}},
            Get={"Type": "AWS::ApiGateway::Method", "Properties": {**method, "Integration": integration}},
            Deployment=deployment,
            Stage={"Type": "AWS::ApiGateway::Stage", "Properties": stage},
        )
    )
    assert outputs["Balancer"].partition("loadbalancer/")[2].startswith("net/")
    answer = httpx.get(f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/live/?a=b")
    assert (answer.status_code, answer.json()["path"]) == (200, "/behind?a=b")


def test_a_network_load_balancer_passes_bytes_on_and_ends_tls(
    cloud: LocalCloud, stacks: Any, echo: int, total: Any
) -> None:
    certificate = cloud.client("acm").request_certificate(DomainName="tls.example")["CertificateArn"]
    secure = {"Port": 8443, "Protocol": "TLS", "Certificates": [{"CertificateArn": certificate}]}
    outputs = stacks.deploy(
        template(
            Balancer=balancer(Type="network"),
            Listener=listener(forward("Targets"), Port=7000, Protocol="TCP"),
            Secure=listener(forward("Targets"), **secure),
            Empty=listener(forward("None"), Port=7001, Protocol="TCP"),
            Targets=group(echo, Protocol="TCP"),
            **{"None": group(Protocol="TCP")},
        )
    )
    cloud.check_targets(1)
    [health] = cloud.client("elbv2").describe_target_health(TargetGroupArn=outputs["Targets"])[
        "TargetHealthDescriptions"
    ]
    assert health["TargetHealth"]["State"] == "healthy"  # by a connection: it speaks no HTTP

    def connection(name: str) -> socket.socket:
        where = urlsplit(cloud.listener_url(outputs[name]))
        return socket.create_connection((where.hostname, where.port), 5)

    with connection("Listener") as plain:
        plain.sendall(b"one")
        assert plain.recv(100) == b"echo one"
        plain.shutdown(socket.SHUT_WR)
        assert plain.recv(100) == b""  # the end is passed on, too
    trust = ssl.create_default_context(cadata=cloud.balancer_certificate_authority())
    with connection("Secure") as plain, trust.wrap_socket(plain, server_hostname="tls.example") as encrypted:
        encrypted.sendall(b"two")
        assert encrypted.recv(100) == b"echo two"
    with connection("Empty") as refused:
        assert refused.recv(100) == b""
    cloud.metrics.advance(minutes=1)
    own = {"LoadBalancer": outputs["Balancer"].partition("loadbalancer/")[2]}
    assert total("AWS/NetworkELB", "NewFlowCount", **own)
    assert total("AWS/NetworkELB", "ProcessedBytes", **own)


def test_a_network_load_balancer_may_stand_before_an_application_load_balancer(
    cloud: LocalCloud, stacks: Any, target: Target
) -> None:
    front = listener(forward("Front"), Port=8000, Protocol="TCP", LoadBalancerArn={"Ref": "Network"})
    inner = {**group(Protocol="TCP", TargetType="alb", Targets=[{"Id": {"Ref": "Balancer"}, "Port": 80}])}
    outputs = stacks.deploy(
        template(
            Balancer=balancer(**INTERNAL),
            Listener=listener(forward("Targets")),
            Targets=group(target.port),
            Network=balancer(Type="network"),
            Front=inner,
            Outer={**front, "DependsOn": "Listener"},
        )
    )
    assert httpx.get(f"{cloud.listener_url(outputs['Outer']).replace('tcp', 'http')}/in").json()["path"] == "/in"
