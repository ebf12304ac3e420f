"""Security groups: which rule lets whom connect, by itself."""

from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any

import pytest

from cdp_constructs.local.services.ec2 import firewall
from cdp_constructs.local.services.ec2.firewall import INSIDE, OUTSIDE, Party, refusal

CLIENT = Party("client", ("sg-client",), (IPv4Network("10.0.1.0/24"),))
SERVER = Party("server", ("sg-server",), (IPv4Network("10.0.2.0/24"),))
EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _tcp(first: int, last: int, **source: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, **source}


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """Ingress of the server and egress of the client, which a test fills."""
    ingress: list[dict[str, Any]] = []
    egress: list[dict[str, Any]] = [EVERYTHING]
    groups = [
        {"GroupId": "sg-client", "GroupName": "client", "IpPermissions": [], "IpPermissionsEgress": egress},
        {"GroupId": "sg-server", "GroupName": "server", "IpPermissions": ingress, "IpPermissionsEgress": [EVERYTHING]},
    ]
    lists = [{"PrefixListId": "pl-1", "Entries": [{"Cidr": "10.0.0.0/16"}]}]
    known = SimpleNamespace(
        _security_groups=SimpleNamespace(all_values=lambda: groups),
        _prefix_lists=SimpleNamespace(all_values=lambda: lists),
    )
    monkeypatch.setattr(firewall, "_ec2", known)
    return {"ingress": ingress, "egress": egress}


@pytest.mark.parametrize(
    ("rule", "port", "allowed"),
    [
        (_tcp(5432, 5432, UserIdGroupPairs=[{"GroupId": "sg-client"}]), 5432, True),
        (_tcp(5432, 5432, UserIdGroupPairs=[{"GroupName": "client"}]), 5432, True),
        (_tcp(5432, 5432, UserIdGroupPairs=[{"GroupId": "sg-another"}]), 5432, False),
        (_tcp(5432, 5432, UserIdGroupPairs=[{"GroupId": "sg-client"}]), 5433, False),
        (_tcp(5000, 6000, IpRanges=[{"CidrIp": "10.0.1.0/24"}]), 5432, True),
        (_tcp(5432, 5432, IpRanges=[{"CidrIp": "10.0.2.0/24"}]), 5432, False),
        (_tcp(5432, 5432, IpRanges=[{"CidrIp": "10.0.1.7/32"}]), 5432, False),  # nobody can tell
        (_tcp(5432, 5432, PrefixListIds=[{"PrefixListId": "pl-1"}]), 5432, True),
        (_tcp(5432, 5432, PrefixListIds=[{"PrefixListId": "pl-2"}]), 5432, False),
        ({**_tcp(5432, 5432, IpRanges=[{"CidrIp": "0.0.0.0/0"}]), "IpProtocol": "udp"}, 5432, False),
        (EVERYTHING, 5432, True),
    ],
)
def test_a_rule_is_for_a_source_a_protocol_and_ports(
    rules: dict[str, list[dict[str, Any]]], rule: dict[str, Any], port: int, allowed: bool
) -> None:
    rules["ingress"].append(rule)
    assert (refusal(CLIENT, SERVER, port) == "") is allowed


def test_without_a_rule_the_reason_names_the_groups(rules: dict[str, list[dict[str, Any]]]) -> None:
    assert refusal(CLIENT, SERVER, 5432) == "no ingress rule of sg-server allows it"
    rules["ingress"].append(EVERYTHING)
    rules["egress"].clear()
    assert refusal(CLIENT, SERVER, 5432) == "no egress rule of sg-client allows it"


@pytest.mark.usefixtures("rules")
def test_groups_of_elsewhere_do_not_decide_and_the_service_itself_always_may() -> None:
    assert refusal(CLIENT, Party("imported", ("sg-12345",)), 5432) == ""
    assert refusal(INSIDE, SERVER, 5432) == ""


def test_clients_outside_come_in_by_rules_for_every_address_only(rules: dict[str, list[dict[str, Any]]]) -> None:
    rules["ingress"].append(_tcp(80, 80, IpRanges=[{"CidrIp": "10.0.0.0/8"}]))
    assert refusal(OUTSIDE, SERVER, 80)
    rules["ingress"].append(EVERYTHING)
    assert refusal(OUTSIDE, SERVER, 80) == ""
