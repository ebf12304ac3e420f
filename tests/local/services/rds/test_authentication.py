"""RDS: users with the role rds_iam connect with tokens of those whose policies allow it; others with passwords."""

import json
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.rds.connections import REGION, alone, connect, execute

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Database": alone(EngineVersion="17.4", EnableIAMDatabaseAuthentication=True),
        "Closed": alone(EngineVersion="17.4"),
    },
    "Outputs": {
        "Name": {"Value": {"Ref": "Database"}},
        "Address": {"Value": {"Fn::GetAtt": ["Database", "Endpoint.Address"]}},
        "Resource": {"Value": {"Fn::GetAtt": ["Database", "DbiResourceId"]}},
        "Closed": {"Value": {"Fn::GetAtt": ["Closed", "Endpoint.Address"]}},
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    for name in ("Address", "Closed"):
        execute(
            deployed[name], *(f"create role {user} login" for user in ("app", "other")), "grant rds_iam to app, other"
        )
    return deployed


class Caller:
    """A user of IAM who may connect to a database as one of its users."""

    def __init__(self, cloud: LocalCloud, name: str, resource: str) -> None:
        iam = cloud.client("iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="connect", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
        self._client = session.client("rds", endpoint_url=cloud.endpoint)

    def token(self, host: str, user: str = "app", port: int = 5432) -> str:
        return str(self._client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user, Region=REGION))


@pytest.fixture(scope="module")
def caller(cloud: LocalCloud, outputs: dict[str, str]) -> Caller:
    resource = f"arn:aws:rds-db:{REGION}:000000000000:dbuser:{outputs['Resource']}/app"
    return Caller(cloud, "may-connect-as-app", resource)


def _refused(
    host: str, password: str, user: str = "app", match: str = "PAM authentication failed", **options: Any
) -> None:
    with pytest.raises(psycopg.OperationalError, match=match):
        connect(host, password, user=user, **options)


def test_a_token_is_a_password(cloud: LocalCloud, outputs: dict[str, str], caller: Caller, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(cloud.database_certificate_authority())
    with connect(
        outputs["Address"],
        caller.token(outputs["Address"]),
        user="app",
        sslmode="verify-full",
        sslrootcert=str(authority),
    ) as connection:
        row = connection.execute("select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
        assert row == ("app", True)
        assert connection.execute("select repeat('x', 200000)").fetchone() == ("x" * 200_000,)


def test_the_policies_of_the_signer_decide(cloud: LocalCloud, outputs: dict[str, str], caller: Caller) -> None:
    host = outputs["Address"]
    elsewhere = Caller(cloud, "may-connect-elsewhere", f"arn:aws:rds-db:{REGION}:000000000000:dbuser:db-OTHER/app")
    _refused(host, elsewhere.token(host))
    _refused(host, caller.token(host, "other"), "other")


def test_a_token_is_for_one_user_and_address(outputs: dict[str, str], caller: Caller) -> None:
    host = outputs["Address"]
    _refused(host, caller.token(host), "other")
    _refused(host, caller.token("127.0.0.1"))
    token = caller.token(host)
    _refused(host, token[:-1] + ("1" if token.endswith("0") else "0"))
    _refused(host, "a password")


def test_tokens_need_tls_and_a_database_that_takes_them(outputs: dict[str, str], caller: Caller) -> None:
    _refused(outputs["Address"], caller.token(outputs["Address"]), match="pg_hba.conf", sslmode="disable")
    _refused(outputs["Closed"], caller.token(outputs["Closed"]), match="certificate")


def test_others_have_passwords(outputs: dict[str, str]) -> None:
    with connect(outputs["Address"], channel_binding="require") as connection:
        assert connection.execute("select current_user").fetchone() == ("chat",)
    _refused(outputs["Address"], "wrong", "chat", match="password authentication failed")
