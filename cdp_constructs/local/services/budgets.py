"""AWS Budgets."""

from cdp_constructs.local.kit.sdk import Api, resource_type, scope
from cdp_constructs.local.kit.types import Properties, ResourceType

__all__ = ["RESOURCE_TYPES"]


def _budget(properties: Properties) -> Properties:
    named = {"BudgetName": properties["Name"], **properties["Budget"]}
    limit = {name: str(value) for name, value in named.get("BudgetLimit", {}).items()}
    budget = {**named, **({"BudgetLimit": limit} if limit else {})}
    return {**properties, "AccountId": scope()["Account"], "Budget": budget}


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Budgets::Budget",
        Api(
            service="budgets",
            create="create_budget",
            delete="delete_budget",
            ref="Properties.Budget.BudgetName || Properties.Name",
            key={"AccountId": "Account", "BudgetName": "Id"},
            adapt=_budget,
            named="Name",
        ),
    ),
)
