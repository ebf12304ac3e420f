"""Security groups: who is not allowed in is refused by tasks, databases and caches, at once when a rule changes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
import valkey

from cdp_constructs.local import LocalCloud
from tests.local.resources import function, role
from tests.local.services.ecs.web import REGION, Web, address

Eventually = Callable[..., Any]
PASSWORD = "not-for-production"  # of a database that lives as long as this test
DOCKERFILE = """
FROM python:3.13-slim
RUN pip install psycopg[binary]
WORKDIR /app
COPY main.py .
CMD ["python", "/app/main.py"]
"""
SERVER = """
import http.server, json, socket, ssl

def reach(kind, host, port):
    try:
        if kind == "postgres":
            import psycopg
            target = f"host={host} port={port} user=chat password=PASSWORD dbname=postgres connect_timeout=5"
            with psycopg.connect(target) as connection:
                return connection.execute("select 'reached'").fetchone()[0]
        with socket.create_connection((host, int(port)), 5) as connection:
            if kind == "cache-over-tls":
                connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
            connection.sendall(b"PING\\r\\n" if "cache" in kind else b"GET /health HTTP/1.0\\r\\n\\r\\n")
            return "reached" if connection.recv(100) else "closed"
    except Exception as error:
        return f"refused: {type(error).__name__} {error}"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        found = reach(*query.split(",")) if path == "/reach" else "healthy"
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
""".replace("PASSWORD", PASSWORD)
FUNCTION = """
import socket
def handler(event, context):
    try:
        with socket.create_connection((event["host"], event["port"]), 5) as connection:
            connection.sendall(b"PING\\r\\n")
            return "reached" if connection.recv(100) else "refused"
    except OSError as error:
        return f"refused: {error}"
