"""RDS: a DB subnet group is that of the account and Region, where others may have one of the same name."""

from collections.abc import Callable
from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any

import pytest

from cdp_constructs.local.services.ec2 import parties
from cdp_constructs.local.services.rds import endpoints, subnets

ACCOUNT, NAME = "000000000000", "rooms"
BLOCKS = {"eu-west-1": "10.1.0.0/24", "us-east-1": "10.2.0.0/24"}


def _store(of_region: Callable[[str], dict[str, Any]]) -> Any:
    records = {(ACCOUNT, region, NAME): of_region(region) for region in BLOCKS}
    return SimpleNamespace(get_scoped=lambda *key: records.get(key), all_values=lambda: list(records.values()))


def _subnets_of(region: str) -> dict[str, Any]:
    return {"Subnets": [{"SubnetIdentifier": f"subnet-{region}"}]}


@pytest.fixture
def _same_name_in_each_region(monkeypatch: pytest.MonkeyPatch) -> None:
    known = SimpleNamespace(
        _subnet_groups=_store(lambda region: {"DBSubnetGroupName": NAME, **_subnets_of(region)}),
        _instances=_store(lambda _region: {"DBSubnetGroup": {"DBSubnetGroupName": NAME}}),
        _clusters=_store(lambda _region: {"DBSubnetGroup": NAME}),
    )
    of_ec2 = _store(lambda region: {"SubnetId": f"subnet-{region}", "CidrBlock": BLOCKS[region]})
    for module in (endpoints, subnets):
        monkeypatch.setattr(module, "_rds", known)
    monkeypatch.setattr(parties, "_ec2", SimpleNamespace(_subnets=of_ec2))


@pytest.mark.usefixtures("_same_name_in_each_region")
@pytest.mark.parametrize("kind", ["db_id", "cluster_id"])
@pytest.mark.parametrize("region", list(BLOCKS))
def test_a_database_is_in_the_subnets_of_its_own_region(region: str, kind: str) -> None:
    found = endpoints.party_of({"account_id": ACCOUNT, "region": region, kind: NAME})
    assert found.blocks == (IPv4Network(BLOCKS[region]),)


@pytest.mark.usefixtures("_same_name_in_each_region")
def test_a_group_that_only_another_region_has_is_none() -> None:
    assert subnets.of_group(ACCOUNT, "eu-central-1", NAME) == []
