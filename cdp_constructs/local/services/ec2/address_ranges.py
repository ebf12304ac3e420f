"""EC2: address ranges beyond the first one of a VPC: IPv6, further IPv4 ranges, and those of pools of IPAM."""

import ipaddress
import re
import secrets
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import after, handler
from cdp_constructs.local.kit.sdk import scope
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]

_ec2: Any = ministack.module("services.ec2", "_subnets", "_vpcs")

_AMAZON = ipaddress.ip_network("2600:1f00::/24")
_DEFAULT_POOL, _IPV6_LENGTH, _IPV4_LENGTH = "10.0.0.0/8", 56, 24

_ipv6: defaultdict[str, list[str]] = defaultdict(list)
_associations: defaultdict[str, list[str]] = defaultdict(list)
"""By VPC. They are attributes of the VPC, which get longer after its creation, so they are kept as they are."""
_pools: defaultdict[str, list[str]] = defaultdict(list)
"""Ranges of the pools of IPAM."""
_allocated: defaultdict[str, list[str]] = defaultdict(list)


# --- ranges of a VPC ------------------------------------------------------------------------------------------------


@after("AWS::EC2::VPC")
def _attributes_of_vpc(vpc_id: str, properties: Properties, attributes: Attributes) -> None:
    attributes["CidrBlock"] = properties.get("CidrBlock") or _ec2._vpcs[vpc_id]["CidrBlock"]
    attributes["Ipv6CidrBlocks"] = _ipv6[vpc_id]
    attributes["CidrBlockAssociations"] = _associations[vpc_id]


@after("AWS::EC2::Subnet")
def _attributes_of_subnet(subnet_id: str, properties: Properties, attributes: Attributes) -> None:
    block = properties.get("Ipv6CidrBlock")
    attributes["Ipv6CidrBlocks"] = [block] if block else []
    _ec2._subnets[subnet_id]["Ipv6CidrBlock"] = block