"""


def _group(*ingress: dict[str, Any]) -> dict[str, Any]:
    rules = [{"IpProtocol": "tcp", **rule} for rule in ingress]
    properties = {"GroupDescription": "of a test", "VpcId": {"Ref": "Network"}, "SecurityGroupIngress": rules}
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}


def _port(port: int) -> dict[str, int]:
    return {"FromPort": port, "ToPort": port}


def _rule(group: str, source: str, port: int) -> dict[str, Any]:
    properties = {
        "GroupId": {"Ref": group},
        "IpProtocol": "tcp",
        "SourceSecurityGroupId": {"Ref": source},
        **_port(port),
    }
    return {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": properties}


def _function(**properties: Any) -> dict[str, Any]:
    return function(FUNCTION, "FunctionRole", Timeout=20, **properties)


def _attribute(resource: str, name: str) -> dict[str, Any]:
    return {"Value": {"Fn::GetAtt": [resource, name]}}


MORE: dict[str, Any] = {
    "Resources": {
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Network"},
                "CidrBlock": "10.0.0.0/24",
                "AvailabilityZone": f"{REGION}a",
            },
        },
        "Front": _group({**_port(80), "CidrIp": "0.0.0.0/0"}),
        "App": _group(),
        "AppFromFront": _rule("App", "Front", 8080),
        "Data": _group({**_port(6379), "CidrIp": "10.0.0.0/16"}),
        "DataFromApp": _rule("Data", "App", 5432),
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Subnets": [{"Ref": "Subnet"}], "SecurityGroups": [{"Ref": "Front"}]},
        },
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "Engine": "postgres",
                "DBInstanceClass": "db.t4g.small",
                "AllocatedStorage": "20",
                "MasterUsername": "chat",
                "MasterUserPassword": PASSWORD,
                "VPCSecurityGroups": [{"Ref": "Data"}],
            },
        },
        "Cache": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {
                "ReplicationGroupDescription": "sessions",
                "Engine": "valkey",
                "CacheNodeType": "cache.t4g.small",
                "NumNodeGroups": 1,
                "ReplicasPerNodeGroup": 0,
                "SecurityGroupIds": [{"Ref": "Data"}],
            },
        },
        "EncryptedCache": {
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": {
                "ReplicationGroupDescription": "over TLS",
                "Engine": "valkey",
                "CacheNodeType": "cache.t4g.small",
                "NumNodeGroups": 1,
                "ReplicasPerNodeGroup": 0,
                "SecurityGroupIds": [{"Ref": "Data"}],
                "TransitEncryptionEnabled": True,
            },
        },
        "FunctionRole": role(),
        "Inside": _function(VpcConfig={"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Ref": "App"}]}),
        "Elsewhere": _function(),
    },
    "Outputs": {
        **{name: {"Value": {"Ref": name}} for name in ("App", "Data", "Front", "Inside", "Elsewhere")},
        "Database": _attribute("Database", "Endpoint.Address"),
        "Cache": _attribute("Cache", "PrimaryEndPoint.Address"),
        "EncryptedCache": _attribute("EncryptedCache", "PrimaryEndPoint.Address"),
    },
    # What a task asks of itself meets no security group: without that, no task would become healthy.
    "Container": {
        "HealthCheck": {
            "Command": ["CMD", "python", "-c", "import urllib.request as web; web.urlopen('http://localhost:8080/')"],
            "Interval": 5,
            "Retries": 2,
            "StartPeriod": 60,
        }
    },
}
NETWORK = {
    "NetworkConfiguration": {
        "AwsvpcConfiguration": {"Subnets": [{"Ref": "Subnet"}], "SecurityGroups": [{"Ref": "App"}]}
    }
}


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"), MORE)
        deployment = system.deploy("first", SERVER, dockerfile=DOCKERFILE, **NETWORK)
        yield system
        deployment.destroy()


def _reach(web: Web, kind: str, host: str, port: int) -> str:
    """What a task sees that connects."""
    return str(web.get(f"/reach?{kind},{host},{port}").json())


def _call(web: Web, name: str, host: str, port: int) -> str:
    payload = json.dumps({"host": host, "port": port})
    answer = web.client("lambda").invoke(FunctionName=web.outputs[name], Payload=payload)
    return str(json.loads(answer["Payload"].read()))


def test_a_load_balancer_reaches_its_targets_if_their_group_lets_its_group_in(web: Web) -> None:
    assert web.get().json() == "healthy"
    rule = {
        "GroupId": web.outputs["App"],
        "IpPermissions": [
            {"IpProtocol": "tcp", **_port(8080), "UserIdGroupPairs": [{"GroupId": web.outputs["Front"]}]}
        ],
    }
    ec2 = web.client("ec2")
    ec2.revoke_security_group_ingress(**rule)
    assert web.get().status_code == 502
    ec2.authorize_security_group_ingress(**rule)
    assert web.get().json() == "healthy"


def test_nobody_else_reaches_a_task(web: Web) -> None:
    first, second = (address(task) for task in web.tasks())
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{first}:8080/")
    assert "no ingress rule" in _reach(web, "task", first, 8080) + _reach(web, "task", second, 8080)


def test_a_task_reaches_what_lets_its_group_or_its_addresses_in(web: Web) -> None:
    assert _reach(web, "postgres", web.outputs["Database"], 5432) == "reached"
    assert _reach(web, "cache", web.outputs["Cache"], 6379) == "reached"


def test_a_task_trusts_the_certificates_of_caches_as_those_of_the_public_authorities(web: Web) -> None:
    assert _reach(web, "cache-over-tls", web.outputs["EncryptedCache"], 6379) == "reached"


def test_clients_outside_of_the_network_are_refused_until_databases_are_opened(web: Web) -> None:
    target = {"host": web.outputs["Database"], "user": "chat", "password": PASSWORD, "dbname": "postgres"}
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**target)
    with pytest.raises(valkey.exceptions.ConnectionError):
        valkey.Valkey(web.outputs["Cache"]).ping()
    with web.cloud.open_databases():
        assert valkey.Valkey(web.outputs["Cache"]).ping()
        with psycopg.connect(**target) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**target)


def test_functions_reach_a_cache_from_their_network_only(web: Web) -> None:
    assert _call(web, "Inside", web.outputs["Cache"], 6379) == "reached"
    assert _call(web, "Elsewhere", web.outputs["Cache"], 6379).startswith("refused")


def test_a_rule_that_is_gone_counts_at_once_and_the_log_says_why(web: Web) -> None:
    rule = {
        "GroupId": web.outputs["Data"],
        "IpPermissions": [{"IpProtocol": "tcp", **_port(5432), "UserIdGroupPairs": [{"GroupId": web.outputs["App"]}]}],
    }
    ec2 = web.client("ec2")
    ec2.revoke_security_group_ingress(**rule)
    assert _reach(web, "postgres", web.outputs["Database"], 5432).startswith("refused")
    ec2.authorize_security_group_ingress(**rule)
    assert _reach(web, "postgres", web.outputs["Database"], 5432) == "reached"
    log = web.cloud.log_file.read_text() if web.cloud.log_file else ""
    assert f"at port 5432: no ingress rule of {web.outputs['Data']} allows it" in log


def test_without_a_rule_for_what_leaves_a_task_nothing_does(web: Web) -> None:
    everything = {
        "GroupId": web.outputs["App"],
        "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    }
    ec2 = web.client("ec2")
    ec2.revoke_security_group_egress(**everything)
    assert _reach(web, "cache", web.outputs["Cache"], 6379) != "reached"
    ec2.authorize_security_group_egress(**everything)
    assert _reach(web, "cache", web.outputs["Cache"], 6379) == "reached"
