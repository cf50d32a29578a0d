"""Tests of the list of installed plugins, which is made in a process of its own, as aiperf-ctl starts it."""

import hashlib
import json
import shutil
import subprocess
import sys
import textwrap
import venv
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[4] / "tests" / "example-plugin"
FIND = (HERE / "find.py").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing in it."""
    folder = tmp_path_factory.mktemp("find")
    venv.create(folder / "env", with_pip=False)
    return folder / "env"


@pytest.fixture
def packages(made: Path, tmp_path: Path) -> Path:
    """A copy of it: where its packages go."""
    shutil.copytree(made, tmp_path / "env", symlinks=True)
    return next((tmp_path / "env" / "lib").glob("python*/site-packages"))


def find(packages: Path, *arguments: str, folder: Path | None = None) -> dict[str, Any]:
    """What the script prints: one line."""
    python = packages.parents[2] / "bin" / "python"
    ran = subprocess.run([python, "-c", FIND, *arguments], capture_output=True, text=True, cwd=folder or packages.parents[2])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("\n") == 1
    return json.loads(ran.stdout)


def install(packages: Path, name: str, entry_points: str, files: dict[str, str], version: str = "1.2") -> None:
    """A distribution. Its code may not be run: it would end the process."""
    folder = packages / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: of the text\n")
    (folder / "entry_points.txt").write_text(textwrap.dedent(entry_points))
    for path, text in files.items():
        (packages / path).parent.mkdir(parents=True, exist_ok=True)
        (packages / path).write_text(text if text else "raise SystemExit('imported')\n")


def test_no_plugins(packages: Path) -> None:
    install(packages, "other", "[console_scripts]\naiperf.plugins = a:b\n", {})
    found = find(packages)
    assert (found["plugins"], found["checked"], found["digests"]) == ([], {}, {})
    assert found["version"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("entry", "file", "name", "value"),
    [
        ("mine = mine:plugins.yaml", "mine/plugins.yaml", "mine", "mine:plugins.yaml"),
        ("mine = mine.sub:other.yml", "mine/sub/other.yml", "mine", "mine.sub:other.yml"),
        ("mine=mine:__version__", "mine/registry.yaml", "mine", "mine:__version__"),
        ("mine = mine.sub.mod:Class [extra]", "mine/registry.yaml", "mine", "mine.sub.mod:Class"),
        ("mine = mine.sub.mod:Class", "mine/sub/plugins.yaml", "mine", "mine.sub.mod:Class"),
        ("phase_hook:name = mine:Class", "mine/plugins.yaml", "phase_hook:name", "mine:Class"),
        ("mine = mine", "mine/registry.yaml", "mine", "mine"),
    ],
)
def test_forms_of_entry_points(packages: Path, entry: str, file: str, name: str, value: str) -> None:
    files = {"mine/__init__.py": "", "mine/sub/__init__.py": "", "mine/sub/mod.py": "", file: "plugin: é\n"}
    install(packages, "My-Dist", f"[other]\na = b\n\n[aiperf.plugins]\n# no entry = a:b\n{entry}\n\n[last]\nc = d\n", files)
    assert find(packages)["plugins"] == [
        {
            "distribution": "My-Dist",
            "version": "1.2",
            "entry_point": name,
            "value": value,
            "package": "mine",
            "manifest": {"path": str(packages / file), "text": "plugin: é\n"},
            "problem": None,
        }
    ]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("mine = not_there:plugins.yaml", "there is no module `not_there` for "),
        ("mine = mine.not_there:plugins.yaml", "there is no module `mine.not_there` for "),
        ("mine = mine:plugins.yaml", "there is no plugins.yaml in "),
        ("mine = mine:Class", "there is no plugins.yaml or registry.yaml in "),
        ("mine = mine:big.yaml", "is longer than 1048576 bytes"),
        ("mine = single:Class", "`single` is no package"),
        ("mine = single.sub:Class", "`single` is no package"),
    ],
)
def test_what_is_wrong_with_one_does_not_hide_another(packages: Path, entry: str, problem: str) -> None:
    files = {"mine/__init__.py": "", "mine/big.yaml": "x" * (1 << 20) + "x", "single.py": ""}
    install(packages, "broken", f"[aiperf.plugins]\n{entry}\n", files)
    install(packages, "whole", "[aiperf.plugins]\nwhole = whole:a.yaml\n", {"whole/__init__.py": "", "whole/a.yaml": "a: 1\n"})
    broken, whole = find(packages)["plugins"]
    assert problem in broken["problem"]
    assert (broken["manifest"], whole["problem"], whole["manifest"]["text"]) == (None, None, "a: 1\n")


def test_the_first_of_two_versions_counts(packages: Path, tmp_path: Path) -> None:
    install(packages, "twice", "[aiperf.plugins]\none = one:a.yaml\n", {"one/__init__.py": "", "one/a.yaml": "1"})
    other = tmp_path / "other"
    other.mkdir()
    install(other, "Twice", "[aiperf.plugins]\none = one:a.yaml\n", {}, version="9")
    (packages / "other.pth").write_text(f"{other}\n")
    assert [one["version"] for one in find(packages)["plugins"]] == ["1.2"]


def test_a_namespace_package(packages: Path) -> None:
    files = {"space/sub/mine/__init__.py": "", "space/sub/mine/a.yaml": "1", "space/sub/mine/mod.py": "class A: pass\n"}
    install(packages, "spaced", "[aiperf.plugins]\none = space.sub.mine:a.yaml\n", files)
    found = find(packages, "--check", "space.sub.mine.mod:A", "--digest", "space.sub.mine")
    assert found["plugins"][0]["manifest"]["text"] == "1"
    assert (found["checked"], found["digests"]["space.sub.mine"]["files"]) == ({"space.sub.mine.mod:A": None}, 3)


CODE = """
raise SystemExit("imported")
import os, json as data
from a.b import c, d as e
try:
    from real import Base
