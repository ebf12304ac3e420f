"""RDS: IAM database authentication: users with the role `rds_iam` connect with a token of IAM instead of a password.

The relay at the address of a database asks for the token, and vouches for the user with a certificate that the server
trusts. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.containers.relay import Connection
from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.services.rds import endpoints, protocol, servers, sql

__all__ = ["may_connect"]

_evaluator: Any = ministack.module("core.iam_evaluator", "AuthError", "EvalContext", "evaluate", "resolve_principal")
_rds: Any = ministack.module("services.rds", "_clusters", "_instances")
_tokens: Any = ministack.module("core.rds_iam", "RdsIamTokenError", "verify_rds_iam_token")


def _record(arn: str) -> Mapping[str, Any] | None:
    """Return the instance or the cluster that decides about authentication, when it takes tokens."""
    _, _, _, region, account, kind, name = arn.split(":")
    store = _rds._clusters if kind == "cluster" else _rds._instances
    record = store.get_scoped(account, region, name) or {}
    if cluster := record.get("DBClusterIdentifier"):
        record = _rds._clusters.get_scoped(account, region, cluster) or {}
    return record if record.get("IAMDatabaseAuthenticationEnabled") else None


def _is_of_iam(server: DockerContainer, user: str) -> bool:
    """Whether a user has the role `rds_iam`; that of a superuser counts when it was granted to it by name."""
    statement = f"""select (not u.rolsuper and pg_has_role(u.oid, r.oid, 'member'))
        or exists (select 1 from pg_auth_members m where m.roleid = r.oid and m.member = u.oid)
        from pg_roles u, pg_roles r where r.rolname = 'rds_iam' and u.rolname = {sql.literal(user)}"""  # noqa: S608
    try:
        return sql.ask(server, statement) == ["t"]
    except sql.SqlError:
        return False  # the server itself says what is wrong


def may_connect(arn: str, resource: str, host: str, user: str, token: str) -> bool:
    """Whether a token is for an address and a user, and the policies of its signer allow the connection.

    Args:
        arn: What is connected to, for its account and Region.
        resource: Its resource id, which policies name.
        host: The address.
        user: The user of the database.
        token: The token.
    """
    account, region = arns.place(arn)
    verified = _tokens.verify_rds_iam_token(
        token, hostname=host, port=endpoints.PORT, db_user=user, region=region, account_id=account
    )
    if isinstance(verified, _tokens.RdsIamTokenError):
        return False
    with arns.scope(arn):
        principal = _evaluator.resolve_principal(verified.access_key_id, account)
        if isinstance(principal, _evaluator.AuthError) or principal.account != account:
            return False
        if principal.policies is None:  # the root user
            return True
        context = _evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=account,
            action="rds-db:connect",
            resource_arn=f"arn:aws:rds-db:{region}:{account}:dbuser:{resource}/{user}",
            region=region,
            principal_keys=principal.keys,
        )
        return bool(_evaluator.evaluate(context, principal.policies, *principal.limits).decision == "Allow")


async def _converse(arn: str, connection: Connection) -> None:
    """Pass a connection on, once the token of a user of IAM is known to be good; others are the server's business."""
    record, server = _record(arn), servers.at(connection.server[0])
    if record is None or server is None:
        await connection.pass_on()
        return
    try:
        admitted = await _admit(arn, record, server, connection)
    except (asyncio.IncompleteReadError, OSError):
        return  # the client has gone, or does not speak the protocol
    if admitted:
        await connection.pass_on()


async def _admit(arn: str, record: Mapping[str, Any], server: DockerContainer, connection: Connection) -> bool:
    first = await protocol.opening(connection, protocol.of_server(server), plain=False)
    if not first.tls:
        connection.to_there.write(first.message)  # without TLS the server has no user of IAM
        return True
    if not await asyncio.to_thread(_is_of_iam, server, first.user):
        return await protocol.open_as(connection, first, None)
    token = await protocol.ask_for_password(connection)
    if token is None:
        return False
    resource = record.get("DbClusterResourceId") or record["DbiResourceId"]
    if not await asyncio.to_thread(may_connect, arn, resource, connection.address, first.user, token):
        await protocol.refuse(connection, f'PAM authentication failed for user "{first.user}"')
        return False
    return await protocol.open_as(connection, first, first.user)


endpoints.conversations.append(_converse)
