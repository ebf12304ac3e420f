"""A small system of servers: a service of two tasks behind a load balancer, from an image that a test writes."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cdp_constructs.local import Deployment, LocalCloud
from tests.assembly.assemblies import AssemblyWriter
from tests.local.resources import load_balancer

REGION = "eu-west-1"
STACK = "Web"
REPOSITORY = "cdk-hnb659fds-container-assets-${AWS::AccountId}-${AWS::Region}"
DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nCOPY main.py .\nENV GREETING=hello\nCMD ["python", "/app/main.py"]\n'
SERVER = """
import http.server, json, os, signal, sys, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/hang":
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(60)  # another thread may have stopped first
        if self.path == "/slow":
            time.sleep(1.5)
        answer = {"version": VERSION, "address": self.connection.getsockname()[0], "path": self.path}
        answer["variables"] = {name: os.environ.get(name) for name in ("GREETING", "TOKEN", "AWS_REGION")}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("", 8080), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("serving", flush=True)
server.serve_forever()
server.server_close()
print("ended", flush=True)
"""


def _image(tag: str) -> dict[str, str]:
    return {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/" + f"{REPOSITORY}:{tag}"}


def _trust(service: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return {"Statement": [statement]}


def template(tag: str, **service: Any) -> dict[str, Any]:
    log = {"awslogs-group": {"Ref": "Logs"}, "awslogs-stream-prefix": "web", "awslogs-region": REGION}
    container = {
        "Name": "web",
        "Image": _image(tag),
        "Essential": True,
        "PortMappings": [{"ContainerPort": 8080, "Name": "http"}],
        "Secrets": [{"Name": "TOKEN", "ValueFrom": {"Fn::Sub": "${Secret}:token::"}}],
        "LogConfiguration": {"LogDriver": "awslogs", "Options": log},
        "StopTimeout": 5,
    }
    resources: dict[str, Any] = {
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"SecretString": json.dumps({"token": "t0k3n"})},
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": _trust("ecs-tasks.amazonaws.com")},
        },
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "NetworkMode": "awsvpc",
                "RequiresCompatibilities": ["FARGATE"],
                "Cpu": "256",
                "Memory": "512",
                "TaskRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "ContainerDefinitions": [container],
            },
        },
        "Targets": {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {
                "TargetType": "ip",
                "Port": 80,
                "Protocol": "HTTP",
                "VpcId": "vpc-1",
                "HealthCheckPath": "/health",
                "HealthCheckTimeoutSeconds": 2,
                "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}],
            },
        },
        **load_balancer("Targets"),
        "Service": {
            "Type": "AWS::ECS::Service",
            "DependsOn": "Listener",
            "Properties": {
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "Task"},
                "DesiredCount": 2,
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
                "LoadBalancers": [
                    {"ContainerName": "web", "ContainerPort": 8080, "TargetGroupArn": {"Ref": "Targets"}}
                ],
                "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
                **service,
            },
        },
    }
    outputs = {
        "Host": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}},
        **{name: {"Value": {"Ref": name}} for name in ("Cluster", "Targets", "Logs", "Bucket")},
        "Service": {"Value": {"Fn::GetAtt": ["Service", "Name"]}},
    }
    return {"Resources": resources, "Outputs": outputs}


class Web:
    """The deployed system."""

    def __init__(self, cloud: LocalCloud, folder: Path, more: Mapping[str, Any] | None = None) -> None:
        """`more` has what the template has beside its own: Resources, Outputs, and properties of Task and Container."""
        self.cloud = cloud
        self._more = more or {}
        self._folder = folder
        self._writer = AssemblyWriter(folder / "cdk.out")
        self.outputs: dict[str, str] = {}

    def deploy(
        self, version: str, program: str = SERVER, *, dockerfile: str = DOCKERFILE, **service: Any
    ) -> Deployment:
        """Deploy a version of the program."""
        context = self._writer.folder / f"asset.{version}"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(dockerfile)
        (context / "main.py").write_text(f"VERSION = {version!r}\n{program}")
        place = {"repositoryName": REPOSITORY, "imageTag": version, "region": REGION}
        image = {"displayName": "Web/Image", "source": {"directory": context.name}, "destinations": {"here": place}}
        environment = f"aws://unknown-account/{REGION}"
        described = template(version, **service)
        described["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0].update(self._more.get("Container", {}))
        for section in ("Resources", "Outputs"):
            described[section].update(self._more.get(section, {}))
        described["Resources"]["Task"]["Properties"].update(self._more.get("Task", {}))
        described["Resources"]["Service"]["DependsOn"] = self._more.get("DependsOn", "Listener")
        self._writer.stack(STACK, described, docker_images={version: image}, environment=environment)
        deployment = self.cloud.deploy(self._writer.folder)
        self.outputs = dict(deployment.outputs[STACK])
        return deployment

    def client(self, service: str) -> Any:
        return self.cloud.client(service, region=REGION)

    def get(self, path: str = "/", **options: Any) -> httpx.Response:
        options = {"timeout": 20, **options}
        return httpx.get(f"{self.cloud.endpoint}{path}", headers={"Host": self.outputs["Host"]}, **options)

    def tasks(self) -> list[dict[str, Any]]:
        """The running tasks, oldest first."""
        ecs, cluster = self.client("ecs"), self.outputs["Cluster"]
        arns = ecs.list_tasks(cluster=cluster)["taskArns"]
        found: list[dict[str, Any]] = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return sorted(found, key=lambda task: str(task["createdAt"]))

    def health(self) -> dict[str, str]:
        """State of each target, by address."""
        described = self.client("elbv2").describe_target_health(TargetGroupArn=self.outputs["Targets"])
        return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in described["TargetHealthDescriptions"]}

    def log(self) -> list[str]:
        events = self.client("logs").filter_log_events(logGroupName=self.outputs["Logs"])["events"]
        return [event["message"] for event in events]

    @contextmanager
    def asked(self) -> Iterator[Counter[int]]:
        """Ask all the time inside the block, and count the answers by status."""
        statuses: Counter[int] = Counter()
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                statuses[self.get("/asked").status_code] += 1
                time.sleep(0.01)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield statuses
        finally:
            over.set()
            asker.join()


def address(task: dict[str, Any]) -> str:
    """The private address of a task."""
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    return str(details["privateIPv4Address"])
