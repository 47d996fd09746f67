"""A new rule set without a restart: put in force at once where it passes `cds check`; refused, and said, where not.

A process gets SIGHUP. What it reads is checked as `cds check` does, and both engines have to answer alike with it,
before it takes the place of the old one between two requests. Where there are several workers, their parent keeps a
copy of the last rule set that passed: all of them, and those that start later, read that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cds.errors import CdsError, RuleSetError
from cds.ruleset import RuleSet, default_folder, load_rules
from cds.service.evaluation import Evaluations
from cds.service.metrics import Metrics
from cds.service.settings import Settings

LOG: Final = logging.getLogger("cds.service")


def rules_of(settings: Settings) -> RuleSet:
    """The rule set of the settings, read now. Raises `RuleSetError`."""
    # Resolved first: the parent of several workers swaps a link, and one reading must not see two rule sets.
    folder = settings.rules.resolve() if settings.rules is not None else None
    overlay = settings.overlay.resolve() if settings.overlay is not None else None
    return load_rules(folder, overlay=overlay)


def checked(rules: RuleSet) -> RuleSet:
    """The rule set, if `cds check` has nothing to say about it. Raises `RuleSetError` with the findings."""
    if rules.warnings:
        raise RuleSetError(rules.warnings)
    return rules


def renew(settings: Settings, evaluations: Evaluations, metrics: Metrics) -> bool:
    """Read the rule set again and put it in force; `False`, with the old one in force, where it is refused."""
    try:
        rules = checked(rules_of(settings))
        evaluations.try_out(rules)
    except (CdsError, OSError) as error:
        refused(error)
        metrics.reloads.labels("refused").inc()
        return False
    evaluations.replace(rules)
    LOG.warning("rule set in force", extra={"told": {"version": rules.head.version, "digest": rules.digest}})
    metrics.reloads.labels("accepted").inc()
    return True


def refused(error: CdsError | OSError, copy: Path | None = None) -> None:
    """Log why a rule set was refused, each finding with its place; in a copy, which is gone by then, by the file's name
    within it.
    """
    found = error.findings if isinstance(error, RuleSetError) else ()
    within = f"{copy}/" if copy is not None else ""
    findings = [f"{str(each.position).removeprefix(within)}: {each.message}" for each in found]
    code = error.code if isinstance(error, CdsError) else type(error).__name__
    LOG.error("rule set refused; the old one stays in force", extra={"told": {"code": code, "findings": findings}})


@contextmanager
def renewing(settings: Settings, evaluations: Evaluations, metrics: Metrics) -> Iterator[None]:
    """While this lasts, SIGHUP offers the rule set anew (in the main thread; elsewhere no signal arrives)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    busy = threading.Lock()
    running: set[asyncio.Future[None]] = set()

    def one_at_a_time() -> None:
        with busy:
            renew(settings, evaluations, metrics)

    def offered() -> None:
        task = loop.run_in_executor(None, one_at_a_time)
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, offered)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


class Shelf:
    """Copies of rule sets that passed, in a folder of their own; `settings` reads the newest one.

    `offer` raises nothing: it says whether what lies in the original folder was taken.
    """

    def __init__(self, folder: Path, original: Settings) -> None:
        self._folder = folder
        self._original = original
        self._copies = 0
        source = self._source()
        current = folder / "current"
        overlay = current / original.overlay.name if original.overlay is not None else None
        self.settings = original.model_copy(update={"rules": current / source.name, "overlay": overlay})

    def _source(self) -> Path:
        return self._original.rules.resolve() if self._original.rules is not None else default_folder()

    def fill(self) -> None:
        """Take the first copy. Raises `RuleSetError`, `OSError`: without a rule set nothing is served."""
        copy = self._copy()
        rules_of(self._at(copy))
        self._point_to(copy)

    def offer(self) -> bool:
        """Take another copy, if it passes."""
        copy: Path | None = None
        try:
            copy = self._copy()
            checked(rules_of(self._at(copy)))
        except (CdsError, OSError) as error:
            refused(error, copy)
            if copy is not None:
                shutil.rmtree(copy)
            return False
        self._point_to(copy)
        return True

    def _at(self, copy: Path) -> Settings:
        overlay = copy / self.settings.overlay.name if self.settings.overlay is not None else None
        return self._original.model_copy(update={"rules": copy / self._source().name, "overlay": overlay})

    def _copy(self) -> Path:
        self._copies += 1
        copy = self._folder / str(self._copies)
        source = self._source()
        shutil.copytree(source, copy / source.name)
        if self._original.overlay is not None:
            shutil.copy(self._original.overlay, copy / self._original.overlay.name)
        return copy

    def _point_to(self, copy: Path) -> None:
        link = self._folder / "next"
        link.symlink_to(copy, target_is_directory=True)
        os.replace(link, self._folder / "current")
