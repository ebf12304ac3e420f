"""RDS Proxy: its endpoints check who a client is, and connect it to the writer or the readers of the target.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html
"""

import asyncio
import hmac
import json
import ssl
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from cdp_constructs.local.containers import postgres
from cdp_constructs.local.containers.relay import Connection, Relay
from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.sdk import call
from cdp_constructs.local.kit.types import Attributes, Properties, ResourceType
from cdp_constructs.local.services.ec2 import firewall, parties
from cdp_constructs.local.services.ec2.firewall import Party
from cdp_constructs.local.services.iam import evaluation
from cdp_constructs.local.services.rds import authentication, endpoints, protocol, servers, sql
from cdp_constructs.local.services.rds.actions import Answer, Handler, Parameters, action, answered, failed

__all__ = ["RESOURCE_TYPES"]

_rds: Any = ministack.module(
    "services.rds",
    "_clusters",
    "_db_proxies",
    "_db_proxy_endpoint_xml",
    "_db_proxy_endpoints",
    "_db_proxy_xml",
    "_instances",
    "_p",
)
_responses: Any = ministack.module("core.responses", "request_scope")
_secrets: Any = ministack.module("services.secretsmanager", "resolve_secret_string")

_READ = "secretsmanager:GetSecretValue"
_relays: dict[str, tuple[Relay, ssl.SSLContext]] = {}
"""By the ARN of the endpoint, with what TLS is ended with."""


def _party(name: str, record: Mapping[str, Any]) -> Party:
    """Return a proxy or one of its endpoints as an end of connections; each has security groups of its own."""
    groups, subnets = record.get("VpcSecurityGroupIds") or (), record.get("VpcSubnetIds") or ()
    return Party(name, tuple(groups), parties.blocks_of(subnets))


def _listen(endpoint: dict[str, Any]) -> str:
    """Give an endpoint its address."""
    arn = endpoint["DBProxyEndpointArn"]
    name = f"proxy endpoint {endpoint['DBProxyEndpointName']}"
    admits = parties.admission(partial(_party, name, endpoint), endpoints.PORT)
    relay = Relay(endpoints.PORT, admits=admits, converse=partial(_converse, arn), named=True)
    _relays[arn] = relay, protocol.of_address(relay.address)
    endpoint["Endpoint"] = relay.address
    _lead()
    return relay.address


def _servers(endpoint: Mapping[str, Any], account: str, region: str) -> Iterator[tuple[str, int]]:
    """Yield the servers that an endpoint leads to: the writer of the target, or its readers."""
    proxy = _rds._db_proxies.get_scoped(account, region, endpoint["DBProxyName"])
    for target in proxy["Targets"] if proxy else ():
        if target["Type"] == "RDS_INSTANCE":
            instance = _rds._instances.get_scoped(account, region, target["RdsResourceId"]) or {}
            if address := instance.get("_internal_address"):
                yield str(address), endpoints.PORT
        elif cluster := _rds._clusters.get_scoped(account, region, target["RdsResourceId"]):
            with _responses.request_scope(account, region):
                writers, readers = endpoints.servers_of(cluster)
            yield from readers if endpoint["TargetRole"] == "READ_ONLY" else writers


def _lead() -> None:
    """Let the endpoints lead to the servers that their targets have now."""
    known = {each["DBProxyEndpointArn"]: (key, each) for key, each in _rds._db_proxy_endpoints.all_items()}
    for arn in list(_relays):
        if arn not in known:
            _relays.pop(arn)[0].close()
            continue
        (account, region, _name), endpoint = known[arn]
        _relays[arn][0].lead_to(list(_servers(endpoint, account, region)))


endpoints.listeners.append(_lead)


