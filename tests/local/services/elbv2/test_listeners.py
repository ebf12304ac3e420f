"""Application Load Balancers: what comes to the address of a listener reaches a target, or is answered as on AWS."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from cdp_constructs.cli.endpoints import endpoints
from cdp_constructs.local import LocalCloud
from tests.assembly.assemblies import AssemblyWriter
from tests.local.services.elbv2.servers import (
    LOOPBACK,
    Target,
    attributes,
    balancer,
    closed_port,
    fixed,
    forward,
    group,
    listener,
    rule,
    template,
)

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as running:
        yield running


@pytest.fixture(scope="module")
def dead() -> Iterator[int]:
    with closed_port() as port:
        yield port


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(f"echo {message!s}")


@pytest.fixture(scope="module")
def websocket_port() -> Iterator[int]:
    with serve(_echo, LOOPBACK, 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.socket.getsockname()[1])


def _talk(connection: ClientConnection, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.send("again")
        connection.recv(5)
        time.sleep(0.1)


def _states(cloud: LocalCloud, target_group: str) -> list[str]:
    described = cloud.client("elbv2").describe_target_health(TargetGroupArn=target_group)
    return [each["TargetHealth"]["State"] for each in described["TargetHealthDescriptions"]]


def _path(pattern: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": [pattern]}}]


@pytest.fixture(scope="module")
def outputs(stacks: Any, target: Target, dead: int, websocket_port: int) -> dict[str, str]:
    short = attributes(deregistration_delay__timeout_seconds="3")
    upgrades = {"Matcher": {"HttpCode": "426"}}  # what a server of WebSockets says to a health check
    deployed: dict[str, str] = stacks.deploy(
        template(
            Balancer=balancer(LoadBalancerAttributes=attributes(idle_timeout__timeout_seconds="4")),
            Listener=listener(forward("Targets")),
            Targets=group(target.port),
            Dead=group(dead),
            Empty=group(),
            Sockets=group(websocket_port, TargetGroupAttributes=short, **upgrades),
            DeadRule=rule(1, _path("/dead"), forward("Dead")),
            EmptyRule=rule(2, _path("/empty"), forward("Empty")),
            SocketRule=rule(3, _path("/socket"), forward("Sockets")),
            FixedRule=rule(4, _path("/fixed"), fixed("as it is", "418")),
        )
    )
    return deployed


@pytest.fixture(scope="module")
def url(cloud: LocalCloud, outputs: dict[str, str]) -> str:
    cloud.check_targets(1)
    return cloud.listener_url(outputs["Listener"])


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        yield pool


def test_a_listener_has_its_own_address_which_the_load_balancer_names(
    cloud: LocalCloud, outputs: dict[str, str], url: str, http: urllib3.PoolManager
) -> None:
    described = cloud.client("elbv2").describe_load_balancers(LoadBalancerArns=[outputs["Balancer"]])["LoadBalancers"]
    address = described[0]["AvailabilityZones"][0]["LoadBalancerAddresses"][0]["IpAddress"]
    assert urlsplit(url).hostname == address
    assert address.startswith("127.")
    assert address != LOOPBACK
    answer = http.request("POST", f"{url}/a%20b?c=d", body=b"hello", headers={"X-Forwarded-For": "192.0.2.1"})
    told = json.loads(answer.data)
    assert (answer.status, told["path"], told["body"]) == (200, "/a%20b?c=d", "hello")
    assert told["headers"]["x-forwarded-for"].startswith("192.0.2.1, 127.")
    assert (told["headers"]["x-forwarded-proto"], told["headers"]["x-forwarded-port"]) == ("http", "80")
    assert told["headers"]["x-amzn-trace-id"].startswith("Root=1-")


def test_the_name_on_the_gateway_leads_to_the_same_listener(
    cloud: LocalCloud, outputs: dict[str, str], http: urllib3.PoolManager
) -> None:
    answer = http.request("GET", f"{cloud.endpoint}/by-name?a=b", headers={"Host": outputs["Name"]})
    told = json.loads(answer.data)
    assert (told["path"], told["headers"]["host"]) == ("/by-name?a=b", outputs["Name"])


def test_one_connection_carries_many_requests(url: str) -> None:
    where = urlsplit(url)
    with urllib3.HTTPConnectionPool(str(where.hostname), where.port, maxsize=1, retries=False) as pool:
        for index in range(3):
            assert json.loads(pool.request("GET", f"/{index}").data)["path"] == f"/{index}"
        assert pool.request("HEAD", "/head").status == 200
        assert pool.request("GET", "/fixed").data == b"as it is"
        assert pool.num_connections == 1


@pytest.mark.parametrize(
    ("path", "status"), [("/dead", 502), ("/broken", 502), ("/hang", 504), ("/empty", 503), ("/fixed", 418)]
)
def test_a_target_that_fails_is_answered_for(url: str, http: urllib3.PoolManager, path: str, status: int) -> None:
    answer = http.request("GET", f"{url}{path}")
    assert answer.status == status
    assert answer.headers["Server"] == "awselb/2.0"


def test_what_is_too_long_or_no_http_is_refused(url: str, http: urllib3.PoolManager) -> None:
    assert http.request("GET", f"{url}/", headers={"X-Long": "x" * 17_000}).status == 400
    assert http.request("GET", f"{url}/", headers={f"X-{index}": "x" * 10_000 for index in range(7)}).status == 400
    assert http.request("GET", f"{url}/{'x' * 17_000}").status == 414
    assert http.request("TRACE", f"{url}/").status == 405
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), 10) as connection:
        connection.sendall(b"no http\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection((where.hostname, where.port), 10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-")  # and no more
        assert connection.recv(1024).startswith(b"HTTP/1.1 408 ")


def test_a_long_response_comes_as_the_target_sends_it(url: str, http: urllib3.PoolManager, target: Target) -> None:
    target.proceed.clear()
    answer = http.request("GET", f"{url}/stream", preload_content=False)
    chunks = answer.stream(5)
    assert next(chunks) == b"first"  # while the target waits
    target.proceed.set()
    assert b"".join(chunks) == b"last"
    target.proceed.clear()


def test_websockets_pass_in_both_directions_until_they_are_idle(url: str) -> None:
    with connect(url.replace("http", "ws") + "/socket") as connection:
        for text in ("one", "two"):
            connection.send(text)
            assert connection.recv(5) == f"echo {text}"
        started = time.monotonic()
        with pytest.raises(ConnectionClosed):
            connection.recv(30)
        assert 3 < time.monotonic() - started < 20  # the idle timeout is 4 seconds


def test_a_websocket_is_closed_when_its_target_was_deregistered_and_the_delay_is_over(
    cloud: LocalCloud, outputs: dict[str, str], url: str, websocket_port: int, eventually: Eventually
) -> None:
    elbv2 = cloud.client("elbv2")
    with connect(url.replace("http", "ws") + "/socket") as connection:
        gone = [{"Id": LOOPBACK, "Port": websocket_port}]
        elbv2.deregister_targets(TargetGroupArn=outputs["Sockets"], Targets=gone)
        try:
            connection.send("still there")
            assert connection.recv(5) == "echo still there"
            eventually(lambda: _states(cloud, outputs["Sockets"]) == ["draining"])
            with pytest.raises(ConnectionClosed):
                _talk(connection, seconds=30)  # it is never idle
        finally:
            elbv2.register_targets(TargetGroupArn=outputs["Sockets"], Targets=gone)


def test_nothing_listens_when_the_stack_is_gone(cloud: LocalCloud, stacks: Any) -> None:
    deployed = stacks.deploy(template(Balancer=balancer(), Listener=listener(fixed("here"))), name="passing")
    where = urlsplit(cloud.listener_url(deployed["Listener"]))
    with socket.create_connection((where.hostname, where.port), 5):
        pass
    stacks.delete("passing")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((where.hostname, where.port), 5)


def test_a_load_balancer_of_the_api_listens_as_long_as_it_exists(cloud: LocalCloud) -> None:
    elbv2 = cloud.client("elbv2")
    [made] = elbv2.create_load_balancer(Name="by-api", Type="network", Subnets=["subnet-1"])["LoadBalancers"]
    [targets] = elbv2.create_target_group(Name="by-api", Protocol="TCP", Port=80, VpcId="vpc-1")["TargetGroups"]
    assert targets["HealthCheckProtocol"] == "TCP"
    balancer_arn, group_arn = made["LoadBalancerArn"], targets["TargetGroupArn"]
    assert balancer_arn.partition("loadbalancer/")[2].startswith("net/by-api/")
    forwards = [{"Type": "forward", "TargetGroupArn": group_arn}]
    request = {"LoadBalancerArn": balancer_arn, "Protocol": "TCP", "Port": 9000, "DefaultActions": forwards}
    [opened] = elbv2.create_listener(**request)["Listeners"]
    where = urlsplit(cloud.listener_url(opened["ListenerArn"]))
    with socket.create_connection((where.hostname, where.port), 5):
        pass
    elbv2.modify_listener(ListenerArn=opened["ListenerArn"], Port=9001)
    moved = urlsplit(cloud.listener_url(opened["ListenerArn"]))
    assert (moved.hostname, moved.port) == (where.hostname, 9001)
    elbv2.delete_load_balancer(LoadBalancerArn=balancer_arn)
    elbv2.delete_target_group(TargetGroupArn=group_arn)
    for each in (where, moved):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((each.hostname, each.port), 5)


def test_a_listener_that_ends_tls_needs_a_certificate(stacks: Any) -> None:
    with pytest.raises(AssertionError, match="A certificate must be specified for HTTPS listeners"):
        stacks.deploy(template(Balancer=balancer(), Listener=listener(fixed("here"), Port=443, Protocol="HTTPS")))


def test_a_region_that_is_cut_off_has_no_listeners_for_clients_outside(cloud: LocalCloud, stacks: Any) -> None:
    region = "eu-north-1"
    deployed = stacks.deploy(template(Balancer=balancer(), Listener=listener(fixed("here"))), region=region)
    url, by_name = cloud.listener_url(deployed["Listener"]), {"Host": deployed["Name"]}
    with urllib3.PoolManager(retries=False, timeout=10) as pool:
        assert pool.request("GET", url).status == 200
        with cloud.cut_off(region):
            with pytest.raises(urllib3.exceptions.HTTPError):  # the connection is open
                pool.request("GET", url)
            with pytest.raises(urllib3.exceptions.HTTPError):
                pool.request("GET", url)
            assert pool.request("GET", cloud.endpoint, headers=by_name).status == 503
        assert pool.request("GET", url).status == 200


def test_a_region_that_is_cut_off_closes_what_clients_outside_have_open(
    cloud: LocalCloud, stacks: Any, websocket_port: int
) -> None:
    region = "eu-north-1"
    parts = template(Balancer=balancer(), Group=group(websocket_port), Listener=listener(forward("Group")))
    url = cloud.listener_url(stacks.deploy(parts, region=region)["Listener"]).replace("http", "ws", 1)
    with connect(url, proxy=None) as client:
        client.send("hello")
        assert client.recv(timeout=10) == "echo hello"
        with cloud.cut_off(region), pytest.raises(ConnectionClosed):
            client.recv(timeout=10)


def test_a_deployment_says_where_its_listeners_are(cloud: LocalCloud, writer: AssemblyWriter) -> None:
    internal = {"Private": balancer(Scheme="internal"), "Inner": listener(fixed("inner"))}
    internal["Inner"]["Properties"]["LoadBalancerArn"] = {"Ref": "Private"}
    writer.stack("Web", template(Balancer=balancer(), Listener=listener(fixed("here"), Port=8080), **internal))
    deployment = cloud.deploy(writer.folder)
    try:
        [found] = endpoints(cloud, deployment)
        assert (found.logical_id, found.kind, urlsplit(found.url).port) == ("Listener", "listener", 8080)
        assert urllib3.request("GET", found.url).data == b"here"
    finally:
        deployment.destroy()


def test_https_shows_the_certificate_that_the_client_asks_for(cloud: LocalCloud, stacks: Any) -> None:
    acm = cloud.client("acm")
    arns = [acm.request_certificate(DomainName=name)["CertificateArn"] for name in ("shop.example", "*.help.example")]
    secure = {"Port": 443, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": arns[0]}]}
    leads = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    more = {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerCertificate",
        "Properties": {"ListenerArn": {"Ref": "Listener"}, "Certificates": [{"CertificateArn": arns[1]}]},
    }
    deployed = stacks.deploy(
        template(
            Balancer=balancer(),
            Listener=listener(fixed("secure"), **secure),
            Plain=listener(leads),
            More=more,
        )
    )
    where = urlsplit(cloud.listener_url(deployed["Listener"]))
    trust = ssl.create_default_context(cadata=cloud.balancer_certificate_authority())

    def shown(name: str) -> set[str]:
        with (
            socket.create_connection((where.hostname, where.port), 5) as plain,
            trust.wrap_socket(plain, server_hostname=name) as connection,
        ):
            certificate: Any = connection.getpeercert()
            return {value for _, value in certificate["subjectAltName"]}

    assert shown("shop.example") == {"shop.example", deployed["Name"], where.hostname}
    assert "*.help.example" in shown("me.help.example")
    assert "shop.example" in shown(str(where.hostname))  # the default certificate, for the address
    with pytest.raises(ssl.SSLCertVerificationError):
        shown("other.example")
    listed = cloud.client("elbv2").describe_listener_certificates(ListenerArn=deployed["Listener"])["Certificates"]
    assert [(each["CertificateArn"], each["IsDefault"]) for each in listed] == [(arns[0], True), (arns[1], False)]

    with urllib3.PoolManager(ssl_context=trust, retries=urllib3.Retry(redirect=1)) as pool:
        answer = pool.request("GET", f"{cloud.listener_url(deployed['Plain'])}/a?b=c", redirect=False)
        assert (answer.status, answer.headers["Location"].endswith("/a?b=c")) == (301, True)
        assert pool.request("GET", f"{cloud.listener_url(deployed['Plain'])}/a").data == b"secure"

    # A load balancer encrypts to such targets, and does not ask who they are.
    checked = {"HealthCheckProtocol": "HTTPS", "Protocol": "HTTPS"}
    there = [{"Id": where.hostname, "Port": where.port}]
    front = stacks.deploy(
        template(Balancer=balancer(), Listener=listener(forward("Targets")), Targets=group(**checked, Targets=there))
    )
    cloud.check_targets(1)
    assert _states(cloud, front["Targets"]) == ["healthy"]
    assert urllib3.request("GET", cloud.listener_url(front["Listener"])).data == b"secure"


def test_two_clouds_have_the_same_ports_at_other_addresses_and_leave_none(
    cloud: LocalCloud, writer: AssemblyWriter, stacks: Any
) -> None:
    both = template(Balancer=balancer(), Listener=listener(fixed("here"), Port=9090))
    here = urlsplit(cloud.listener_url(stacks.deploy(both)["Listener"]))
    writer.stack("Web", both)
    with LocalCloud.start(timeout=120) as other:
        outputs = other.deploy(writer.folder).outputs["Web"]
        there = urlsplit(other.listener_url(outputs["Listener"]))
        assert (here.port, there.port) == (9090, 9090)
        assert here.hostname != there.hostname
        for each in (here, there):
            assert urllib3.request("GET", each.geturl()).data == b"here"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((there.hostname, there.port), 5)
    assert urllib3.request("GET", here.geturl()).data == b"here"
