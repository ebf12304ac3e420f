"""Route 53: what the made-up addresses stand for, and which Region's API has a name that several Regions have.

`GET /_cdp/dns/hosts?address=198.19.3.7` returns the resource and the path of the gateway at which it answers. A request
with a custom domain as Host goes to the API of the Region that Route 53 answers with, for users of the default place.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import AdminError, route
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.places import DEFAULT_PLACE
from cdp_constructs.local.services.cloudfront.balancers import leads_to
from cdp_constructs.local.services.cloudfront.distributions import PREFIX
from cdp_constructs.local.services.route53.answers import NoSuchZoneError, address_of, answer, zone_of

_alb: Any = ministack.module("services.alb", "_lbs")
_apigateway: Any = ministack.module("services.apigateway_v1", "_base_path_mappings", "_domain_names")
_cloudfront: Any = ministack.module("services.cloudfront", "_distributions")
_responses: Any = ministack.module("core.responses", "get_account_id")

_ROOT_PATH = "(none)"


def _custom_domains() -> Iterator[tuple[str, str]]:
    """Yield the names that API Gateway gives to custom domains, each with the path of its API."""
    for (account, region, name), domain in _apigateway._domain_names.all_items():
        mappings = _apigateway._base_path_mappings.get_scoped(account, region, name, {})
        if mapping := mappings.get(_ROOT_PATH) or mappings.get(""):
            yield domain["regionalDomainName"], f"/_aws/execute-api/{mapping['restApiId']}/{mapping['stage']}"


def _distributions() -> Iterator[tuple[str, str]]:
    for distribution in _cloudfront._distributions.values():
        yield distribution["DomainName"], f"{PREFIX}{distribution['DomainName']}"


def _balancers() -> Iterator[tuple[str, str]]:
    for _, balancer in _alb._lbs.all_items():
        if balancer["Scheme"] != "internal":
            name = balancer["DNSName"]
            # An alias may lead to a name that has addresses of IPv6, too.
            for target in (name, f"dualstack.{name}"):
                yield target, f"/_alb/{balancer['LoadBalancerName']}"


@leads_to
def _targets(name: str) -> Iterator[str]:
    """Yield the names that records of a hosted zone lead to."""
    try:
        found = answer(zone_of(name), name, "A", DEFAULT_PLACE)
    except NoSuchZoneError:
        return
    yield from (each.target for each in found if each.target is not None)


@route("GET", "dns/hosts")
def _host(request: Mapping[str, Any]) -> Mapping[str, Any]:
    for hosts in (_custom_domains(), _distributions(), _balancers()):
        for target, path in hosts:
            if request["address"] in {address_of(target, "A"), address_of(target, "AAAA")}:
                return {"target": target, "path": path}
    raise AdminError(f"no API, no load balancer and no distribution has the address {request['address']}")


@patch("ministack.services.apigateway_v1:find_domain_scope")
def _of_nearest_healthy_region(original: Callable[[str], Any], name: str) -> Any:
    found = original(name)
    same = [
        (key, domain)
        for key, domain in _apigateway._domain_names.all_items()
        if key[0] == _responses.get_account_id() and key[2].lower() == name.lower()
    ]
    if len(same) <= 1:
        return found
    try:
        targets = {one.target for one in answer(zone_of(name), name, "A", DEFAULT_PLACE)}
    except NoSuchZoneError:
        return found
    return next((key for key, domain in same if domain["regionalDomainName"] in targets), found)
