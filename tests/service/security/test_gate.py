"""The other doors: bearer tokens and scopes, what is open to all, CORS, rates, and the development mode."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cds.cli import main
from cds.service import Settings, create_app
from cds.service.security.keys import Keys
from cds.service.security.outbound import NotFetched, _bounded, fetch, public_address
from cds.service.security.rates import MOST_CALLERS, Rates
from tests.service.security.conftest import IDP, Signer

Make = Callable[..., dict[str, Any]]
Json = dict[str, Any]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_bearer_token_with_its_scope_opens_evaluate(
    service: TestClient, idp: Signer, access: Make, patient: Json
) -> None:
    for typ in ("at+jwt", "JWT"):
        token = idp.sign(access(), "idp", typ=typ)
        for _ in range(2):  # an access token is used many times
            assert service.post("/evaluate", json=patient, headers=bearer(token)).status_code == 200


@pytest.mark.parametrize(
    "named",
    [
        {"iss": "https://other.example.org"}, {"iss": None}, {"aud": "https://other.example.org"}, {"aud": None},
        {"exp": 1}, {"exp": None}, {"sub": None},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_is_refused(
    service: TestClient, idp: Signer, access: Make, patient: Json, named: Json
) -> None:
    response = service.post("/evaluate", json=patient, headers=bearer(idp.sign(access(**named), "idp")))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "scope"),
    [("/evaluate", "cds.evaluate"), ("/fhir/PlanDefinition", "cds.evaluate"), ("/metrics", "cds.metrics"),
     ("/board", "cds.board"), ("/board/x", "cds.board"), ("/", "cds.board"), ("/openapi.json", "cds.evaluate")],
)  # fmt: skip
def test_each_door_asks_for_its_scope(
    service: TestClient, idp: Signer, access: Make, path: str, scope: str
) -> None:
    without = service.get(path, headers=bearer(idp.sign(access(scope="openid cds.other"), "idp")))
    assert without.status_code == 403
    assert scope in without.text
    assert 'error="insufficient_scope"' in without.headers["www-authenticate"]
    with_it = service.get(path, headers=bearer(idp.sign(access(scope=None, scp=["x", scope]), "idp")))
    assert with_it.status_code not in (401, 403)


def test_nothing_but_the_state_the_version_and_what_is_served_is_open(service: TestClient) -> None:
    for path in ("/health", "/health/ready", "/version", "/fhir/metadata"):
        assert service.get(path).status_code == 200
    for path in (
        "/", "/evaluate", "/metrics", "/openapi.json", "/board/x", "/fhir/PlanDefinition", "/fhir/metadata/",
        "/nothing", "/health/",
    ):  # fmt: skip
        assert service.get(path).status_code == 401, path


def test_scopes_that_are_no_texts_open_nothing(service: TestClient, idp: Signer, access: Make) -> None:
    for scope in ([["cds.evaluate"]], [{}, 7], {"cds.evaluate": True}, 7):
        token = idp.sign(access(scope=scope), "idp")
        assert service.get("/openapi.json", headers=bearer(token)).status_code == 403


def test_a_token_of_the_other_kind_does_not_open_a_door(
    service: TestClient, ehr: Signer, idp: Signer, claims: Make, access: Make, patient: Json
) -> None:
    assert service.post("/evaluate", json=patient, headers=bearer(ehr.sign(claims(), "es"))).status_code == 401
    assert service.get("/cds-services", headers=bearer(idp.sign(access(), "idp"))).status_code == 401


def test_without_an_issuer_of_tokens_the_other_doors_stay_shut(
    guarded: Settings, idp: Signer, access: Make, patient: Json
) -> None:
    closed = guarded.model_copy(update={"token_issuer": None, "token_keys": None})
    with TestClient(create_app(closed)) as service:
        response = service.post("/evaluate", json=patient, headers=bearer(idp.sign(access(), "idp")))
    assert response.status_code == 401


def test_the_caller_stands_in_the_record(
    service: TestClient, guarded: Settings, idp: Signer, access: Make, patient: Json
) -> None:
    from cds.records import open_records

    response = service.post("/evaluate", json=patient, headers=bearer(idp.sign(access(sub="board-app"), "idp")))
    records = open_records(guarded.database.get_secret_value())
    assert records.entry(response.headers["cds-record"]).body["author"] == {"name": "board-app", "issuer": IDP}
    records.close()


def test_a_browser_may_call_from_a_listed_origin_only(service: TestClient) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    listed = service.options("/cds-services", headers={"origin": "https://app.example.org", **asked})
    assert listed.status_code == 200
    assert listed.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "access-control-allow-credentials" not in listed.headers
    other = service.options("/cds-services", headers={"origin": "https://evil.example.org", **asked})
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers
    assert other.json()["issue"][0]["details"]["coding"][0]["code"] == "not-allowed"
    problem = service.options(
        "/evaluate",
        headers={"origin": "https://evil.example.org", "accept": "application/problem+json", **asked},
    )
    assert problem.headers["content-type"] == "application/problem+json"
    assert "origin" in problem.json()["detail"]


def test_who_sent_no_token_is_told_of_no_error_in_it(service: TestClient) -> None:
    for sent in ({}, {"authorization": "Basic eDp5"}):
        response = service.get("/rules", headers=sent)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="cds"'
    wrong = service.get("/rules", headers=bearer("no.token.atall"))
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]


def test_every_answer_carries_the_headers_that_keep_it_where_it_is(service: TestClient) -> None:
    for path in ("/health", "/evaluate", "/nothing"):
        headers = service.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["strict-transport-security"].startswith("max-age=")
        assert "server" not in headers


def test_who_asks_too_often_waits(rules: Path, patient: Json) -> None:
    settings = Settings(rules=rules, rate=0.001, burst=2)
    with TestClient(create_app(settings)) as client:
        assert [client.get("/cds-services").status_code for _ in range(3)] == [200, 200, 429]
        response = client.post("/evaluate", json=patient)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 1
        assert client.get("/health").status_code == 200


def test_who_sends_wrong_tokens_too_often_waits_too(guarded: Settings) -> None:
    with TestClient(create_app(guarded.model_copy(update={"rate": 0.001, "burst": 2}))) as client:
        assert [client.get("/cds-services").status_code for _ in range(4)] == [401, 401, 429, 429]


def test_a_bucket_fills_again_and_the_memory_of_callers_is_bounded() -> None:
    moment = [0.0]
    rates = Rates(rate=2, burst=1, clock=lambda: moment[0])
    assert rates.wait("a") == 0
    assert rates.wait("a") == pytest.approx(0.5)
    moment[0] = 0.5
    assert rates.wait("a") == 0
    for n in range(MOST_CALLERS + 10):
        rates.wait(str(n))
    assert len(rates._buckets) == MOST_CALLERS


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_development_listens_on_this_machine_only(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", host, "--port", "0"]) == 2
    assert "CDS_AUTHENTICATION=required" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------ fetching


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1",
     "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
def test_a_private_address_is_not_fetched_from(host: str) -> None:
    with pytest.raises(NotFetched, match="its address is private"):
        public_address(host, 443)


def test_a_private_host_may_be_listed() -> None:
    assert public_address("127.0.0.1", 443, ("127.0.0.1",)) == "127.0.0.1"


def test_a_name_of_which_one_address_is_private_is_not_fetched_from(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(NotFetched, match="private"):
        public_address("rebinding.example.org", 443)


@pytest.mark.parametrize(
    "url", ["http://keys.example.org/", "ftp://x/", "https://", "https://u:p@keys.example.org/", "file:///etc/passwd"]
)
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(NotFetched, match="https only"):
        fetch(url)


class Server:
    """An https server on the loopback interface with a certificate for `keys.example.org`, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        import datetime as dt

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keys.example.org")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("keys.example.org")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = serialization.Encoding.PEM
        plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "both.pem").write_bytes(plain + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "both.pem")
        self.trust = ssl.create_default_context(cadata=certificate.public_bytes(pem).decode())
        self.answer = b""
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self.asked.append(secure.recv(65536))
                    secure.sendall(self.answer)
            except OSError:
                pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server(tmp_path)
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host.endswith(".example.org") else host, port, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield running
    running.close()


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_a_key_set_is_fetched_with_the_certificate_checked_against_the_name(server: Server) -> None:
    server.answer = response(b'{"keys": []}')
    listed = ("keys.example.org", "other.example.org")
    url = f"https://keys.example.org:{server.port}/jwks.json"
    assert fetch(url, private_hosts=listed, trust=server.trust) == b'{"keys": []}'
    assert b"GET /jwks.json" in server.asked[0]
    assert f"host: keys.example.org:{server.port}".encode() in server.asked[0].lower()
    with pytest.raises(NotFetched, match="could not be reached"):
        fetch(url, private_hosts=listed)
    with pytest.raises(NotFetched, match="could not be reached"):
        fetch(url.replace("keys.", "other."), private_hosts=listed, trust=server.trust)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (response(b"", "302 Found", "Location: http://169.254.169.254/"), "status 302"),
        (response(b"secret words", "500 Oh"), "status 500"),
        (response(b"x" * 300_000), "longer than"),
        (b"no http\r\n\r\n", "could not be reached"),
    ],
)
def test_a_redirect_a_failure_and_a_flood_are_no_key_set(server: Server, answer: bytes, says: str) -> None:
    server.answer = answer
    with pytest.raises(NotFetched, match=says) as refused:
        fetch(
            f"https://keys.example.org:{server.port}/", private_hosts=("keys.example.org",), trust=server.trust,
            seconds=2,
        )  # fmt: skip
    assert "secret" not in str(refused.value)
    assert len(server.asked) == 1


