"""RDS Proxy: it checks the credentials of its secrets, and its endpoint outlives the writer behind it."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.rds.connections import MASTER, PASSWORD, REGION, ask, connect, execute, instance
from tests.local.services.rds.test_authentication import Caller

Eventually = Callable[..., Any]
MEMBER = {"Engine": "aurora-postgresql", "DBClusterIdentifier": {"Ref": "Cluster"}}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "rds.amazonaws.com"}}


def _secret(user: str, password: str) -> dict[str, Any]:
    text = json.dumps({"username": user, "password": password})
    return {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": text}}


READ = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": [{"Ref": "Chat"}, {"Ref": "Stale"}]}
SUBNETS = [{"Ref": "Subnet"}, {"Ref": "Other"}]
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
        **{
            name: {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": block, "AvailabilityZone": zone},
            }
            for name, block, zone in (("Subnet", "10.9.0.0/24", "eu-west-1a"), ("Other", "10.9.1.0/24", "eu-west-1b"))
        },
        **{
            name: {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "of a test", "VpcId": {"Ref": "Vpc"}},
            }
            for name in ("EndpointGuard", "ClusterGuard")
        },
        "Chat": _secret("chat", PASSWORD),
        "Stale": _secret("stale", "not that of the database"),
        "Unread": _secret("unread", PASSWORD),
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]},
                "Policies": [{"PolicyName": "read", "PolicyDocument": {"Version": "2012-10-17", "Statement": [READ]}}],
            },
        },
        "Cluster": {
            "Type": "AWS::RDS::DBCluster",
            "Properties": {"Engine": "aurora-postgresql", "EngineVersion": "17.4", "DatabaseName": "rooms", **MASTER},
        },
        "First": instance(**MEMBER),
        "Second": {**instance(**MEMBER), "DependsOn": "First"},
        "Proxy": {
            "Type": "AWS::RDS::DBProxy",
            "Properties": {
                "DBProxyName": "rooms",
                "EngineFamily": "POSTGRESQL",
                "RequireTLS": True,
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "VpcSubnetIds": SUBNETS,
                "Auth": [
                    {"AuthScheme": "SECRETS", "IAMAuth": "DISABLED", "SecretArn": {"Ref": name}}
                    for name in ("Chat", "Stale", "Unread")
                ],
            },
        },
        "Targets": {
            "Type": "AWS::RDS::DBProxyTargetGroup",
            "DependsOn": ["First", "Second"],
            "Properties": {
                "DBProxyName": {"Ref": "Proxy"},
                "TargetGroupName": "default",
                "DBClusterIdentifiers": [{"Ref": "Cluster"}],
            },
        },
        "Reading": {
            "Type": "AWS::RDS::DBProxyEndpoint",
            "Properties": {
                "DBProxyEndpointName": "reading",
                "DBProxyName": {"Ref": "Proxy"},
                "TargetRole": "READ_ONLY",
                "VpcSubnetIds": SUBNETS,
            },
        },
    },
    "Outputs": {
        "Proxy": {"Value": {"Fn::GetAtt": ["Proxy", "Endpoint"]}},
        "Reading": {"Value": {"Fn::GetAtt": ["Reading", "Endpoint"]}},
        "Writer": {"Value": {"Fn::GetAtt": ["Cluster", "Endpoint.Address"]}},
        "Reader": {"Value": {"Fn::GetAtt": ["Cluster", "ReadEndpoint.Address"]}},
        "EndpointGuard": {"Value": {"Ref": "EndpointGuard"}},
        "ClusterGuard": {"Value": {"Ref": "ClusterGuard"}},
        "Cluster": {"Value": {"Ref": "Cluster"}},
        "Chat": {"Value": {"Ref": "Chat"}},
        "Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        "Subnet": {"Value": {"Ref": "Subnet"}},
        "Other": {"Value": {"Ref": "Other"}},
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    for user in ("stale", "unread"):
        execute(deployed["Writer"], f"create role {user} login password '{PASSWORD}'")
    return deployed


def test_endpoints_lead_to_the_writer_and_to_the_readers(outputs: dict[str, str], eventually: Eventually) -> None:
    assert ask(outputs["Proxy"], "select current_user, pg_is_in_recovery()") == [("chat", False)]
    execute(outputs["Proxy"], "create table through as select 1 as a")
    eventually(lambda: ask(outputs["Reading"], "select a, pg_is_in_recovery() from through") == [(1, True)])


@pytest.mark.parametrize(
    ("user", "password", "message"),
    [
        ("chat", "wrong", "password that was provided for the role chat is wrong"),
        ("nobody", PASSWORD, "no credentials for the role nobody"),
        ("unread", PASSWORD, "no credentials for the role unread"),  # the role may not read the secret
        ("stale", "not that of the database", "password authentication failed"),
    ],
)
def test_the_secrets_decide_who_connects(outputs: dict[str, str], user: str, password: str, message: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=message):
        connect(outputs["Proxy"], password, user=user)


def test_it_requires_tls(outputs: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match="requires TLS"):
        connect(outputs["Proxy"], sslmode="disable")


def test_a_proxy_may_require_tokens(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    rds = cloud.client("rds", region=REGION)
    proxy = rds.create_db_proxy(
        DBProxyName="tokens",
        EngineFamily="POSTGRESQL",
        RequireTLS=True,
        RoleArn=outputs["Role"],
        VpcSubnetIds=[outputs["Subnet"], outputs["Other"]],
        Auth=[{"AuthScheme": "SECRETS", "IAMAuth": "REQUIRED", "SecretArn": outputs["Chat"]}],
    )["DBProxy"]
    rds.register_db_proxy_targets(DBProxyName="tokens", DBClusterIdentifiers=[outputs["Cluster"]])
    host, resource = proxy["Endpoint"], proxy["DBProxyArn"].rpartition(":")[2]
    allowed = f"arn:aws:rds-db:{REGION}:000000000000:dbuser:{resource}/chat"
    caller = Caller(cloud, "through-the-proxy", allowed)
    assert ask(host, "select current_user", password=caller.token(host, "chat")) == [("chat",)]
    elsewhere = Caller(cloud, "through-another-proxy", allowed.replace(resource, "prx-other"))
    for password in (PASSWORD, elsewhere.token(host, "chat")):
        with pytest.raises(psycopg.OperationalError, match="IAM authentication failed for the role chat"):
            connect(host, password)
    rds.delete_db_proxy(DBProxyName="tokens")
    assert ask(host, "select 1") is None


def test_the_endpoint_outlives_a_failover(cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually) -> None:
    execute(outputs["Proxy"], "create table outlived as select 1 as a")
    cloud.client("rds", region=REGION).failover_db_cluster(DBClusterIdentifier=outputs["Cluster"])
    eventually(lambda: ask(outputs["Proxy"], "insert into outlived values (2) returning a") == [(2,)])
    eventually(lambda: ask(outputs["Reading"], "select count(*) from outlived") == [(2,)])


def _rule(group: str, **source: Any) -> dict[str, Any]:
    return {"GroupId": group, "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **source}]}


def test_security_groups_decide_who_reaches_an_endpoint(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    rds, ec2 = cloud.client("rds", region=REGION), cloud.client("ec2", region=REGION)
    group = outputs["EndpointGuard"]
    endpoint = rds.create_db_proxy_endpoint(
        DBProxyName="rooms",
        DBProxyEndpointName="guarded",
        VpcSubnetIds=[outputs["Subnet"], outputs["Other"]],
        VpcSecurityGroupIds=[group],
    )["DBProxyEndpoint"]
    assert ask(endpoint["Endpoint"], "select 1") is None
    ec2.authorize_security_group_ingress(**_rule(group, IpRanges=[{"CidrIp": "0.0.0.0/0"}]))
    assert ask(endpoint["Endpoint"], "select 1") == [(1,)]
    rds.delete_db_proxy_endpoint(DBProxyEndpointName="guarded")


def test_every_endpoint_of_a_cluster_has_its_security_groups(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    """The proxy too is let in by a rule only, for the block of its subnets or for its own group."""
    rds, ec2 = cloud.client("rds", region=REGION), cloud.client("ec2", region=REGION)
    group = outputs["ClusterGuard"]
    members = rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [outputs["Cluster"]]}])
    hosts = [outputs["Writer"], outputs["Reader"]]
    hosts += [each["Endpoint"]["Address"] for each in members["DBInstances"]]
    assert len(set(hosts)) == 4
    rds.modify_db_cluster(DBClusterIdentifier=outputs["Cluster"], VpcSecurityGroupIds=[group], ApplyImmediately=True)
    assert [ask(host, "select 1") for host in hosts] == [None] * 4
    assert ask(outputs["Proxy"], "select 1") is None
    ec2.authorize_security_group_ingress(**_rule(group, IpRanges=[{"CidrIp": "10.9.0.0/16"}]))
    assert ask(outputs["Proxy"], "select 1") == [(1,)]
    assert ask(outputs["Writer"], "select 1") is None
    with cloud.open_databases():
        assert [ask(host, "select 1") for host in hosts] == [[(1,)]] * 4