@action("CreateDBProxy")
def _create(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    if failed(answer) or postgres.programs() is None or _rds._p(parameters, "EngineFamily") != "POSTGRESQL":
        return answer
    name = _rds._p(parameters, "DBProxyName")
    proxy = _rds._db_proxies[name]
    proxy["Endpoint"] = _listen(_rds._db_proxy_endpoints[name])
    return answered("CreateDBProxy", f"<DBProxy>{_rds._db_proxy_xml(proxy)}</DBProxy>")


@action("CreateDBProxyEndpoint")
def _create_endpoint(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    endpoint = _rds._db_proxy_endpoints.get(_rds._p(parameters, "DBProxyEndpointName"))
    if failed(answer) or _rds._db_proxy_endpoints[endpoint["DBProxyName"]]["DBProxyEndpointArn"] not in _relays:
        return answer
    _listen(endpoint)
    inner = f"<DBProxyEndpoint>{_rds._db_proxy_endpoint_xml(endpoint)}</DBProxyEndpoint>"
    return answered("CreateDBProxyEndpoint", inner)


def _then_lead(original: Handler, parameters: Parameters) -> Answer:
    answer = original(parameters)
    _lead()
    return answer


_delete = action("DeleteDBProxy")(_then_lead)
_delete_endpoint = action("DeleteDBProxyEndpoint")(_then_lead)
_register = action("RegisterDBProxyTargets")(_then_lead)
_deregister = action("DeregisterDBProxyTargets")(_then_lead)


def _credentials(proxy: Mapping[str, Any], user: str) -> tuple[Mapping[str, Any], str] | None:
    """Return how a user authenticates and the password that the database has; None without a secret for the user.

    The role of the proxy, of the account and Region that are acted in, has to be allowed to read the secret.
    """
    for auth in proxy["Auth"]:
        arn = auth.get("SecretArn") or ""
        if arn and evaluation.role_allows(proxy["RoleArn"], "rds-proxy", _READ, arn):
            value = json.loads(_secrets.resolve_secret_string(arn) or "{}")
            if value.get("username") == user:
                return auth, str(value.get("password", ""))
    return None


async def _converse(arn: str, connection: Connection) -> None:
    found = next(
        ((key, each) for key, each in _rds._db_proxy_endpoints.all_items() if each["DBProxyEndpointArn"] == arn), None
    )
    listening = _relays.get(arn)
    if found is None or listening is None:
        return
    (account, region, _name), endpoint = found
    proxy = _rds._db_proxies.get_scoped(account, region, endpoint["DBProxyName"])
    try:
        if proxy and _reaches(proxy, connection) and await _admit(proxy, listening[1], connection):
            await connection.pass_on()
    except (asyncio.IncompleteReadError, OSError):
        return  # the client has gone, or does not speak the protocol


def _reaches(proxy: Mapping[str, Any], connection: Connection) -> bool:
    """Whether the security groups of a proxy and its target let it connect; on AWS a client waits in vain if not."""
    server = servers.at(connection.server[0])
    if server is None:
        return False
    source, target = _party(f"proxy {proxy['DBProxyName']}", proxy), endpoints.party_of(server.labels)
    return not firewall.check(source, target, endpoints.PORT)


async def _admit(proxy: Mapping[str, Any], tls: ssl.SSLContext, connection: Connection) -> bool:
    first = await protocol.opening(connection, tls, plain=True)
    user = first.user
    if proxy["RequireTLS"] and not first.tls:
        await protocol.refuse(connection, "This RDS Proxy requires TLS connections.")
        return False
    with arns.scope(proxy["DBProxyArn"]):
        credentials = await asyncio.to_thread(_credentials, proxy, user)
    if credentials is None:
        message = (
            f"This RDS proxy has no credentials for the role {user}. Check the credentials for this role and try again."
        )
        await protocol.refuse(connection, message)
        return False
    auth, password = credentials
    given = await protocol.ask_for_password(connection)
    if given is None:
        return False
    if auth.get("IAMAuth") in {"REQUIRED", "ENABLED"}:
        resource = proxy["DBProxyArn"].rpartition(":")[2]
        admitted = first.tls and await asyncio.to_thread(
            authentication.may_connect, proxy["DBProxyArn"], resource, connection.address, user, given
        )
        reason = f"The IAM authentication failed for the role {user}. Check the IAM token for this role and try again."
    else:
        admitted = hmac.compare_digest(given.encode(), password.encode())
        reason = f"The password that was provided for the role {user} is wrong."
    server = servers.at(connection.server[0])
    if admitted and server is not None:
        admitted = await asyncio.to_thread(sql.may_connect, server, user, password)
        reason = f'password authentication failed for user "{user}"'  # with what the secret has
    if not admitted:
        await protocol.refuse(connection, reason, "28P01")
        return False
    return await protocol.open_as(connection, first, user)


def _targets(properties: Properties) -> Properties:
    names = ("DBProxyName", "TargetGroupName", "DBInstanceIdentifiers", "DBClusterIdentifiers")
    return {name: properties[name] for name in names if properties.get(name)}


def _create_group(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    pool = properties.get("ConnectionPoolConfigurationInfo")
    if pool:
        named = {name: properties[name] for name in ("DBProxyName", "TargetGroupName")}
        call("rds", "modify_db_proxy_target_group", {**named, "ConnectionPoolConfig": pool})
    if {"DBInstanceIdentifiers", "DBClusterIdentifiers"} & _targets(properties).keys():
        call("rds", "register_db_proxy_targets", _targets(properties))
    arn = _rds._db_proxies[properties["DBProxyName"]]["TargetGroup"]["TargetGroupArn"]
    return arn, {"TargetGroupArn": arn}


def _delete_group(_arn: str, properties: Properties) -> None:
    if properties["DBProxyName"] in _rds._db_proxies:
        call("rds", "deregister_db_proxy_targets", _targets(properties))


def _update_group(arn: str, old: Properties, new: Properties, stack: str) -> tuple[str, Attributes]:
    _delete_group(arn, old)
    return _create_group(arn, new, stack)


RESOURCE_TYPES = (
    ResourceType(
        name="AWS::RDS::DBProxyTargetGroup",
        create=_create_group,
        update=_update_group,
        delete=_delete_group,
        blocking=True,
    ),
)
