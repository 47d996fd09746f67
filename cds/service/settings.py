"""What an installation of the service may set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one service.

    `rules` and `overlay` of `None` are the shipped rule set without an overlay; `examples` is the folder of example
    patients (`NAME/bundle.json`), shown on the first page where it exists. `largest_body` is in bytes; `concurrency`
    evaluations run at once and `queue` more may wait, others are asked to come back.

    >>> Settings(concurrency=1).largest_body
    20000000
    """

    rules: Path | None = None
    overlay: Path | None = None
    examples: Path | None = Path("fhir_examples")
    largest_body: int = 20_000_000
    concurrency: int = 2
    queue: int = 32

    def __post_init__(self) -> None:
        for name in ("largest_body", "concurrency"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: `{getattr(self, name)}` is too small; give 1 or more")
        if self.queue < 0:
            raise ValueError(f"queue: `{self.queue}` is too small; give 0 or more")
