"""Types of many services that need nothing but a row: what their API keeps, CloudFormation can make."""

from collections.abc import Mapping

from cdp_constructs.local.kit.sdk import Api, resource_type, scope
from cdp_constructs.local.kit.types import Properties, ResourceType, Support

__all__ = ["RESOURCE_TYPES"]

_DESCRIBED = "its API describes it, but nothing runs behind it"


def _budget(properties: Properties) -> Properties:
    named = {"BudgetName": properties["Name"], **properties["Budget"]}
    limit = {name: str(value) for name, value in named.get("BudgetLimit", {}).items()}
    budget = {**named, **({"BudgetLimit": limit} if limit else {})}
    return {**properties, "AccountId": scope()["Account"], "Budget": budget}


_EXECUTED: Mapping[str, Api] = {
    "IAM::RolePolicy": Api(
        service="iam",
        create="put_role_policy",
        update="put_role_policy",
        delete="delete_role_policy",
        ref="{Properties.PolicyName}|{Properties.RoleName}",
        key={"RoleName": "Properties.RoleName", "PolicyName": "Properties.PolicyName"},
        replacing=("PolicyName", "RoleName"),
    ),
    "IAM::UserPolicy": Api(
        service="iam",
        create="put_user_policy",
        update="put_user_policy",
        delete="delete_user_policy",
        ref="{Properties.PolicyName}|{Properties.UserName}",
        key={"UserName": "Properties.UserName", "PolicyName": "Properties.PolicyName"},
        replacing=("PolicyName", "UserName"),
    ),
    "IAM::GroupPolicy": Api(
        service="iam",
        create="put_group_policy",
        update="put_group_policy",
        delete="delete_group_policy",
        ref="{Properties.PolicyName}|{Properties.GroupName}",
        key={"GroupName": "Properties.GroupName", "PolicyName": "Properties.PolicyName"},
        replacing=("PolicyName", "GroupName"),
    ),
    "Cognito::UserPoolUser": Api(
        service="cognito-idp",
        create="admin_create_user",
        delete="admin_delete_user",
        ref="Response.User.Username",
        key={"UserPoolId": "Properties.UserPoolId", "Username": "Id"},
        named="Username",
    ),
    "Cognito::UserPoolUserToGroupAttachment": Api(
        service="cognito-idp",
        create="admin_add_user_to_group",
        delete="admin_remove_user_from_group",
        ref="{Properties.UserPoolId}|{Properties.GroupName}|{Properties.Username}",
        key={
            "UserPoolId": "Properties.UserPoolId",
            "GroupName": "Properties.GroupName",
            "Username": "Properties.Username",
        },
    ),
    "Cognito::UserPoolIdentityProvider": Api(
        service="cognito-idp",
        create="create_identity_provider",
        update="update_identity_provider",
        delete="delete_identity_provider",
        ref="Properties.ProviderName",
        key={"UserPoolId": "Properties.UserPoolId", "ProviderName": "Id"},
        replacing=("UserPoolId", "ProviderName", "ProviderType"),
    ),
    "StepFunctions::Activity": Api(
        service="stepfunctions",
        create="create_activity",
        delete="delete_activity",
        ref="Response.activityArn",
        key={"activityArn": "Id"},
        attributes={"Arn": "Id", "Name": "Properties.Name"},
        named="Name",
    ),
    "StepFunctions::StateMachineVersion": Api(
        service="stepfunctions",
        create="publish_state_machine_version",
        delete="delete_state_machine_version",
        ref="Response.stateMachineVersionArn",
        key={"stateMachineVersionArn": "Id"},
        attributes={"Arn": "Id"},
        adapt=lambda properties: {
            "stateMachineArn": properties["StateMachineArn"],
            "description": properties.get("Description", ""),
        },
    ),
    "Kinesis::StreamConsumer": Api(
        service="kinesis",
        create="register_stream_consumer",
        delete="deregister_stream_consumer",
        ref="Response.Consumer.ConsumerARN",
        key={"ConsumerARN": "Id"},
        attributes={
            "ConsumerARN": "Id",
            "ConsumerName": "Properties.ConsumerName",
            "ConsumerStatus": "`ACTIVE`",
            "StreamARN": "Properties.StreamARN",
        },
    ),
    "Kinesis::ResourcePolicy": Api(
        service="kinesis",
        create="put_resource_policy",
        update="put_resource_policy",
        delete="delete_resource_policy",
        ref="Properties.ResourceArn",
        key={"ResourceARN": "Id"},
        renamed={"ResourcePolicy": "Policy"},
        replacing=("ResourceArn",),
    ),
    "SQS::QueueInlinePolicy": Api(
        service="sqs",
        create="set_queue_attributes",
        update="set_queue_attributes",
        delete="set_queue_attributes",
        ref="Properties.Queue",
        key={"QueueUrl": "Id"},
        delete_key={"Attributes": '`{"Policy": ""}`'},
        adapt=lambda properties: {
            "QueueUrl": properties["Queue"],
            "Attributes": {"Policy": properties["PolicyDocument"]},
        },
        replacing=("Queue",),
    ),
    "Athena::NamedQuery": Api(
        service="athena",
        create="create_named_query",
        delete="delete_named_query",
        ref="Response.NamedQueryId",
        key={"NamedQueryId": "Id"},
        attributes={"NamedQueryId": "Id"},
        named="Name",
    ),
    "Athena::DataCatalog": Api(
        service="athena",
        create="create_data_catalog",
        update="update_data_catalog",
        delete="delete_data_catalog",
        ref="Properties.Name",
        key={"Name": "Id"},
        replacing=("Name",),
    ),
    "Logs::Destination": Api(
        service="logs",
        create="put_destination",
        update="put_destination",
        delete="delete_destination",
        ref="Properties.DestinationName",
        key={"destinationName": "Id"},
        attributes={"Arn": "arn:aws:logs:{Region}:{Account}:destination:{Id}"},
        replacing=("DestinationName",),
    ),
}

