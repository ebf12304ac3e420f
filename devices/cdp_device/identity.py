"""The identity of a device: a key that never leaves it, its certificate, and a store that survives a power failure."""

import os
import time
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import BaseModel, ConfigDict

from cdp_device.settings import Configuration

_OWNER_ONLY = 0o600
_SECONDS_PER_DAY = 86_400


class Identity(BaseModel):
    """Who the device is.

    Attributes:
        thing: Name of the thing.
        certificate_id: Id of the certificate in AWS IoT.
        certificate: PEM.
        key: PEM of the private key.
        issued_at: When it was issued, seconds since 1970.
        configuration: What it got with the certificate.
        confirmed: Whether its use was reported, so that the earlier certificates are retired.
    """

    model_config = ConfigDict(frozen=True)

    thing: str
    certificate_id: str
    certificate: str
    key: str
    issued_at: float
    configuration: Configuration
    confirmed: bool = False

    def is_due(self, now: float | None = None) -> bool:
        """Whether it is time to renew the certificate."""
        age = (time.time() if now is None else now) - self.issued_at
        return age >= self.configuration.renew_after_days * _SECONDS_PER_DAY


def make_key() -> str:
    """Return the PEM of a new private key (NIST P-256)."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def signing_request(key: str, common_name: str) -> str:
    """Return the PEM of a certificate signing request for a private key."""
    private_key = serialization.load_pem_private_key(key.encode(), password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key is not an elliptic curve key; make one with make_key()")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(private_key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


class IdentityStore:
    """Keeps the identity in use, and beside it the next one until the device has connected with that.

    Each is one file that is written whole and then renamed, so that a power failure leaves the old or the new one, and
    certificate and key always belong together.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made, for its owner only."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._folder = folder

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Return the store in a folder."""
        return cls(folder)

    def current(self) -> Identity | None:
        """Return the identity in use, None before there is one."""
        return self._read("identity.json")

    def next(self) -> Identity | None:
        """Return the identity that was issued and not used yet."""
        return self._read("identity.next.json")

    def keep(self, identity: Identity) -> None:
        """Keep the identity in use."""
        self._write("identity.json", identity)

    def keep_next(self, identity: Identity) -> None:
        """Keep an identity until the device has connected with it."""
        self._write("identity.next.json", identity)

    def promote(self) -> None:
        """Make the next identity the one in use."""
        os.replace(self._folder / "identity.next.json", self._folder / "identity.json")  # noqa: PTH105 - atomic
        self._sync()

    def drop_next(self) -> None:
        """Forget the next identity."""
        (self._folder / "identity.next.json").unlink(missing_ok=True)

    def pem_file(self, identity: Identity) -> Path:
        """Write certificate and key where TLS can read them, and return the file."""
        file = self._folder / "tls.pem"
        self._write_text(file, identity.certificate + identity.key)
        return file

    def _read(self, name: str) -> Identity | None:
        try:
            return Identity.model_validate_json((self._folder / name).read_text())
        except FileNotFoundError:
            return None

    def _write(self, name: str, identity: Identity) -> None:
        self._write_text(self._folder / name, identity.model_dump_json())

    def _write_text(self, file: Path, text: str) -> None:
        unfinished = file.with_name(f".{file.name}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
        self._sync()

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
