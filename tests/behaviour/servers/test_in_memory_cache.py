"""What InMemoryCache and the module `cache_aside` do, on Valkey servers of the embedded cloud."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from aws_cdk import CfnOutput, RemovalPolicy, Stack

from cache_aside import Cache
from cdp_constructs import InMemoryCache
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually

REGION = "us-east-1"


@architecture
def products(stack: Stack) -> None:
    cache = InMemoryCache(stack, "Products", removal_policy=RemovalPolicy.DESTROY)
    for name, value in cache.environment.items():
        CfnOutput(stack, name.replace("_", ""), value=value)


class Products:
    """The deployed cache."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment, authority: str) -> None:
        self.cloud = cloud
        (outputs,) = deployment.outputs.values()
        self.host = outputs["CACHEHOST"]
        secret = cloud.client("secretsmanager", region=REGION).get_secret_value(SecretId=outputs["CACHESECRET"])
        self.token = json.loads(secret["SecretString"])["token"]
        self._authority = authority

    def client(self, password: str | None) -> valkey.Valkey:
        return valkey.Valkey(
            self.host,
            password=password,
            ssl=True,
            ssl_ca_certs=self._authority,
            ssl_check_hostname=True,
            socket_timeout=2,
            socket_connect_timeout=2,
        )

    def cache(self, **options: Any) -> Cache:
        """The cache as another process has it."""
        return Cache(self.client(self.token), **options)


@pytest.fixture(scope="module")
def system(
    deployed: Callable[[Callable[..., Any]], Deployment],
    local_cloud: LocalCloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Products]:
    deployment = deployed(products)
    authority: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.write_text(local_cloud.cache_certificate_authority())
    with local_cloud.open_databases():  # for this test, which is outside of the network
        yield Products(local_cloud, deployment, str(authority))


def test_nobody_is_let_in_without_the_token(system: Products) -> None:
    assert len(system.token) == 64
    assert system.client(system.token).ping()
    for password in (None, "x" * 64):
        with pytest.raises(valkey.exceptions.AuthenticationError):
            system.client(password).ping()


def test_a_value_of_one_process_is_there_for_another(system: Products) -> None:
    loads: list[int] = []

    def load() -> dict[str, Any]:
        loads.append(1)
        return {"name": "tea", "price": 3.5, "in": ["a", None]}

    assert system.cache().get("tea", load, lifetime=60) == {"name": "tea", "price": 3.5, "in": ["a", None]}
    assert system.cache().get("tea", load, lifetime=60)["name"] == "tea"
    assert loads == [1]
    system.cache().forget("tea")
    system.cache().get("tea", load, lifetime=60)
    assert loads == [1, 1]


def test_many_processes_that_ask_at_once_cause_one_load(system: Products) -> None:
    loads: list[int] = []

    def load() -> str:
        loads.append(1)
        time.sleep(0.3)
        return "value"

    found: list[str] = []
    caches = [system.cache() for _ in range(10)]
    threads = [
        threading.Thread(target=lambda cache=cache: found.append(cache.get("hot", load, lifetime=60)))
        for cache in caches
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, loads) == (["value"] * 10, [1])


def test_a_value_that_was_forgotten_while_it_was_loaded_is_not_stored(system: Products) -> None:
    def load() -> str:
        system.cache().forget("changed")
        return "old"

    assert system.cache().get("changed", load, lifetime=60) == "old"
    assert system.cache().get("changed", lambda: "new", lifetime=60) == "new"


def test_values_end_and_leave_no_key(system: Products) -> None:
    cache = system.cache(stale_seconds=0.2)
    cache.get("short", lambda: "a", lifetime=0.5)
    client = system.client(system.token)
    eventually(lambda: not client.exists("short"), within=5)
    assert not client.exists("short:lock")


def test_readers_are_answered_while_the_primary_dies_and_a_replica_takes_over(system: Products) -> None:
    cache = system.cache()
    cache.get("kept", lambda: "before", lifetime=600)
    time.sleep(0.5)  # replication is asynchronous
    system.cloud.kill_cache(system.host)
    answers = [cache.get(f"other{number}", lambda: "from the source", lifetime=60) for number in range(20)]
    assert answers == ["from the source"] * 20
    # What was in the cache is there again without a load, once the module asks it again.
    loads: list[int] = []

    def kept() -> str:
        def load() -> str:
            loads.append(1)
            return "loaded again"

        return system.cache().get("kept", load, lifetime=600)

    eventually(lambda: kept() == "before", within=20)
