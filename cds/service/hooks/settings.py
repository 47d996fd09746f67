"""What CDS Hooks takes of the service's settings, checked together."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cds.service.settings import Settings, is_loopback


class HooksSettings(BaseModel):
    """The addresses that cards name, and which FHIR servers may be asked.

    `public_url` is the base under which clients reach this service (`{public_url}/cds-services`). `fhir_servers` are
    the base addresses from which missing prefetch may be fetched with the client's own token; from no other is anything
    ever fetched. `smart_launch` is the launch address of the board's SMART app; without it cards carry no SMART link.
    All of them are https; `development` allows http on the loopback interface. `fetch_seconds` bounds all fetching of
    one call, `page_bytes` and `pages` what is read for one family.

    >>> HooksSettings().fhir_servers
    ()
    >>> HooksSettings(public_url="http://cds.example.org")
    Traceback (most recent call last):
    ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for HooksSettings
      Value error, public_url: `http://cds.example.org` is not https; give an https address ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = "https://cds.example.org"
    fhir_servers: tuple[str, ...] = ()
    smart_launch: str | None = None
    development: bool = False
    fetch_seconds: float = Field(default=8.0, gt=0, le=60)
    page_bytes: int = Field(default=5_000_000, ge=1)
    pages: int = Field(default=20, ge=1)

    @classmethod
    def of(cls, settings: Settings) -> HooksSettings:
        """The part of a service's settings. Raises `ValidationError` where an address may not be used."""
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        public_url = settings.public_url or f"http://{host}:{settings.port}"
        own_launch = f"{public_url.rstrip('/')}/smart/launch" if settings.smart_apps else None
        return cls(
            public_url=public_url,
            fhir_servers=settings.fhir_servers,
            smart_launch=settings.smart_launch or own_launch,
            development=settings.authentication == "development",
        )

    @model_validator(mode="after")
    def _addresses_are_safe(self) -> HooksSettings:
        named = [("public_url", self.public_url), ("smart_launch", self.smart_launch or self.public_url)]
        for name, address in [*named, *(("fhir_servers", server) for server in self.fhir_servers)]:
            parts = urlsplit(address)
            if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
                raise ValueError(f"{name}: `{address[:100]}` is no base address; give https://host/path")
            if parts.scheme != "https" and not self.allows_http(parts.scheme, parts.hostname):
                raise ValueError(
                    f"{name}: `{address[:100]}` is not https; give an https address "
                    "(http only with development, on the loopback interface)"
                )
        return self

    def allows_http(self, scheme: str, host: str) -> bool:
        """Whether plain http may be spoken with a host: in development, on the loopback interface."""
        return self.development and scheme == "http" and is_loopback(host)

    @property
    def base(self) -> str:
        """The public base without a closing slash."""
        return self.public_url.rstrip("/")
