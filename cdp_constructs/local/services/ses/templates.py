"""SES: e-mail templates and receipt rules."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]


def _template(properties: Properties) -> Properties:
    template = properties.get("Template", {})
    return {"Template": {"TemplateName": properties["Name"], **template}}


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::SES::Template",
        Api(
            service="ses",
            create="create_template",
            update="update_template",
            delete="delete_template",
            # The name may be inside Template; the generated one is used when it is not.
            ref="Properties.Template.TemplateName || Properties.Name",
            key={"TemplateName": "Id"},
            attributes={"Id": "Id"},
            adapt=_template,
            named="Name",
        ),
    ),
    resource_type(
        "AWS::SES::ReceiptRuleSet",
        Api(
            service="ses",
            create="create_receipt_rule_set",
            delete="delete_receipt_rule_set",
            ref="Properties.RuleSetName",
            key={"RuleSetName": "Id"},
            named="RuleSetName",
        ),
    ),
    resource_type(
        "AWS::SES::ReceiptRule",
        Api(
            service="ses",
            create="create_receipt_rule",
            delete="delete_receipt_rule",
            ref="Properties.Rule.Name || Properties.Name",
            key={"RuleSetName": "Properties.RuleSetName", "RuleName": "Id"},
            adapt=lambda properties: {**properties, "Rule": {"Name": properties["Name"], **properties["Rule"]}},
            named="Name",
        ),
    ),
)
