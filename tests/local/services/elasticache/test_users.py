"""ElastiCache: users of a user group may do what their access string says, and nobody else gets in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import valkey
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

Eventually = Callable[..., Any]
WRITER, READER, NEXT = "a-password-to-write", "a-password-to-read", "the-next-password"


@pytest.fixture(scope="module")
def address(cloud: LocalCloud) -> str:
    elasticache = cloud.client("elasticache")
    for name, access, password in (
        ("writer", "on ~* +@all", WRITER),
        ("reader", "on ~room:* -@all +@read +ping", READER),
    ):
        elasticache.create_user(UserId=name, UserName=name, Engine="valkey", AccessString=access, Passwords=[password])
    elasticache.create_user_group(UserGroupId="rooms", Engine="valkey", UserIds=["writer", "reader"])
    elasticache.create_replication_group(
        ReplicationGroupId="with-users",
        ReplicationGroupDescription="rooms",
        Engine="valkey",
        CacheNodeType="cache.t4g.small",
        NumNodeGroups=1,
        ReplicasPerNodeGroup=1,
        AutomaticFailoverEnabled=True,
        TransitEncryptionEnabled=True,
        UserGroupIds=["rooms"],
    )
    [group] = elasticache.describe_replication_groups(ReplicationGroupId="with-users")["ReplicationGroups"]
    return str(group["NodeGroups"][0]["PrimaryEndpoint"]["Address"])


@pytest.fixture(scope="module")
def authority(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_text(cloud.cache_certificate_authority())
    return str(file)


def _connect(address: str, authority: str, user: str | None, password: str | None) -> valkey.Valkey:
    return valkey.Valkey(
        address, username=user, password=password, ssl=True, ssl_ca_certs=authority, decode_responses=True
    )


def test_users_may_do_what_their_access_string_says(address: str, authority: str) -> None:
    assert _connect(address, authority, "writer", WRITER).mset({"room:1": "a", "other": "b"})
    reader = _connect(address, authority, "reader", READER)
    assert reader.get("room:1") == "a"
    with pytest.raises(valkey.exceptions.NoPermissionError):
        reader.set("room:1", "c")
    with pytest.raises(valkey.exceptions.NoPermissionError):
        reader.get("other")


@pytest.mark.parametrize(("user", "password"), [("writer", "wrong"), ("unknown", WRITER), (None, None)])
def test_nobody_else_gets_in(address: str, authority: str, user: str | None, password: str | None) -> None:
    with pytest.raises(valkey.exceptions.AuthenticationError):
        _connect(address, authority, user, password).ping()


def test_users_outlive_a_failover(cloud: LocalCloud, address: str, authority: str, eventually: Eventually) -> None:
    writer = _connect(address, authority, "writer", WRITER)
    writer.set("room:2", "kept")
    assert writer.wait(1, 5000) == 1
    cloud.client("elasticache").test_failover(ReplicationGroupId="with-users", NodeGroupId="0001")
    assert _connect(address, authority, "reader", READER).get("room:2") == "kept"
    with pytest.raises(valkey.exceptions.AuthenticationError):
        _connect(address, authority, None, None).ping()
    eventually(lambda: _connect(address, authority, "writer", WRITER).info("replication")["connected_slaves"] == 1)


def test_a_changed_password_is_the_one_that_counts(cloud: LocalCloud, address: str, authority: str) -> None:
    cloud.client("elasticache").modify_user(UserId="reader", Passwords=[NEXT])
    assert _connect(address, authority, "reader", NEXT).ping()
    with pytest.raises(valkey.exceptions.AuthenticationError):
        _connect(address, authority, "reader", READER).ping()


def test_what_has_no_effect_is_refused(cloud: LocalCloud) -> None:
    elasticache = cloud.client("elasticache")
    group = {"ReplicationGroupId": "refused", "ReplicationGroupDescription": "none", "Engine": "valkey"}
    with pytest.raises(ClientError, match="encryption-in-transit"):
        elasticache.create_replication_group(**group, UserGroupIds=["rooms"])
    with pytest.raises(ClientError, match="UserGroupNotFound"):
        elasticache.create_replication_group(**group, TransitEncryptionEnabled=True, UserGroupIds=["unknown"])
    with pytest.raises(ClientError, match="16 to 128"):
        elasticache.create_user(
            UserId="short", UserName="short", Engine="valkey", AccessString="on ~* +@all", Passwords=["short"]
        )


def test_users_of_a_serverless_cache_and_nobody_else_get_in(
    cloud: LocalCloud, authority: str, eventually: Eventually
) -> None:
    elasticache = cloud.client("elasticache")
    by_token = {"Type": "iam"}
    for name, more in (("member", {"Passwords": [WRITER]}), ("by-token", {"AuthenticationMode": by_token})):
        elasticache.create_user(UserId=name, UserName=name, Engine="valkey", AccessString="on ~* +@all", **more)
    elasticache.create_user_group(UserGroupId="members", Engine="valkey", UserIds=["member", "by-token"])
    elasticache.create_serverless_cache(ServerlessCacheName="of-members", Engine="valkey", UserGroupId="members")

    def available() -> Any:
        [cache] = elasticache.describe_serverless_caches(ServerlessCacheName="of-members")["ServerlessCaches"]
        return cache if cache["Status"] == "available" else None

    address = str(eventually(available)["Endpoint"]["Address"])
    assert _connect(address, authority, "member", WRITER).ping()
    for user, password in ((None, None), ("member", "wrong"), ("by-token", "no-token-of-iam")):
        with pytest.raises(valkey.exceptions.AuthenticationError):
            _connect(address, authority, user, password).ping()
    elasticache.modify_user(UserId="member", NoPasswordRequired=False, Passwords=[NEXT])
    assert _connect(address, authority, "member", NEXT).ping()
    elasticache.delete_serverless_cache(ServerlessCacheName="of-members")
