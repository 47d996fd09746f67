"""What is shipped: built for real, from a copy of this repository, without the network."""

import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from shutil import copytree, ignore_patterns

import pytest

pytestmark = pytest.mark.slow

NOT_SHIPPED = ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "*.so", "*.egg-info", "build", "dist",
    "node_modules",
)
NEEDS_COMPATIBILITY = sys.version_info >= (3, 13)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(source: Path, into: Path) -> Path:
    run(
        *("-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", into, source),
        cwd=into,
    )
    [wheel] = into.glob("*.whl")
    return wheel


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def source(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        found = int(version("setuptools").split(".")[0]), version("wheel")
    except PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed here: pip install -r requirements/build.txt")
    if found[0] < 77:
        pytest.skip("setuptools is older than pyproject.toml asks: pip install -r requirements/build.txt")
    return copytree(repository, tmp_path_factory.mktemp("source") / "copy", ignore=NOT_SHIPPED)


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(source, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_module_and_the_mark_of_a_typed_package(source: Path, wheel: Path) -> None:
    modules = {path.relative_to(source).as_posix() for path in (source / "cds").rglob("*.py")}
    assert modules | {"cds/py.typed"} <= names_in(wheel)


def test_the_wheel_holds_all_clinical_knowledge(source: Path, wheel: Path) -> None:
    files = {
        f"cds_rules/{path.relative_to(source / 'rules').as_posix()}"
        for path in (source / "rules").rglob("*")
        if path.is_file()
    }
    assert files == {name for name in names_in(wheel) if name.startswith("cds_rules/")}


def test_the_wheel_holds_all_data_files_of_the_packages(source: Path, wheel: Path) -> None:
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "cds").rglob("*")
        if path.is_file() and path.suffix != ".c"
    }
    assert files <= names_in(wheel)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {PurePosixPath(name).parts[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cds", "cds_rules"}
    assert not {name for name in names_in(wheel) if name.endswith((".c", ".pyc"))}


def test_a_wheel_is_offered_only_to_a_python_it_works_on(wheel: Path) -> None:
    _, _, python, abi, platform = wheel.stem.split("-")
    assert python == f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert ((abi, platform) == ("none", "any")) is not NEEDS_COMPATIBILITY
    assert any(name.startswith("cds/_pyeval_compat.") for name in names_in(wheel)) is NEEDS_COMPATIBILITY


def test_the_knowledge_is_readable_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    run("-m", "pip", "install", "--no-index", "--no-deps", "--target", site, wheel, cwd=tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from importlib.resources import files\n"
        "import cds, cds_rules\n"
        "print(cds.__file__); print(files('cds_rules').joinpath('__init__.py').is_file())\n"
    )
    # Isolated: nothing of this repository is on the path, and an editable install is found only after `site`.
    where, found = run("-I", "-c", program, cwd=tmp_path).split()
    assert Path(where).is_relative_to(site)
    assert found == "True"


def test_the_source_release_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    build = "import sys, setuptools.build_meta as backend; print(backend.build_sdist(sys.argv[1]))"
    archive = tmp_path / run("-c", build, tmp_path, cwd=source).split()[-1]
    with tarfile.open(archive) as release:
        assert any(name.endswith("/cds/_pyeval_compat.c") for name in release.getnames())
    assert names_in(build_wheel(archive, tmp_path)) == names_in(wheel)
