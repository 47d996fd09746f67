"""Forms as browsers send them, and the bundle of the first page's form, pasted or from a file."""

from __future__ import annotations

from collections.abc import Container, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import parse_qsl

from cds.service.outcomes import Refused
from cds.service.requests import NAMES

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
FORM_TYPES: Final = (URLENCODED, MULTIPART)
FIELDS: Final = ("bundle", "file", *NAMES, "unfold")
"""The fields of the first page's form."""
MOST_FIELDS: Final = 2000
"""Fields of any form: one for each fact of a few lesions and their structures."""


def fields_of(content_type: str, body: bytes, names: Container[object] = FIELDS) -> Mapping[str, bytes]:
    """The fields of a form that are named here, those that it does not have left out. Raises `Refused` (400).

    The whole form stays in memory: a record is never written to a temporary file.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    fields = _multipart(content_type, body) if media_type == MULTIPART else _urlencoded(body)
    return {name: value for name, value in fields if name in names}


def bundle_of(fields: Mapping[str, bytes]) -> bytes:
    """The bundle: the file if one was chosen, else what was pasted. Raises `Refused` (400) where both were given."""
    pasted, file = fields.get("bundle", b""), fields.get("file", b"")
    if pasted.strip() and file.strip():
        told = "a file was chosen and a bundle was pasted; give one of the two"
        raise Refused(400, "unreadable-form", told)
    return file if file.strip() else pasted


def _urlencoded(body: bytes) -> list[tuple[str, bytes]]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict",
                          max_num_fields=MOST_FIELDS)  # fmt: skip
    except ValueError as error:  # UnicodeError is one, too
        raise _unreadable() from error
    return [(name, value.encode()) for name, value in pairs]


def _multipart(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    if not content_type.isascii() or "\n" in content_type or "\r" in content_type:
        raise _unreadable()
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii")
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = form.get_payload()
    if not form.is_multipart() or not isinstance(parts, list) or len(parts) > MOST_FIELDS or form.defects:
        raise _unreadable()
    return [_field(part) for part in parts]


def _field(part: object) -> tuple[str, bytes]:
    if not isinstance(part, Message) or part.is_multipart():
        raise _unreadable()
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise _unreadable()
    return str(part.get_param("name", "", "content-disposition")), content


def _unreadable() -> Refused:
    told = "the form cannot be read; paste the bundle as UTF-8 text, or choose its file"
    return Refused(400, "unreadable-form", told)
