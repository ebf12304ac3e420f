"""The templates of DirectIntegrationApi: whatever callers send, a service gets it as data, and nothing beside it."""

import json
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.api import _mapping_templates as templates
from cdp_constructs.local.services.apigateway.mapping_templates import Variables, render
from tests.properties.inputs import examples

# Texts that are likely to end a text of JSON or Velocity, or to begin a parameter.
PARTS = st.sampled_from(
    ["'", '"', "\\", "\\'", '"}', "&", "=", "%26", "+", "#", "$", "$data", "${q}", "$util", "#set($x = 1)", "\n", "\0"]
)
TEXTS = st.lists(PARTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=6).map("".join)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(TEXTS, VALUES, max_size=4)
ID = "Kx9-bFT6oAMEeGg="


def made(template: str, body: dict[str, Any], caller: str, name: str = "") -> str:
    context = {
        "authorizer": {"claims": {"sub": caller}},
        "extendedRequestId": ID,
        "requestTimeEpoch": 1,
        "responseOverride": {"header": {}, "status": None},
    }
    return render(template, json.dumps(body), Variables({"id": name}, {"after": name}, {}, context))


@examples(50)
@given(BODIES, TEXTS)
def test_a_message_is_what_was_sent_and_who_sent_it(body: dict[str, Any], caller: str) -> None:
    by, message = templates.BY_TOKEN, {"caller": caller, "request_id": ID, "data": body}
    forms = (
        (templates.send_message(by), "MessageBody", {"Action": ["SendMessage"]}),
        (templates.publish_message(by, "arn:topic"), "Message", {"Action": ["Publish"], "TopicArn": ["arn:topic"]}),
    )
    for template, name, others in forms:
        form = parse_qs(made(template, body, caller), keep_blank_values=True, strict_parsing=True)
        [sent] = form.pop(name)
        assert json.loads(sent) == message
        assert form == others
    put = json.loads(made(templates.put_events(by, "bus", "shop", "placed"), body, caller))
    assert json.loads(put["Entries"][0].pop("Detail")) == message
    assert put == {"Entries": [{"EventBusName": "bus", "Source": "shop", "DetailType": "placed"}]}
    started = json.loads(made(templates.start_execution(by, "arn"), body, caller))
    assert (json.loads(started.pop("input")), started) == (message, {"stateMachineArn": "arn"})
    record = json.loads(made(templates.put_record(by, "stream"), body, caller))
    assert json.loads(b64decode(record.pop("Data"))) == message
    assert record == {"StreamName": "stream", "PartitionKey": caller}


@examples(50)
@given(BODIES, TEXTS, TEXTS)
def test_an_item_is_the_callers(body: dict[str, Any], caller: str, name: str) -> None:
    arguments = templates.BY_TOKEN, "notes", "NOTE"
    key = {"pk": {"S": f"NOTE#{caller}"}, "sk": {"S": name}}
    item = json.loads(made(templates.put_item(*arguments), body, caller, name))["Item"]
    assert json.loads(item.pop("data")["S"]) == body
    assert item == {**key, "updated_at": {"N": "1"}}
    for template in (templates.get_item, templates.delete_item):
        assert json.loads(made(template(*arguments), body, caller, name))["Key"] == key
    query = json.loads(made(templates.query_items(*arguments), body, caller, name))
    assert query["ExpressionAttributeValues"] == {":owner": key["pk"]}
    assert query.get("ExclusiveStartKey") == (key if name else None)
