"""Types that a row carries: the service has what the template says, and has it no more after the stack."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud


def _attribute(resource: str, name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, name]}


def _policy(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


READ = _policy(Action="s3:ListAllMyBuckets", Resource="*")
SUBNET = {"VpcId": {"Ref": "Vpc"}}
RESOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "Role": (
        "IAM::Role",
        {
            "AssumeRolePolicyDocument": _policy(
                Action="sts:AssumeRole", Principal={"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
            )
        },
    ),
    "RolePolicy": ("IAM::RolePolicy", {"RoleName": {"Ref": "Role"}, "PolicyName": "read", "PolicyDocument": READ}),
    "Member": ("IAM::User", {}),
    "UserPolicy": ("IAM::UserPolicy", {"UserName": {"Ref": "Member"}, "PolicyName": "read", "PolicyDocument": READ}),
    "Pool": ("Cognito::UserPool", {}),
    "Admins": ("Cognito::UserPoolGroup", {"UserPoolId": {"Ref": "Pool"}, "GroupName": "admins"}),
    "Admin": ("Cognito::UserPoolUser", {"UserPoolId": {"Ref": "Pool"}, "Username": "admin"}),
    "Membership": (
        "Cognito::UserPoolUserToGroupAttachment",
        {"UserPoolId": {"Ref": "Pool"}, "Username": {"Ref": "Admin"}, "GroupName": {"Ref": "Admins"}},
    ),
    "Oidc": (
        "Cognito::UserPoolIdentityProvider",
        {
            "UserPoolId": {"Ref": "Pool"},
            "ProviderName": "oidc",
            "ProviderType": "OIDC",
            "ProviderDetails": {"client_id": "id", "oidc_issuer": "https://id.example.test"},
        },
    ),
    "Activity": ("StepFunctions::Activity", {"Name": "activity"}),
    "Machine": (
        "StepFunctions::StateMachine",
        {
            "RoleArn": _attribute("Role", "Arn"),
            "DefinitionString": '{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": true}}}',
        },
    ),
    "Version": ("StepFunctions::StateMachineVersion", {"StateMachineArn": {"Ref": "Machine"}}),
    "Stream": ("Kinesis::Stream", {"ShardCount": 1}),
    "Consumer": ("Kinesis::StreamConsumer", {"StreamARN": _attribute("Stream", "Arn"), "ConsumerName": "reader"}),
    "StreamPolicy": (
        "Kinesis::ResourcePolicy",
        {
            "ResourceArn": _attribute("Stream", "Arn"),
            "ResourcePolicy": _policy(
                Action="kinesis:DescribeStreamSummary",
                Principal={"AWS": "000000000000"},
                Resource=_attribute("Stream", "Arn"),
            ),
        },
    ),
    "Queue": ("SQS::Queue", {}),
    "QueuePolicy": (
        "SQS::QueueInlinePolicy",
        {
            "Queue": {"Ref": "Queue"},
            "PolicyDocument": _policy(Action="sqs:SendMessage", Principal="*", Resource=_attribute("Queue", "Arn")),
        },
    ),
    "Query": ("Athena::NamedQuery", {"Database": "default", "QueryString": "SELECT 1"}),
    "Catalog": ("Athena::DataCatalog", {"Name": "specimen", "Type": "GLUE", "Parameters": {"catalog-id": "1"}}),
    "Destination": (
        "Logs::Destination",
        {
            "DestinationName": "specimen",
            "RoleArn": _attribute("Role", "Arn"),
            "TargetArn": _attribute("Stream", "Arn"),
        },
    ),
    "Plan": (
        "Backup::BackupPlan",
        {
            "BackupPlan": {
                "BackupPlanName": "daily",
                "BackupPlanRule": [{"RuleName": "daily", "TargetBackupVault": "Default"}],
            }
        },
    ),
    "Selection": (
        "Backup::BackupSelection",
        {
            "BackupPlanId": {"Ref": "Plan"},
            "BackupSelection": {
                "SelectionName": "all",
                "IamRoleArn": _attribute("Role", "Arn"),
                "Resources": ["*"],
            },
        },
    ),
    "Budget": (
        "Budgets::Budget",
        {
            "Budget": {
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": 10, "Unit": "USD"},
            }
        },
    ),
    "Bucket": ("S3::Bucket", {}),
    "Trail": ("CloudTrail::Trail", {"IsLogging": True, "S3BucketName": {"Ref": "Bucket"}}),
    "Rule": ("Config::ConfigRule", {"Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}}),
    "Cluster": ("ECS::Cluster", {}),
    "Providers": (
        "ECS::ClusterCapacityProviderAssociations",
        {"Cluster": {"Ref": "Cluster"}, "CapacityProviders": ["FARGATE"], "DefaultCapacityProviderStrategy": []},
    ),
    "Workflow": ("Glue::Workflow", {}),
    "Vpc": ("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
    "First": ("EC2::Subnet", {**SUBNET, "CidrBlock": "10.0.0.0/24", "AvailabilityZone": "us-east-1a"}),
    "Second": ("EC2::Subnet", {**SUBNET, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1b"}),
    "Proxy": (
        "RDS::DBProxy",
        {
            "DBProxyName": "specimen",
            "EngineFamily": "POSTGRESQL",
            "RoleArn": _attribute("Role", "Arn"),
            "VpcSubnetIds": [{"Ref": "First"}, {"Ref": "Second"}],
            "Auth": [
                {
                    "AuthScheme": "SECRETS",
                    "SecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:database",
                }
            ],
            "RequireTLS": "true",
        },
    ),
    "Global": ("RDS::GlobalCluster", {"Engine": "aurora-postgresql"}),
    "Group": (
        "ResourceGroups::Group",
        {"Name": "specimen", "ResourceQuery": {"Type": "TAG_FILTERS_1_0", "Query": {}}},
    ),
    "Secret": ("SecretsManager::Secret", {"GenerateSecretString": {}}),
    "Digits": (
        "SecretsManager::Secret",
        {
            "GenerateSecretString": {
                "PasswordLength": 20,
                "ExcludePunctuation": True,
                "ExcludeLowercase": True,
                "ExcludeUppercase": True,
            }
        },
    ),
    "SecretPolicy": (
        "SecretsManager::ResourcePolicy",
        {
            "SecretId": {"Ref": "Secret"},
            "ResourcePolicy": _policy(
                Action="secretsmanager:GetSecretValue", Principal={"AWS": "000000000000"}, Resource="*"
            ),
        },
    ),
    "Template": ("SES::Template", {"Template": {"SubjectPart": "Hi", "TextPart": "Hello"}}),
    "Cache": ("ElastiCache::ServerlessCache", {"ServerlessCacheName": "specimen", "Engine": "valkey"}),
    "Composite": ("CloudWatch::CompositeAlarm", {"AlarmRule": "FALSE"}),
    # Recorded only: any name and any attribute of the type resolve.
    "Channel": ("DevOpsGuru::NotificationChannel", {"Config": {"Sns": {"TopicArn": "arn:aws:sns:us-east-1:1:t"}}}),
    "Application": ("CodeDeploy::Application", {"ApplicationName": "specimen"}),
}
TEMPLATE: dict[str, Any] = {
    "Resources": {name: {"Type": f"AWS::{kind}", "Properties": given} for name, (kind, given) in RESOURCES.items()},
    "Outputs": {
        **{name: {"Value": {"Ref": name}} for name in RESOURCES},
        "ProxyEndpoint": {"Value": _attribute("Proxy", "Endpoint")},
        "CachePort": {"Value": _attribute("Cache", "Endpoint.Port")},
        "ChannelArn": {"Value": _attribute("Channel", "Arn")},
    },
}


def test_services_have_what_the_template_says_while_it_is_deployed(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(TEMPLATE, name="services")

    cognito, kinesis, secrets = cloud.client("cognito-idp"), cloud.client("kinesis"), cloud.client("secretsmanager")
    groups = cognito.admin_list_groups_for_user(UserPoolId=outputs["Pool"], Username=outputs["Admin"])["Groups"]
    selections = cloud.client("backup").list_backup_selections(BackupPlanId=outputs["Plan"])["BackupSelectionsList"]
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    queue = cloud.client("sqs").get_queue_attributes(QueueUrl=outputs["Queue"], AttributeNames=["Policy"])
    digits = secrets.get_secret_value(SecretId=outputs["Digits"])["SecretString"]
    assert cloud.client("iam").list_role_policies(RoleName=outputs["Role"])["PolicyNames"] == ["read"]
    assert cloud.client("iam").list_user_policies(UserName=outputs["Member"])["PolicyNames"] == ["read"]
    assert [group["GroupName"] for group in groups] == ["admins"]
    assert kinesis.describe_stream_consumer(ConsumerARN=outputs["Consumer"])["ConsumerDescription"]
    assert [item["SelectionId"] for item in selections] == [outputs["Selection"]]
    assert outputs["Composite"] in [alarm["AlarmName"] for alarm in alarms]
    assert "sqs:SendMessage" in queue["Attributes"]["Policy"]
    assert len(secrets.get_secret_value(SecretId=outputs["Secret"])["SecretString"]) == 32
    assert digits.isdigit()
    assert len(digits) == 20
    assert "GetSecretValue" in secrets.get_resource_policy(SecretId=outputs["Secret"])["ResourcePolicy"]
    assert outputs["CachePort"] == "6379"
    assert outputs["ProxyEndpoint"]
    assert outputs["Application"] == "specimen"
    assert outputs["ChannelArn"].startswith("arn:aws:devops-guru:us-east-1:000000000000:")

    stacks.delete("services")

    with pytest.raises(ClientError, match="ResourceNotFound"):
        kinesis.describe_stream_consumer(ConsumerARN=outputs["Consumer"])
    assert not cloud.client("elasticache").describe_serverless_caches()["ServerlessCaches"]
    assert not cloud.client("rds").describe_db_proxies()["DBProxies"]
    assert not cloud.client("ses").list_templates()["TemplatesMetadata"]
    assert outputs["Trail"] not in [trail["Name"] for trail in cloud.client("cloudtrail").list_trails()["Trails"]]
    assert not cloud.client("cloudwatch").describe_alarms(AlarmNames=[outputs["Composite"]])["CompositeAlarms"]
