# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154  # command_name comes from the script that sources this; python goes to it
# Functions of scripts/demo and scripts/test: find a Python, complete it, and make a virtual environment of the
# locked requirements. Sourced from the root of the repository, by a POSIX shell.

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "$command_name: $*"
    exit 1
}

# is_usable PYTHON: does it run, and is it CPython 3.11 or newer?
is_usable() {
    "$1" -c 'import sys; sys.exit(sys.implementation.name != "cpython" or sys.version_info < (3, 11))' \
        >/dev/null 2>&1
}

# version_of PYTHON: "3.12"
version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# install_packages NAME...: with apt-get, when that is possible without a question.
install_packages() {
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "missing here: $*; this system has no apt-get: install them its way, then run this again"
    fi
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        fail "missing here: $*; run 'sudo apt-get update && sudo apt-get install $*', then run this again"
    fi
    say "$command_name: installing $*"
    # shellcheck disable=SC2086  # as_root is empty or two words
    $as_root apt-get update -qq >&2 || fail "apt-get update failed; see above"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
        fail "apt-get could not install $*; see above"
}

# choose_python: sets `python` to CDS_PYTHON, or to the first usable one of the usual names.
choose_python() {
    if [ -n "${CDS_PYTHON:-}" ]; then
        is_usable "$CDS_PYTHON" || fail "CDS_PYTHON=$CDS_PYTHON is not CPython 3.11 or newer"
        python=$CDS_PYTHON
        return
    fi
    for attempt in before after; do
        for candidate in python3 python3.15 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
            if is_usable "$candidate"; then
                python=$candidate
                return
            fi
        done
        if [ $attempt = before ]; then
            install_packages python3 python3-venv python3-dev gcc libc6-dev
        fi
    done
    fail "Python 3.11 or newer is needed; here is $(python3 --version 2>&1 || true); name one with CDS_PYTHON=..."
}

# missing_for PYTHON: prints the Debian packages without which it cannot make an environment and compile.
missing_for() {
    version=$(version_of "$1")
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 || printf 'python%s-venv ' "$version"
    "$1" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
        printf 'python%s-dev ' "$version"
    if ! command -v gcc >/dev/null 2>&1 || ! echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1; then
        printf 'gcc libc6-dev '
    fi
}

# add_missing PYTHON: installs what it lacks.
add_missing() {
    missing=$(missing_for "$1")
    if [ -z "$missing" ]; then
        return
    fi
    # shellcheck disable=SC2086  # a list of names
    install_packages $missing
    missing=$(missing_for "$1")
    if [ -n "$missing" ]; then
        fail "$1 still lacks $missing; if it is not the system's own Python, name another with CDS_PYTHON=..."
    fi
}

# fingerprint PYTHON LOCK: changes with the interpreter and with everything that decides what gets installed.
fingerprint() {
    "$1" - "$2" requirements/build.txt pyproject.toml setup.py cds/_pyeval_compat.c <<'END'
import hashlib, pathlib, sys
digest = hashlib.sha256(f"{sys.version} {sys.base_prefix} {pathlib.Path.cwd()}".encode())
for name in sys.argv[1:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
END
}

# make_environment PYTHON FOLDER LOCK: a virtual environment with the locked requirements and this package, editable.
# Does nothing when the folder holds just that already.
make_environment() {
    stamp=$2/complete
    wanted=$(fingerprint "$1" "$3") || fail "$1 cannot read the lock files"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$2/bin/python" -c 'import cds' 2>/dev/null; then
        return
    fi
    add_missing "$1"
    say "$command_name: making $2 with Python $(version_of "$1"); the first time this takes a few minutes"
    rm -rf "$2"
    "$1" -m venv "$2" || fail "python -m venv failed; see above"
    PIP_DISABLE_PIP_VERSION_CHECK=1
    PIP_NO_INPUT=1
    export PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT
    "$2/bin/python" -m pip install -qq --require-hashes -r requirements/build.txt >&2 ||
        fail "the build requirements could not be installed; see above"
    # durable-rules calls a function that Python 3.13 dropped, without declaring it, and from version 14 on gcc
    # refuses that. Its successor has the same signature. (The variable CFLAGS would not do: its build overwrites it.)
    preprocessor=${CPPFLAGS:-}
    if "$1" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
        preprocessor="$preprocessor -DPyEval_CallObject=PyObject_CallObject"
    fi
    CPPFLAGS=$preprocessor "$2/bin/python" -m pip install -qq --require-hashes --no-build-isolation --use-pep517 \
        -r "$3" >&2 || fail "the requirements of $3 could not be installed; see above"
    "$2/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable . >&2 ||
        fail "this package could not be installed; see above"
    printf '%s\n' "$wanted" >"$stamp"
}

# add_test_systems: installs PostgreSQL, a browser, Node.js and what WeasyPrint draws with where they are missing.
add_test_systems() {
    missing=
    command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
        missing="$missing postgresql"
    command -v node >/dev/null 2>&1 || missing="$missing nodejs"
    command -v npm >/dev/null 2>&1 || missing="$missing npm"
    ls /usr/lib/*/libpangoft2-1.0.so.0 >/dev/null 2>&1 || missing="$missing libpango-1.0-0 libpangoft2-1.0-0"
    [ -d /usr/share/fonts/truetype/dejavu ] || missing="$missing fonts-dejavu-core"
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086  # a list of names
        install_packages $missing
    fi
}

# add_node_packages FOLDER: installs just what its package-lock.json names. Without npm the tests that need it skip.
add_node_packages() {
    if ! command -v npm >/dev/null 2>&1 || [ ! -f "$1/package-lock.json" ]; then
        return
    fi
    stamp=$1/node_modules/.complete
    wanted=$(cksum <"$1/package-lock.json")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    say "$command_name: installing the packages of $1"
    npm ci --prefix "$1" --silent --no-audit --no-fund --ignore-scripts >&2 || fail "npm ci failed in $1; see above"
    printf '%s\n' "$wanted" >"$stamp"
}
