"""Basic Ingest: which rule receives telemetry of a type straight from devices, as their policy and settings say it."""

from aws_cdk import aws_iot as iot
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.iot import _device_policies as device_policies
from cdp_constructs.iot._common import check_option

EVERY_OTHER = "*"
"""In the place of a type: every type without a rule of its own."""


class BasicIngest:
    """The rules that devices publish to, by type of telemetry."""

    def __init__(self, scope: "Construct", construct_id: str, *, prefix: str, app: str) -> None:
        """Add the policy of devices that allows it; it allows nothing yet.

        Args:
            scope: The fleet.
            construct_id: Id of the policy.
            prefix: ``arn:…:iot:<region>:<account>``.
            app: The application of the topics.
        """
        self._scope = scope
        self._prefix = prefix
        self._app = app
        self._rules: dict[str, str] = {}
        self.policy = iot.CfnPolicy(scope, construct_id, policy_document=self._document())

    def add(self, rule: "cdp_constructs.TopicRule", kind: str) -> None:
        """Let devices publish telemetry of a type to a rule.

        Raises:
            InvalidOptionError: for a type that topics cannot have, or that has a rule already.
        """
        if kind in self._rules:
            problem = f"is {kind!r}, which has a rule already"
            raise InvalidOptionError(self._scope, "kind", problem, "Add actions to that rule")
        if kind != EVERY_OTHER:
            check_option(self._scope, "kind", kind)
        self._rules[kind] = rule.rule_name
        self.policy.policy_document = self._document()

    def configuration(self) -> str:
        """Return the rules as devices get them with their identity: ``type=rule,type=rule``."""
        return ",".join(f"{kind}={rule}" for kind, rule in self._rules.items())

    def _document(self) -> dict[str, object]:
        return device_policies.ingesting(self._prefix, self._app, self._rules)
