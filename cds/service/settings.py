"""What an installation of the service may set: environment variables `CDS_…`, the options of `cds serve`, or arguments.

`docs/reference/settings.md` lists them all; `cds serve --show-settings` prints what is in force, secrets masked.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cds.intake.document import Limits
from cds.service.security.client_key import ClientKey

Algorithm = Literal["ES384", "RS384", "ES256", "RS256"]
ASYMMETRIC: Final[tuple[Algorithm, ...]] = ("ES384", "RS384")


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(f"`{url[:80]}` is no https address; give https://HOST/PATH")
    return url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.path or parts.query:
        raise ValueError(f"`{url[:80]}` is no origin; give https://HOST, without a path")
    return url


def _fhir_server(url: str) -> str:
    parts = urlsplit(url)
    return url if parts.scheme == "http" and is_loopback(parts.hostname or "") else _https(url)


Https = Annotated[str, AfterValidator(_https)]
FhirServer = Annotated[str, AfterValidator(_fhir_server)]
Origin = Annotated[str, AfterValidator(_origin)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Client(BaseModel):
    """A CDS client that may call: the `iss` of its tokens, and where its keys are.

    `keys` is the address of its key set (JWKS), fetched when needed, or the path of a file with it, exchanged
    beforehand. `tenants` are the organisations it may speak for, all where empty. `servers` are those of `fhir_servers`
    whose patients it may speak of; an only client may speak of all of them where empty, one of several of none.

    >>> Client(issuer="https://ehr.example", keys="https://ehr.example/jwks.json").tenants
    ()
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1, max_length=300)
    keys: str
    tenants: tuple[str, ...] = ()
    servers: tuple[FhirServer, ...] = ()

    @field_validator("keys")
    @classmethod
    def _keys(cls, keys: str) -> str:
        return keys if _is_path(keys) else _https(keys)


