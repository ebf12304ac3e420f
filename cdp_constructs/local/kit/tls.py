"""TLS with certificates and keys that are in memory."""

import ssl
import tempfile

__all__ = ["ending", "load"]


def load(context: ssl.SSLContext, pem: str) -> None:
    """Let a context have a certificate with its key and those between it and its CA.

    Args:
        context: The context.
        pem: All of them, as PEM.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # private to the user of the cloud
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


def ending(pem: str) -> ssl.SSLContext:
    """Return what ends TLS with a certificate and its key, as PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(context, pem)
    return context
