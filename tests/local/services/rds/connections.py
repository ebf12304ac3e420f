"""Connections to the databases of these tests, and the templates that they have in common."""

from typing import Any

import psycopg

from cdp_constructs.local import LocalCloud

PASSWORD = "not-for-production"  # of databases that live as long as a test
REGION = "eu-west-1"
MASTER = {"MasterUsername": "chat", "MasterUserPassword": PASSWORD}


def connect(host: str, password: str = PASSWORD, user: str = "chat", **options: Any) -> psycopg.Connection[Any]:
    options = {"sslmode": "require", "connect_timeout": 10, "autocommit": True, **options}
    return psycopg.connect(host=host, user=user, password=password, dbname="rooms", **options)


def ask(host: str, statement: str, **options: Any) -> list[Any] | None:
    """Return the rows; None while nothing answers."""
    try:
        with connect(host, **options) as connection:
            return connection.execute(statement).fetchall()
    except psycopg.Error:
        return None


def execute(host: str, *statements: str, credentials: dict[str, str] | None = None) -> None:
    options = {"user": credentials["username"], "password": credentials["password"]} if credentials else {}
    with connect(host, **options) as connection:
        for statement in statements:
            connection.execute(statement)


def instance(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": "db.r6g.large", **properties}}


def alone(**properties: Any) -> dict[str, Any]:
    return instance(Engine="postgres", AllocatedStorage="20", DBName="rooms", **{**MASTER, **properties})


class Api:
    """The API of RDS, for instances whose names are theirs alone."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.client = cloud.client("rds", region=REGION)

    def described(self, name: str) -> dict[str, Any]:
        [found] = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return dict(found)

    def address(self, name: str) -> str:
        """Wait until an instance is available, and return its address."""
        waiter = self.client.get_waiter("db_instance_available")
        waiter.wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
        return str(self.described(name)["Endpoint"]["Address"])

    def create(self, name: str, **options: Any) -> str:
        self.client.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.r6g.large",
            **{"Engine": "postgres", "AllocatedStorage": 20, "DBName": "rooms", **MASTER, **options},
        )
        return self.address(name)

    def delete(self, name: str) -> None:
        self.client.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