def _add_range(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    vpc = properties["VpcId"]
    identity = f"vpc-cidr-assoc-{secrets.token_hex(8)}0"
    if str(properties.get("AmazonProvidedIpv6CidrBlock", "false")).lower() == "true":
        _ipv6[vpc].append(
            f"2600:1f{secrets.randbelow(256):02x}:{secrets.randbelow(65536):x}:{secrets.randbelow(256):x}00::/56"
        )
    elif properties.get("Ipv6CidrBlock"):
        _ipv6[vpc].append(properties["Ipv6CidrBlock"])
    elif properties.get("Ipv6IpamPoolId"):
        _ipv6[vpc].append(_allocate(properties["Ipv6IpamPoolId"], properties.get("Ipv6NetmaskLength"), str(_AMAZON)))
    else:
        if properties.get("Ipv4IpamPoolId"):
            _allocate(properties["Ipv4IpamPoolId"], properties.get("Ipv4NetmaskLength"), _DEFAULT_POOL)
        _associations[vpc].append(identity)
    return f"{identity}|{vpc}", {"Id": identity}


def _remove_range(physical_id: str, properties: Properties) -> None:
    identity, _, vpc = physical_id.partition("|")
    if identity in _associations[vpc]:
        _associations[vpc].remove(identity)
    elif _ipv6[vpc]:
        _ipv6[vpc].remove(properties.get("Ipv6CidrBlock") or _ipv6[vpc][-1])


def _associated(blocks: list[str]) -> str:
    items = "".join(
        f"<item><ipv6CidrBlock>{block}</ipv6CidrBlock><associationId>ipv6-assoc-{index}</associationId>"
        "<ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item>"
        for index, block in enumerate(blocks)
    )
    return f"<ipv6CidrBlockAssociationSet>{items}</ipv6CidrBlockAssociationSet>"


def _with_ranges(xml: str, blocks: list[str]) -> str:
    """Return a description with the associated ranges before its end, which MiniStack leaves out."""
    return re.sub(r"(</\w+>)\s*$", lambda end: _associated(blocks) + end[1], xml) if blocks else xml


@patch("ministack.services.ec2:_subnet_fields_xml")
def _describe_subnet(original: Callable[..., str], subnet: dict[str, Any], tag: str = "item") -> str:
    return _with_ranges(original(subnet, tag=tag), list(filter(None, [subnet.get("Ipv6CidrBlock")])))


@patch("ministack.services.ec2:_vpc_fields_xml")
def _describe_vpc(original: Callable[..., str], vpc: dict[str, Any], tag: str = "item") -> str:
    return _with_ranges(original(vpc, tag=tag), _ipv6.get(vpc["VpcId"], []))


# --- pools of IPAM --------------------------------------------------------------------------------------------------


@patch(handler("AWS::EC2::VPC", "create"))
def _create_vpc(original: Callable[..., Any], logical_id: str, properties: Properties, stack_name: str) -> Any:
    pool = properties.get("Ipv4IpamPoolId")
    if pool and not properties.get("CidrBlock"):
        block = _allocate(pool, properties.get("Ipv4NetmaskLength"), _DEFAULT_POOL)
        properties = {**properties, "CidrBlock": block}
    return original(logical_id, properties, stack_name)


def _allocate(pool: str, length: Any, default: str) -> str:
    """Return the next free range of a pool, of one that has no range yet from a default."""
    taken = [ipaddress.ip_network(block) for block in _allocated[pool]]
    for text in _pools[pool] or [default]:
        network = ipaddress.ip_network(text)
        wanted = int(length or max(network.prefixlen, _IPV4_LENGTH if network.version == 4 else _IPV6_LENGTH))  # noqa: PLR2004
        for block in network.subnets(new_prefix=wanted) if wanted >= network.prefixlen else ():
            if not any(block.overlaps(other) for other in taken):
                _allocated[pool].append(str(block))
                return str(block)
    raise ValueError(f"the pool {pool} has no free range with a netmask of /{length}")


def _create_pool(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    pool, account = f"ipam-pool-{secrets.token_hex(8)}0", scope()["Account"]
    _pools[pool] += [each["Cidr"] for each in properties.get("ProvisionedCidrs") or [] if each.get("Cidr")]
    if source := properties.get("SourceIpamPoolId"):
        _pools[pool] = _pools[pool] or list(_pools[source])
    return pool, {
        "IpamPoolId": pool,
        "Arn": f"arn:aws:ec2::{account}:ipam-pool/{pool}",
        "IpamScopeArn": f"arn:aws:ec2::{account}:ipam-scope/{properties['IpamScopeId']}",
        "IpamArn": f"arn:aws:ec2::{account}:ipam/ipam-{pool.removeprefix('ipam-pool-')}",
        "IpamScopeType": "private",
        "PoolDepth": 1,
        "State": "create-complete",
    }


def _update_pool(physical_id: str, _old: Properties, new: Properties, stack_name: str) -> tuple[str, Attributes]:
    _, attributes = _create_pool(physical_id, new, stack_name)
    _pools[physical_id] = _pools.pop(attributes["IpamPoolId"])
    arn = f"arn:aws:ec2::{scope()['Account']}:ipam-pool/{physical_id}"
    return physical_id, {**attributes, "IpamPoolId": physical_id, "Arn": arn}


def _delete_pool(physical_id: str, _properties: Properties) -> None:
    _pools.pop(physical_id, None)


def _provision(_logical_id: str, properties: Properties, _stack_name: str) -> tuple[str, Attributes]:
    pool = properties["IpamPoolId"]
    block = properties.get("Cidr") or _DEFAULT_POOL
    _pools[pool].append(block)
    identity = f"ipam-pool-cidr-{secrets.token_hex(8)}0"
    return f"{pool}|{identity}", {"IpamPoolCidrId": identity, "State": "provisioned"}


def _withdraw(physical_id: str, properties: Properties) -> None:
    blocks = _pools[physical_id.partition("|")[0]]
    if properties.get("Cidr") in blocks:
        blocks.remove(properties["Cidr"])


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(name="AWS::EC2::VPCCidrBlock", create=_add_range, delete=_remove_range),
    ResourceType(name="AWS::EC2::IPAMPool", create=_create_pool, update=_update_pool, delete=_delete_pool),
    ResourceType(name="AWS::EC2::IPAMPoolCidr", create=_provision, delete=_withdraw),
)
