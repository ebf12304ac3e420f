"""Tells one device something: a command that it answers while it is there, or a desired state that waits for it.

Operations of an HTTP API, and the same by direct invocation as ``{"operation": "send", …}``:

    POST /things/{thing}/commands   send      {"command", "arguments"?}     -> 202 {"session", "status": "pending"}
    GET  /commands/{session}        status                                  -> {"session", "thing", "status", …}
    PUT  /things/{thing}/desired    desire    {"state": {…}}                -> {"version"}
    GET  /things/{thing}/state      state                                   -> {"desired", "reported", "delta"}

A session ends as ``succeeded``, ``failed``, ``rejected`` or ``expired``, which the device says, or as ``timed_out``.
The end is kept by a message to the queue of the outcomes that arrives when the time is over.
"""

import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger()
tracer = Tracer()
app = APIGatewayHttpResolver()
data = boto3.client("iot-data")
sqs = boto3.client("sqs")
database = boto3.resource("dynamodb")

KEPT_SECONDS = 30 * 86_400
LONGEST_SHADOW = 8_000


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answer a request of the API, or do an operation."""
    if "requestContext" in event:
        return app.resolve(event, context)
    operations: dict[str, Callable[..., dict[str, Any]]]
    operations = {"send": send, "status": status, "desire": desire, "state": state}
    operation = operations.get(str(event.get("operation")))
    if operation is None:
        return {"error": "operation is one of send, status, desire, state"}
    try:
        arguments = {name: value for name, value in event.items() if name != "operation"}
        return operation(**arguments)
    except (BadRequestError, NotFoundError) as error:
        return {"error": error.msg}
    except TypeError as error:
        return {"error": str(error)}


@app.post("/things/<thing>/commands")
def post_command(thing: str) -> Response[str]:
    """Send a command."""
    body = _body("command", "arguments")
    answer = send(thing, body.get("command", ""), body.get("arguments"))
    return Response(202, content_types.APPLICATION_JSON, json.dumps(answer))


@app.get("/commands/<session>")
def get_command(session: str) -> dict[str, Any]:
    """Tell what became of a command."""
    return status(session)


@app.put("/things/<thing>/desired")
def put_desired(thing: str) -> dict[str, Any]:
    """Set a desired state."""
    return desire(thing, _body("state").get("state"))


@app.get("/things/<thing>/state")
def get_state(thing: str) -> dict[str, Any]:
    """Tell desired and reported state."""
    return state(thing)


def send(thing: str, command: str, arguments: Any = None) -> dict[str, Any]:
    """Begin a session: note it, see to its end, then tell the device."""
    context = _context(thing)
    if not isinstance(command, str) or not command:
        raise BadRequestError("command is a name such as ping")
    session, seconds = str(uuid.uuid4()), int(os.environ["TIMEOUT_SECONDS"])
    now = int(time.time())
    database.Table(os.environ["SESSIONS"]).put_item(
        Item={
            "session": session,
            "thing": thing,
            "command": command,
            "status": "pending",
            "sent_at": now,
            "expires_at": now + KEPT_SECONDS,
        }
    )
    # Before the device hears of it: a session always ends.
    sqs.send_message(
        QueueUrl=os.environ["OUTCOMES"],
        MessageBody=json.dumps({"session": session, "thing": thing, "status": "timed_out"}),
        DelaySeconds=seconds,
    )
    request = {"session": session, "command": command, "arguments": arguments or {}, "expires_at": now + seconds}
    data.publish(topic=f"cmd/{os.environ['APP']}/{context}/{thing}/req", qos=1, payload=json.dumps(request))
    return {"session": session, "status": "pending"}


def status(session: str) -> dict[str, Any]:
    """Return what is known of a session."""
    item = database.Table(os.environ["SESSIONS"]).get_item(Key={"session": session}, ConsistentRead=True).get("Item")
    if item is None:
        raise NotFoundError("there is no such session")
    known = {name: item[name] for name in ("session", "thing", "command", "status", "reason") if name in item}
    return known | ({"result": json.loads(str(item["result"]))} if "result" in item else {})


def desire(thing: str, state: Any) -> dict[str, Any]:
    """Set the desired state in the shadow; the device takes it when it is there."""
    _context(thing)
    if not isinstance(state, dict) or len(payload := json.dumps({"state": {"desired": state}})) > LONGEST_SHADOW:
        raise BadRequestError("state is an object of at most 8 KB")
    answer = data.update_thing_shadow(thingName=thing, payload=payload)
    return {"version": json.loads(answer["payload"].read())["version"]}


def state(thing: str) -> dict[str, Any]:
    """Return what is desired, what the device reported, and the difference."""
    _context(thing)
    try:
        shadow = json.loads(data.get_thing_shadow(thingName=thing)["payload"].read())["state"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        shadow = {}
    return {part: shadow.get(part, {}) for part in ("desired", "reported", "delta")}


def _context(thing: str) -> str:
    """Return the context of a device on the allow-list."""
    item = database.Table(os.environ["ALLOW_LIST"]).get_item(Key={"serial_number": thing or "?"}).get("Item")
    if item is None:
        raise NotFoundError("there is no such device")
    return str(item["context"])


def _body(*names: str) -> dict[str, Any]:
    try:
        body = app.current_event.json_body
    except json.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or set(body) - set(names):
        raise BadRequestError(f"the body is an object with {', '.join(names)}")
    return body
