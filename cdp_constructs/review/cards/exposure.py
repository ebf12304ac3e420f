"""What faces the internet, who is asked for credentials there, and by what."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cdp_constructs.review.cards.edges import forwards
from cdp_constructs.review.statements import permissions
from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values, listed

__all__ = ["Entrance", "entrances"]


@dataclass(frozen=True, order=True)
class Entrance:
    """A way in from the internet.

    Attributes:
        where: What answers.
        asks: What it asks for, such as ``JWT of Chat/Users``; ``nothing`` when anybody may.
        leads_to: What is behind it.
        open: Whether anybody may, without credentials.
    """

    where: str
    asks: str
    leads_to: str
    open: bool

    @property
    def door(self) -> str:
        """The resource that answers."""
        words = self.where.removeprefix("URL of ").split(" ")
        return words[0]

    def __str__(self) -> str:
        """Write it as a card does, marked with ``*`` when it is open."""
        behind = f" -> {self.leads_to}" if self.leads_to else ""
        return f"{'* ' if self.open else '  '}{self.where}{behind}   asks for {self.asks}"


def entrances(template: Template) -> list[Entrance]:
    """Return every entrance, in the order of their names."""
    values = Values(template)
    found = {
        entrance
        for resource in template.resources.values()
        if (read := _READERS.get(resource.type))
        for entrance in read(resource, template, values)
    }
    found.update(_public_policies(template))
    return sorted(found)


def _http_route(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    api = template.target(resource.get("ApiId"))
    key = str(resource.get("RouteKey"))
    websocket = api is not None and api.get("ProtocolType") == "WEBSOCKET"
    if websocket and key != "$connect":
        return
    kind = str(resource.get("AuthorizationType", "NONE"))
    authorizer = template.target(resource.get("AuthorizerId"))
    asks = {"AWS_IAM": "IAM signature", "NONE": "nothing"}.get(kind, kind)
    if authorizer is not None:
        decides = _function_of(values.text(authorizer.get("AuthorizerUri")))
        asks = f"what {decides} decides" if decides else f"{kind} of {authorizer.name}"
    integration = template.target(resource.get("Target"))
    behind = values.text(integration.get("IntegrationUri")) if integration else ""
    name = f"{api.name if api else values.text(resource.get('ApiId'))} {key}"
    yield Entrance(name, asks, _function_of(behind), kind == "NONE")


def _named_api(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template
    name, api = values.text(resource.get("DomainName")), values.text(resource.get("ApiId"))
    yield Entrance(name, "what the routes of its API ask for", api, open=False)


def _function_of(uri: str) -> str:
    """Return the function in the address of an integration."""
    return uri.rpartition("functions/")[2].removesuffix("/invocations")


def _rest_method(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    method = str(resource.get("HttpMethod"))
    integration = str(resource.get("Integration.Type", ""))
    if method == "OPTIONS" and integration == "MOCK":
        return
    kind = str(resource.get("AuthorizationType", "NONE"))
    needs_key = resource.get("ApiKeyRequired") is True
    authorizer = values.text(resource.get("AuthorizerId"))
    asks = {"AWS_IAM": "IAM signature", "NONE": "an API key" if needs_key else "nothing"}.get(
        kind, f"{kind} {authorizer}".strip()
    )
    api = values.text(resource.get("RestApiId"))
    path = _rest_path(resource, template, values)
    behind = _function_of(values.text(resource.get("Integration.Uri"))) or integration
    yield Entrance(f"{api} {method} {path}", asks, behind, kind == "NONE" and not needs_key)


def _rest_path(method: Resource, template: Template, values: Values) -> str:
    parts: list[str] = []
    place = template.target(method.get("ResourceId"))
    while place is not None and place.type == "AWS::ApiGateway::Resource":
        parts.insert(0, values.text(place.get("PathPart")))
        place = template.target(place.get("ParentId"))
    return "/" + "/".join(parts)


def _function_url(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template
    kind = resource.get("AuthType")
    asks = "nothing" if kind == "NONE" else "IAM signature"
    yield Entrance(f"URL of {values.text(resource.get('TargetFunctionArn'))}", asks, "", kind == "NONE")


_CDN = "DistributionConfig"


def _distribution(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template
    behaviors = [(values.text(one.get("PathPattern")), one) for one in resource.items(f"{_CDN}.CacheBehaviors")]
    names = listed(values.texts(resource.items(f"{_CDN}.Aliases"))) or "its own name"
    origins = {
        values.text(one.get("Id")): values.text(one.get("DomainName")) for one in resource.items(f"{_CDN}.Origins")
    }
    acl = resource.get(f"{_CDN}.WebACLId")
    for path, one in [*behaviors, ("*", resource.get(f"{_CDN}.DefaultCacheBehavior", {}))]:
        signed = bool(one.get("TrustedKeyGroups") or one.get("TrustedSigners"))
        asks = ("a signed URL or cookie" if signed else "nothing") + (f", behind {values.text(acl)}" if acl else "")
        asks += ", also without TLS" if one.get("ViewerProtocolPolicy") == "allow-all" else ""
        origin = origins.get(values.text(one.get("TargetOriginId")), "")
        yield Entrance(
            f"{resource.name} ({names}) {path}", asks, origin.removesuffix(".RegionalDomainName"), not signed
        )


def _balancer(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    balancer = template.target(resource.get("LoadBalancerArn"))
    if balancer is None or balancer.get("Scheme", "internet-facing") != "internet-facing":
        return
    actions = resource.items("DefaultActions")
    asks = next(
        (f"sign-in by {kind}" for one in actions if (kind := str(one.get("Type"))).startswith("authenticate-")),
        "nothing",
    )
    port = f"{values.text(resource.get('Protocol'))} {values.text(resource.get('Port'))}"
    redirect = next((one["RedirectConfig"] for one in actions if "RedirectConfig" in one), None)
    if redirect:
        behind = f"redirect to {values.text(redirect.get('Protocol'))}"
    else:
        behind = listed(sorted(edge.target for listener, edge in forwards(template) if listener is resource))
    yield Entrance(f"{balancer.name} {port}", asks, behind, asks == "nothing" and not redirect)


_APPSYNC = {
    "AMAZON_COGNITO_USER_POOLS": "JWT of a user pool",
    "API_KEY": "an API key",
    "AWS_IAM": "IAM signature",
    "AWS_LAMBDA": "what a function decides",
    "OPENID_CONNECT": "JWT",
}


def _events_api(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template
    for key, what in (
        ("ConnectionAuthModes", "connect"),
        ("DefaultSubscribeAuthModes", "subscribe"),
        ("DefaultPublishAuthModes", "publish"),
    ):
        modes = [str(one.get("AuthType")) for one in resource.items(f"EventConfig.{key}")]
        if modes:
            asks = " or ".join(sorted(_APPSYNC.get(mode, mode) for mode in modes))
            yield Entrance(f"{resource.name} {what}", asks, "", "API_KEY" in modes)
    others = [one.get("AuthenticationType") for one in resource.items("AdditionalAuthenticationProviders")]
    modes = [values.text(mode) for mode in (resource.get("AuthenticationType"), *others) if mode]
    if modes:
        asks = " or ".join(sorted(_APPSYNC.get(mode, mode) for mode in modes))
        yield Entrance(resource.name, asks, "", "API_KEY" in modes)


def _user_pool(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template, values
    closed = resource.get("AdminCreateUserConfig.AllowAdminCreateUserOnly") is True
    asks = "an account that an administrator makes" if closed else "nothing, who signs up gets an account"
    yield Entrance(f"{resource.name} sign-up", asks, "", not closed)


def _identity_pool(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template, values
    guests = resource.get("AllowUnauthenticatedIdentities") is True
    yield Entrance(f"{resource.name} credentials", "nothing, guests get some" if guests else "a token", "", guests)


def _bucket(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template, values
    blocks = resource.get("PublicAccessBlockConfiguration", {})
    off = [
        name
        for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        if isinstance(blocks, Mapping) and blocks and blocks.get(name) is not True
    ]
    if off:
        yield Entrance(f"{resource.name} without {listed(off)}", "what its policy and ACLs say", "", open=True)
    if str(resource.get("AccessControl", "")).startswith("Public"):
        yield Entrance(f"{resource.name} by its ACL", "nothing", "", open=True)
    if resource.get("WebsiteConfiguration"):
        yield Entrance(f"{resource.name} as a web site", "what its policy says", "", open=True)


def _open_ports(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    rules = (
        resource.items("SecurityGroupIngress") if resource.type == "AWS::EC2::SecurityGroup" else [resource.properties]
    )
    group = resource.name if resource.type == "AWS::EC2::SecurityGroup" else values.text(resource.get("GroupId"))
    of_balancers = {
        values.text(one)
        for balancer in template.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
        for one in balancer.items("SecurityGroups")
    }
    if group.removesuffix(".GroupId") in {one.removesuffix(".GroupId") for one in of_balancers}:
        # Its listeners say what may come in, and what it asks for.
        return
    for rule in rules:
        if "0.0.0.0/0" in (rule.get("CidrIp"), rule.get("CidrIpv4")) or rule.get("CidrIpv6") == "::/0":
            first, last = rule.get("FromPort", "all"), rule.get("ToPort", "all")
            ports = f"port {first}" if first == last else f"ports {first}-{last}"
            yield Entrance(
                f"{group} {values.text(rule.get('IpProtocol'))} {ports}", "nothing, from any address", "", open=True
            )


def _database(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template, values
    if str(resource.get("PubliclyAccessible")).lower() == "true":
        yield Entrance(resource.name, "a password, from any address that its security groups let in", "", open=True)


def _devices(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template
    authorizer = values.text(resource.get("AuthorizerConfig.DefaultAuthorizerName"))
    yield Entrance(resource.name, authorizer or "a device certificate", "", open=False)


def _device_policy(resource: Resource, template: Template, values: Values) -> Iterator[Entrance]:
    del template, values
    yield Entrance(f"{resource.name} by MQTT", "a device certificate", "", open=False)


def _public_policies(template: Template) -> Iterator[Entrance]:
    for one in permissions(template):
        if "everybody" in one.who and not one.denies and not one.conditions:
            for resource in one.resources:
                yield Entrance(f"{resource} {one.actions}", "nothing", "", open=True)


_READERS: Mapping[str, Callable[[Resource, Template, Values], Iterator[Entrance]]] = {
    "AWS::ApiGateway::Method": _rest_method,
    "AWS::ApiGatewayV2::ApiMapping": _named_api,
    "AWS::ApiGatewayV2::Route": _http_route,
    "AWS::AppSync::Api": _events_api,
    "AWS::AppSync::GraphQLApi": _events_api,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::Cognito::IdentityPool": _identity_pool,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::EC2::SecurityGroup": _open_ports,
    "AWS::EC2::SecurityGroupIngress": _open_ports,
    "AWS::ElasticLoadBalancingV2::Listener": _balancer,
    "AWS::IoT::DomainConfiguration": _devices,
    "AWS::IoT::Policy": _device_policy,
    "AWS::Lambda::Url": _function_url,
    "AWS::RDS::DBCluster": _database,
    "AWS::RDS::DBInstance": _database,
    "AWS::Redshift::Cluster": _database,
    "AWS::S3::Bucket": _bucket,
}
