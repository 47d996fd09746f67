"""What is counted, for Prometheus: requests, how long they took, what became of answers. Labels are routes and codes
only.

Where `PROMETHEUS_MULTIPROC_DIR` is set (as `cds serve --workers` does), `/metrics` adds up all workers.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})


def method_of(method: str) -> str:
    """The method as it is counted and logged: one that HTTP knows, else `other`."""
    return method if method in _METHODS else "other"


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "cds_requests", "requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "cds_request_seconds", "seconds from a request's head to its last byte", ["route"], registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )  # fmt: skip
        self.no_advice = Counter(
            "cds_no_advice", "requests without an answer because the engines gave none", ["code"],
            registry=self._registry,
        )  # fmt: skip
        self.unrecorded = Counter(
            "cds_unrecorded", "answers that could not be recorded", registry=self._registry
        )
        self.supposed = Counter(
            "cds_supposed", "hypothetical answers given, none of them recorded", registry=self._registry
        )
        self.reloads = Counter("cds_reloads", "rule sets offered anew", ["result"], registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. `route` is the address with its placeholders, never the address that was asked."""
        self._requests.labels(method_of(method), route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def exposition(self) -> bytes:
        """All of it, as Prometheus reads it."""
        if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # the library has no types here
        return generate_latest(everyone)
