"""What ReplicatedDatabase and the module `replicated_database` do, on PostgreSQL servers of the embedded cloud."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack

from cdp_constructs import ReplicatedDatabase
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from replicated_database import Credentials, Database

REGION = "us-east-1"


@architecture
def orders(stack: Stack) -> None:
    database = ReplicatedDatabase(stack, "Orders", database_name="orders", removal_policy=RemovalPolicy.DESTROY)
    for name, value in {**database.environment, "cluster": database.cluster.ref}.items():
        CfnOutput(stack, name.replace("_", ""), value=value)


class Orders:
    """The deployed database, and the module over it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, authority: str) -> None:
        self.cloud = cloud
        (self.outputs,) = deployment.outputs.values()
        self._authority = authority
        self.database = Database(
            writer=self.outputs["DATABASEWRITER"],
            reader=self.outputs["DATABASEREADER"],
            name=self.outputs["DATABASENAME"],
            credentials=lambda _host: self.credentials,
            certificate_authority=authority,
            connections=4,
        )

    def credentials(self) -> Credentials:
        secrets = self.cloud.client("secretsmanager", region=REGION)
        secret = json.loads(secrets.get_secret_value(SecretId=self.outputs["DATABASESECRET"])["SecretString"])
        return Credentials(secret["username"], secret["password"])

    def connect(self, host: str) -> psycopg.Connection[Any]:
        """A plain connection, beside the module."""
        who = self.credentials()
        place = {"host": self.outputs[host], "dbname": "orders", "user": who.user, "password": who.password}
        return psycopg.connect(**place, sslmode="verify-full", sslrootcert=self._authority, autocommit=True)

    def writer(self) -> str:
        """The ARN of the instance that is the writer."""
        rds = self.cloud.client("rds", region=REGION)
        [cluster] = rds.describe_db_clusters(DBClusterIdentifier=self.outputs["cluster"])["DBClusters"]
        [name] = [one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"] if one["IsClusterWriter"]]
        [instance] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return str(instance["DBInstanceArn"])

    def add(self, number: int) -> str | None:
        statement = "insert into orders values (%s) on conflict do nothing"
        return self.database.write(lambda connection: connection.execute(statement, [number])).position

    def numbers(self, after: str | None = None) -> set[int]:
        def select(connection: psycopg.Connection[Any]) -> set[int]:
            return {row[0] for row in connection.execute("select number from orders")}

        return self.database.read(select, after=after)

    def is_reader(self, after: str | None = None) -> bool:
        """Whether a read is answered by a reader."""

        def select(connection: psycopg.Connection[Any]) -> bool:
            row = connection.execute("select pg_is_in_recovery()").fetchone()
            return bool(row and row[0])

        return self.database.read(select, after=after)


@pytest.fixture(scope="module")
def system(
    deployed: Callable[[Callable[..., Any]], Deployment],
    local_cloud: LocalCloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Orders]:
    deployment = deployed(orders)
    authority: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.write_text(local_cloud.database_certificate_authority())
    system = Orders(local_cloud, deployment, str(authority))
    with local_cloud.open_databases():  # for this test, which is outside of the network
        system.database.write(lambda connection: connection.execute("create table orders (number int primary key)"))
        yield system
        system.database.close()


def test_a_read_goes_to_a_reader(system: Orders) -> None:
    position = system.add(1)
    eventually(lambda: system.is_reader(after=position), within=10)
    assert system.numbers(after=position) >= {1}


def test_nothing_written_has_no_position(system: Orders) -> None:
    written = system.database.write(lambda connection: connection.execute("select 1").fetchone())
    assert (written.value, written.position) == ((1,), None)


def test_an_author_reads_the_own_write_from_the_writer_while_the_reader_lags(system: Orders) -> None:
    before = system.add(2)
    eventually(lambda: system.is_reader(after=before), within=10)
    with system.connect("DATABASEREADER") as reader:
        reader.execute("select pg_wal_replay_pause()")
        try:
            # Its replay ends at the next record.
            eventually(lambda: reader.execute("select pg_get_wal_replay_pause_state()").fetchone() == ("paused",))
            position = system.add(3)
            assert not system.is_reader(after=position)
            assert 3 in system.numbers(after=position)
            assert system.is_reader(after=before)  # others are not sent to the writer for it
            assert 3 not in system.numbers()
        finally:
            reader.execute("select pg_wal_replay_resume()")
    eventually(lambda: system.is_reader(after=position), within=10)


def test_what_is_no_position_is_answered_by_the_writer(system: Orders) -> None:
    for cookie in ("", "x", "1; drop table orders", "9" * 40, "-1"):
        assert not system.is_reader(after=cookie)


def test_a_read_cannot_write_even_on_the_writer(system: Orders) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        system.database.read(lambda connection: connection.execute("insert into orders values (99)"), after="x")
    assert 99 not in system.numbers(after="x")
    assert system.add(4) is not None  # the connection writes again


def test_conflicts_are_run_again(system: Orders) -> None:
    system.database.write(lambda connection: connection.execute("create table counter as select 0 as value"))

    def count(connection: psycopg.Connection[Any]) -> None:
        connection.execute("set transaction isolation level serializable")
        row = connection.execute("select value from counter").fetchone()
        assert row
        time.sleep(0.02)
        connection.execute("update counter set value = %s", [row[0] + 1])

    threads = [threading.Thread(target=system.database.write, args=[count]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    select = system.database.read(
        lambda connection: connection.execute("select value from counter").fetchone(), after="x"
    )
    assert select == (4,)


def test_writes_go_on_after_the_writer_dies(system: Orders) -> None:
    """Clients write all the time; each write that was answered is there afterwards."""
    answered: list[int] = []
    over = threading.Event()

    def write() -> None:
        number = 1000
        while not over.is_set():
            system.database.write(
                lambda connection, number=number: connection.execute(
                    "insert into orders values (%s) on conflict do nothing", [number]
                ),
                repeatable=True,
            )
            answered.append(number)
            number += 1
            time.sleep(0.01)

    writing = threading.Thread(target=write)
    writing.start()
    eventually(lambda: len(answered) > 10, within=10)
    # A reader of PostgreSQL may lack the last write; Aurora's instances share their storage.
    time.sleep(0.5)
    before, count = system.writer(), len(answered)
    system.cloud.kill_database(before)
    eventually(lambda: system.writer() != before, within=30)
    eventually(lambda: len(answered) > count + 10, within=60)
    over.set()
    writing.join()
    kept = system.numbers(after="x")
    lost = set(answered) - kept
    assert lost <= set(answered[count - 2 : count + 2])
    assert {answered[-1], answered[count + 5]} <= kept


def test_a_wrong_password_and_plain_connections_are_refused(system: Orders) -> None:
    who = system.credentials()
    place = {"host": system.outputs["DATABASEWRITER"], "dbname": "orders", "user": who.user}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**place, password="wrong", sslmode="require")
