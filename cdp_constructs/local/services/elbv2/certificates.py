"""Load balancers: how listeners end TLS.

Certificates that ACM has issued here have no key, so they are made anew, by a CA of this cloud, for the same domains
and for the load balancer's own name and address. Imported ones are used as they are.
"""

import ssl
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from cdp_constructs.local.kit import ministack, tls
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.once import once

__all__ = ["Tls", "certificates_of"]

_acm: Any = ministack.module("services.acm", "_certificates")
_x509: Any = ministack.module("core.x509_utils", "generate_ca", "sign_leaf_certificate")


@once
def _authority() -> tuple[str, str]:
    """Return certificate and key of the CA, as PEM."""
    made: tuple[str, str] = _x509.generate_ca(common_name="CA of load balancers")
    return made


@route("GET", "balancers/ca")
def _certificate(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"certificate": _authority()[0]}


def _context(pem: str) -> ssl.SSLContext:
    context = tls.ending(pem)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _matches(name: str, domain: str) -> bool:
    if domain.startswith("*."):
        return name.partition(".")[2] == domain[2:].lower()
    return name == domain.lower()


class Tls:
    """The certificates of a listener; the client's server name chooses among them.

    Args:
        arns: Certificates of ACM, the default one first.
        name: DNS name of the load balancer.
        address: Address of the load balancer.

    Attributes:
        context: What the listener ends TLS with.
    """

    def __init__(self, arns: list[str], name: str, address: str) -> None:
        self._arns: dict[ssl.SSLContext, str] = {}
        self._names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._domains: list[tuple[ssl.SSLContext, list[str]]] = []
        for arn in arns or [""]:
            domains, context = self._load(arn, name, address)
            self._arns[context] = arn
            self._domains.append((context, domains))
        self.context = self._domains[0][0]
        self.context.sni_callback = self._choose

    def certificate_of(self, connection: Any) -> str:
        """Return the ARN of the certificate that a connection's client was shown."""
        return self._arns.get(connection.context, "")

    def name_of(self, connection: Any) -> str:
        """Return the name of the server that a connection's client asked for."""
        return self._names.get(connection, "")

    def is_for(self, name: str) -> bool:
        """Whether a certificate is for a name."""
        return any(_matches(name.lower(), domain) for _, domains in self._domains for domain in domains)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _default: ssl.SSLContext) -> None:
        self._names[connection] = name or ""
        for context, domains in self._domains:
            if any(_matches((name or "").lower(), domain) for domain in domains):
                connection.context = context
                return

    @staticmethod
    def _load(arn: str, name: str, address: str) -> tuple[list[str], ssl.SSLContext]:
        record = _acm._certificates.get(arn) or {}
        domains = list(record.get("SubjectAlternativeNames") or [])
        if record.get("_private_key"):
            return domains, _context(record["_private_key"] + record["_pem_body"] + record.get("_pem_chain", ""))
        names = list(dict.fromkeys([*domains, name]))
        certificate, key, _public = _x509.sign_leaf_certificate(
            *_authority(), common_name=names[0][:64], san_dns=names, san_ips=[address], key_type="ec256"
        )
        return names, _context(certificate + key)


def certificates_of(listener: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of a listener's certificates, the default one first."""
    return list(dict.fromkeys([*listener.get("Certificates", []), *listener.get("MoreCertificates", [])]))
