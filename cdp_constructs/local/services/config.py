"""AWS Config."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Config::ConfigRule",
        Api(
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
    ),
)
