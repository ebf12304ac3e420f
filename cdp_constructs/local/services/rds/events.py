"""RDS: what happens to instances and clusters is an event of its API and of Amazon EventBridge.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["of_cluster", "of_instance"]

_rds: Any = ministack.module("services.rds", "_events", "_format_time")
_eventbridge: Any = ministack.module("services.eventbridge", "_put_events")

_INSTANCE, _CLUSTER = (
    ("db-instance", "DB_INSTANCE", "RDS DB Instance Event"),
    (
        "db-cluster",
        "CLUSTER",
        "RDS DB Cluster Event",
    ),
)


def of_instance(instance: Mapping[str, Any], event_id: str, category: str, message: str) -> None:
    """Record an event of an instance.

    Args:
        instance: The instance.
        event_id: The id that AWS documents for it, for example `RDS-EVENT-0006`.
        category: Its category, for example `availability`.
        message: What it says.
    """
    _record(_INSTANCE, instance["DBInstanceIdentifier"], instance["DBInstanceArn"], event_id, category, message)


def of_cluster(cluster: Mapping[str, Any], event_id: str, category: str, message: str) -> None:
    """Record an event of a cluster; see `of_instance`."""
    _record(_CLUSTER, cluster["DBClusterIdentifier"], cluster["DBClusterArn"], event_id, category, message)


def _record(kind: tuple[str, str, str], name: str, arn: str, event_id: str, category: str, message: str) -> None:
    now = time.time()
    source_type, source, detail_type = kind
    _rds._events[str(uuid.uuid4())] = {
        "SourceIdentifier": name,
        "SourceType": source_type,
        "SourceArn": arn,
        "Message": message,
        "Date": now,
        "EventCategories": [category],
    }
    detail = {
        "EventCategories": [category],
        "SourceType": source,
        "SourceArn": arn,
        "Date": _rds._format_time(now),
        "Message": message,
        "SourceIdentifier": name,
        "EventID": event_id,
    }
    entry = {"Source": "aws.rds", "DetailType": detail_type, "Resources": [arn], "Detail": json.dumps(detail)}
    _eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


@patch("ministack.services.rds:_record_reboot_event")
def _rebooted(_original: Any, instance: Mapping[str, Any]) -> None:
    of_instance(instance, "RDS-EVENT-0006", "availability", "DB instance restarted.")
