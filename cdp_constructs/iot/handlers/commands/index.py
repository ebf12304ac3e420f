"""Sends a command to one device, which it responds to while it is connected, or sets a desired state that waits for it.

Operations of an HTTP API, and the same by direct invocation as ``{"operation": "send", …}``:

    POST /things/{thing}/commands   send      {"command", "arguments"?}     -> 202 {"session", "status": "pending"}
    GET  /commands/{session}        status                                  -> {"session", "thing", "status", …}
    PUT  /things/{thing}/desired    desire    {"state": {…}}                -> {"version"}
    GET  /things/{thing}/state      state                                   -> {"desired", "reported", "delta"}

A session ends as ``succeeded``, ``failed``, ``rejected`` or ``expired``, as the device responds, or as ``timed_out``.
"""

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from correlation import about, started

from .devices import Devices
from .documents import as_json
from .environment import Environment
from .sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger()
environment = Environment.read()
app = APIGatewayHttpResolver(strip_prefixes=[environment.path_prefix] if environment.path_prefix else None)
database = boto3.resource("dynamodb")
sessions = Sessions(database.Table(environment.sessions), boto3.client("sqs"), environment.outcomes)
devices = Devices(database.Table(environment.allow_list), boto3.client("iot-data"), environment.app)

LONGEST_SHADOW = 8_000
# https://docs.aws.amazon.com/general/latest/gr/iot-core.html#thing-limits; more is the id of nothing here.
LONGEST_ID = 128
LONGEST_COMMAND = 256
# A message of AWS IoT has 128 KB.
LARGEST_REQUEST = 120_000


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> Any:
    """Answer a request of the API, or a direct invocation."""
    return app.resolve(event, context) if isinstance(event, dict) and "requestContext" in event else invoke(event)


def invoke(event: Any) -> dict[str, Any]:
    """Do the operation of a direct invocation; a mistake of the caller is answered with ``{"error"}``."""
    if not isinstance(event, dict):
        return {"error": "the event is an object with operation"}
    operations: dict[str, Callable[..., dict[str, Any]]]
    operations = {"send": send, "status": status, "desire": desire, "state": state}
    operation = operations.get(str(event.get("operation")))
    if operation is None:
        return {"error": f"operation is one of {', '.join(operations)}"}
    try:
        return operation(**{name: value for name, value in event.items() if name != "operation"})
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
    """Return what is known of a command."""
    return status(session)


@app.put("/things/<thing>/desired")
def put_desired(thing: str) -> dict[str, Any]:
    """Set a desired state."""
    return desire(thing, _body("state").get("state"))


@app.get("/things/<thing>/state")
def get_state(thing: str) -> dict[str, Any]:
    """Return desired and reported state."""
    return state(thing)


def send(thing: str, command: str, arguments: Any = None) -> dict[str, Any]:
    """Begin a session, then publish the command."""
    context = _context(thing)
    if not isinstance(command, str) or not 0 < len(command) <= LONGEST_COMMAND or not command.isprintable():
        raise BadRequestError(f"command is a name such as ping, of at most {LONGEST_COMMAND} characters")
    try:
        size = len(as_json(arguments))
    except ValueError as error:
        raise BadRequestError("arguments have a number that is not finite, or half a character") from error
    if size > LARGEST_REQUEST:
        raise BadRequestError(f"arguments have {size:,} bytes; send at most {LARGEST_REQUEST:,}")
    seconds = environment.timeout_seconds
    session = sessions.begin(thing, command, seconds)
    request = {
        "session": session,
        "command": command,
        "arguments": arguments or {},
        "expires_at": int(time.time()) + seconds,
    }
    with about(logger, started(session.replace("-", ""))):
        devices.command(context, thing, request)
        logger.info("Command sent", session=session, thing=thing, command=command)
    return {"session": session, "status": "pending"}


def status(session: str) -> dict[str, Any]:
    """Return what is known of a session."""
    known = sessions.get(session) if _is_id(session) else None
    if known is None:
        raise NotFoundError("there is no such session")
    return known


def desire(thing: str, state: Any) -> dict[str, Any]:
    """Set the desired state in the shadow; the device gets it when it is connected."""
    _context(thing)
    try:
        payload = as_json({"state": {"desired": state}})
    except ValueError:
        payload = ""
    if not isinstance(state, dict) or not 0 < len(payload) <= LONGEST_SHADOW:
        raise BadRequestError("state is an object of at most 8 KB, with finite numbers")
    version = devices.desire(thing, payload)
    if version is None:
        raise BadRequestError("state is no state of a shadow: its objects are nested too deeply, or a name is reserved")
    return {"version": version}


def state(thing: str) -> dict[str, Any]:
    """Return what is desired, what the device reported, and the difference."""
    _context(thing)
    shadow = devices.state(thing)
    if shadow is None:
        raise NotFoundError("the device has reported a state that cannot be read")
    return {part: shadow.get(part, {}) for part in ("desired", "reported", "delta")}


def _context(thing: str) -> str:
    context = devices.context(thing) if _is_id(thing) else None
    if context is None:
        raise NotFoundError("there is no such device")
    return context


def _is_id(text: object) -> bool:
    # DynamoDB refuses longer keys, and half a surrogate pair, in ways that are no fault of this function.
    return isinstance(text, str) and 0 < len(text) <= LONGEST_ID and text.isprintable()


def _body(*names: str) -> dict[str, Any]:
    try:
        body = from_json(app.current_event.decoded_body or "", allow_inf_nan=False)
        as_json(body)
    except (TypeError, ValueError):
        body = None
    if not isinstance(body, dict) or set(body) - set(names):
        raise BadRequestError(f"the body is an object with {', '.join(names)}")
    return body
