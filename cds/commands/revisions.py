"""A rule set named on the command line: a folder, or what a folder held in a revision of git."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from cds.commands.inputs import folder_of
from cds.commands.streams import UnusableArgument

ACCEPTED = "give the folder of a rule set, a revision of git, or REVISION:FOLDER"


def rule_folder(named: str, scratch: Path) -> Path:
    """The folder of a rule set; a revision's is written out below `scratch`. Raises `UnusableArgument`."""
    if Path(named).is_dir():
        return folder_of(named)
    revision, _, path = named.partition(":")
    if not revision:
        raise UnusableArgument(f"`{named}`: no revision stands before the colon; {ACCEPTED}")
    commit = _git(named, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode()
    folder = path.strip("/") or _only_rule_set(named, commit.strip())
    archive = _git(named, "archive", "--format=tar", commit.strip(), "--", folder)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(scratch, filter="data")
    return folder_of(str(scratch / folder))


def _only_rule_set(named: str, commit: str) -> str:
    files = _git(named, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit).decode().split("\0")
    folders = sorted(file.rpartition("/")[0] for file in files if file.endswith("/ruleset.yaml"))
    if len(folders) != 1:
        listed = ", ".join(folders) or "none"
        raise UnusableArgument(f"`{named}`: that revision has not one rule set ({listed}); name it as REVISION:FOLDER")
    return folders[0]


def _git(named: str, *words: str) -> bytes:
    try:
        top = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, check=True)
        folder = top.stdout.decode().rstrip("\n")
        return subprocess.run(["git", "-C", folder, *words], capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise UnusableArgument(f"`{named}`: no such folder, and git is not installed; {ACCEPTED}") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()
        told = f" ({reason[-1]})" if reason else ""
        problem = f"no such folder, and no revision that git knows here{told}"
        raise UnusableArgument(f"`{named}`: {problem}; {ACCEPTED}") from error