class SmartApp(BaseModel):
    """The board as an app of one EHR (SMART App Launch): what the EHR's authorisation server knows it as.

    `server` is the base address of the EHR's FHIR server, one of `fhir_servers`. The app proves itself by a private key
    (`client_key`, the path of a PEM file) or by a `client_secret`; without either it is a public client.
    `authorization_hosts` are hosts besides the server's own that it may name for authorisation.

    >>> SmartApp(server="https://ehr.example/fhir", client_id="board").client_secret is None
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    server: FhirServer
    client_id: str = Field(min_length=1, max_length=300, pattern=r"^[\x21-\x7e]+$")
    client_secret: SecretStr | None = None
    client_key: Path | None = None
    authorization_hosts: tuple[str, ...] = ()

    @field_validator("client_key")
    @classmethod
    def _can_sign(cls, file: Path | None) -> Path | None:
        if file is not None:
            ClientKey.read(file)
        return file

    @model_validator(mode="after")
    def _proves_itself_in_one_way(self) -> SmartApp:
        if self.client_secret is not None and self.client_key is not None:
            raise ValueError("client_secret and client_key exclude each other; give the one that the EHR knows")
        return self


def _is_path(keys: str) -> bool:
    return "://" not in keys


def default_database() -> SecretStr:
    """A SQLite file in the folder of the user's (or the systemd unit's) state."""
    folder = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return SecretStr(f"sqlite:///{Path(folder) if folder else Path(home) / 'cds'}/records.sqlite3")


class Settings(BaseSettings):
    """The settings of one service. An argument wins over the environment (`CDS_LARGEST_BODY=…`), which wins over a
    default.

    >>> Settings(concurrency=1).largest_body
    20000000
    """

    model_config = SettingsConfigDict(env_prefix="CDS_", frozen=True, extra="forbid", hide_input_in_errors=True)

    rules: Path | None = Field(None, description="the folder of the rule set; the shipped one where it is not set")
    overlay: Path | None = Field(None, description="an institution's own thresholds (YAML)")
    examples: Path | None = Field(Path("fhir_examples"), description="example patients, shown where the folder exists")

    largest_body: Annotated[int, Field(ge=1, le=Limits().size)] = Field(
        Limits().size, description="bytes of a request's body, or of one line of a batch"
    )
    deepest: Annotated[int, Field(ge=1, le=Limits().depth)] = Field(
        Limits().depth, description="levels of nesting in a document"
    )
    most_entries: Annotated[int, Field(ge=1, le=Limits().entries)] = Field(
        Limits().entries, description="entries of a bundle"
    )
    longest_text: Annotated[int, Field(ge=1, le=Limits().text)] = Field(
        Limits().text, description="bytes of one text in a document"
    )
    concurrency: Count = Field(2, description="evaluations at once in one worker")
    queue: Annotated[int, Field(ge=0)] = Field(32, description="evaluations that may wait; more are asked to come back")
    large_body: Count = Field(
        200_000, description="bytes of a body beyond which it is evaluated in a process of its own"
    )
    large_processes: Annotated[int, Field(ge=0, le=64)] = Field(
        1, description="processes for large bodies beside one worker; 0 evaluates them in the worker"
    )
    large_held: Count = Field(
        100_000_000, description="bytes of such bodies held at once in one worker; more are asked to come back"
    )
    requests: Count = Field(128, description="requests at once in one worker; more are asked to come back")
    connections: Count = Field(500, description="connections of one worker; one more is closed at once")
    header_seconds: Seconds = Field(10.0, description="how long a client may take to say what it asks")
    body_seconds: Seconds = Field(30.0, description="how long a client may take to send a body, or a part of a batch")
    answer_seconds: Seconds = Field(30.0, description="how long an evaluation may take, waiting included")
    rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="requests per second of one caller in one worker, in the long run; no limit where not set"
    )
    burst: Count = Field(50, description="requests of one caller that may come at once, where `rate` is set")

    database: SecretStr = Field(default_factory=default_database, description="the database of the decision records")
    recording: Literal["required", "when-possible", "off"] = Field(
        "required",
        description="required: no advice without its record; when-possible: given out unrecorded, and says so; off",
    )
    keep_bundles: bool = Field(False, description="whether a record holds the bundle as it came, too")
    retention_days: Count | None = Field(None, description="days after which facts and answers are erased")
    pseudonym_key: SecretStr | None = Field(
        None, description="the key under which patients, resources and lesions are recorded by pseudonyms"
    )

    authentication: Literal["development", "required"] = Field(
        "development", description="development: nobody is asked who they are, on the loopback interface only"
    )
    public_url: Https | None = Field(None, description="the address under which clients see this service")
    clients: tuple[Client, ...] = Field((), description="the CDS clients that may call CDS Hooks (JSON)")
    algorithms: tuple[Algorithm, ...] = Field(ASYMMETRIC, description="signatures that are accepted (JSON)")
    token_issuer: Https | None = Field(None, description="the OAuth2 server whose tokens open the other doors")
    token_keys: str | None = Field(None, description="its key set: an https address, or the path of a file")
    token_audience: str | None = Field(None, description="the audience that its tokens name; public_url where not set")
    private_hosts: tuple[str, ...] = Field(
        (), description="hosts that may be fetched from although their addresses are private (JSON)"
    )
    fhir_servers: tuple[FhirServer, ...] = Field(
        (), description="FHIR servers from which missing data may be fetched (JSON); http on loopback in development"
    )
    smart_apps: tuple[SmartApp, ...] = Field((), description="the EHRs that may launch the board (JSON)")
    smart_launch: Https | None = Field(
        None, description="the launch address that cards name; that of this service where `smart_apps` names any"
    )
    session_minutes: Annotated[int, Field(ge=1, le=720)] = Field(60, description="how long a launched session lasts")
    session_key: SecretStr | None = Field(
        None, description="the key of the cookies of launched sessions; a random one at each start where not set"
    )
    cors_origins: tuple[Origin, ...] = Field((), description="origins of browser clients that may call (JSON)")

    host: str = Field("127.0.0.1", description="the address to listen on")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="the port to listen on; 0 takes a free one")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(1, description="processes that answer")
    grace_seconds: Seconds = Field(30.0, description="how long running requests may go on once the service is ended")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="what is logged")

    @field_validator("algorithms")
    @classmethod
    def _some(cls, algorithms: tuple[Algorithm, ...]) -> tuple[Algorithm, ...]:
        if not algorithms:
            raise ValueError("no algorithm is left; give at least one of ES384, RS384, ES256, RS256")
        return algorithms

    @field_validator("token_keys")
    @classmethod
    def _keys(cls, keys: str | None) -> str | None:
        return keys if keys is None or _is_path(keys) else _https(keys)

    @field_validator("pseudonym_key", "session_key")
    @classmethod
    def _long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < 16:
            raise ValueError("the key is shorter than 16 characters; give a random one of 32 or more")
        return key

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.authentication == "required" and self.public_url is None:
            raise ValueError("public_url is not set: without it no token's audience can be checked; give https://HOST")
        if self.large_held < self.largest_body:
            raise ValueError("large_held is less than largest_body, which could never be read; give as much or more")
        if (self.token_issuer is None) != (self.token_keys is None):
            raise ValueError("token_issuer and token_keys belong together; set both or neither")
        known = {server.rstrip("/") for server in self.fhir_servers}
        unlisted = [s for client in self.clients for s in client.servers if s.rstrip("/") not in known]
        if unlisted:
            raise ValueError(f"clients: `{unlisted[0][:80]}` is not listed; list each client's servers in fhir_servers")
        named = [app.server.rstrip("/") for app in self.smart_apps]
        if not known.issuperset(named) or len(set(named)) < len(named):
            raise ValueError("smart_apps: each is for one server of its own; list that server in fhir_servers, too")
        if self.smart_apps and self.workers > 1 and self.session_key is None:
            raise ValueError("session_key is not set: several workers need one in common; give a random one of 32")
        if self.keep_bundles and self.pseudonym_key is not None:
            raise ValueError("a bundle as it came names the patient: keep_bundles and pseudonym_key exclude each other")
        return self


def servers_of(settings: Settings, issuer: str | None) -> tuple[str, ...]:
    """The listed FHIR servers whose patients a caller of CDS Hooks may speak of; in development, all.

    >>> clients = tuple(Client(issuer=f"https://{name}.example", keys="keys.json") for name in "ab")
    >>> known = {"authentication": "required", "public_url": "https://cds.example"}
    >>> listed = {"fhir_servers": ("https://a.example/fhir",), **known}
    >>> servers_of(Settings(clients=clients[:1], **listed), "https://a.example")
    ('https://a.example/fhir',)
    >>> servers_of(Settings(clients=clients, **listed), "https://a.example")
    ()
    """
    if settings.authentication == "development":
        return settings.fhir_servers
    client = next((each for each in settings.clients if each.issuer == issuer), None)
    if client is None:
        return ()
    return settings.fhir_servers if len(settings.clients) == 1 and not client.servers else client.servers


def is_loopback(host: str) -> bool:
    """Whether an address reaches no further than this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as they may be printed: a key is masked, and the password of the database.

    >>> shown(Settings(database=SecretStr("postgresql://cds:secret@db/cds")))["database"]
    'postgresql://cds:***@db/cds'
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    told = settings.model_dump(mode="json")
    try:
        told["database"] = make_url(settings.database.get_secret_value()).render_as_string(hide_password=True)
    except ArgumentError:
        told["database"] = "***"
    return told
