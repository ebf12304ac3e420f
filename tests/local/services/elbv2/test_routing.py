"""Application Load Balancers: rules by priority, weights, cookies and algorithms decide which target gets a request."""

import contextlib
import http.client
import json
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.containers import peers
from cdp_constructs.local.services.elbv2 import choice, health, records
from cdp_constructs.local.services.elbv2.choice import Choice
from tests.local.services.elbv2.servers import (
    Target,
    attributes,
    balancer,
    fixed,
    forward,
    group,
    listener,
    rule,
    template,
)

SLOW_START = "slow_start.duration_seconds"


@pytest.fixture(scope="module")
def targets() -> Iterator[list[Target]]:
    with Target("first") as first, Target("second") as second:
        yield [first, second]


def _weighted(first: int, second: int, **stickiness: Any) -> dict[str, Any]:
    weights = [("First", first), ("Second", second)]
    configuration: dict[str, Any] = {
        "TargetGroups": [{"TargetGroupArn": {"Ref": name}, "Weight": weight} for name, weight in weights]
    }
    if stickiness:
        configuration["TargetGroupStickinessConfig"] = stickiness
    return {"Type": "forward", "ForwardConfig": configuration}


def _host(name: str) -> list[dict[str, Any]]:
    return [{"Field": "host-header", "HostHeaderConfig": {"Values": [name]}}]


@pytest.fixture(scope="module")
def outputs(stacks: Any, targets: list[Target]) -> dict[str, str]:
    first, second = (each.port for each in targets)
    sticky = attributes(stickiness__enabled="true", stickiness__type="lb_cookie")
    by_application = attributes(
        stickiness__enabled="true", stickiness__type="app_cookie", stickiness__app_cookie__cookie_name="session"
    )
    least = attributes(load_balancing__algorithm__type="least_outstanding_requests")
    query = [{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "which", "Value": "query"}]}}]
    deployed: dict[str, str] = stacks.deploy(
        template(
            Balancer=balancer(),
            Listener=listener(fixed("default")),
            First=group(first),
            Second=group(second),
            Sticky=group(first, second, TargetGroupAttributes=sticky),
            Application=group(first, second, TargetGroupAttributes=by_application),
            Least=group(first, second, TargetGroupAttributes=least),
            Later=rule(20, _host("a.example"), fixed("later")),
            Sooner=rule(3, _host("?.example"), fixed("sooner")),
            Query=rule(4, query, fixed("query")),
            Weights=rule(5, _host("weights"), _weighted(0, 10)),
            NoWeights=rule(6, _host("none"), _weighted(0, 0)),
            Groups=rule(7, _host("groups"), _weighted(1, 1, Enabled=True, DurationSeconds=60)),
            StickyRule=rule(8, _host("sticky"), forward("Sticky")),
            ApplicationRule=rule(9, _host("application"), forward("Application")),
            LeastRule=rule(10, _host("least"), forward("Least")),
            Users=rule(11, _host("users"), {"Type": "authenticate-cognito", "Order": 1}),
        )
    )
    return deployed


