"""RDS: IAM database authentication: users with the role `rds_iam` connect with a token of IAM instead of a password.

The relay at the address of a database asks for the token, and vouches for the user with a certificate that the server
trusts. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
"""

import asyncio
import ssl
import struct
import tempfile
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.containers.docker import DockerContainer
from cdp_constructs.local.containers.relay import Connection
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.rds import endpoints, servers, sql

_evaluator: Any = ministack.module("core.iam_evaluator", "AuthError", "EvalContext", "evaluate", "resolve_principal")
_rds: Any = ministack.module("services.rds", "_clusters", "_ensure_pg_ca", "_instances")
_responses: Any = ministack.module("core.responses", "request_scope")
_tokens: Any = ministack.module("core.rds_iam", "RdsIamTokenError", "verify_rds_iam_token")
_x509: Any = ministack.module("core.x509_utils", "sign_leaf_certificate")

# https://www.postgresql.org/docs/current/protocol-message-formats.html
_HEAD = struct.Struct("!II")
_LENGTH = struct.Struct("!I")
_TLS_REQUEST, _GSSAPI_REQUEST = 80877103, 80877104
_ASK_FOR_PASSWORD = b"R" + struct.pack("!II", 8, 3)
_PASSWORD = b"p"
_LONGEST = 70_000


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
    except (sql.SqlError, OSError):
        return False  # the server itself says what is wrong


def _may_connect(arn: str, record: Mapping[str, Any], host: str, user: str, token: str) -> bool:
    """Whether a token is for this address and user, and the policies of its signer allow the connection."""
    region, account = arn.split(":")[3:5]
    verified = _tokens.verify_rds_iam_token(
        token, hostname=host, port=endpoints.PORT, db_user=user, region=region, account_id=account
    )
    if isinstance(verified, _tokens.RdsIamTokenError):
        return False
    resource = record.get("DbClusterResourceId") or record["DbiResourceId"]
    with _responses.request_scope(account, region):
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


def _to_client(server: DockerContainer) -> ssl.SSLContext:
    """Return the TLS of the server itself, so that clients see its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    home = server.container.home
    context.load_cert_chain(home / "server.crt", home / "server.key")
    return context


def _to_server(user: str | None) -> ssl.SSLContext:
    """Return the TLS with which the relay connects, and with which it vouches for a user."""
    authority, key = _rds._ensure_pg_ca()
    context = ssl.create_default_context(cadata=authority)
    context.check_hostname = False  # it is an address of this machine, and the certificate is of this cloud's CA
    if user is not None:
        certificate, own_key, _public = _x509.sign_leaf_certificate(authority, key, common_name=user)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # private to the cloud's user
            file.write(certificate + own_key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _refusal(user: str) -> bytes:
    """Return what RDS answers to a token that it does not take."""
    fields = {"S": "FATAL", "V": "FATAL", "C": "28000", "M": f'PAM authentication failed for user "{user}"'}
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"
    return b"E" + _LENGTH.pack(len(body) + _LENGTH.size) + body


def _user_of(startup: bytes) -> str:
    words = startup[_HEAD.size :].split(b"\0")
    return dict(zip(words[::2], words[1::2], strict=False)).get(b"user", b"").decode(errors="replace")


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return the next message, from its length on."""
    head = await reader.readexactly(_LENGTH.size)
    length = _LENGTH.unpack(head)[0]
    if not _LENGTH.size <= length <= _LONGEST:
        raise ConnectionError("the message is too long")
    return head + await reader.readexactly(length - _LENGTH.size)


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
    reader, writer = connection.reader, connection.writer
    first = await reader.readexactly(_HEAD.size)
    while _HEAD.unpack(first)[1] == _GSSAPI_REQUEST:
        writer.write(b"N")
        first = await reader.readexactly(_HEAD.size)
    if _HEAD.unpack(first)[1] != _TLS_REQUEST:
        connection.to_there.write(first)  # without TLS the server has no user of IAM
        return True
    writer.write(b"S")
    await writer.start_tls(_to_client(server))
    startup = await _read(reader)
    user, certified = _user_of(startup), None
    if await asyncio.to_thread(_is_of_iam, server, user):
        writer.write(_ASK_FOR_PASSWORD)
        if await reader.readexactly(1) != _PASSWORD:
            return False
        token = (await _read(reader))[_LENGTH.size :].rstrip(b"\0").decode(errors="replace")
        if not await asyncio.to_thread(_may_connect, arn, record, connection.address, user, token):
            writer.write(_refusal(user))
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return False
        certified = user
    connection.to_there.write(_HEAD.pack(_HEAD.size, _TLS_REQUEST))
    if await connection.there.readexactly(1) != b"S":
        return False
    await connection.to_there.start_tls(_to_server(certified))
    connection.to_there.write(startup)
    return True


endpoints.conversations.append(_converse)
