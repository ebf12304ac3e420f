"""Every function that is deployed has a property-based test of what it is sent."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

# By what a function is called: messages of a queue, records of a stream, requests of an API, hooks, custom resources
# and direct invocations, or a schedule.
QUEUE, STREAM, HTTP, INVOKED, SCHEDULED = "queue", "stream", "HTTP", "hook", "schedule"
HANDLERS = {
    "cdp_constructs/api/handlers/account_linking": (INVOKED, "test_hooks"),
    "cdp_constructs/compute/handlers/deep_health": (SCHEDULED, "test_servers"),
    "cdp_constructs/compute/handlers/scale_up": (SCHEDULED, "test_servers"),
    "cdp_constructs/data/handlers/gathered_records": (INVOKED, "test_streams"),
    "cdp_constructs/data/handlers/index_reconciliation": (SCHEDULED, "test_reconciliation"),
    "cdp_constructs/data/handlers/log_lines": (INVOKED, "test_log_lines"),
    "cdp_constructs/data/handlers/speed_layer": (STREAM, "test_streams"),
    "cdp_constructs/data/handlers/storage_index": (QUEUE, "test_batches"),
    "cdp_constructs/data/handlers/user_data": (HTTP, "test_user_data"),
    "cdp_constructs/data/handlers/warehouse_load": (SCHEDULED, "test_warehouse"),
    "cdp_constructs/delivery/handlers/key_rotation": (INVOKED, "test_key_rotation"),
    "cdp_constructs/delivery/handlers/site_check": (SCHEDULED, "test_sites"),
    "cdp_constructs/delivery/handlers/site_repair": (QUEUE, "test_batches"),
    "cdp_constructs/delivery/handlers/url_signing": (HTTP, "test_requests"),
    "cdp_constructs/iot/handlers/broadcasts": (INVOKED, "test_hooks"),
    "cdp_constructs/iot/handlers/certificates": (QUEUE, "test_batches"),
    "cdp_constructs/iot/handlers/commands": (HTTP, "test_requests"),
    "cdp_constructs/iot/handlers/outcomes": (QUEUE, "test_batches"),
    "cdp_constructs/iot/handlers/registration": (INVOKED, "test_registration"),
    "cdp_constructs/messaging/handlers/delivery": (QUEUE, "test_batches"),
    "cdp_constructs/messaging/handlers/feedback": (QUEUE, "test_batches"),
    "cdp_constructs/messaging/handlers/intake": (QUEUE, "test_batches"),
    "cdp_constructs/messaging/handlers/outbox": (STREAM, "test_outbox"),
    "cdp_constructs/messaging/handlers/unsubscribe": (HTTP, "test_hooks"),
    "cdp_constructs/messaging/handlers/vapid_keys": (INVOKED, "test_hooks"),
    "cdp_constructs/network/handlers/peering_acceptance": (INVOKED, "test_hooks"),
    "cdp_constructs/operations/handlers/zabbix": (QUEUE, "test_batches"),
    "cdp_constructs/realtime/handlers/publishing": (QUEUE, "test_batches"),
    "cdp_constructs/realtime/handlers/web_socket_authorization": (INVOKED, "test_authorization"),
    "cdp_constructs/realtime/handlers/web_socket_publishing": (QUEUE, "test_batches"),
    "cdp_constructs/realtime/handlers/web_socket_subscriptions": (HTTP, "test_hooks"),
    "cdp_constructs/routing/handlers/deep_health_check": (HTTP, "test_health"),
    "cdp_constructs/upload/handlers/confirmation": (QUEUE, "test_batches"),
    "cdp_constructs/upload/handlers/form": (HTTP, "test_requests"),
    "cdp_constructs/upload/handlers/thumbnails": (QUEUE, "test_batches"),
    "cdp_constructs/workflow/handlers/answer": (INVOKED, "test_decisions"),
    "cdp_constructs/workflow/handlers/receiver": (HTTP, "test_requests"),
    "cdp_constructs/workflow/handlers/replay": (INVOKED, "test_hooks"),
    "cdp_constructs/workflow/handlers/starter": (QUEUE, "test_batches"),
    "cdp_constructs/workflow/handlers/weighted_transition": (INVOKED, "test_hooks"),
    "stacks/chat/handlers/api": (HTTP, "test_requests"),
    "stacks/chat/handlers/attachment_recorder": (QUEUE, "test_batches"),
    "stacks/chat/handlers/message_archive": (QUEUE, "test_batches"),
    "stacks/chat/handlers/notifier": (QUEUE, "test_batches"),
    "stacks/chat/handlers/publisher": (STREAM, "test_publisher"),
    "stacks/chat/handlers/subscriptions": (INVOKED, "test_hooks"),
    "stacks/iot/handlers/alert_archive": (QUEUE, "test_batches"),
    "stacks/iot/handlers/history": (INVOKED, "test_queries"),
    "stacks/iot/handlers/reactions": (QUEUE, "test_batches"),
    "stacks/iot/handlers/requests": (QUEUE, "test_batches"),
    "stacks/iot/handlers/tickets": (QUEUE, "test_batches"),
    "stacks/mobile/handlers/notice_settings": (HTTP, "test_requests"),
    "stacks/mobile/handlers/picture_notices": (QUEUE, "test_batches"),
    "stacks/serverless/handlers/announce": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/approvals": (HTTP, "test_price_lists"),
    "stacks/serverless/handlers/ask": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/checks": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/price": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/publish": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/read": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/remind": (SCHEDULED, "test_price_lists"),
    "stacks/serverless/handlers/save": (INVOKED, "test_price_lists"),
    "stacks/serverless/handlers/tills": (INVOKED, "test_price_lists"),
    "stacks/services/handlers/billing": (QUEUE, "test_batches"),
    "stacks/services/handlers/orders": (QUEUE, "test_batches"),
    "stacks/services/handlers/place_orders": (INVOKED, "test_hooks"),
    "stacks/services/handlers/restock": (INVOKED, "test_hooks"),
    "stacks/services/handlers/shipping": (QUEUE, "test_batches"),
}
# Other code that reads what strangers, devices and viewers send.
OTHERS = {
    "cdp_constructs/data/_catalog.py": "test_glue",
    "cdp_constructs/delivery/_distributions.py": "test_edge",
    "cdp_constructs/delivery/_site_origin.py": "test_edge",
    "devices/cdp_device/session.py": "test_callbacks",
}
# How a handler of a queue or a stream names its records; the others have no name for what they get.
RECORDS = {"SQSRecord": QUEUE, "DynamoDBRecord": STREAM, 'record["kinesis"]': STREAM}
KIT = re.compile(r"from tests\.properties\.(\w+) import")


def deployed() -> set[str]:
    """Return the folders with the code of a function."""
    return {
        str(index.parent.relative_to(ROOT))
        for system in ("cdp_constructs", "stacks")
        for index in ROOT.glob(f"{system}/*/handlers/*/index.py")
    }


def text_of(module: str) -> str:
    """Return a test, with the parts of the kit that it takes its subjects from."""
    text = (HERE / f"{module}.py").read_text()
    return text + "".join((HERE / f"{part}.py").read_text() for part in sorted(set(KIT.findall(text))))


def test_every_function_is_listed() -> None:
    assert deployed()
    assert deployed() == set(HANDLERS)


def test_every_cloudfront_function_and_table_of_records_is_listed() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("cdp_constructs/*/*.py")
        if re.search(r"FunctionCode\.from_inline|glue\.CfnTable\(", path.read_text())
    }
    assert found == {name for name in OTHERS if name.startswith("cdp_constructs")}


@pytest.mark.parametrize("folder", HANDLERS)
def test_a_function_is_listed_by_what_it_is_sent(folder: str) -> None:
    code = (ROOT / folder / "index.py").read_text()
    kinds = {kind for name, kind in RECORDS.items() if name in code}
    kind, _ = HANDLERS[folder]
    assert kinds == ({kind} if kind in {QUEUE, STREAM} else set())


@pytest.mark.parametrize("folder", HANDLERS)
def test_a_function_has_its_test(folder: str) -> None:
    _, module = HANDLERS[folder]
    name = folder.rpartition("/")[2]
    assert re.search(rf"handlers[./]{name}\b", text_of(module)), f"{module} does not send anything to {folder}"


@pytest.mark.parametrize("path", OTHERS)
def test_other_code_has_its_test(path: str) -> None:
    assert (ROOT / path).is_file()
    assert (HERE / f"{OTHERS[path]}.py").is_file()
