"""The chat as an ASGI application."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from stacks.dojo.app.model import Account, Code, Device, Member, NewFile, NewMessage, Person, Posting, Room
from stacks.dojo.app.notices import Subscription, deliver
from stacks.dojo.app.pages import room_page, share_links
from stacks.dojo.app.ports import UnavailableError
from stacks.dojo.app.services import Services
from stacks.dojo.app.sessions import hash_of, is_password
from stacks.dojo.app.settings import Settings
from stacks.dojo.app.user_pool import UserPool

__all__ = ["application"]

_LOG = logging.getLogger(__name__)
_LARGEST_BODY = 20_000
_LONGEST_START = 20.0
_LONGEST_PAGE = 100
_PROTOCOL = "chat"
Input = TypeVar("Input", bound=BaseModel)
_ROOM: TypeAdapter[str] = TypeAdapter(Room)
_PERSON: TypeAdapter[str] = TypeAdapter(Person)


def application(settings: Settings) -> Starlette:
    """Return the application.

    Args:
        settings: What a board chooses.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        services = app.state.services = Services(settings)
        opening = app.state.opening = asyncio.create_task(_open(services))
        app.state.began = time.monotonic()
        working = [asyncio.create_task(services.hub.run())]
        if services.notices is not None:
            working.append(asyncio.create_task(deliver(services.store, services.notices)))
        yield
        for task in (opening, *working):
            task.cancel()
        await asyncio.gather(opening, *working, return_exceptions=True)
        await services.store.close()

    routes = [
        Route("/health", _shallow),
        Route("/health/deep", _deep),
        Route("/people", _register, methods=["POST"]),
        Route("/people/{person}/messages", _by_author),
        Route("/sessions", _sign_in, methods=["POST"]),
        Route("/sessions", _sign_out, methods=["DELETE"]),
        Route("/push", _subscribe, methods=["PUT"]),
        Route("/device", _choose_device, methods=["PUT"]),
        Route("/device/code", _confirm_address, methods=["PUT"]),
        Route("/files", _form, methods=["POST"]),
        Route("/files", _own_files),
        Route("/files/{key:path}", _link),
        Route("/rooms/{room}/messages", _post, methods=["POST"]),
        Route("/rooms/{room}/messages", _history),
        Route("/rooms/{room}/page", _page),
        Route("/rooms/{room}/share", _share),
        Route("/messages/{id:uuid}", _sent),
        WebSocketRoute("/live", _live),
    ]
    handlers: dict[Any, Any] = {HTTPException: _refused, ValidationError: _invalid, UnavailableError: _unavailable}
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)


async def _open(services: Services) -> None:
    # A server starts without its database, too: D6 accepts messages meanwhile, and health says what is missing.
    while True:
        try:
            return await services.store.open()
        except UnavailableError as error:
            _LOG.warning("the store does not answer: %s", error)


def _services(connection: HTTPConnection) -> Services:
    return connection.app.state.services  # type: ignore[no-any-return]


async def _body(request: Request, model: type[Input]) -> Input:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise HTTPException(413, f"a request has at most {_LARGEST_BODY} bytes")
    return model.model_validate_json(body)


def _room(request: Request) -> str:
    return _ROOM.validate_python(request.path_params["room"])


def _number(request: HTTPConnection, name: str, default: int | None, largest: int = 2**62) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= largest):  # noqa: PLR2004 - digits of 2**62
        raise HTTPException(400, f"{name}={text[:40]} is not a number from 0 to {largest}")
    return int(text)


async def _token_of(connection: HTTPConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


async def _person(request: Request) -> str:
    person = await _services(request).sessions.person(await _token_of(request))
    if person is None:
        raise HTTPException(401, "sign in first", {"WWW-Authenticate": "Bearer"})
    return person


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)  # noqa: S101 - registered for it
    wrong = [{"field": ".".join(map(str, each["loc"])), "problem": each["msg"]} for each in error.errors()[:10]]
    return JSONResponse({"error": "the request has wrong fields", "fields": wrong}, 400)


async def _unavailable(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"try again: {error} does not answer"}, 503, {"Retry-After": "1"})


