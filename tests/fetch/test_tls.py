"""Certificates and protocols that are not what they should be; proxies that nobody asked for.

What OpenSSL trusts and which proxies there are is read from the environment, so the fetcher is
started in a process of its own.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fetch import visitor
from tests.fetch.visitor import Visit
from tests.support.figures import Figures

if TYPE_CHECKING:
    from tests.fetch.conftest import FakeSite, Sentinels

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """Signs certificates."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def own(self) -> bytes:
        """Return its own certificate."""
        return self.signed_for(
            self.name, self.key, x509.BasicConstraints(ca=True, path_length=None)
        )

    def issue(self, host: str, ends_in: timedelta = DAY, *, signed: bool = True) -> bytes:
        """Return a key and its certificate; not `signed` means by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = self if signed else Authority(host, key)
        san = x509.SubjectAlternativeName([x509.DNSName(host)])
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return private + signer.signed_for(host, key, san, ends_in)

    def signed_for(
        self,
        subject: str,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        ends_in: timedelta = DAY,
    ) -> bytes:
        """Return a certificate for somebody's key."""
        ends = datetime.now(UTC) + ends_in
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - 3 * DAY)
            .not_valid_after(ends)
            .add_extension(extension, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


TRUSTED, UNKNOWN = Authority("trusted"), Authority("unknown")
BAD = "bad certificate"
WEAK = "connection"  # told as none, or as no secure one: releases of OpenSSL differ
CASES = {
    "good": (TRUSTED.issue("localhost"), ""),
    "expired": (TRUSTED.issue("localhost", -DAY), BAD),
    "not yet valid": (TRUSTED.issue("localhost", 5 * DAY), BAD),
    "wrong host": (TRUSTED.issue("www.zaobao.com.sg"), BAD),
    "self-signed": (UNKNOWN.issue("localhost", signed=False), BAD),
    "unknown authority": (UNKNOWN.issue("localhost"), BAD),
    "TLS 1.0": (TRUSTED.issue("localhost"), WEAK),
    "TLS 1.1": (TRUSTED.issue("localhost"), WEAK),
}
OLD = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Listen with TLS; yield the port and what was received inside of it."""
    received: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], received


def context_for(kind: str, certificate: Path) -> ssl.SSLContext:
    """Return how the server offers its certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    if kind in OLD:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = OLD[kind]
    return context


@pytest.mark.gate("N12", "certificates")
async def test_only_a_good_certificate_is_accepted(tmp_path: Path, figures: Figures) -> None:
    """Expired, for another host, by nobody known, by itself, old protocols: not a byte is sent.

    All but the good one have one fault only: their authority is trusted unless that is the fault.
    """
    authority = tmp_path / "authority.pem"
    authority.write_bytes(TRUSTED.own())
    ended, sent = {}, {}
    for kind, (pem, _) in CASES.items():
        certificate = tmp_path / "certificate.pem"
        certificate.write_bytes(pem)
        async with serving(context_for(kind, certificate)) as (port, received):
            visit = Visit(f"https://localhost:{port}", ["/x"])
            outcome = await visitor.send(visit, SSL_CERT_FILE=str(authority))
        ended[kind] = outcome.ends["/x"].problem.removeprefix(
            "robots.txt of www.zaobao.com.sg cannot be read: "
        )
        sent[kind] = received

    assert sent.pop("good")[0].startswith(b"GET /robots.txt HTTP/1.1")
    right = {kind: text for kind, (_, words) in CASES.items() if words in (text := ended[kind])}
    assert ended["good"] == ""
    figures.all("certificates judged rightly", len(right), of=len(CASES))
    size = sum(len(data) for each in sent.values() for data in each)
    figures.none("bytes of a request sent", size, of=len(sent))


@pytest.mark.gate("N2", "SSRF set")
async def test_no_proxy_is_taken_from_the_environment(
    site: FakeSite, sentinels: Sentinels, figures: Figures
) -> None:
    """A proxy would hide the real address from the guard; whatever is set, none is asked."""
    proxy = f"http://127.0.0.1:{sentinels.port}"
    names = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "ftp")]
    environment = {spelled: proxy for name in names for spelled in (name, name.upper())}
    site.serve("/x", site.reply(200, b"text"))

    outcome = await visitor.send(Visit(site.origin, ["/x"]), no_proxy="", **environment)

    assert outcome.ends["/x"].kind == "Page"
    figures.none("connections at a proxy", len(sentinels.seen), of=len(environment))
