"""What the build must decide on the Python that builds; everything else is in pyproject.toml."""

import sys

from setuptools import Extension, find_packages, setup

# From Python 3.13 on durable-rules looks for a symbol that is gone: cds/_pyeval_compat.c exports it.
NEEDS_COMPATIBILITY = sys.version_info >= (3, 13)

COMPATIBILITY = Extension(
    "cds._pyeval_compat",
    sources=["cds/_pyeval_compat.c"],
    extra_compile_args=["-fvisibility=hidden"],
)

# A wheel built without the extension must not be offered to a Python that needs it.
PYTHON_TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"

setup(
    packages=[*find_packages(include=["cds", "cds.*"]), "cds_rules"],
    # The folder of clinical knowledge, shipped as an import package of data files.
    package_dir={"cds_rules": "rules"},
    ext_modules=[COMPATIBILITY] if NEEDS_COMPATIBILITY else [],
    options={} if NEEDS_COMPATIBILITY else {"bdist_wheel": {"python_tag": PYTHON_TAG}},
)
