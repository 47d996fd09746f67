"""Fetching what was not prefetched, from the client's own FHIR server with the token of this call.

Nothing is fetched from a server that is not on the installation's list, by an address that leaves its base, or after a
redirect. A failure is never an answer: it leaves the search missing, with why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import anyio
import httpx2

from cds.errors import Issue, UnusableInput
from cds.intake.document import Json, Limits, parse_document, string
from cds.service.hooks.envelope import Authorization
from cds.service.hooks.prefetch import Found, Part, State, read_answer
from cds.service.hooks.services import PATIENT_TOKEN
from cds.service.hooks.settings import HooksSettings

_AT_ONCE: Final = 6
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

ClientFactory = Callable[[], httpx2.AsyncClient]


def new_client() -> httpx2.AsyncClient:
    """A client that follows no redirect and reads no proxy or password from the environment."""
    return httpx2.AsyncClient(
        follow_redirects=False, trust_env=False, timeout=httpx2.Timeout(4.0), headers={"accept-encoding": "identity"}
    )


def allowed_base(server: str, listed: Sequence[str]) -> str | None:
    """The base address to fetch from, or `None` for a server that is not `listed`.

    >>> listed = ("https://ehr.example.org/fhir",)
    >>> allowed_base("https://ehr.example.org/fhir/", listed), allowed_base("https://ehr.example.org.evil/fhir", listed)
    ('https://ehr.example.org/fhir', None)
    """
    asked = server.rstrip("/")
    return next((asked for each in listed if _same_base(asked, each.rstrip("/"))), None)


def _same_base(asked: str, listed: str) -> bool:
    return "?" not in asked and "#" not in asked and within(asked, listed)


def within(address: str, base: str) -> bool:
    """Whether an address is the base or below it: same scheme, host and port, no password, no way up.

    >>> base = "https://a.example/fhir"
    >>> within("https://a.example/fhir?page=2", base), within("https://a.example/x", base)
    (True, False)
    """
    if not address.isascii() or not address.isprintable() or "\\" in address or " " in address:
        return False
    try:
        one, other = urlsplit(address), urlsplit(base)
        ports = [parts.port or _DEFAULT_PORTS.get(parts.scheme) for parts in (one, other)]
    except ValueError:
        return False
    if (one.scheme, one.hostname, ports[0]) != (other.scheme, other.hostname, ports[1]) or "@" in one.netloc:
        return False
    if "%2e" in one.path.lower() or "%2f" in one.path.lower() or ".." in one.path.split("/"):
        return False
    return one.path.rstrip("/") == other.path.rstrip("/") or one.path.startswith(f"{other.path.rstrip('/')}/")


class _Failed(Exception):
    """One request failed; the text says how, without anything of the answer."""


class FhirServer:
    """The FHIR server of one call. It lives as long as the call, and so does the token."""

    def __init__(self, base: str, token: Authorization, settings: HooksSettings, client: httpx2.AsyncClient) -> None:
        self._base = base
        self._client = client
        self._settings = settings
        self._token = token
        self._slots = anyio.CapacityLimiter(_AT_ONCE)

    async def complete(
        self, parts: Mapping[str, Part], templates: Mapping[str, str], patient: str
    ) -> dict[str, Part]:
        """The parts with what could be fetched: what is missing altogether, and further pages of what is partial."""
        result = dict(parts)

        async def one(key: str) -> None:
            async with self._slots:
                result[key] = await self._one(parts[key], templates[key], patient)

        late = "the FHIR server did not answer in time"
        with anyio.move_on_after(self._settings.fetch_seconds) as deadline:
            async with anyio.create_task_group() as group:
                for key, part in parts.items():
                    if not part.complete:
                        group.start_soon(one, key)
        if deadline.cancelled_caught:
            unread = [key for key, part in result.items() if part is parts[key] and not part.complete]
            result.update({key: replace(result[key], why=late) for key in unread})
        return result

    async def read(self, reference: str) -> Json | str:
        """One resource by `Type/id`; a text says why it could not be had."""
        with anyio.move_on_after(self._settings.fetch_seconds):
            try:
                resource = await self._get(f"{self._base}/{reference}")
            except _Failed as error:
                return str(error)
            if f"{resource.get('resourceType')}/{string(resource, 'id')}" == reference:
                return resource
            return "the FHIR server answered with another resource"
        return "the FHIR server did not answer in time"

    async def _one(self, part: Part, template: str, patient: str) -> Part:
        if part.state is State.PARTIAL and part.next_page is None:
            return part  # no address says where the rest is; the whole search again may be as partial
        try:
            if part.state is State.MISSING:
                query = template.replace(PATIENT_TOKEN, patient)
                part = self._read(part, await self._get(f"{self._base}/{query}"), template)
            return await self._pages(part, template)
        except _Failed as error:
            return replace(part, why=f"{part.why}; {error}" if part.why else str(error))

    async def _pages(self, part: Part, template: str) -> Part:
        seen: set[str] = set()
        while part.next_page is not None:
            address = part.next_page
            if not within(address, self._base) or address in seen or len(seen) + 1 >= self._settings.pages:
                return replace(part, next_page=None, why="it has a further page that was not read")
            seen.add(address)
            try:
                page = self._read(part, await self._get(address), template)
            except _Failed as error:
                return replace(part, next_page=None, why=f"a further page could not be read: {error}")
            found = (*part.found, *page.found)
            state = page.state
            if state is State.NONE or (state is State.PARTIAL and page.next_page is None):
                state = State.OBTAINED  # an empty last page; a total counts the matches of all pages
            if state is State.MISSING:
                return replace(part, found=found, next_page=None, why=f"a further page: {page.why}")
            part = replace(page, found=found, state=state, notes=(*part.notes, *page.notes))
        return part

    @staticmethod
    def _read(part: Part, resource: Json, template: str) -> Part:
        issues: list[Issue] = []
        read = read_answer(part.key, resource, template, f"fhirServer.{part.key}", issues)
        if issues:
            raise _Failed(f"the FHIR server's answer cannot be used ({issues[0].details})")
        return read

    async def _get(self, address: str) -> Json:
        headers = {
            "authorization": f"Bearer {self._token.access_token.get_secret_value()}",
            "accept": "application/fhir+json",
        }
        most = self._settings.page_bytes
        with _as_failures():
            async with self._client.stream("GET", address, headers=headers) as response:
                if response.status_code != 200:
                    raise _Failed(f"the FHIR server answered {response.status_code}")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > most:
                        raise _Failed(f"the FHIR server sent more than {most} bytes")
            return parse_document(bytes(body), Limits(size=most))


@contextmanager
def _as_failures() -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException:
        raise _Failed("the FHIR server did not answer in time") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
        raise _Failed("the FHIR server could not be reached") from None
    except UnusableInput as error:
        raise _Failed(f"the FHIR server sent no usable JSON ({error.issues[0].code})") from None


def found_in(parts: Mapping[str, Part]) -> tuple[Found, ...]:
    """Every resource of all parts."""
    return tuple(found for part in parts.values() for found in part.found)
