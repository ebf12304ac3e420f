"""A secret that is attached to a database has its engine, host, port, name and identifier."""

import json
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks

LOGIN = {"username": "admin", "password": "not-a-secret-1"}
DISK = {"AllocatedStorage": "20"}
MASTER = {"MasterUsername": LOGIN["username"], "MasterUserPassword": LOGIN["password"]}


def _template(target_type: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    secret = {"SecretString": json.dumps(LOGIN)}
    attachment = {"SecretId": {"Ref": "Secret"}, "TargetId": {"Ref": "Target"}, "TargetType": target_type}
    return {
        "Resources": {
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": secret},
            "Target": {"Type": target_type, "Properties": properties},
            "Attachment": {
                "Type": "AWS::SecretsManager::SecretTargetAttachment",
                "Properties": attachment,
                "DependsOn": list(more),
            },
            **more,
        },
        "Outputs": {"Secret": {"Value": {"Ref": "Secret"}}, "Target": {"Value": {"Ref": "Target"}}},
    }


@pytest.mark.parametrize(
    ("target_type", "properties", "expected"),
    [
        (
            "AWS::Redshift::Cluster",
            {"ClusterType": "single-node", "NodeType": "ra3.large", "DBName": "facts", "Port": 5440, **MASTER},
            {"engine": "redshift", "port": 5440, "dbname": "facts"},
        ),
        (
            "AWS::RDS::DBInstance",
            {
                "Engine": "postgres",
                "DBInstanceClass": "db.t4g.micro",
                "AllocatedStorage": "20",
                "DBName": "app",
                **MASTER,
            },
            {"engine": "postgres", "port": 5432, "dbname": "app"},
        ),
        ("AWS::RDS::DBCluster", {"Engine": "aurora-mysql", **MASTER}, {"engine": "mysql", "port": 3306}),
        ("AWS::DocDB::DBCluster", MASTER, {"engine": "mongo", "port": 27017}),
    ],
)
def test_a_secret_gets_what_reaches_the_database(
    cloud: LocalCloud, stacks: Stacks, target_type: str, properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    template = _template(target_type, properties)
    template["Outputs"]["Host"] = {"Value": {"Fn::GetAtt": ["Target", ENDPOINTS.get(target_type, "Endpoint.Address")]}}
    outputs = stacks.deploy(template)
    value = json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=outputs["Secret"])["SecretString"])
    identifier = "dbInstanceIdentifier" if target_type.endswith("Instance") else "dbClusterIdentifier"
    assert value == {**LOGIN, **expected, "host": outputs["Host"], identifier: outputs["Target"]}


ENDPOINTS = {"AWS::DocDB::DBCluster": "Endpoint"}


def test_a_namespace_is_reached_by_its_workgroup_and_the_secret_is_itself_again_after_the_attachment(
    cloud: LocalCloud, stacks: Stacks
) -> None:
    namespace = {"NamespaceName": "attached", "DbName": "facts"}
    workgroup = {"WorkgroupName": "attached-group", "NamespaceName": {"Ref": "Target"}}
    template = _template(
        "AWS::RedshiftServerless::Namespace",
        namespace,
        Workgroup={"Type": "AWS::RedshiftServerless::Workgroup", "Properties": workgroup},
    )
    template["Outputs"]["Host"] = {"Value": {"Fn::GetAtt": ["Workgroup", "Workgroup.Endpoint.Address"]}}
    outputs = stacks.deploy(template, name="attached-namespace")

    def secret() -> dict[str, Any]:
        value = cloud.client("secretsmanager").get_secret_value(SecretId=outputs["Secret"])["SecretString"]
        found: dict[str, Any] = json.loads(value)
        return found

    reached = {"engine": "redshift", "host": outputs["Host"], "port": 5439, "dbname": "facts"}
    assert secret() == {**LOGIN, **reached, "namespaceName": "attached"}

    del template["Resources"]["Attachment"]
    stacks.deploy(template, name="attached-namespace")
    assert secret() == LOGIN


def test_an_elastic_cluster_is_attached_and_the_secret_is_itself_again_afterwards(
    cloud: LocalCloud, stacks: Stacks
) -> None:
    cluster = {
        "ClusterName": "members",
        "AuthType": "PLAIN_TEXT",
        "AdminUserName": LOGIN["username"],
        "ShardCapacity": 2,
        "ShardCount": 1,
    }
    template = _template("AWS::DocDBElastic::Cluster", cluster)
    outputs = stacks.deploy(template, name="attached-elastic")

    def secret() -> dict[str, Any]:
        value = cloud.client("secretsmanager").get_secret_value(SecretId=outputs["Secret"])["SecretString"]
        found: dict[str, Any] = json.loads(value)
        return found

    host = secret()["host"]
    assert host.startswith("members-")
    assert host.endswith(".us-east-1.docdb-elastic.amazonaws.com")
    assert secret() == {**LOGIN, "engine": "mongo", "host": host, "port": 27017}
    del template["Resources"]["Attachment"]
    stacks.deploy(template, name="attached-elastic")
    assert secret() == LOGIN


def test_a_target_that_is_not_there_is_named(stacks: Stacks) -> None:
    template = _template("AWS::Redshift::Cluster", {"ClusterType": "single-node", "NodeType": "ra3.large", **MASTER})
    template["Resources"]["Attachment"]["Properties"]["TargetId"] = "another"
    with pytest.raises(AssertionError, match="AWS::Redshift::Cluster another not found"):
        stacks.deploy(template)