async def _shallow(request: Request) -> Response:
    # A new server gets requests when it has its connections, so that a release makes nobody wait for them; without a
    # database a little later, since some boards accept messages then, too.
    state = request.app.state
    if not state.opening.done() and time.monotonic() - state.began < _LONGEST_START:
        return JSONResponse({"status": "starting"}, 503)
    return JSONResponse({"status": "ok"})


async def _deep(request: Request) -> Response:
    services = _services(request)
    try:
        await asyncio.wait_for(services.store.lasts([]), 3)
    except (UnavailableError, TimeoutError):
        return JSONResponse({"status": "failed", "reason": "database"}, 503)
    return JSONResponse({"status": "ok"})


async def _member(request: Request, pool: UserPool) -> tuple[str, str]:
    """Return the name that a member of the pool gives, and what is kept of it: no password verifies against that."""
    member = await _body(request, Member)
    subject = await pool.member(member.token)
    if subject is None:
        raise HTTPException(
            401, "the token is not one of the user pool, or has expired", {"WWW-Authenticate": "Bearer"}
        )
    return member.name, f"user-pool:{subject}"


async def _register(request: Request) -> Response:
    services = _services(request)
    if services.user_pool is not None:
        name, kept = await _member(request, services.user_pool)
        if not await services.store.register(name, kept):
            raise HTTPException(409, "the name is taken")
        return JSONResponse({"name": name}, 201)
    account = await _body(request, Account)
    if not await services.store.register(account.name, await hash_of(account.password)):
        raise HTTPException(409, "the name is taken")
    return JSONResponse({"name": account.name}, 201)


async def _sign_in(request: Request) -> Response:
    services = _services(request)
    if services.user_pool is not None:
        name, kept = await _member(request, services.user_pool)
        if await services.store.password(name) != kept:
            raise HTTPException(401, "the name is not yours", {"WWW-Authenticate": "Bearer"})
        return JSONResponse({"token": await services.sessions.open(name)}, 201)
    account = await _body(request, Account)
    if not await is_password(account.password, await services.store.password(account.name)):
        raise HTTPException(401, "name or password is wrong", {"WWW-Authenticate": "Bearer"})
    return JSONResponse({"token": await services.sessions.open(account.name)}, 201)


async def _sign_out(request: Request) -> Response:
    await _person(request)
    ended = await _services(request).sessions.close(await _token_of(request))
    return JSONResponse({"ended": ended})


async def _subscribe(request: Request) -> Response:
    person = await _person(request)
    services = _services(request)
    subscription = await _body(request, Subscription)
    try:
        subscription.check(services.settings.push_hosts)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    await services.store.subscribe(person, subscription.model_dump())
    return Response(status_code=204)


async def _choose_device(request: Request) -> Response:
    person = await _person(request)
    services = _services(request)
    device = await _body(request, Device)
    if services.mails is None:
        raise HTTPException(400, "this board sends no mails")
    if device.mail is None:
        await services.store.subscribe(person, None)
        return Response(status_code=204)
    # Anybody could have mail sent to a stranger: an address gets notices when its owner has sent back the code.
    names = (person, device.mail.lower())
    if not services.mail_pace.allows(*names):
        raise HTTPException(429, "a code was sent a moment ago", {"Retry-After": "60"})
    code = services.addresses.code(person, device.mail)
    try:
        await services.mails.send(device.mail, "Your code", f"The code for the notices of {person}:\n\n{code}\n")
    except (BotoCoreError, ClientError) as error:
        _LOG.warning("a code was not sent: %s", error)
        services.mail_pace.forget(*names)
        raise UnavailableError("mail") from error
    return JSONResponse({"state": "code sent"}, 202)


async def _confirm_address(request: Request) -> Response:
    person = await _person(request)
    services = _services(request)
    address = services.addresses.proven(person, (await _body(request, Code)).code)
    if address is None:
        raise HTTPException(400, "the code is wrong, or older than an hour")
    await services.store.subscribe(person, {"mail": address})
    return Response(status_code=204)


async def _form(request: Request) -> Response:
    person = await _person(request)
    file = await _body(request, NewFile)
    try:
        return JSONResponse(await _services(request).files.form(person, file), 201)
    except ValidationError:
        raise
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


