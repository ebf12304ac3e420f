"""Names: tasks are registered in Cloud Map, and programs in Python and Node.js find each other by name."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.ecs.web import Web, address

Eventually = Callable[..., Any]
NODE = """
const url = process.argv[1];
require("node:dns").promises.lookup(new URL(url).hostname).then(() => fetch(url)).then((answer) => answer.json())
  .then((found) => console.log(JSON.stringify(found)), (error) => console.log(JSON.stringify(String(error.cause))));
"""
SERVER = """
import asyncio, http.server, json, socket, subprocess, urllib.parse, urllib.request

NODE = PROGRAM

def ask(kind, target):
    if kind == "python":
        return json.load(urllib.request.urlopen(target, timeout=5))
    if kind == "node":
        return json.loads(subprocess.run(["node", "-e", NODE, target], capture_output=True, timeout=20).stdout)
    return sorted({found[4][0] for found in asyncio.run(resolve(target))})

async def resolve(name):
    return await asyncio.get_running_loop().getaddrinfo(name, 80, type=socket.SOCK_STREAM)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        found = {"address": self.connection.getsockname()[0], "from": self.client_address[0]}
        if query:
            try:
                found = ask(path[1:], urllib.parse.unquote(query))
            except OSError as error:
                found = str(error)
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
""".replace("PROGRAM", repr(NODE))
MORE: dict[str, Any] = {
    "Resources": {
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Namespace": {
            "Type": "AWS::ServiceDiscovery::PrivateDnsNamespace",
            "Properties": {"Name": "chat.internal", "Vpc": {"Ref": "Network"}},
        },
        "Names": {
            "Type": "AWS::ServiceDiscovery::Service",
            "Properties": {
                "Name": "web",
                "NamespaceId": {"Ref": "Namespace"},
                "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 10}], "RoutingPolicy": "MULTIVALUE"},
                "HealthCheckCustomConfig": {"FailureThreshold": 1},
            },
        },
    },
    "Outputs": {"Names": {"Value": {"Ref": "Names"}}},
}
SERVICE = {
    "ServiceRegistries": [{"RegistryArn": {"Fn::GetAtt": ["Names", "Arn"]}}],
    "ServiceConnectConfiguration": {
        "Enabled": True,
        "Namespace": "chat.internal",
        "Services": [{"PortName": "http", "ClientAliases": [{"Port": 80, "DnsName": "api"}]}],
    },
}


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"), MORE)
        deployment = system.deploy("first", SERVER, **SERVICE)
        yield system
        deployment.destroy()


def _ask(web: Web, kind: str, target: str) -> Any:
    return web.get(f"/{kind}?{quote(target, safe='')}").json()


def _discovered(web: Web, **options: Any) -> dict[str, Any]:
    found = web.client("servicediscovery").discover_instances(
        NamespaceName="chat.internal", ServiceName="web", **options
    )["Instances"]
    return {each["InstanceId"]: each["Attributes"] for each in found}


def _tasks(web: Web) -> dict[str, str]:
    return {task["taskArn"].rpartition("/")[2]: address(task) for task in web.tasks()}


def test_running_tasks_are_registered_with_their_address(web: Web) -> None:
    found = _discovered(web)
    assert {key: attributes["AWS_INSTANCE_IPV4"] for key, attributes in found.items()} == _tasks(web)
    assert {attributes["ECS_SERVICE_NAME"] for attributes in found.values()} == {web.outputs["Service"]}
    assert not _discovered(web, HealthStatus="UNHEALTHY")
    assert not _discovered(web, QueryParameters={"ECS_SERVICE_NAME": "another"})


def test_a_task_finds_others_by_their_name_in_private_dns(web: Web) -> None:
    assert _ask(web, "resolve", "web.chat.internal") == sorted(_tasks(web).values())
    assert _ask(web, "python", "http://web.chat.internal:8080/")["address"] in _tasks(web).values()
    assert "Errno" in _ask(web, "resolve", "nobody.chat.internal")


def test_service_connect_leads_from_an_alias_to_the_port_of_each_task(web: Web) -> None:
    answered = [_ask(web, "python", "http://api/") for _ in range(8)]
    assert {each["address"] for each in answered} == set(_tasks(web).values())
    assert {each["from"] for each in answered} <= set(_tasks(web).values())  # they come from the task itself
    assert "has no port 81" in _ask(web, "python", "http://api:81/")


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_programs_in_node_find_the_same_names(web: Web) -> None:
    assert _ask(web, "node", "http://web.chat.internal:8080/")["address"] in _tasks(web).values()
    assert _ask(web, "node", "http://api/")["address"] in _tasks(web).values()
    assert "has no port 81" in _ask(web, "node", "http://api:81/")


def test_a_task_that_ends_is_found_no_more(web: Web, eventually: Eventually) -> None:
    ended = web.tasks()[0]["taskArn"]
    web.cloud.kill_task(ended)
    eventually(lambda: ended.rpartition("/")[2] not in _discovered(web))
    eventually(lambda: len(_discovered(web)) == 2 and set(_discovered(web)) == set(_tasks(web)), within=30)
    ecs, cluster, service = web.client("ecs"), web.outputs["Cluster"], web.outputs["Service"]
    ecs.update_service(cluster=cluster, service=service, desiredCount=0)
    eventually(lambda: not _discovered(web))
    ecs.update_service(cluster=cluster, service=service, desiredCount=2)
    eventually(lambda: len(_discovered(web)) == 2)
