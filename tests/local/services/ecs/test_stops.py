"""A task that is to stop is there until its containers have ended: as it is described, and in events."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.ecs.web import REGION, Web, address

Eventually = Callable[..., Any]
# It answers after it was told to end, and ends when it is asked to.
PROGRAM = """
import http.server, os, signal, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"ok"
        if self.path == "/metadata":
            body = urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task", timeout=10).read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if self.path == "/end":
            os._exit(7)

    def log_message(self, *arguments):
        pass

if os.environ.get("STAYS"):
    signal.signal(signal.SIGTERM, lambda *_: print("asked to end", flush=True))
http.server.ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
"""
QUEUE = {"Fn::GetAtt": ["Changes", "Arn"]}
MORE: dict[str, Any] = {
    "Container": {"StopTimeout": 110, "Environment": [{"Name": "STAYS", "Value": "yes"}]},
    "Resources": {
        "Changes": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "changes.fifo", "FifoQueue": True, "ContentBasedDeduplication": True},
        },
        "MaySend": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Changes"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sqs:SendMessage",
                            "Resource": QUEUE,
                            "Principal": {"Service": "events.amazonaws.com"},
                        }
                    ]
                },
            },
        },
        "Told": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]},
                "Targets": [{"Id": "Queue", "Arn": QUEUE, "SqsParameters": {"MessageGroupId": "tasks"}}],
            },
        },
    },
    "Outputs": {"Changes": {"Value": {"Ref": "Changes"}}},
    "DependsOn": ["Listener", "Told"],
}


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"), MORE)
        deployment = system.deploy("first", PROGRAM)
        yield system
        deployment.destroy()


def ask(task: dict[str, Any], path: str = "/", port: int = 8080) -> bool:
    """Ask a task itself, and not the load balancer; return whether it answers."""
    try:
        return httpx.get(f"http://{address(task)}:{port}{path}", timeout=20, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def metadata(task: dict[str, Any]) -> tuple[str, str, str]:
    """The task, its status and the desired one, as the container itself is told them."""
    answer = httpx.get(f"http://{address(task)}:8080/metadata", timeout=20, trust_env=False).json()
    return answer["TaskARN"], answer["KnownStatus"], answer["DesiredStatus"]


def described(web: Web, task: dict[str, Any]) -> dict[str, Any]:
    found = web.client("ecs").describe_tasks(cluster=web.outputs["Cluster"], tasks=[task["taskArn"]])
    [one] = found["tasks"]
    return dict(one)


def stop(web: Web, task: dict[str, Any], until: str, eventually: Eventually) -> dict[str, Any]:
    web.client("ecs").stop_task(cluster=web.outputs["Cluster"], task=task["taskArn"], reason="a test")
    return reached(web, task, until, eventually)


def reached(web: Web, task: dict[str, Any], status: str, eventually: Eventually) -> dict[str, Any]:
    eventually(lambda: described(web, task)["lastStatus"] == status, within=60)
    return described(web, task)


def changes(web: Web, task: dict[str, Any], eventually: Eventually) -> list[dict[str, Any]]:
    """The details of the events about a task until it has stopped."""
    sqs, found = web.client("sqs"), list[dict[str, Any]]()

    def stopped() -> bool:
        received = sqs.receive_message(QueueUrl=web.outputs["Changes"], MaxNumberOfMessages=10).get("Messages", [])
        for message in received:
            event = json.loads(message["Body"])
            if event["resources"] == [task["taskArn"]]:
                assert event["detail"]["taskArn"] == task["taskArn"]
                found.append(event["detail"])
            sqs.delete_message(QueueUrl=web.outputs["Changes"], ReceiptHandle=message["ReceiptHandle"])
        return bool(found) and found[-1]["lastStatus"] == "STOPPED"

    eventually(stopped, within=60)
    return found


def run(web: Web, eventually: Eventually, *containers: dict[str, Any], status: str = "RUNNING") -> dict[str, Any]:
    """Run a task of the same image with other containers until it has a status."""
    ecs, cluster = web.client("ecs"), web.outputs["Cluster"]
    [service] = ecs.describe_services(cluster=cluster, services=[web.outputs["Service"]])["services"]
    first = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    image = first["containerDefinitions"][0]["image"]
    definition = ecs.register_task_definition(
        family="others",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"image": image, **each} for each in containers],
    )["taskDefinition"]["taskDefinitionArn"]
    placed = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    [task] = ecs.run_task(
        cluster=cluster, taskDefinition=definition, launchType="FARGATE", networkConfiguration=placed
    )["tasks"]
    running = reached(web, task, status, eventually)
    for port in (int(pair["value"]) for each in containers for pair in each["environment"] if pair["name"] == "PORT"):
        eventually(lambda port=port: status != "RUNNING" or ask(running, port=port), within=60)
    return running


def container(name: str, port: int, *, stays: bool = False, **definition: Any) -> dict[str, Any]:
    variables = [{"name": "PORT", "value": str(port)}, *([{"name": "STAYS", "value": "yes"}] if stays else [])]
    return {"name": name, "environment": variables, **definition}


def exit_codes(task: dict[str, Any]) -> dict[str, int | None]:
    return {each["name"]: each.get("exitCode") for each in task["containers"]}


def test_a_task_stops_when_its_containers_have_ended(web: Web, eventually: Eventually) -> None:
    ecs, cluster, service = web.client("ecs"), web.outputs["Cluster"], web.outputs["Service"]
    task = web.tasks()[0]
    assert metadata(task) == (task["taskArn"], "RUNNING", "RUNNING")
    answer = ecs.stop_task(cluster=cluster, task=task["taskArn"], reason="a test")["task"]
    assert (answer["desiredStatus"], answer["stopCode"], answer["stoppedReason"]) == (
        "STOPPED",
        "UserInitiated",
        "a test",
    )
    stopping = reached(web, task, "STOPPING", eventually)
    assert metadata(task) == (task["taskArn"], "STOPPING", "STOPPED")  # its container works on
    assert stopping["containers"][0]["lastStatus"] == "RUNNING"
    assert exit_codes(stopping) == {"web": None}
    assert "stoppedAt" not in stopping
    assert task["taskArn"] not in ecs.list_tasks(cluster=cluster)["taskArns"]
    assert task["taskArn"] in ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
    # Its service counts it no more and starts another one, and the load balancer knows two, without it.
    eventually(lambda: sorted(web.health().values()) == ["healthy"] * 2 and address(task) not in web.health())
    [counted] = ecs.describe_services(cluster=cluster, services=[service])["services"]
    assert counted["runningCount"] == 2
    assert ask(task)

    assert ask(task, "/end")
    stopped = reached(web, task, "STOPPED", eventually)
    assert exit_codes(stopped) == {"web": 7}
    assert task["createdAt"] < stopped["stoppingAt"] < stopped["executionStoppedAt"] < stopped["stoppedAt"]
    assert [each["status"] for each in stopped["attachments"]] == ["DELETED"]
    assert not ask(task)


def test_each_change_of_its_state_is_an_event_in_order(web: Web, eventually: Eventually) -> None:
    task = run(web, eventually, container("app", 8080))
    stop(web, task, "STOPPED", eventually)
    told = changes(web, task, eventually)
    assert [(each["lastStatus"], each["desiredStatus"], each["version"]) for each in told] == [
        ("PROVISIONING", "RUNNING", 1),
        ("PENDING", "RUNNING", 2),
        ("RUNNING", "RUNNING", 3),
        ("RUNNING", "STOPPED", 4),
        ("DEPROVISIONING", "STOPPED", 5),
        ("STOPPED", "STOPPED", 6),
    ]
    assert [each.get("stoppedReason") for each in told] == [None] * 3 + ["a test"] * 3
    # Ended by SIGTERM, which it does not handle.
    assert [each["containers"][0].get("exitCode") for each in told] == [None] * 4 + [143] * 2
    assert {"clusterArn", "group", "launchType", "cpu", "memory", "createdAt", "updatedAt"} <= told[-1].keys()
    assert "healthStatus" not in told[-1]  # DescribeTasks has it, events have not
    assert [each.startswith("stopped") for each in told[-1] if each not in told[-2]] == [True]


def test_a_task_that_its_service_stops_says_so(web: Web, eventually: Eventually) -> None:
    ecs, cluster, service = web.client("ecs"), web.outputs["Cluster"], web.outputs["Service"]
    before = {task["taskArn"]: task for task in web.tasks()}
    ecs.update_service(cluster=cluster, service=service, desiredCount=1)
    [gone] = eventually(lambda: before.keys() - {task["taskArn"] for task in web.tasks()})
    reached(web, before[gone], "STOPPING", eventually)
    ask(before[gone], "/end")
    assert reached(web, before[gone], "STOPPED", eventually)["stopCode"] == "ServiceSchedulerInitiated"
    ecs.update_service(cluster=cluster, service=service, desiredCount=2)
    eventually(lambda: sorted(web.health().values()) == ["healthy"] * 2, within=60)


def test_a_container_that_does_not_end_is_killed_after_its_stop_timeout(web: Web, eventually: Eventually) -> None:
    task = run(web, eventually, container("app", 8080, stays=True, stopTimeout=2))
    stopped = stop(web, task, "STOPPED", eventually)
    assert exit_codes(stopped) == {"app": 137}
    assert (stopped["executionStoppedAt"] - stopped["stoppingAt"]).total_seconds() >= 2


def test_containers_end_after_those_that_depend_on_them(web: Web, eventually: Eventually) -> None:
    needs = [{"containerName": "side", "condition": "START"}]
    task = run(
        web,
        eventually,
        container("app", 8080, stays=True, stopTimeout=110, dependsOn=needs),
        container("side", 8081, essential=False),
    )
    stop(web, task, "STOPPING", eventually)
    assert ask(task)
    assert ask(task, port=8081)  # it would have ended at once
    assert ask(task, "/end")
    assert exit_codes(reached(web, task, "STOPPED", eventually)) == {"app": 7, "side": 143}


def test_the_end_of_an_essential_container_is_that_of_the_others(web: Web, eventually: Eventually) -> None:
    task = run(web, eventually, container("app", 8080), container("side", 8081, essential=False))
    assert ask(task, "/end")
    stopped = reached(web, task, "STOPPED", eventually)
    assert (stopped["stopCode"], exit_codes(stopped)) == ("EssentialContainerExited", {"app": 7, "side": 143})
    assert not ask(task, port=8081)


def test_a_task_that_is_stopped_while_it_starts_starts_nothing_more(web: Web, eventually: Eventually) -> None:
    needs = [{"containerName": "side", "condition": "COMPLETE"}]  # which it never is
    waiting = (container("side", 8081, essential=False), container("app", 8080, dependsOn=needs))
    task = run(web, eventually, *waiting, status="ACTIVATING")
    eventually(lambda: described(web, task)["containers"][0]["lastStatus"] == "RUNNING", within=60)
    assert exit_codes(stop(web, task, "STOPPED", eventually)) == {"side": 143, "app": None}


def test_the_loss_of_its_zone_ends_a_task_that_is_stopping(web: Web, eventually: Eventually) -> None:
    task = run(web, eventually, container("app", 8080, stays=True, stopTimeout=110))
    stop(web, task, "STOPPING", eventually)
    zone = task["availabilityZone"]
    assert zone.startswith(REGION)
    web.cloud.lose_zone(zone)
    try:
        assert exit_codes(reached(web, task, "STOPPED", eventually)) == {"app": 137}
    finally:
        web.cloud.restore_zone(zone)
