"""Stacks that name their account, accounts that do not exist, and stacks in parallel."""

import threading
from collections.abc import Callable

import pytest

from cdp_constructs.cli.endpoints import endpoints
from cdp_constructs.local import DeploymentError, LocalCloud
from cdp_constructs.local.clients.aws import Clients
from tests.assembly.assemblies import QUEUE, AssemblyWriter, template

ACCOUNT = "111122223333"
API = template({"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "named", "ProtocolType": "HTTP"}}})
STAGE = {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default"}}


def test_the_addresses_of_a_stack_that_names_its_account_are_found(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    body = template({**API["Resources"], "Stage": STAGE})
    writer.stack(name("named"), body, environment=f"aws://{ACCOUNT}/eu-west-1")
    deployment = cloud.deploy(writer.folder)
    api = deployment.resources[name("named")]["Api"]
    assert [found.url for found in endpoints(cloud, deployment)] == [
        f"{cloud.endpoint}/_aws/execute-api/{api}/$default"
    ]


@pytest.mark.parametrize("account", ["12345678", "1234567890123", "12345678901a"])
def test_an_account_that_is_none_is_refused_before_anything_is_created(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str], account: str
) -> None:
    writer.stack(name("good"), QUEUE)
    writer.stack(name("wrong"), QUEUE, environment=f"aws://{account}/us-east-1")
    with pytest.raises(DeploymentError, match=f"{name('wrong')} names '{account}'; give the stack's `env`"):
        cloud.deploy(writer.folder)
    found = cloud.client("cloudformation").list_stacks()["StackSummaries"]
    assert name("good") not in {stack["StackName"] for stack in found}


def test_threads_that_share_a_client_catch_its_errors(cloud: LocalCloud) -> None:
    clients = Clients(cloud.endpoint, cloud.root)
    caught, begin = [], threading.Barrier(8)

    def ask() -> None:
        begin.wait()
        ssm = clients.get("ssm")
        try:
            ssm.get_parameter(Name="/none")
        except ssm.exceptions.ParameterNotFound as error:
            caught.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caught) == 8
    assert "_exceptions" in vars(clients.get("ssm"))
    assert vars(clients.get("ssm"))["_exceptions"] is not None, "made before the client is shared"
