"""The import of durable-rules.

Its C part names a function that Python dropped in 3.13. There, `cds._pyeval_compat` supplies it and must be loaded
first, with its symbols visible to the libraries loaded after it. Nothing else in this package imports `durable`.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import ClassVar

from cds.errors import EngineFailure

COMPATIBILITY_MODULE = "cds._pyeval_compat"
FIRST_PYTHON_WITHOUT_THE_SYMBOL = (3, 13)


class DurableRulesUnavailable(EngineFailure):
    """durable-rules cannot be loaded on this Python, so nothing is evaluated.

    >>> raise DurableRulesUnavailable("durable-rules: it is not installed")
    Traceback (most recent call last):
    cds.reasoning.durable_compat.DurableRulesUnavailable: durable-rules: it is not installed
    """

    code: ClassVar[str] = "durable-rules-unavailable"


def load_durable_engine() -> ModuleType:
    """The module `durable.engine`, imported on the first call and the same object on every later one.

    Raises `DurableRulesUnavailable` where it is not installed or cannot be loaded.

    >>> load_durable_engine().__name__
    'durable.engine'
    """
    if sys.version_info >= FIRST_PYTHON_WITHOUT_THE_SYMBOL:
        _export_missing_symbol()
    try:
        return importlib.import_module("durable.engine")
    except ModuleNotFoundError as error:
        raise DurableRulesUnavailable(
            f"durable-rules: the module `{error.name}` is not installed for Python {_python()}; "
            "evaluation needs durable_rules 2.0.28; install this package with its dependencies"
        ) from error
    except ImportError as error:
        raise DurableRulesUnavailable(
            f"durable-rules: its C part cannot be loaded on Python {_python()} (`{error}`); "
            "evaluation needs it built for this very Python; reinstall durable_rules 2.0.28 here"
        ) from error


def _export_missing_symbol() -> None:
    # Not `sys.setdlopenflags`: those flags hold for every import of every thread while they are set, and change
    # nothing for a module that was imported before.
    try:
        found = importlib.util.find_spec(COMPATIBILITY_MODULE)
    except (ImportError, ValueError) as error:
        raise _no_compatibility(str(error)) from error
    if found is None or found.origin is None:
        raise _no_compatibility("it was not built")
    try:
        ctypes.CDLL(found.origin, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise _no_compatibility(str(error)) from error


def _no_compatibility(reason: str) -> DurableRulesUnavailable:
    return DurableRulesUnavailable(
        f"durable-rules: the extension `{COMPATIBILITY_MODULE}` cannot be loaded on Python {_python()} (`{reason}`); "
        "Python 3.13 and later need it; reinstall this package where a C compiler and Python's headers are present"
    )


def _python() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])
