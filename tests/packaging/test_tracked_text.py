"""What no file of this repository may say: where it was made, and whom to download from."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

# Put together here, so that this file does not name what it forbids.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npm" + "js", "org"),
        ("npm" + "js", "com"),
        ("crates", "io"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("security", "ubuntu", "com"),
        ("proxy", "golang", "org"),
        ("repo", "maven", "apache", "org"),
        ("anaconda", "org"),
    ]
]
HOST = re.compile(r"\b(?:" + "|".join(map(re.escape, REGISTRY_HOSTS)) + r")\b", re.IGNORECASE)
# A path on somebody's machine, not the end of a web address or of a relative path.
HOMES = "|".join(["work", "root", "tmp", "home", "Users"])
MACHINE_PATH = re.compile(rf"(?<![\w.:/~*}}$-])/(?:{HOMES})/\w")
INSTALLER_OPTION = re.compile(r"--(?:extra-)?" + r"index-url|--" + r"find-links|--" + r"trusted-host|file:/")


def repository_files(repository: Path) -> Iterator[Path]:
    """Every file that is, or would be, committed; without git, every file outside the ignored folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
        names = [name for name in done.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [
            path.relative_to(repository).as_posix()
            for path in repository.rglob("*")
            if not any(
                part.startswith((".venv", ".git", ".hypothesis", "build", "dist", "__pycache__"))
                or part.endswith(("_cache", ".egg-info"))
                for part in path.relative_to(repository).parts
            )
        ]
    yield from (path for path in map(repository.joinpath, names) if path.is_file())


def lines_matching(pattern: re.Pattern[str], files: Iterator[Path]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:200]}"
        for path in files
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry(repository: Path) -> None:
    assert lines_matching(HOST, repository_files(repository)) == []


def test_no_file_names_a_path_of_the_machine_it_was_made_on(repository: Path) -> None:
    assert lines_matching(MACHINE_PATH, repository_files(repository)) == []


def test_no_lock_file_says_where_to_download_from(repository: Path) -> None:
    assert lines_matching(INSTALLER_OPTION, (repository / "requirements").iterdir()) == []


@pytest.mark.parametrize("name", ["build", "runtime", "test"])
def test_every_requirement_is_one_version_with_a_hash(repository: Path, name: str) -> None:
    text = (repository / "requirements" / f"{name}.txt").read_text("utf-8")
    requirements = re.findall(r"^(?=[^\s#])(?:.*\\\n)*.*$", text, re.MULTILINE)
    assert requirements
    assert [r for r in requirements if "==" not in r.splitlines()[0] or "--hash=sha256:" not in r] == []


def test_the_folder_of_clinical_knowledge_holds_no_code(repository: Path) -> None:
    for path in (repository / "rules").rglob("*.py"):
        [only] = ast.parse(path.read_text("utf-8")).body
        assert path == repository / "rules" / "__init__.py"
        assert isinstance(only, ast.Expr)
        assert isinstance(only.value, ast.Constant)
