"""Where clients find what a deployment serves: AWS's host names do not resolve on this machine."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from cdp_constructs.local.cloud import LocalCloud
from cdp_constructs.local.deployment.deployer import Deployment

__all__ = ["Endpoint", "endpoints"]


@dataclass(frozen=True)
class Endpoint:
    """An address that clients can use.

    Attributes:
        stack: Label of the stack.
        logical_id: Logical id of the resource.
        kind: What answers there, for example `HTTP API`.
        url: Base URL, without a slash at its end.
    """

    stack: str
    logical_id: str
    kind: str
    url: str


def _http_or_websocket_api(cloud: LocalCloud, api_id: str, region: str, account: str) -> Iterator[tuple[str, str]]:
    api = cloud.client("apigatewayv2", region=region, account=account)
    is_websocket = api.get_api(ApiId=api_id)["ProtocolType"] == "WEBSOCKET"
    for stage in api.get_stages(ApiId=api_id)["Items"]:
        url = f"{cloud.endpoint}/_aws/execute-api/{api_id}/{stage['StageName']}"
        yield ("WebSocket API", url.replace("http://", "ws://")) if is_websocket else ("HTTP API", url)


def _rest_api(cloud: LocalCloud, api_id: str, region: str, account: str) -> Iterator[tuple[str, str]]:
    for stage in cloud.client("apigateway", region=region, account=account).get_stages(restApiId=api_id)["item"]:
        yield "REST API", f"{cloud.endpoint}/_aws/execute-api/{api_id}/{stage['stageName']}"


def _distribution(cloud: LocalCloud, distribution_id: str, region: str, account: str) -> Iterator[tuple[str, str]]:
    found = cloud.client("cloudfront", region=region, account=account).get_distribution(Id=distribution_id)
    domain = found["Distribution"]["DomainName"]
    yield "CloudFront distribution", cloud.distribution_url(domain)
    yield "the same, for a browser", cloud.browser_url(f"https://{domain}")


def _function_url(cloud: LocalCloud, function: str, region: str, account: str) -> Iterator[tuple[str, str]]:
    found = cloud.client("lambda", region=region, account=account).get_function_url_config(FunctionName=function)
    url_id = (urlsplit(found["FunctionUrl"]).hostname or "").split(".")[0]
    yield "function URL", f"{cloud.endpoint}/_aws/lambda-url/{url_id}"


def _listener(cloud: LocalCloud, listener: str, region: str, account: str) -> Iterator[tuple[str, str]]:
    elbv2 = cloud.client("elbv2", region=region, account=account)
    [found] = elbv2.describe_listeners(ListenerArns=[listener])["Listeners"]
    [balancer] = elbv2.describe_load_balancers(LoadBalancerArns=[found["LoadBalancerArn"]])["LoadBalancers"]
    if balancer["Scheme"] != "internal":
        yield "listener", cloud.listener_url(listener)


_KINDS: Mapping[str, Callable[[LocalCloud, str, str, str], Iterator[tuple[str, str]]]] = MappingProxyType(
    {
        "AWS::ApiGatewayV2::Api": _http_or_websocket_api,
        "AWS::ApiGateway::RestApi": _rest_api,
        "AWS::CloudFront::Distribution": _distribution,
        "AWS::ElasticLoadBalancingV2::Listener": _listener,
        "AWS::Lambda::Url": _function_url,
    }
)


def endpoints(cloud: LocalCloud, deployment: Deployment) -> tuple[Endpoint, ...]:
    """Return the addresses of the APIs, function URLs, distributions and listeners of a deployment."""
    return tuple(
        Endpoint(stack.artifact.label, resource.logical_id, kind, url)
        for stack in deployment.stacks
        for resource in stack.resources
        if resource.resource_type in _KINDS
        for kind, url in _KINDS[resource.resource_type](
            cloud, resource.physical_id, stack.artifact.region, stack.artifact.account
        )
    )
