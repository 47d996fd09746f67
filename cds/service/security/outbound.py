"""Fetching a key set: https only, from a public address or a host that is listed, no redirect, bounded in size and
time.

An address is resolved once, checked, and connected to as checked: a name that means something else a moment later
(DNS rebinding) changes nothing. The certificate is still checked against the name.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from typing import ClassVar, Final
from urllib.parse import urlsplit

import httpx2

from cds.errors import CdsError

LARGEST: Final = 256_000
SECONDS: Final = 5.0


class NotFetched(CdsError):
    """A document that could not be fetched, or must not be. The message repeats nothing of what a server answered.

    >>> raise NotFetched("keys.example: its address is private; list the host in private_hosts if it is meant")
    Traceback (most recent call last):
    cds.service.security.outbound.NotFetched: keys.example: its address is private; list the host in ...
    """

    code: ClassVar[str] = "not-fetched"


def fetch(
    url: str, *, private_hosts: tuple[str, ...] = (), trust: ssl.SSLContext | None = None, seconds: float = SECONDS
) -> bytes:
    """The bytes behind an https address. Raises `NotFetched`. `trust` replaces the certificates that are trusted."""
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme != "https" or not host or parts.username:
        raise NotFetched("a key set is fetched by https only; give https://HOST/PATH")
    address = public_address(host, parts.port or 443, private_hosts)
    shown = f"[{address}]" if ":" in address else address
    pinned = httpx2.URL(url).copy_with(host=shown)
    context = trust if trust is not None else ssl.create_default_context()
    try:
        with (
            httpx2.Client(verify=context, trust_env=False, follow_redirects=False, timeout=seconds) as client,
            client.stream(
                "GET", pinned, headers={"host": parts.netloc, "accept-encoding": "identity"},
                extensions={"sni_hostname": host},
            ) as response,
        ):  # fmt: skip
            if response.status_code != 200:
                raise NotFetched(f"{host}: it answered with status {response.status_code}; only 200 is read")
            return _bounded(response, host, time.monotonic() + seconds)
    except httpx2.HTTPError as error:
        raise NotFetched(f"{host}: it could not be reached ({type(error).__name__})") from error


def _bounded(response: httpx2.Response, host: str, until: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if time.monotonic() > until:  # each byte in time, and all of them too late
            raise NotFetched(f"{host}: it took too long to send the document")
        if size > LARGEST:
            raise NotFetched(f"{host}: the document is longer than {LARGEST} bytes, more than is read")
        chunks.append(chunk)
    return b"".join(chunks)


def public_address(host: str, port: int, private_hosts: tuple[str, ...] = ()) -> str:
    """The address to connect to. Every address of a host that is not listed has to be a public one.

    >>> public_address("127.0.0.1", 443)
    Traceback (most recent call last):
    cds.service.security.outbound.NotFetched: 127.0.0.1: its address is private; list the host in ...
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFetched(f"{host}: no address of it is known") from error
    addresses = [str(each[4][0]) for each in found]
    if host not in private_hosts and not all(_is_public(address) for address in addresses):
        raise NotFetched(f"{host}: its address is private; list the host in private_hosts if it is meant")
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return bool(inner.is_global and address.is_global and not address.is_multicast)