except ImportError:
    class Base: pass
if 1:
    class Inside: pass
class Hook(Base):
    class Nested: pass
def function(): local = 1
async def later(): pass
one = two, (three, *four) = 1, (2, 3)
five: int = 5
"""


NAMES = ("Hook", "Hook.Nested", "Base", "Inside", "function", "later", "one", "two", "three", "four", "five", "os", "data", "c", "e")


@pytest.mark.parametrize("name", NAMES)
def test_names_that_a_module_has(packages: Path, name: str) -> None:
    install(packages, "mine", "", {"mine/__init__.py": "", "mine/mod.py": CODE})
    assert find(packages, "--check", f"mine.mod:{name}")["checked"] == {f"mine.mod:{name}": None}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("mine.mod:Nested", "`mine.mod` has no `Nested`"),
        ("mine.mod:local", "`mine.mod` has no `local`"),
        ("mine.mod:json", "`mine.mod` has no `json`"),
        ("mine.mod", "write it as package.module:Class"),
        ("mine.mod:", "write it as package.module:Class"),
        ("mine/mod:A", "write it as package.module:Class"),
        ("mine.other:A", "there is no module `mine.other`"),
        ("mine.mod.deeper:A", "`mine.mod` is no package"),
        ("mine.broken:A", "failed to parse"),
        ("sys:A", "`sys` is not a file of Python code (built-in)"),
    ],
)
def test_names_that_a_module_lacks(packages: Path, path: str, problem: str) -> None:
    install(packages, "mine", "", {"mine/__init__.py": "", "mine/mod.py": CODE, "mine/broken.py": "class :"})
    assert problem in find(packages, "--check", path)["checked"][path]


def test_a_module_of_the_current_folder_is_found_last(packages: Path, tmp_path: Path) -> None:
    install(packages, "mine", "", {"mine.py": "class Installed: pass\n"})
    folder = tmp_path / "current"
    folder.mkdir()
    for name in ("mine", "own"):
        (folder / f"{name}.py").write_text("class Own: pass\n")
    (folder / "json.py").write_text("raise SystemExit('the wrong one')\n")
    found = find(packages, "--check", "own:Own", "mine:Installed", folder=folder)
    assert found["checked"] == {"own:Own": None, "mine:Installed": None}


def test_digests(packages: Path, tmp_path: Path) -> None:
    files = {"mine/b.py": "b", "mine/__init__.py": "i", "mine/sub/a.yaml": "ä", "mine/sub/data.bin": "x", "mine/__pycache__/c.py": "x"}
    install(packages, "mine", "", files)
    sha256 = hashlib.sha256()
    for name in ("__init__.py", "b.py", "sub/a.yaml"):
        data = files[f"mine/{name}"].encode()
        sha256.update(name.encode() + b"\0" + len(data).to_bytes(8, "little") + data)
    whole = {"sha256": sha256.hexdigest(), "files": 3, "bytes": 4, "problem": None}
    assert find(packages, "--digest", "mine")["digests"] == {"mine": whole}
    (packages / "mine" / "sub" / "data.bin").write_text("y")
    assert find(packages, "--digest", "mine")["digests"] == {"mine": whole}
    (packages / "mine" / "b.py").write_text("c")
    assert find(packages, "--digest", "mine")["digests"]["mine"]["sha256"] != whole["sha256"]
    (packages / "mine" / "long.py").write_bytes(b"x" * (10 << 20))
    found = find(packages, "--digest", "mine", "nowhere")["digests"]
    assert "longer than 10485760 bytes" in found["mine"]["problem"]
    assert "there is no module `nowhere`" in found["nowhere"]["problem"]


@pytest.mark.parametrize("how", [[], ["--editable"]])
def test_the_example_plugin_installed_with_pip(tmp_path: Path, how: list[str]) -> None:
    source = tmp_path / "example-plugin"
    shutil.copytree(EXAMPLE, source)
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    installed = subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", *how, source], capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    packages = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    hook, processor = "aiperf_example_plugin.hooks:ExampleLoggingHook", "aiperf_example_plugin.processors:ExampleMetricsProcessor"
    found = find(packages, "--check", hook, processor, "--digest", "aiperf_example_plugin")
    assert [(one["distribution"], one["version"]) for one in found["plugins"]] == [("aiperf-example-plugin", "1.0.0")]
    assert found["plugins"][0]["manifest"]["text"] == (EXAMPLE / "aiperf_example_plugin" / "registry.yaml").read_text()
    assert found["checked"] == {hook: None, processor: None}
    # Four files, of which one is the manifest.
    assert found["digests"]["aiperf_example_plugin"]["files"] == 4
