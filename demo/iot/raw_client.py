"""An MQTT client that shows what the other side answers, byte by byte: TLS alerts, CONNACK, SUBACK, PUBACK."""

import datetime as dt
import socket
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x32, 0x40, 0x82, 0x90
_ENDED = "the broker ended the connection"


@dataclass(frozen=True)
class Answer:
    """What came of an attempt.

    Attributes:
        refusal: How the connection ended: the TLS alert or the client's own reason, or that it was ended; empty while
            it was open to the last.
        packets: What was received: the type of each MQTT packet, and its content.
    """

    refusal: str
    packets: tuple[tuple[int, bytes], ...]

    @property
    def connected(self) -> bool:
        """Whether CONNACK said so."""
        return (_CONNACK, b"\x00\x00") in self.packets

    @property
    def subscribed(self) -> bool:
        """Whether SUBACK granted the subscription."""
        return any(kind == _SUBACK and body[2:] != b"\x80" for kind, body in self.packets)

    @property
    def published(self) -> bool:
        """Whether PUBACK confirmed the message."""
        return any(kind == _PUBACK for kind, _ in self.packets)

    @property
    def messages(self) -> list[bytes]:
        """The messages that were received."""
        return [body for kind, body in self.packets if kind & 0xF0 == _PUBLISH & 0xF0]

    def __str__(self) -> str:
        """Return what was seen, in words."""
        names = {_CONNACK: "CONNACK", _SUBACK: "SUBACK", _PUBACK: "PUBACK"}
        seen = [
            f"{names.get(kind, 'PUBLISH')} {body[-1]:#04x}" if body else names.get(kind, "")
            for kind, body in self.packets
        ]
        return ", ".join([*seen, self.refusal] if self.refusal else seen) or "no answer"


@dataclass(frozen=True)
class RawClient:
    """A client of one endpoint.

    Attributes:
        port: Where the broker listens on this machine.
        ca: PEM of the CA that it trusts.
        server_name: The endpoint's name, which it dials (SNI).
        pem: File with its certificate and key; None for no certificate.
        version: The newest version of TLS that it speaks.
    """

    port: int
    ca: str
    server_name: str
    pem: Path | None = None
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3

    def attempt(self, packets: bytes, *, expected: int = 1, patience: float = 5) -> Answer:
        """Connect, send packets at once, and read until the broker ends the connection.

        Args:
            packets: What is sent.
            expected: Reading ends after so many packets.
            patience: Seconds to wait for the next packet.
        """
        received = bytearray()
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=patience) as plain,
                self._context().wrap_socket(plain, server_hostname=self.server_name) as stream,
            ):
                stream.sendall(packets)
                while len(split(received)) < expected:
                    if not (part := stream.recv(4096)):
                        return Answer(_ENDED, split(received))
                    received += part
        except TimeoutError:
            pass
        except ssl.SSLEOFError:
            # AWS IoT sends an alert first; asyncio, on which the embedded cloud listens, sends none.
            return Answer("the broker ended the TLS handshake", split(received))
        except ssl.SSLError as error:
            return Answer(f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}", split(received))
        except ConnectionError:
            return Answer(_ENDED, split(received))
        return Answer("", split(received))

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca)
        # The embedded cloud's certificate has its own name, under whichever name of AWS it is dialled.
        context.check_hostname = self.server_name == "localhost"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is what this is about
            context.maximum_version = self.version
            if self.version < ssl.TLSVersion.TLSv1_2:
                context.minimum_version = self.version
                # OpenSSL itself speaks it at this level only; the refusal has to be the server's.
                context.set_ciphers("ALL:@SECLEVEL=0")
        if self.pem is not None:
            context.load_cert_chain(self.pem)
        return context


def split(received: bytes | bytearray) -> tuple[tuple[int, bytes], ...]:
    """Return the whole packets of what was received: type and content."""
    found, position = [], 0
    while position + 1 < len(received):
        length, start = _remaining(received, position + 1)
        if start + length > len(received):
            break
        found.append((received[position], bytes(received[start : start + length])))
        position = start + length
    return tuple(found)


def connect(client_id: str) -> bytes:
    """Return CONNECT of MQTT 3.1.1 with a clean session and 60 s of keep-alive."""
    return _packet(_CONNECT, _text("MQTT") + b"\x04\x02\x00\x3c" + _text(client_id))


def publish(topic: str, payload: bytes) -> bytes:
    """Return PUBLISH with QoS 1."""
    return _packet(_PUBLISH, _text(topic) + b"\x00\x01" + payload)


def subscribe(topic_filter: str) -> bytes:
    """Return SUBSCRIBE with QoS 1."""
    return _packet(_SUBSCRIBE, b"\x00\x02" + _text(topic_filter) + b"\x01")


def self_signed(name: str) -> str:
    """Return the PEM of a certificate that nobody but its maker has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(
            subject, subject, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (certificate.public_bytes(pem) + secret).decode()


def _packet(kind: int, body: bytes) -> bytes:
    length, remaining = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        remaining.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([kind, *remaining]) + body


def _remaining(received: bytes | bytearray, position: int) -> tuple[int, int]:
    """Return the length of a packet's content, and where it begins."""
    length, shift = 0, 0
    while position < len(received):
        digit = received[position]
        length |= (digit & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not digit & 0x80:
            break
    return length, position


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()