def test_a_document_that_drips_is_left_when_its_time_is_over() -> None:
    class Dripping:
        def iter_raw(self) -> Iterator[bytes]:
            yield from (b"{", b"}")

    with pytest.raises(NotFetched, match="too long to send"):
        _bounded(Dripping(), "keys.example.org", time.monotonic() - 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"keys": 3}', b"\xff", b'{"keys": [' + b"[" * 100_000])
def test_what_is_no_key_set_is_said_so(content: bytes) -> None:
    with pytest.raises(NotFetched, match="no JWKS"):
        Keys(lambda _: content).key("https://keys.example.org/", "k", "ES384")


def test_invented_key_ids_do_not_make_us_ask_for_ever(ehr: Signer) -> None:
    asked: list[str] = []
    moment = [0.0]

    def load(url: str) -> bytes:
        asked.append(url)
        return ehr.file.read_bytes()

    keys = Keys(load, clock=lambda: moment[0])
    for n in range(20):
        assert keys.key("https://keys.example.org/", f"invented-{n}", "ES384") is None
    assert len(asked) == 1
    moment[0] = 20.0
    assert keys.key("https://keys.example.org/", "invented", "ES384") is None
    assert len(asked) == 2
    moment[0] = 10_000.0
    assert keys.key("https://keys.example.org/", "es", "ES384") is not None
    assert len(asked) == 3


def test_a_signer_that_does_not_answer_holds_up_no_other(ehr: Signer) -> None:
    asked, leave = threading.Event(), threading.Event()

    def slow(url: str) -> bytes:
        asked.set()
        assert leave.wait(30)
        return ehr.file.read_bytes()

    keys = Keys(slow)
    waiting = threading.Thread(target=keys.key, args=("https://slow.example/jwks", "es", "ES384"))
    waiting.start()
    assert asked.wait(30)
    found: list[object] = []
    other = threading.Thread(target=lambda: found.append(keys.key(str(ehr.file), "es", "ES384")))
    other.start()
    other.join(20)
    leave.set()
    waiting.join(30)
    other.join(30)
    assert found and found[0] is not None
    assert not other.is_alive()


def test_a_signer_that_cannot_be_reached_is_not_asked_for_every_token(ehr: Signer) -> None:
    asked: list[str] = []
    moment = [0.0]

    def load(url: str) -> bytes:
        asked.append(url)
        if len(asked) == 1:
            raise NotFetched("it could not be reached")
        return ehr.file.read_bytes()

    keys = Keys(load, clock=lambda: moment[0])
    for _ in range(5):
        with pytest.raises(NotFetched):
            keys.key("https://keys.example.org/", "es", "ES384")
    assert len(asked) == 1
    moment[0] = 20.0
    assert keys.key("https://keys.example.org/", "es", "ES384") is not None


@pytest.mark.parametrize(
    "change", [{"alg": "ES256"}, {"use": "enc"}, {"key_ops": ["sign"]}, {"kty": "oct", "k": "AAAA"}, {"crv": "P-256"},
               {"x": "AAAA"}],
)  # fmt: skip
def test_a_key_that_is_not_for_this_is_not_used(ehr: Signer, change: Json) -> None:
    import json

    told = json.loads(ehr.file.read_text())
    told["keys"] = [{**key, **change} for key in told["keys"] if key["kid"] == "es"]
    assert Keys(lambda _: json.dumps(told).encode()).key("https://x/", "es", "ES384") is None


@pytest.mark.parametrize("host", ["elsewhere.example", "elsewhere.example:8000", "[::1", "127.0.0.1.elsewhere.example"])
def test_in_development_another_name_for_this_machine_is_refused(host: str, rules: Path) -> None:
    with TestClient(create_app(Settings(rules=rules))) as client:
        for path in ("/", "/board/records", "/evaluate", "/cds-services"):
            response = client.get(path, headers={"Host": host})
            assert response.status_code == 421, path
            assert "misdirected" in response.text


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_in_development_its_own_names_are_answered(host: str, rules: Path) -> None:
    with TestClient(create_app(Settings(rules=rules))) as client:
        assert client.get("/cds-services", headers={"Host": host}).status_code == 200
