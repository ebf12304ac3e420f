"""A Zabbix server in a task of Amazon ECS, as its administrator looks at it: by the database beside it."""

from typing import Any

import psycopg

from cdp_constructs.local import LocalCloud

__all__ = ["PASSWORD", "USER", "ZabbixServer"]

USER, PASSWORD = "zabbix", "not-for-production"
"""Of a database that lives as long as the task."""
# What an administrator configures once: a host, the discovery rule with its item and trigger prototypes, and the count.
_CONFIGURATION = """
INSERT INTO hosts (hostid, host, name) VALUES (900001, 'HOST', 'HOST');
INSERT INTO items (itemid, type, hostid, name, key_, value_type, flags) VALUES
    (900001, 2, 900001, 'Number of alarms', 'cloudwatch.alarms.count', 3, 0),
    (900002, 2, 900001, 'Alarms', 'cloudwatch.alarms', 4, 1),
    (900003, 2, 900001, '{#ALARM}', 'cloudwatch.alarm["{#ALARM}"]', 3, 2);
INSERT INTO item_rtdata (itemid) VALUES (900001), (900002);
INSERT INTO item_discovery (itemdiscoveryid, itemid, parent_itemid) VALUES (900001, 900003, 900002);
INSERT INTO triggers (triggerid, expression, description, priority, flags) VALUES
    (900001, '{900001}=1', '{#ALARM} is in ALARM state', 4, 2);
INSERT INTO functions (functionid, itemid, triggerid, name, parameter) VALUES (900001, 900003, 900001, 'last', '$');
"""
_VALUES = "SELECT value FROM history_uint JOIN items USING (itemid) WHERE hostid = 900001 AND flags = 4"
_PROBLEMS = "SELECT name, r_eventid IS NULL FROM problem WHERE source = 0 AND object = 0"


class ZabbixServer:
    """The server of ``demo/zabbix_app.py``.

    Args:
        cloud: The embedded cloud.
        region: Where it runs.
        cluster: The cluster of its service.
        service: The service, with its one task.
    """

    def __init__(self, cloud: LocalCloud, region: str, cluster: str, service: str) -> None:
        self._cloud, self._ecs = cloud, cloud.client("ecs", region=region)
        self._cluster, self._service = cluster, service
        [task] = self.tasks()
        [described] = self._ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        self._address = next(
            detail["value"]
            for attachment in described["attachments"]
            for detail in attachment["details"]
            if detail["name"] == "privateIPv4Address"
        )

    def tasks(self) -> list[str]:
        """Return its task, while it runs."""
        found: list[str] = self._ecs.list_tasks(cluster=self._cluster, serviceName=self._service)["taskArns"]
        return found

    def end(self) -> None:
        """Take it away, with what it knows."""
        self._ecs.update_service(cluster=self._cluster, service=self._service, desiredCount=0)

    def configure(self, host: str) -> None:
        """Configure the one host, whose items are the alarms.

        Args:
            host: The ``host`` of `MonitoringIntegration`.
        """
        self._query(_CONFIGURATION.replace("HOST", host))

    def discovered(self) -> set[str]:
        """Return the keys of the items that it has made."""
        return {key for (key,) in self._query("SELECT key_ FROM items WHERE hostid = 900001 AND flags = 4")}

    def values(self) -> list[int]:
        """Return the states of alarms that it has taken."""
        return [int(value) for (value,) in self._query(_VALUES)]

    def problems(self, *, open_: bool) -> set[str]:
        """Return what is wrong, or was, as it sees it."""
        return {name for name, is_open in self._query(_PROBLEMS) if is_open is open_}

    def _query(self, text: str) -> list[Any]:
        place: dict[str, Any] = {"host": self._address, "user": USER, "password": PASSWORD, "dbname": "zabbix"}
        with self._cloud.open_databases(), psycopg.connect(**place, autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []
