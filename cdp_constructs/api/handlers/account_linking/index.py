"""Cognito asks before it makes an account: whose is the mail address?

An exception refuses the sign-up, and Cognito passes its text on. Who already has an account is not asked about again.
"""

from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from .accounts import Accounts
from .environment import Environment
from .rules import RefusedError, destination, identity_of, is_true

_BY_ADMINISTRATOR = "PreSignUp_AdminCreateUser"
_BY_PROVIDER = "PreSignUp_ExternalProvider"

logger = Logger()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
cognito = boto3.client("cognito-idp")


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Let a sign-up pass, link it to the account that has its address, or refuse it."""
    del context
    source, attributes = event["triggerSource"], event["request"]["userAttributes"]
    address = attributes.get("email", "").strip()
    if source == _BY_ADMINISTRATOR or not address:
        return event
    newcomer = identity_of(event["userName"], environment.providers) if source == _BY_PROVIDER else None
    accounts = Accounts(cognito, event["userPoolId"], environment.providers)
    try:
        account = destination(
            accounts.with_address(address),
            newcomer=newcomer,
            verified=is_true(attributes, "email_verified"),
            links=environment.links,
        )
    except RefusedError:
        _count("RefusedSignUps")
        logger.warning("Refused: the address belongs to another account", source=source, user=event["userName"])
        raise
    if account is not None and newcomer is not None:
        accounts.link(newcomer, account)
        _count("LinkedAccounts")
        logger.info("Linked", provider=newcomer.provider, account=account.username)
    return event


def _count(name: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