_DESCRIBED_ONLY: Mapping[str, Api] = {
    "Backup::BackupSelection": Api(
        service="backup",
        create="create_backup_selection",
        delete="delete_backup_selection",
        ref="Response.SelectionId",
        attributes={"Id": "Id", "SelectionId": "Id", "BackupPlanId": "Properties.BackupPlanId"},
        key={"BackupPlanId": "Properties.BackupPlanId", "SelectionId": "Id"},
    ),
    "Budgets::Budget": Api(
        service="budgets",
        create="create_budget",
        delete="delete_budget",
        ref="Properties.Budget.BudgetName || Properties.Name",
        key={"AccountId": "Account", "BudgetName": "Id"},
        adapt=_budget,
        named="Name",
    ),
    "CloudTrail::Trail": Api(
        service="cloudtrail",
        create="create_trail",
        update="update_trail",
        delete="delete_trail",
        ref="Properties.TrailName",
        key={"Name": "Id"},
        attributes={"Arn": "arn:aws:cloudtrail:{Region}:{Account}:trail/{Id}", "SnsTopicArn": "`none`"},
        renamed={"TrailName": "Name"},
        named="TrailName",
    ),
    "Config::ConfigRule": Api(
        service="config",
        create="put_config_rule",
        update="put_config_rule",
        delete="delete_config_rule",
        ref="Properties.ConfigRuleName",
        key={"ConfigRuleName": "Id"},
        attributes={"Arn": "arn:aws:config:{Region}:{Account}:config-rule/{Id}", "ConfigRuleId": "Id"},
        adapt=lambda properties: {
            "ConfigRule": {name: value for name, value in properties.items() if name != "Compliance"}
        },
        named="ConfigRuleName",
        name_length=128,
    ),
    "ECS::CapacityProvider": Api(
        service="ecs",
        create="create_capacity_provider",
        delete="delete_capacity_provider",
        ref="Properties.Name",
        key={"capacityProvider": "Id"},
        named="Name",
    ),
    "ECS::ClusterCapacityProviderAssociations": Api(
        service="ecs",
        create="put_cluster_capacity_providers",
        update="put_cluster_capacity_providers",
        delete="put_cluster_capacity_providers",
        ref="Properties.Cluster",
        key={"cluster": "Id"},
        delete_key={"capacityProviders": "`[]`", "defaultCapacityProviderStrategy": "`[]`"},
        replacing=("Cluster",),
    ),
    "Glue::Workflow": Api(
        service="glue",
        create="create_workflow",
        update="update_workflow",
        delete="delete_workflow",
        ref="Properties.Name",
        key={"Name": "Id"},
        named="Name",
    ),
    "Glue::SecurityConfiguration": Api(
        service="glue",
        create="create_security_configuration",
        delete="delete_security_configuration",
        ref="Properties.Name",
        key={"Name": "Id"},
    ),
    "RDS::DBProxy": Api(
        service="rds",
        create="create_db_proxy",
        delete="delete_db_proxy",
        ref="Properties.DBProxyName",
        key={"DBProxyName": "Id"},
        attributes={
            "DBProxyArn": "Response.DBProxy.DBProxyArn",
            "Endpoint": "Response.DBProxy.Endpoint",
            "VpcId": "Response.DBProxy.VpcId || 'vpc-unknown'",
        },
    ),
    "RDS::GlobalCluster": Api(
        service="rds",
        create="create_global_cluster",
        delete="delete_global_cluster",
        ref="Properties.GlobalClusterIdentifier",
        key={"GlobalClusterIdentifier": "Id"},
        named="GlobalClusterIdentifier",
    ),
    "RDS::OptionGroup": Api(
        service="rds",
        create="create_option_group",
        delete="delete_option_group",
        ref="Properties.OptionGroupName",
        key={"OptionGroupName": "Id"},
        named="OptionGroupName",
    ),
    "ResourceGroups::Group": Api(
        service="resource-groups",
        create="create_group",
        update="update_group",
        delete="delete_group",
        ref="Properties.Name",
        key={"Group": "Id", "GroupName": "Id"},
        attributes={"Arn": "arn:aws:resource-groups:{Region}:{Account}:group/{Id}"},
        replacing=("Name",),
    ),
}

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    *(resource_type(f"AWS::{name}", api) for name, api in _EXECUTED.items()),
    *(
        resource_type(f"AWS::{name}", api, Support.CONTROL_PLANE_ONLY, _DESCRIBED)
        for name, api in _DESCRIBED_ONLY.items()
    ),
)