class Client:
    """Sends requests under names that rules know, and remembers no cookie by itself."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(retries=False, timeout=10)

    def get(self, host: str, path: str = "/", cookie: str = "") -> urllib3.BaseHTTPResponse:
        headers = {"Host": host, **({"Cookie": cookie} if cookie else {})}
        return self._pool.request("GET", f"{self._url}{path}", headers=headers)

    def name(self, host: str, path: str = "/", cookie: str = "") -> str:
        return str(json.loads(self.get(host, path, cookie).data)["name"])


def _cookies(answer: urllib3.BaseHTTPResponse) -> dict[str, str]:
    pairs = (each.partition(";")[0].partition("=") for each in answer.headers.getlist("Set-Cookie"))
    return {name: value for name, _, value in pairs}


@pytest.fixture(scope="module")
def client(cloud: LocalCloud, outputs: dict[str, str]) -> Client:
    cloud.check_targets(1)
    return Client(cloud.listener_url(outputs["Listener"]))


def test_the_rule_with_the_lowest_priority_whose_conditions_are_met_decides(client: Client) -> None:
    assert client.get("a.example").data == b"sooner"
    assert client.get("unknown", "/?which=query").data == b"query"
    assert client.get("unknown").data == b"default"


def test_a_rule_is_described_as_the_template_has_it(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    elbv2 = cloud.client("elbv2")
    [query] = elbv2.describe_rules(RuleArns=[outputs["Query"]])["Rules"]
    [condition] = query["Conditions"]
    assert condition["QueryStringConfig"]["Values"] == [{"Key": "which", "Value": "query"}]
    [groups] = elbv2.describe_rules(RuleArns=[outputs["Groups"]])["Rules"]
    configuration = groups["Actions"][0]["ForwardConfig"]
    assert [each["Weight"] for each in configuration["TargetGroups"]] == [1, 1]
    assert configuration["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 60}
    [first] = elbv2.describe_target_groups(TargetGroupArns=[outputs["First"]])["TargetGroups"]
    assert first["LoadBalancerArns"] == [outputs["Balancer"]]


def test_a_rule_made_by_the_api_acts(cloud: LocalCloud, outputs: dict[str, str], client: Client) -> None:
    elbv2 = cloud.client("elbv2")
    groups = [{"TargetGroupArn": outputs["First"], "Weight": 1}, {"TargetGroupArn": outputs["Second"], "Weight": 0}]
    [made] = elbv2.create_rule(
        ListenerArn=outputs["Listener"],
        Priority=1,
        Conditions=[{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "api", "Value": "*"}]}}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
    )["Rules"]
    assert {client.name("any", "/?api=1") for _ in range(6)} == {"first"}
    elbv2.delete_rule(RuleArn=made["RuleArn"])
    assert client.get("any", "/?api=1").data == b"default"


def test_weights_choose_the_target_group(client: Client) -> None:
    assert {client.name("weights") for _ in range(6)} == {"second"}
    assert client.get("none").status == 503


def test_requests_take_turns_among_targets(client: Client) -> None:
    assert Counter(client.name("sticky") for _ in range(6)) == {"first": 3, "second": 3}
    assert Counter(client.name("least") for _ in range(6)) == {"first": 3, "second": 3}


def test_the_fewest_outstanding_requests_decide(
    client: Client, targets: list[Target], eventually: Callable[..., Any]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.get, "least", "/hang")
        busy = eventually(lambda: next((each.name for each in targets if each.waiting), None))
        assert {client.name("least") for _ in range(6)} == {"first", "second"} - {busy}
        for each in targets:
            each.proceed.set()
        held.result()
        for each in targets:
            each.proceed.clear()


def test_a_target_that_is_new_gets_its_share_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (Choice({"TargetGroupArn": "group"}, "127.0.0.1", port) for port in (1, 2))
    monkeypatch.setattr(records, "group_attribute", lambda _arn, key, default="": {SLOW_START: "100"}.get(key, default))
    monkeypatch.setattr(health, "healthy_seconds", lambda _arn, _address, port: {1: 500.0, 2: 1.0}[port])
    chosen = Counter(choice.by_load("group", [old, new]).port for _ in range(200))
    assert chosen[2] < 40 < chosen[1]  # about 2 of 200
    monkeypatch.setattr(health, "healthy_seconds", lambda *_: 500.0)
    assert Counter(choice.by_load("group", [old, new]).port for _ in range(200)) == {1: 100, 2: 100}


@pytest.mark.parametrize(
    ("host", "names"), [("sticky", {"AWSALB", "AWSALBCORS"}), ("groups", {"AWSALBTG", "AWSALBTGCORS"})]
)
def test_a_cookie_of_the_load_balancer_keeps_the_target(client: Client, host: str, names: set[str]) -> None:
    answer = client.get(host)
    cookies = _cookies(answer)
    assert cookies.keys() == names
    name = json.loads(answer.data)["name"]
    cookie = "; ".join(f"{key}={value}" for key, value in cookies.items())
    assert {client.name(host, cookie=cookie) for _ in range(8)} == {name}
    assert {client.name(host, cookie="AWSALB=bm8=; AWSALBTG=bm8=") for _ in range(20)} == {"first", "second"}


def test_a_cookie_of_the_application_keeps_the_target_once_it_was_set(client: Client) -> None:
    assert not _cookies(client.get("application"))
    answer = client.get("application", "/cookie")
    cookies = _cookies(answer)
    assert cookies.keys() == {"session", "AWSALBAPP-0"}
    name = json.loads(answer.data)["name"]
    both = f"session=1; AWSALBAPP-0={cookies['AWSALBAPP-0']}"
    assert {client.name("application", cookie=both) for _ in range(6)} == {name}
    only = f"AWSALBAPP-0={cookies['AWSALBAPP-0']}"
    assert {client.name("application", cookie=only) for _ in range(6)} == {"first", "second"}


def test_an_action_that_authenticates_is_refused_and_not_skipped(client: Client) -> None:
    answer = client.get("users")
    assert answer.status == 501
    assert b"does not execute the action authenticate-cognito" in answer.data


def test_an_unhealthy_target_gets_no_requests(cloud: LocalCloud, client: Client, targets: list[Target]) -> None:
    targets[0].status = 500
    try:
        cloud.check_targets(2)
        assert {client.name("sticky") for _ in range(6)} == {"second"}
        targets[1].status = 500
        cloud.check_targets(2)  # when none is healthy, all get requests
        assert {client.get("sticky").status for _ in range(6)} == {500}
    finally:
        for each in targets:
            each.status = 200
        cloud.check_targets(5)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process need Linux")
def test_a_request_is_answered_when_no_connection_to_a_target_can_be_had(
    cloud: LocalCloud, outputs: dict[str, str], client: Client
) -> None:
    address = urlsplit(cloud.listener_url(outputs["Listener"]))
    assert address.hostname is not None
    assert address.port is not None
    server = peers.process_of(address.hostname, address.port)
    assert server is not None

    def status(connection: http.client.HTTPConnection) -> int:
        connection.request("GET", "/", headers={"Host": "least"})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=10)) as connection:
        assert status(connection) == 200
        _, most = resource.prlimit(server, resource.RLIMIT_NOFILE)
        files = resource.prlimit(server, resource.RLIMIT_NOFILE, (3, most))  # it may open nothing more
        try:
            assert status(connection) == 502
        finally:
            resource.prlimit(server, resource.RLIMIT_NOFILE, files)
        assert status(connection) == 200
    assert client.name("least") in {"first", "second"}
