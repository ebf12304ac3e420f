"""Three nights, each from what is broken to what is fixed, with the commands of the pages and nothing else."""

import json
import re
import time

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.operator.shell import Shell
from tests.queues import messages_in
from tests.stacks import runbooks
from tests.stacks.chat.clients import HOME, Chat, Room

STACK = f"Chat-{HOME}"
MOST_SECONDS = 5 * 60
MOST_COMMANDS = 5


def test_a_poison_message_takes_less_than_five_minutes_and_no_purge(
    chat: Chat, local_cloud: LocalCloud, chat_shell: Shell
) -> None:
    sqs = local_cloud.client("sqs", HOME)
    work, failed = (
        chat.resource(STACK, "AWS::SQS::Queue", f"MessagesFanoutArchive{name}") for name in ("Queue", "DeadLetterQueue")
    )
    sqs.purge_queue(QueueUrl=failed)
    hidden = sqs.get_queue_attributes(QueueUrl=work, AttributeNames=["VisibilityTimeout"])["Attributes"]
    # Five deliveries more than a minute apart would take longer than a test.
    sqs.set_queue_attributes(QueueUrl=work, Attributes={"VisibilityTimeout": "1"})
    try:
        topic = chat.resource(STACK, "AWS::SNS::Topic", "MessagesFanoutTopic")
        attribute = {"kind": {"DataType": "String", "StringValue": "message"}}
        local_cloud.client("sns", HOME).publish(TopicArn=topic, Message='{"poison": 1}', MessageAttributes=attribute)
        eventually(lambda: messages_in(sqs, failed) or None, within=120, what="the poison message")
    finally:
        sqs.set_queue_attributes(QueueUrl=work, Attributes=hidden)
    room = Room(chat)
    # What failed with it while the bucket refused, and is good.
    good = room.anna.post(HOME, room.id, "good").json()
    event = json.dumps({"kind": "message", "message": good})
    sqs.send_message(QueueUrl=failed, MessageBody=event, MessageAttributes=attribute)

    started, commands = time.monotonic(), list[str]()

    def type_in(command: str) -> str:
        commands.append(command)
        return chat_shell.run(command)

    listed = type_in("cdp dead-letters list")
    assert re.search(r"MessagesFanoutArchiveDeadLetterQueue  2 messages, the oldest sent", listed)
    assert "consumer: MessagesArchiver" in listed
    shown = type_in("cdp dead-letters show Messages/Fanout/Archive")
    (poison,) = re.findall(r"^-- (\S+).*\n(?:cause: .*\n)?(?:kind: .*\n)?\{\n  \"poison\"", shown, re.MULTILINE)
    assert "cause: " in shown
    assert "1 removed, 1 left" in type_in(f"cdp dead-letters drop Messages/Fanout/Archive {poison}")
    assert "1 delivered again to MessagesFanoutArchiveQueue" in type_in(
        "cdp dead-letters replay Messages/Fanout/Archive"
    )
    assert time.monotonic() - started < MOST_SECONDS
    assert len(commands) < MOST_COMMANDS
    assert messages_in(sqs, failed) == 0
    bucket = chat.resource(STACK, "AWS::S3::Bucket", "MessagesArchiveBucket")
    s3 = local_cloud.client("s3", HOME)

    def archived() -> bool | None:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="messages/").get("Contents", [])]
        return any(good["id"] in s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys) or None

    eventually(archived, within=90, what="the good message in the archive")


def test_a_lost_signing_key_is_made_anew_by_the_commands_of_its_page(
    chat: Chat, local_cloud: LocalCloud, chat_shell: Shell
) -> None:
    secret = chat.resource(STACK, "AWS::SecretsManager::Secret", "SigningKeysSecret")
    function = chat.resource(STACK, "AWS::Lambda::Function", "DeliverySigningFunction")
    functions = local_cloud.client("lambda", HOME)

    def signed() -> dict[str, str]:
        answer = functions.invoke(FunctionName=function, Payload=json.dumps({"path": "accepted/u/x"}).encode())
        said: dict[str, str] = json.loads(answer["Payload"].read())
        return said

    assert "url" in signed()
    local_cloud.client("secretsmanager", HOME).put_secret_value(SecretId=secret, SecretString='{"lost": true}')
    # A new execution environment remembers no key.
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": {**variables, "NEW": "1"}})
    failure = eventually(lambda: said if "errorMessage" in (said := signed()) else None, within=60, what="a failure")
    assert failure["errorType"] == "UnusableKeyError"
    assert f"secret {secret} holds no usable signing key" in failure["errorMessage"]
    page = "docs/runbooks/signing.md"
    seen = "".join(chat_shell.run(command) for command in runbooks.commands_of(page))
    assert "holds no usable signing key" in seen
    eventually(lambda: "url" in signed() or None, within=90, what="a signature")


@pytest.mark.parametrize("error", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_throttled_table_is_503_with_retry_after(chat: Chat, local_cloud: LocalCloud, error: str) -> None:
    room = Room(chat)
    with local_cloud.inject_fault("dynamodb", HOME, error=error):
        answer = room.anna.call(HOME, "GET", f"/rooms/{room.id}/messages")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
