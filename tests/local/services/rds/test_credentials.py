"""RDS: passwords in Secrets Manager are those that the database takes, before and after their rotation."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.rds.connections import REGION, Api, ask, execute, instance

Eventually = Callable[..., Any]
APPLICATION = "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotation"


def _secret(template: dict[str, Any]) -> dict[str, Any]:
    rule = {"PasswordLength": 20, "ExcludePunctuation": True, "GenerateStringKey": "password"}
    text = {"Fn::Sub": json.dumps(template)}
    properties = {"GenerateSecretString": {**rule, "SecretStringTemplate": text}}
    return {"Type": "AWS::SecretsManager::Secret", "Properties": properties}


def _attached(secret: str) -> dict[str, Any]:
    properties = {"SecretId": {"Ref": secret}, "TargetId": {"Ref": "Database"}, "TargetType": "AWS::RDS::DBInstance"}
    return {"Type": "AWS::SecretsManager::SecretTargetAttachment", "Properties": properties}


def _rotated(attachment: str, **how: Any) -> dict[str, Any]:
    properties = {
        "SecretId": {"Ref": attachment},
        "RotationRules": {"ScheduleExpression": "rate(4 hours)"},
        "RotateImmediatelyOnUpdate": False,
        **how,
    }
    return {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": properties}


def _resolved(key: str) -> dict[str, str]:
    return {"Fn::Sub": "{{resolve:secretsmanager:${Master}:SecretString:" + key + "}}"}


TEMPLATE: dict[str, Any] = {
    "Transform": ["AWS::Serverless-2016-10-31", "AWS::SecretsManager-2024-09-16"],
    "Resources": {
        "Master": _secret({"username": "chat"}),
        "Database": instance(
            Engine="postgres",
            AllocatedStorage="20",
            DBName="rooms",
            MasterUsername=_resolved("username"),
            MasterUserPassword=_resolved("password"),
        ),
        "MasterAttachment": _attached("Master"),
        "MasterRotation": _rotated("MasterAttachment", HostedRotationLambda={"RotationType": "PostgreSQLSingleUser"}),
        "User": _secret({"username": "app", "masterarn": "${Master}"}),
        "UserAttachment": _attached("User"),
        "Function": {
            "Type": "AWS::Serverless::Application",
            "Properties": {
                "Location": {"ApplicationId": f"{APPLICATION}MultiUser", "SemanticVersion": "1.1.671"},
                "Parameters": {"endpoint": "https://secretsmanager", "functionName": "rotate-app"},
            },
        },
        "UserRotation": _rotated(
            "UserAttachment",
            RotationLambdaARN={"Fn::GetAtt": ["Function", "Outputs.RotationLambdaARN"]},
            RotationRules={"AutomaticallyAfterDays": 30},
        ),
        "Managed": instance(
            Engine="postgres",
            AllocatedStorage="20",
            DBName="rooms",
            MasterUsername="chat",
            ManageMasterUserPassword=True,
        ),
    },
    "Outputs": {
        name: {"Value": value}
        for name, value in {
            "Master": {"Ref": "Master"},
            "User": {"Ref": "User"},
            "Address": {"Fn::GetAtt": ["Database", "Endpoint.Address"]},
            "Managed": {"Ref": "Managed"},
            "ManagedAddress": {"Fn::GetAtt": ["Managed", "Endpoint.Address"]},
            "ManagedSecret": {"Fn::GetAtt": ["Managed", "MasterUserSecret.SecretArn"]},
        }.items()
    },
}


@pytest.fixture(scope="module")
def outputs(stacks: Any) -> dict[str, str]:
    return stacks.deploy(TEMPLATE, region=REGION)  # type: ignore[no-any-return]


class Secret:
    """A secret and what the database says to its credentials."""

    def __init__(self, cloud: LocalCloud, arn: str, host: str) -> None:
        self.client = cloud.client("secretsmanager", region=REGION)
        self.arn, self.host = arn, host

    def credentials(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.client.get_secret_value(SecretId=self.arn)["SecretString"])
        return found

    def rotate(self, eventually: Eventually) -> dict[str, str]:
        """Rotate it, and return the credentials that it had before."""
        before = self.credentials()
        self.client.rotate_secret(SecretId=self.arn)
        eventually(lambda: self.credentials() != before)
        return before

    def works(self, credentials: dict[str, str]) -> bool:
        found = ask(self.host, "select 1", user=credentials["username"], password=credentials["password"])
        return found == [(1,)]


def test_a_hosted_function_changes_the_password(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    secret = Secret(cloud, outputs["Master"], outputs["Address"])
    assert secret.works(secret.credentials())
    before = secret.rotate(eventually)
    assert secret.works(secret.credentials())
    assert not secret.works(before)


def test_a_rotation_is_due_by_the_clock_of_metrics(
    cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually
) -> None:
    secret = Secret(cloud, outputs["Master"], outputs["Address"])
    before = secret.credentials()
    for _ in range(4):
        assert secret.credentials() == before
        cloud.metrics.advance(minutes=60)
    eventually(lambda: secret.credentials() != before)
    assert secret.works(secret.credentials())


def test_alternating_users_both_work(cloud: LocalCloud, outputs: dict[str, str], eventually: Eventually) -> None:
    master = Secret(cloud, outputs["Master"], outputs["Address"])
    secret = Secret(cloud, outputs["User"], outputs["Address"])
    first = secret.credentials()
    execute(
        outputs["Address"],
        f"create role app with login password '{first['password']}'",
        "create table owned (a int)",
        "grant select on owned to app",
        credentials=master.credentials(),
    )
    secret.rotate(eventually)
    second = secret.credentials()
    assert second["username"] == "app_clone"
    assert secret.works(first)
    assert secret.works(second)
    rows = ask(outputs["Address"], "select * from owned", user="app_clone", password=second["password"])
    assert rows == []  # what the first user may, the second may
    secret.rotate(eventually)
    assert secret.credentials()["username"] == "app"
    assert not secret.works(first)
    assert secret.works(second)


def test_rds_rotates_what_it_manages(
    cloud: LocalCloud, api: Api, outputs: dict[str, str], eventually: Eventually
) -> None:
    secret = Secret(cloud, outputs["ManagedSecret"], outputs["ManagedAddress"])
    assert api.described(outputs["Managed"])["MasterUserSecret"]["SecretArn"] == secret.arn
    before = secret.rotate(eventually)
    assert secret.works(secret.credentials())
    assert not secret.works(before)
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        api.client.modify_db_instance(DBInstanceIdentifier=outputs["Managed"], MasterUserPassword="of-ones-own")


def test_a_database_that_does_not_take_the_credentials_keeps_them(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    """The rotation of a secret whose password is not the database's fails, and the next is refused as incomplete."""
    secret = Secret(cloud, outputs["User"], outputs["Address"])
    wrong = {**secret.credentials(), "username": "nobody", "masterarn": "unknown"}
    name = secret.client.create_secret(Name="wrong", SecretString=json.dumps(wrong))["ARN"]
    function = secret.client.describe_secret(SecretId=outputs["User"])["RotationLambdaARN"]
    secret.client.rotate_secret(SecretId=name, RotationLambdaARN=function)
    with pytest.raises(ClientError, match="previous rotation isn't complete"):
        secret.client.rotate_secret(SecretId=name)
    assert json.loads(secret.client.get_secret_value(SecretId=name)["SecretString"]) == wrong