async def _own_files(request: Request) -> Response:
    # Only one's own: what is not part of a message is nobody else's business.
    person = await _person(request)
    limit = _number(request, "limit", 50, _LONGEST_PAGE)
    try:
        return JSONResponse({"files": await _services(request).files.of_owner(person, max(1, limit or 0))})
    except ValueError as error:
        raise HTTPException(404, str(error)) from error


async def _link(request: Request) -> Response:
    person = await _person(request)
    services = _services(request)
    key = request.path_params["key"]
    # Who uploaded a file sees it; everybody else when it is part of a message.
    own = key.startswith(f"accepted/{person}/")
    if "\0" in key or not (own or await services.store.attached(key)):
        raise HTTPException(404, "there is no such file")
    url = await services.files.link(key)
    if url is None:
        raise HTTPException(404, "there is no such file")
    return JSONResponse({"url": url})


async def _post(request: Request) -> Response:
    author = await _person(request)
    room = _room(request)
    message = await _body(request, NewMessage)
    if message.attachment is not None and not message.attachment.startswith(f"accepted/{author}/"):
        raise HTTPException(400, "attachment is not a file that you uploaded")
    posting = Posting(room=room, author=author, **message.model_dump())
    stored = await _services(request).intake.post(posting)
    if stored is None:
        return JSONResponse({"state": "accepted", "id": str(message.id)}, 202)
    return JSONResponse({"state": "stored", **stored.as_json()}, 201)


async def _history(request: Request) -> Response:
    await _person(request)
    services = _services(request)
    room = _room(request)
    before = _number(request, "before", None)
    limit = _number(request, "limit", 50, _LONGEST_PAGE)
    at_least = _number(request, "at_least", 0) or 0
    if before is None and limit == 50:  # noqa: PLR2004 - the page that everybody asks for
        kept = await services.latest.get(room)
        if kept is not None and (kept[-1]["number"] if kept else 0) >= at_least:
            return JSONResponse({"messages": kept})
    messages = await services.store.history(room, before=before, limit=limit or 0, at_least=at_least)
    found = [message.as_json() for message in messages]
    if before is None and limit == 50:  # noqa: PLR2004
        await services.latest.put(room, found)
    return JSONResponse({"messages": found})


async def _by_author(request: Request) -> Response:
    await _person(request)
    author = _PERSON.validate_python(request.path_params["person"])
    limit = _number(request, "limit", 50, _LONGEST_PAGE)
    messages = await _services(request).store.by_author(author, limit=limit or 0)
    return JSONResponse({"messages": [message.as_json() for message in messages]})


async def _sent(request: Request) -> Response:
    person = await _person(request)
    message = await _services(request).store.with_id(person, str(request.path_params["id"]))
    if message is None:
        raise HTTPException(404, "it is not stored (yet)")
    return JSONResponse({"state": "stored", **message.as_json()})


async def _page(request: Request) -> Response:
    services = _services(request)
    room = _room(request)
    public = services.settings.public_rooms
    if not public:
        await _person(request)
    # The same for everybody: nothing of a person is in it, so a CDN may keep it.
    messages = await services.store.history(room)
    headers = {
        "Cache-Control": "public, max-age=0, s-maxage=1" if public else "private, no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(room_page(room, messages), headers=headers)


async def _share(request: Request) -> Response:
    await _person(request)
    return JSONResponse(share_links(_services(request).settings.base_url, _room(request)))


async def _live(socket: WebSocket) -> None:
    """Clients offer the sub-protocols ``chat`` and their token, since browsers send no header."""
    services = _services(socket)
    offered = socket.scope.get("subprotocols", [])
    token = next((each for each in offered if each != _PROTOCOL), "")
    try:
        person = await services.sessions.person(token)
        room = _ROOM.validate_python(socket.query_params.get("room"))
        number = _number(socket, "after", None)
        if number is None:
            number = await services.store.last(room)
    except (ValidationError, HTTPException):
        return await socket.close(4400, "room or after is wrong")
    except UnavailableError:
        return await socket.close(1013, "try again")
    if person is None:
        return await socket.close(4401, "sign in first")
    await socket.accept(_PROTOCOL if _PROTOCOL in offered else None)
    return await services.hub.listen(socket, person, room, number)
