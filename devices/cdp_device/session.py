"""One MQTT connection: requests with their responses, and handlers for messages that AWS IoT sends by itself."""

import asyncio
import logging
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
from pydantic_core import from_json

from cdp_device.messages import encoded
from cdp_device.settings import Settings

logger = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[None]]

_HTTPS = 443
_ALPN = "x-amzn-mqtt-ca"
_KEEP_ALIVE_SECONDS = 60


class RejectedError(Exception):
    """AWS IoT rejected a request; ``code`` is its error code, such as ``AccessDenied``.

    Attributes:
        code: The error code.
        is_final: Whether asking again is useless. Everything else passes: a hook that was slow, throttling, an outage.
    """

    def __init__(self, topic: str, answer: dict[str, Any]) -> None:
        """Keep the code; the message has all."""
        self.code = str(answer.get("errorCode", answer.get("code", "")))
        self.is_final = self.code == "AccessDenied"
        super().__init__(f"{topic}: {self.code} {answer.get('errorMessage', answer.get('message', ''))}".strip())


class Session:
    """A connection of a device; made by ``connect``.

    Attributes:
        ended: Fails when the connection ends.
    """

    ended: asyncio.Task[None]

    def __init__(self, client: aiomqtt.Client, patience: float) -> None:
        """Wrap a client that is connected.

        Args:
            client: The client.
            patience: Seconds to wait for an answer.
        """
        self._client = client
        self._patience = patience
        self._handlers: dict[str, Handler] = {}
        self._asked: set[str] = set()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def subscribe(self, topic: str, handler: Handler) -> None:
        """Call a handler with the JSON document of every message of a topic; handlers run beside each other."""
        self._handlers[topic] = handler
        await self._acknowledged(topic, self._client.subscribe(topic, qos=1))

    async def publish(self, topic: str, document: Any) -> None:
        """Publish a JSON document and return when the broker has it (QoS 1).

        Raises:
            aiomqtt.MqttError: there is no connection, or the broker did not take it.
            ValueError: the document is too large, or no JSON.
        """
        await self._acknowledged(topic, self._client.publish(topic, encoded(document), qos=1))

    async def ask(self, topic: str, request: Any) -> dict[str, Any]:
        """Publish a request and return the document of ``<topic>/accepted``.

        Raises:
            RejectedError: it was rejected.
            TimeoutError: there was no answer.
            aiomqtt.MqttError: there is no connection any more.
        """
        async with self._asking[topic]:  # an answer does not say which request it is for
            return await self._ask(topic, request)

    async def _ask(self, topic: str, request: Any) -> dict[str, Any]:
        topics = [f"{topic}/accepted", f"{topic}/rejected"]
        if topic not in self._asked:
            for name in topics:
                await self._acknowledged(name, self._client.subscribe(name, qos=1))
            self._asked.add(topic)
        accepted, rejected = (asyncio.get_running_loop().create_future() for _ in topics)
        self._answers |= dict(zip(topics, (accepted, rejected), strict=True))
        try:
            await self.publish(topic, request)
            done, _ = await asyncio.wait(
                {accepted, rejected, self.ended}, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for name in topics:
                self._answers.pop(name, None)
        if self.ended in done:
            raise aiomqtt.MqttError(f"the connection ended before {topic} was answered")
        if not done:
            raise TimeoutError(f"no answer to {topic} within {self._patience:g} s")
        if rejected in done:
            raise RejectedError(topic, rejected.result())
        answer: dict[str, Any] = accepted.result()
        return answer

    async def _acknowledged(self, topic: str, act: Coroutine[Any, Any, Any]) -> None:
        """Wait for the broker, or for the end: AWS IoT ends the connection of a client that may not do something."""
        acting = asyncio.create_task(act)
        try:
            await asyncio.wait({acting, self.ended}, return_when=asyncio.FIRST_COMPLETED)
            if not acting.done():
                raise aiomqtt.MqttError(f"the connection ended before {topic} was acknowledged")
            acting.result()
        finally:
            acting.cancel()

    async def listen(self) -> None:
        """Dispatch messages until the connection ends.

        Raises:
            aiomqtt.MqttError: when it ends.
        """
        async for message in self._client.messages:
            topic = str(message.topic)
            try:
                # Bounded: what is nested deeply would end the connection, and a retained message every connection.
                document = from_json(bytes(message.payload or b"null"), allow_inf_nan=False)
            except ValueError:
                logger.warning("A message of %s is not JSON", topic)
                continue
            answer = self._answers.get(topic)
            if answer is not None and not answer.done():
                if isinstance(document, dict):
                    answer.set_result(document)
                else:
                    logger.warning("An answer of %s is no object", topic)
            elif topic in self._handlers:
                task = asyncio.create_task(work_alone(topic, self._handlers[topic], document))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for the handlers that run."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def work_alone(topic: str, handler: Handler, document: Any) -> None:
    """Let a handler work on a message; what fails is logged and ends nothing else."""
    try:
        await handler(document)
    except aiomqtt.MqttError:
        logger.warning("The connection ended while a message of %s was worked on", topic)
    except Exception:
        logger.exception("A message of %s could not be worked on", topic)


def tls_context(ca_file: Path, pem_file: Path, port: int) -> ssl.SSLContext:
    """Return TLS 1.2 or newer that trusts one CA and presents a client certificate.

    Args:
        ca_file: The CA of the server.
        pem_file: Certificate and key.
        port: On 443 the protocol is negotiated, as AWS IoT wants it.
    """
    context = ssl.create_default_context(cafile=str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem_file)
    if port == _HTTPS:
        context.set_alpn_protocols([_ALPN])
    return context


@asynccontextmanager
async def connect(
    settings: Settings, client_id: str, pem_file: Path, *, patience: float = 10
) -> AsyncIterator[Session]:
    """Connect, and dispatch messages until the block is left.

    The session is clean: a command for a device that is not connected gets no response, instead of a late one.

    Args:
        settings: The endpoint.
        client_id: AWS IoT ends an earlier connection of the same id.
        pem_file: Certificate and key.
        patience: Seconds to wait for the connection and for each answer.

    Raises:
        aiomqtt.MqttError: there is no connection, or it ended.
    """
    client = aiomqtt.Client(
        settings.endpoint,
        settings.port,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        keepalive=_KEEP_ALIVE_SECONDS,
        tls_context=tls_context(settings.ca_file, pem_file, settings.port),
        timeout=patience,
        logger=logger,
    )
    async with client:
        session = Session(client, patience)
        session.ended = asyncio.create_task(session.listen())
        try:
            yield session
        finally:
            session.ended.cancel()
            await asyncio.gather(session.ended, return_exceptions=True)
