"""Where crossed thresholds are published."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from correlation import TRACEPARENT, attributes, id_of

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient

__all__ = ["Alerts"]

logger = Logger(child=True)

ATTRIBUTES = ("threshold", "state", "thing", "context")
"""What subscribers filter by; SNS takes no empty attribute."""


class Alerts:
    """The topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        """Publish to a topic; threads may share this."""
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Publish alerts, one after the other."""
        for alert in alerts:
            self._client.publish(
                TopicArn=self._topic_arn,
                Message=json.dumps(alert),
                MessageAttributes={
                    **{name: {"DataType": "String", "StringValue": alert[name]} for name in ATTRIBUTES if alert[name]},
                    **attributes(alert.get(TRACEPARENT)),
                },
            )
            # Other threads work on other things: what all lines have cannot be set here.
            logger.info("Alert", **alert, correlation_id=id_of(alert.get(TRACEPARENT)))
