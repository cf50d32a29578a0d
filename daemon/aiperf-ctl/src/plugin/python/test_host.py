"""Tests of the Python host: it runs in a process of its own, over a real pair of sockets, as aiperf-ctl starts it.

The tests with AIPerf run if AIPERFD_AIPERF_PYTHON is the path of an interpreter that has AIPerf and pytest.
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[4] / "tests" / "example-plugin"
AIPERF_PYTHON = os.environ.get("AIPERFD_AIPERF_PYTHON")
MODULES = {f"aiperfd_{name}": (HERE / f"{name}.py").read_text() for name in ("components", "host", "shims", "wire")}
needs_aiperf = pytest.mark.skipif(not AIPERF_PYTHON, reason="AIPERFD_AIPERF_PYTHON names no interpreter with AIPerf")


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]
        self.type = error.get("data", {}).get("type")


class Host:
    """A running host, from aiperf-ctl's side."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.log = folder / "plugin.log"
        ours, its = socket.socketpair()
        self.stream = ours
        self.stream.settimeout(60)
        with self.log.open("w") as log:
            command = [python, "-c", (HERE / "bootstrap.py").read_text()]
            self.process = subprocess.Popen(command, stdin=its, stdout=log, stderr=log, cwd=folder)
        its.close()
        source = json.dumps(MODULES).encode()
        self.stream.sendall(struct.pack("<I", len(source)) + source)
        self.identity = 0

    def send(self, message: bytes, body: bytes = b"") -> None:
        self.stream.sendall(struct.pack("<II", len(message), len(body)) + message + body)

    def receive(self) -> Any:
        message_length, body_length = struct.unpack("<II", self.exactly(8))
        assert body_length == 0
        return json.loads(self.exactly(message_length), parse_constant=lambda name: pytest.fail(f"{name} on the wire"))

    def exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self.stream.recv(length - len(data))
            assert part, f"the host ended:\n{self.log.read_text()}"
            data += part
        return data

    def call(self, method: str, body: bytes = b"", **parameters: Any) -> Any:
        self.identity += 1
        self.send(json.dumps({"jsonrpc": "2.0", "id": self.identity, "method": method, "params": parameters}).encode(), body)
        answer = self.receive()
        assert answer["id"] == self.identity
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def open(self, kind: str, path: str, /, **config: Any) -> dict[str, Any]:
        directory = str(self.folder)
        return self.call("open", kind=kind, name="one", config=config, directory=directory, **{"class": path})

    def phase(self, handle: int, event: str, is_warmup: bool = False, **stats: Any) -> None:
        phase = {"name": "the phase", "is_warmup": is_warmup, "number": 1}
        self.call(f"phase_hook.{event}", handle=handle, phase=phase, stats=stats)

    def end(self) -> int:
        """Its status, after the end of the stream."""
        self.stream.close()
        return self.process.wait(timeout=60)


@contextmanager
def running(folder: Path, python: str = sys.executable) -> Iterator[Host]:
    host = Host(folder, python)
    try:
        yield host
    finally:
        host.stream.close()
        host.process.kill()
        host.process.wait()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with running(tmp_path) as host:
        yield host


def write(host: Host, source: str, name: str = "mine") -> None:
    """A module that the host can import."""
    (host.folder / f"{name}.py").write_text(textwrap.dedent(source))


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


# The conversation.


@pytest.mark.parametrize("asked", [1, 7])
def test_hello_agrees_on_version_1(host: Host, asked: int) -> None:
    answer = host.call("hello", protocol=asked, host="aiperf-ctl", version="1")
    assert (answer["protocol"], answer["name"], answer["components"]) == (1, "python", [])


@pytest.mark.parametrize("asked", [0, None, "1", True])
def test_hello_refuses_other_versions(host: Host, asked: Any) -> None:
    with pytest.raises(RpcError, match=r"protocol") as refused:
        host.call("hello", protocol=asked)
    assert refused.value.code == -32602


@pytest.mark.parametrize("method", ["other", "phase_hook.call", "post_processor.close", "endpoint.format", "phase_hook"])
def test_unknown_methods_are_refused(host: Host, method: str) -> None:
    with pytest.raises(RpcError, match=method) as refused:
        host.call(method)
    assert refused.value.code == -32601


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'{"id": 1}', -32600),
        (b'{"id": [1], "method": "hello"}', -32600),
        (b'{"id": NaN, "method": "hello"}', -32600),
        (b'{"id": 1, "method": "hello", "params": [7]}', -32602),
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_answered(host: Host, message: bytes, code: int) -> None:
    host.send(message)
    assert host.receive()["error"]["code"] == code
    assert host.call("hello", protocol=1)["protocol"] == 1


@pytest.mark.parametrize(("message", "body"), [((16 << 20) + 1, 0), (2, (64 << 20) + 1)])
def test_frames_that_are_too_long_are_refused_and_skipped(host: Host, message: int, body: int) -> None:
    host.send(b" " * message, b" " * body)
    answer = host.receive()
    assert (answer["id"], answer["error"]["code"]) == (None, -32600)
    assert host.call("hello", protocol=1)["protocol"] == 1


def test_requests_are_answered_in_order_and_notifications_are_not(host: Host) -> None:
    notification = b'{"jsonrpc": "2.0", "method": "hello", "params": {"protocol": 1}}'
    requests = [b'{"id": %d, "method": "hello", "params": {"protocol": 1, "new": 1}}' % identity for identity in (3, 1, 2)]
    for one in (requests[0], notification, *requests[1:]):
        host.send(one)
    assert [host.receive()["id"] for _ in requests] == [3, 1, 2]


def test_the_end_of_the_stream_closes_components_and_ends_the_host(host: Host) -> None:
    write(
        host,
        """
        import asyncio, threading, time
        from pathlib import Path
        class Hook:
            def __init__(self, mark, seconds=0.0):
                self.mark, self.seconds = mark, seconds
            def on_phase_start(self, phase, tracker):
                threading.Thread(target=time.sleep, args=(10_000,)).start()
            async def close(self):
                await asyncio.sleep(self.seconds)
                Path(self.mark).write_text("closed")
        """,
    )
    handle = host.open("phase_hook", "mine:Hook", mark="one")["handle"]
    host.open("phase_hook", "mine:Hook", mark="late", seconds=10_000.0)
    host.open("phase_hook", "mine:Hook", mark="two")
    # It ends even though a thread of the plugin does not.
    host.phase(handle, "start")
    host.end()
    assert [(host.folder / name).exists() for name in ("one", "late", "two")] == [True, False, True]


def test_a_host_without_plugins_ends_with_status_0(host: Host) -> None:
    host.call("hello", protocol=1)
    assert host.end() == 0
    assert host.log.read_text() == ""


# Opening and closing.


def test_a_class_is_imported_when_it_is_opened(host: Host) -> None:
    write(host, "print('imported', __name__)\nclass Hook:\n    def on_phase_start(self, phase, tracker): pass\n")
    host.call("hello", protocol=1)
    assert host.log.read_text() == ""
    opened = host.open("phase_hook", "mine:Hook")
    assert opened == {"handle": 1, "kind": "phase_hook", "methods": ["phase_hook.start"], "rows": "json"}
    assert host.log.read_text() == "imported mine\n"
    assert host.open("phase_hook", "mine:Hook")["handle"] == 2


def test_a_handle_is_gone_once_it_is_closed(host: Host) -> None:
    write(
        host,
        """
        class Processor:
            def process(self, rows): return {"success": True}
            def close(self): raise OSError("the disk is full")
        """,
    )
    handle = host.open("post_processor", "mine:Processor")["handle"]
    with pytest.raises(RpcError, match="is of a post_processor"):
        host.call("aggregator.aggregate", handle=handle)
    with pytest.raises(RpcError, match="the disk is full"):
        host.call("close", handle=handle)
    for method in ("close", "post_processor.process"):
        with pytest.raises(RpcError, match="no open component with the handle 1") as refused:
            host.call(method, handle=handle)
        assert refused.value.code == -32602


CONSTRUCTORS = """
from __future__ import annotations
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Optional
if TYPE_CHECKING:
    from nowhere import Tracker

@dataclasses.dataclass
class Config:
    path: str
    number: int = 7
    def __post_init__(self):
        if self.number < 0:
            raise ValueError("the number is negative")

class Base:
    def process(self, rows):
        return {"success": True, "metrics": dict(vars(self))}

class FromConfig(Base):
    def __init__(self, config: Config): self.found = ["init", config.path]
    @classmethod
    def from_config(cls, **config):
        made = cls(Config(**config))
        made.found[0] = "from_config"
        return made

class OfConfig(Base):
    def __init__(self, config: Config): self.found = ["config", config.path, config.number]

class OfOptional(Base):
    def __init__(self, config: Config | None = None, *rest: Tracker): self.found = ["optional", config.path, config.number]

class OfOldOptional(Base):
    def __init__(self, *, config: Optional[Config] = None): self.found = ["optional", config.path, config.number]

class OfKeywords(Base):
    def __init__(self, path, number=7): self.found = ["keywords", path, number]

class OfOneKeyword(Base):
    def __init__(self, path: str): self.found = ["one", path]

class OfAny(Base):
    def __init__(self, **config): self.found = ["any", config["path"]]

@dataclasses.dataclass
class OfFields(Base):
    path: str
    number: int = 7

class OfDirectory(Base):
    def __init__(self, config: Config, directory: Path): self.found = ["directory", config.path, str(directory)]

class OfNothing(Base):
    pass

class Raises(Base):
    def __init__(self, path): raise TypeError("__init__() got an unexpected idea")

def function(path):
    made = OfKeywords(path)
    made.found[0] = "function"
    return made

instance = OfKeywords("instance")
"""


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("FromConfig", {"path": "a"}, {"found": ["from_config", "a"]}),
        ("OfConfig", {"path": "a"}, {"found": ["config", "a", 7]}),
        ("OfOptional", {"path": "a", "number": 1}, {"found": ["optional", "a", 1]}),
        ("OfOldOptional", {"path": "a", "number": 1}, {"found": ["optional", "a", 1]}),
        ("OfKeywords", {"path": "a", "number": 1}, {"found": ["keywords", "a", 1]}),
        ("OfOneKeyword", {"path": "a"}, {"found": ["one", "a"]}),
        ("OfAny", {"path": "a", "x": 1}, {"found": ["any", "a"]}),
        ("OfFields", {"path": "a"}, {"path": "a", "number": 7}),
        ("OfDirectory", {"path": "a"}, {"found": ["directory", "a", "FOLDER"]}),
        ("OfNothing", {}, {}),
        ("function", {"path": "a"}, {"found": ["function", "a", 7]}),
        ("instance", {}, {"found": ["keywords", "instance", 7]}),
    ],
)
def test_constructors(host: Host, name: str, config: dict[str, Any], expected: dict[str, Any]) -> None:
    write(host, CONSTRUCTORS)
    handle = host.open("post_processor", f"mine:{name}", **config)["handle"]
    metrics = host.call("post_processor.process", handle=handle)["metrics"]
    assert json.loads(json.dumps(metrics).replace(str(host.folder), "FOLDER")) == expected


@pytest.mark.parametrize(
    ("name", "config", "kind", "text"),
    [
        ("Raises", {"path": "a"}, "TypeError", "__init__() got an unexpected idea"),
        ("OfConfig", {"path": "a", "number": -1}, "ValueError", "the number is negative"),
        ("OfConfig", {"pth": "a"}, "PluginError", "the configuration does not fit `mine:Config"),
        ("FromConfig", {"pth": "a"}, "TypeError", "pth"),
        ("OfKeywords", {"path": "a", "nmber": 1}, "PluginError", "unexpected keyword argument 'nmber'"),
        ("OfNothing", {"path": "a"}, "PluginError", "does not fit `mine:OfNothing"),
        ("instance", {"path": "a"}, "PluginError", "takes no configuration"),
        ("Missing", {}, "PluginError", "`mine` has no `Missing`"),
        ("Config", {"path": "a"}, "PluginError", "`Config` has no method `process`"),
    ],
)
def test_constructors_that_fail(host: Host, name: str, config: dict[str, Any], kind: str, text: str) -> None:
    write(host, CONSTRUCTORS)
    with pytest.raises(RpcError) as failed:
        host.open("post_processor", f"mine:{name}", **config)
    assert (failed.value.code, failed.value.type) == (1, kind)
    assert text in str(failed.value)


@pytest.mark.parametrize(
    ("kind", "path", "code", "text"),
    [
        ("endpoint", "mine:Hook", -32602, "the kind `endpoint` is not one that runs in Python"),
        ("phase_hook", "mine", -32602, "package.module:Class"),
        ("phase_hook", "mine:Hook()", -32602, "package.module:Class"),
        ("phase_hook", "not_there.hooks:Hook", 1, "no module `not_there` for"),
        ("phase_hook", "broken:Hook", 1, "No module named 'not_there_either'"),
        ("phase_hook", "json:JSONDecoder", 1, "`JSONDecoder` has none of on_phase_start, "),
    ],
)
def test_what_cannot_be_opened(host: Host, kind: str, path: str, code: int, text: str) -> None:
    write(host, "import not_there_either\n", "broken")
    with pytest.raises(RpcError) as failed:
        host.open(kind, path)
    assert failed.value.code == code
    assert text in str(failed.value)


def test_nothing_in_the_current_folder_stands_in_for_a_module_of_python(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for name in ("json", "socket", "types", "asyncio", "aiperfd_host"):
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    with running(folder) as other:
        assert other.call("hello", protocol=1)["protocol"] == 1


# Each kind.


def test_phase_hooks(host: Host) -> None:
    write(
        host,
        """
        import asyncio
        from aiperf.common.enums import CreditPhase
        class Hook:
            def __init__(self): self.seen = []
            async def on_phase_start(self, phase, tracker):
                await asyncio.sleep(0)
                assert isinstance(phase, CreditPhase), type(phase)
                stats = tracker.create_stats()
                print(phase, phase is CreditPhase.WARMUP, tracker.phase.name)
                print(stats.sent, stats.end_ns, stats.kernel_first_sent_ns, stats.failed)
            def on_phase_complete(self, phase, tracker):
                print(f"{phase}", phase == "PROFILING", tracker.create_stats().completed)
        """,
    )
    opened = host.open("phase_hook", "mine:Hook")
    assert opened["methods"] == ["phase_hook.start", "phase_hook.complete"]
    host.phase(opened["handle"], "start", is_warmup=True, sent=3, kernel_first_sent_ns=12)
    host.phase(opened["handle"], "sending_complete")
    host.phase(opened["handle"], "complete", completed=4)
    host.phase(opened["handle"], "timeout")
    assert host.log.read_text().splitlines() == ["warmup True the phase", "3 None 12 None", "profiling True 4"]


def test_phase_hooks_of_the_base_class(host: Host) -> None:
    write(
        host,
        """
        from aiperf.timing.phase_lifecycle_hooks import BasePhaseLifecycleHook, PhaseLifecycleHook
        class Hook(BasePhaseLifecycleHook):
            async def on_phase_timeout(self, phase, tracker):
                print("timeout", isinstance(self, PhaseLifecycleHook))
        """,
    )
    opened = host.open("phase_hook", "mine:Hook")
    assert opened["methods"] == ["phase_hook.timeout"]
    for event in ("start", "timeout"):
        host.phase(opened["handle"], event)
    assert host.log.read_text() == "timeout True\n"


def test_phase_hooks_that_register(host: Host) -> None:
    write(
        host,
        """
        from aiperf.timing.phase_hooks import PhaseHookRegistry
        class Both:
            def __init__(self, name): self.name = name
            def register_with_global_registry(self):
                PhaseHookRegistry.register_phase_start(self.started)
                PhaseHookRegistry.register_phase_complete(self.completed)
            def register_hooks(self): raise AssertionError("the other one is first")
            async def started(self, phase, tracker): print(self.name, "started", phase, tracker.create_stats().sent)
            def completed(self, phase, tracker): print(self.name, "completed", phase)
            def on_phase_start(self, phase, tracker): raise AssertionError("it has registered")
        class Second:
            async def register_hooks(self): PhaseHookRegistry.register_phase_timeout(lambda phase, tracker: print("timeout"))
        def function(): PhaseHookRegistry.register_phase_start(lambda phase, tracker: print("function"))
        """,
    )
    one = host.open("phase_hook", "mine:Both", name="one")
    two = host.open("phase_hook", "mine:Both", name="two")
    second = host.open("phase_hook", "mine:Second")
    function = host.open("phase_hook", "mine:function")
    assert one["methods"] == two["methods"] == ["phase_hook.start", "phase_hook.complete"]
    assert (second["methods"], function["methods"]) == (["phase_hook.timeout"], ["phase_hook.start"])
    for opened in (two, one, second, function):
        for event in ("start", "sending_complete", "complete", "timeout"):
            host.phase(opened["handle"], event, sent=1)
    expected = ["two started profiling 1", "two completed profiling", "one started profiling 1", "one completed profiling"]
    assert host.log.read_text().splitlines() == [*expected, "timeout", "function"]


def test_post_processors(host: Host) -> None:
    write(
        host,
        """
        from dataclasses import dataclass, field
        from pathlib import Path
        @dataclass
        class ProcessingResult:
            success: bool
            record_count: int = 0
            error_count: int = 0
            metrics: dict = field(default_factory=dict)
            output_path: Path | None = None
        class Processor:
            async def process(self, rows):
                return ProcessingResult(True, len(rows), 1, {"sum": sum(row["a"] for row in rows)}, Path("out.json"))
        class OfDict:
            def process(self, rows): return {"success": False}
        class OfModel:
            def process(self, rows): return Model()
        class Model:
            success, record_count, error_count, metrics, output_path = True, 5, 0, {}, None
        class OfNone:
            def process(self, rows): return None
        class OfText:
            def process(self, rows): return {"success": True, "record_count": "many"}
        """,
    )
    opened = host.open("post_processor", "mine:Processor")
    handle = opened["handle"]
    assert opened["methods"] == ["post_processor.records", "post_processor.process"]
    for body in (lines({"a": 1}, {"a": 2}), b"", lines({"a": 3}).rstrip()):
        assert host.call("post_processor.records", body, handle=handle) is None
    expected = {"success": True, "record_count": 3, "error_count": 1, "metrics": {"sum": 6}, "output_path": str(host.folder / "out.json")}
    assert host.call("post_processor.process", handle=handle) == expected
    assert host.call("post_processor.process", handle=handle)["record_count"] == 0
    handle = host.open("post_processor", "mine:OfDict")["handle"]
    host.call("post_processor.records", lines({}, {}), handle=handle)
    expected = {"success": False, "record_count": 2, "error_count": 0, "metrics": {}, "output_path": None}
    assert host.call("post_processor.process", handle=handle) == expected
    handle = host.open("post_processor", "mine:OfModel")["handle"]
    assert host.call("post_processor.process", handle=handle)["record_count"] == 5
    for name, text in (("OfNone", "`success` is NoneType, not bool"), ("OfText", "`record_count` is str, not int")):
        with pytest.raises(RpcError, match=text):
            host.call("post_processor.process", handle=host.open("post_processor", f"mine:{name}")["handle"])
    for body in (b"{", b"[1]", b'{"a": 1', b"\xff"):
        with pytest.raises(RpcError, match="the body is not one JSON object a line") as refused:
            host.call("post_processor.records", body, handle=handle)
        assert refused.value.code == -32602


@pytest.mark.parametrize("kind", ["aggregator", "post_processor"])
def test_aggregators(host: Host, kind: str) -> None:
    write(
        host,
        """
        class Aggregator:
            async def aggregate(self, sets): return {"rows": sets, "sizes": [len(one) for one in sets]}
            def generate_report(self, aggregated): return f"sizes: {aggregated['sizes']}"
        class Short:
            def aggregate(self, sets): return [1]
        """,
    )
    opened = host.open(kind, "mine:Aggregator")
    handle = opened["handle"]
    assert opened["kind"] == "aggregator"
    assert opened["methods"] == ["aggregator.records", "aggregator.aggregate", "aggregator.report"]
    for number, row in ((0, {"a": 1}), (2, {"a": 2}), (0, {"a": 3})):
        host.call("aggregator.records", lines(row), handle=handle, set=number)
    found = host.call("aggregator.aggregate", handle=handle)
    assert found == {"rows": [[{"a": 1}, {"a": 3}], [], [{"a": 2}]], "sizes": [2, 0, 1]}
    assert host.call("aggregator.report", handle=handle, aggregated=found) == {"text": "sizes: [2, 0, 1]"}
    for number in (-1, 65_536, None, True):
        with pytest.raises(RpcError, match="`set` is"):
            host.call("aggregator.records", lines({}), handle=handle, set=number)
    opened = host.open(kind, "mine:Short")
    assert opened["methods"] == ["aggregator.records", "aggregator.aggregate"]
    with pytest.raises(RpcError, match="`aggregate` returned list, not a dict"):
        host.call("aggregator.aggregate", handle=opened["handle"])
    with pytest.raises(RpcError, match="`Short` has no method `generate_report`"):
        host.call("aggregator.report", handle=opened["handle"], aggregated={})


def test_data_exporters(host: Host) -> None:
    write(
        host,
        """
        from pathlib import Path
        class Exporter:
            async def export(self, summary, run, directory):
                assert isinstance(directory, Path)
                file = directory / "out.txt"
                file.write_text(f"{summary['a']} {run['b']}")
                return [file, Path("other.txt")]
        class Silent:
            def export(self, summary, run, directory): pass
        class Wrong:
            def export(self, summary, run, directory): return {"a": 1}
        """,
    )
    opened = host.open("data_exporter", "mine:Exporter")
    assert opened["methods"] == ["data_exporter.export"]
    found = host.call("data_exporter.export", handle=opened["handle"], summary={"a": 1}, run={"b": 2})
    assert found == {"files": [str(host.folder / "out.txt"), str(host.folder / "other.txt")]}
    assert (host.folder / "out.txt").read_text() == "1 2"
    handle = host.open("data_exporter", "mine:Silent")["handle"]
    assert host.call("data_exporter.export", handle=handle, summary={}, run={}) == {"files": []}
    handle = host.open("data_exporter", "mine:Wrong")["handle"]
    with pytest.raises(RpcError, match="`export` returned dict, not a list of paths"):
        host.call("data_exporter.export", handle=handle, summary={}, run={})
    with pytest.raises(RpcError, match="`run` is NoneType, not dict"):
        host.call("data_exporter.export", handle=handle, summary={})


def test_console_exporters(host: Host) -> None:
    write(
        host,
        """
        class Exporter:
            def export(self, summary, run, width): return f"{summary['a']} {run['b']} {width} \\ud800"
        class Wrong:
            def export(self, summary, run, width): return 5
        """,
    )
    parameters = {"summary": {"a": 1}, "run": {"b": 2}, "width": 80}
    handle = host.open("console_exporter", "mine:Exporter")["handle"]
    assert host.call("console_exporter.export", handle=handle, **parameters) == {"text": "1 2 80 ?"}
    handle = host.open("console_exporter", "mine:Wrong")["handle"]
    with pytest.raises(RpcError, match="`export` returned int, not a str"):
        host.call("console_exporter.export", handle=handle, **parameters)


def test_stream_exporters(host: Host) -> None:
    write(
        host,
        """
        class Exporter:
            count = 0
            async def rows(self, rows, dropped):
                self.count += len(rows)
                print(rows[0]["id"], dropped)
            def finish(self, dropped): print("finish", self.count, dropped)
        class Short:
            def rows(self, rows, dropped): pass
        """,
    )
    opened = host.open("stream_exporter", "mine:Exporter")
    assert (opened["methods"], opened["rows"]) == (["stream_exporter.rows", "stream_exporter.finish"], "json")
    handle = opened["handle"]
    host.call("stream_exporter.rows", lines(*({"id": number} for number in range(1000))), handle=handle, dropped=0)
    host.call("stream_exporter.rows", lines({"id": 1000}), handle=handle, dropped=3)
    assert host.call("stream_exporter.finish", handle=handle, dropped=4) is None
    assert host.log.read_text().splitlines() == ["0 0", "1000 3", "finish 1001 4"]
    opened = host.open("stream_exporter", "mine:Short")
    assert opened["methods"] == ["stream_exporter.rows"]
    assert host.call("stream_exporter.finish", handle=opened["handle"], dropped=0) is None


def test_dataset_loaders(host: Host) -> None:
    write(
        host,
        """
        class Rows:
            def __init__(self, words=1): self.words = words
            def load(self, path):
                for line in path.read_text().splitlines():
                    yield {"session_id": line, "text": " ".join([line] * self.words)}
        class Conversations:
            def load(self, path): return [{"turns": [{"text": "a"}, {"text": "b", "delay": 5}]}]
        class Nothing:
            def load(self, path): return None
        class Neither: pass
        """,
    )
    file = host.folder / "rows.txt"
    file.write_text("".join(f"{number}\n" for number in range(1500)))
    handle = host.open("custom_dataset_loader", "mine:Rows", words=2)["handle"]
    assert host.call("custom_dataset_loader.load", handle=handle, path=str(file)) is None
    first = host.call("custom_dataset_loader.next", handle=handle)
    assert (len(first["rows"]), first["is_done"]) == (1000, False)
    assert first["rows"][3] == {"session_id": "3", "turns": [{"text": "3 3"}]}
    last = host.call("custom_dataset_loader.next", handle=handle)
    assert (len(last["rows"]), last["is_done"]) == (500, True)
    handle = host.open("custom_dataset_loader", "mine:Conversations")["handle"]
    host.call("custom_dataset_loader.load", handle=handle, path=str(file))
    rows = host.call("custom_dataset_loader.next", handle=handle)["rows"]
    assert rows == [{"turns": [{"text": "a"}, {"text": "b", "delay": 5}]}]
    handle = host.open("custom_dataset_loader", "mine:Nothing")["handle"]
    with pytest.raises(RpcError, match="returned NoneType, not conversations"):
        host.call("custom_dataset_loader.load", handle=handle, path=str(file))
    with pytest.raises(RpcError, match="has no method `load_dataset`"):
        host.open("custom_dataset_loader", "mine:Neither")


@needs_aiperf
def test_dataset_loaders_written_for_aiperf(tmp_path: Path) -> None:
    with running(tmp_path, AIPERF_PYTHON) as host:
        write(
            host,
            """
            from aiperf.common.models import Conversation, Text, Turn
            from aiperf.dataset.loader.base_loader import BaseFileLoader
            class Loader(BaseFileLoader):
                @classmethod
                def can_load(cls, data=None, filename=None): return True
                @classmethod
                def get_preferred_sampling_strategy(cls): return "sequential"
                def load_dataset(self):
                    return {str(place): [record] for place, record in enumerate(self._iter_record_dicts())}
                def convert_to_conversations(self, data):
                    turn = lambda record: Turn(texts=[Text(contents=[record["q"]])], max_tokens=7, delay=3)
                    return [Conversation(session_id=key, turns=[turn(one) for one in records]) for key, records in data.items()]
            """,
        )
        file = tmp_path / "rows.jsonl"
        file.write_text('{"q": "why?"}\n{"q": "how?"}\n')
        opened = host.call(
            "open",
            kind="custom_dataset_loader",
            name="one",
            config={},
            directory=str(tmp_path),
            path=str(file),
            **{"class": "mine:Loader"},
        )
        host.call("custom_dataset_loader.load", handle=opened["handle"], path=str(file))
        rows = host.call("custom_dataset_loader.next", handle=opened["handle"])["rows"]
        turn = {"texts": [{"name": "", "contents": ["why?"]}], "delay": 3, "output_length": 7}
        assert rows[0] == {"session_id": "0", "turns": [turn]}


# What plugins return and raise.


def test_values_that_json_lacks(host: Host) -> None:
    write(
        host,
        """
        import dataclasses, datetime, decimal, enum, math, pathlib, uuid
        class Color(enum.Enum):
            RED = "red"
        class Number(enum.IntEnum):
            ONE = 1
        @dataclasses.dataclass
        class Inner:
            path: pathlib.Path
            nothing: float = math.nan
        class Scalar:
            def __init__(self, value): self.value = value
            def item(self): return self.value
        class Array:
            def tolist(self): return [Scalar(1), Scalar(math.inf)]
        class Model:
            def model_dump(self): return {"inner": Inner(pathlib.Path("b"))}
        class Aggregator:
            def aggregate(self, sets):
                day = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc)
                return {
                    "floats": [1.5, math.nan, math.inf, -math.inf], "huge": 10**30, "set": {1}, "tuple": (1, True, None),
                    "path": pathlib.Path("/a"), "day": day, "date": day.date(), "span": datetime.timedelta(seconds=1.5),
                    "color": Color.RED, "number": Number.ONE, "scalar": Scalar(3), "array": Array(), "model": Model(),
                    "decimal": decimal.Decimal("0.5"), "uuid": uuid.UUID(int=1), Color.RED: 1, 7: 2, True: 3, 0.5: 4,
                }
        """,
    )
    handle = host.open("aggregator", "mine:Aggregator")["handle"]
    assert host.call("aggregator.aggregate", handle=handle) == {
        "floats": [1.5, None, None, None],
        "huge": 10**30,
        "set": [1],
        "tuple": [1, True, None],
        "path": "/a",
        "day": "2026-01-02T03:00:00+00:00",
        "date": "2026-01-02",
        "span": 1.5,
        "color": "red",
        "number": 1,
        "scalar": 3,
        "array": [1, None],
        "model": {"inner": {"path": "b", "nothing": None}},
        "decimal": 0.5,
        "uuid": "00000000-0000-0000-0000-000000000001",
        "red": 1,
        "7": 2,
        "true": 3,
        "0.5": 4,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{'a': [1, object()]}", "`result.a[1]` is a object, which JSON has no form for"),
        ("{'a': b'bytes'}", "`result.a` is a bytes"),
        ("{'a': {(1, 2): 3}}", "`result.a` has the key (1, 2), a tuple"),
        ("circle", "nested deeper than 100"),
        ("{'a': 'x' * (17 << 20)}", "the result is a message of 178258"),
    ],
)
def test_values_that_cannot_be_sent(host: Host, value: str, text: str) -> None:
    write(host, f"circle = {{}}\ncircle['a'] = [circle]\nclass Aggregator:\n    def aggregate(self, sets): return {value}\n")
    handle = host.open("aggregator", "mine:Aggregator")["handle"]
    with pytest.raises(RpcError) as failed:
        host.call("aggregator.aggregate", handle=handle)
    assert failed.value.code == 1
    assert text in str(failed.value)
    assert host.call("close", handle=handle) is None


@pytest.mark.parametrize(
    ("statement", "kind", "text"),
    [
        ("raise ValueError('no good')", "ValueError", "no good"),
        ("json.loads('{')", "JSONDecodeError", "Expecting"),
        ("raise KeyError", "KeyError", "KeyError"),
        ("raise Mute", "Mute", "Mute"),
        ("raise Exception('x' * 100_000)", "Exception", "x" * 8192),
        ("sys.exit(3)", "SystemExit", "3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("await asyncio.create_task(leave())", "SystemExit", "4"),
        ("raise asyncio.CancelledError", "CancelledError", "CancelledError"),
        ("asyncio.current_task().cancel(); await asyncio.sleep(1)", "CancelledError", "CancelledError"),
        ("raise GeneratorExit", "GeneratorExit", "GeneratorExit"),
        ("sys.stderr.close(); raise OSError('closed')", "OSError", "closed"),
        ("recurse()", "RecursionError", "maximum recursion depth"),
    ],
)
def test_what_a_plugin_raises_is_the_answer_to_its_call(host: Host, statement: str, kind: str, text: str) -> None:
    write(
        host,
        f"""
        import asyncio, json, sys
        class Mute(Exception):
            def __str__(self): raise self
        def recurse(): recurse()
        async def leave(): sys.exit(4)
        class Hook:
            async def on_phase_start(self, phase, tracker):
                {statement}
            def on_phase_complete(self, phase, tracker): print("completed")
        """,
    )
    handle = host.open("phase_hook", "mine:Hook")["handle"]
    with pytest.raises(RpcError) as failed:
        host.phase(handle, "start")
    assert (failed.value.code, failed.value.type) == (1, kind)
    assert str(failed.value).startswith(text)
    assert len(str(failed.value)) <= 8192
    host.phase(handle, "complete")
    log = host.log.read_text()
    assert log.endswith("completed\n")
    assert "sys.stderr.close()" in statement or kind in log


def test_the_modules_of_a_plugin_may_leave_too(host: Host) -> None:
    write(host, "import sys\nsys.exit('not today')\n")
    with pytest.raises(RpcError, match="not today") as failed:
        host.open("phase_hook", "mine:Hook")
    assert failed.value.type == "SystemExit"
    assert host.call("hello", protocol=1)["protocol"] == 1


def test_tasks_in_the_background_go_on_and_cannot_end_the_host(host: Host) -> None:
    write(
        host,
        """
        import asyncio, sys
        from pathlib import Path
        async def leave():
            await asyncio.sleep(0)
            sys.exit("from the background")
        async def stop():
            await asyncio.sleep(0)
            asyncio.get_running_loop().stop()
        async def write():
            for number in range(10): await asyncio.sleep(0.001)
            Path("background").write_text("done")
        class Hook:
            def on_phase_start(self, phase, tracker):
                self.tasks = [asyncio.create_task(one()) for one in (leave, stop, write)]
            async def on_phase_sending_complete(self, phase, tracker):
                self.tasks += [asyncio.create_task(one()) for one in (leave, stop)]
                await self.tasks[2]
                await asyncio.sleep(0.001)
            async def on_phase_complete(self, phase, tracker):
                for task in asyncio.all_tasks() - {asyncio.current_task()}: task.cancel()
            async def on_phase_timeout(self, phase, tracker):
                print("same loop", asyncio.get_running_loop() is self.tasks[2].get_loop())
        """,
    )
    handle = host.open("phase_hook", "mine:Hook")["handle"]
    for event in ("start", "sending_complete", "complete", "timeout"):
        host.phase(handle, event)
    assert (host.folder / "background").read_text() == "done"
    log = host.log.read_text()
    assert log.count("SystemExit: from the background") == 2
    assert log.endswith("same loop True\n")


def test_what_a_plugin_prints_and_logs_is_not_on_the_socket(host: Host) -> None:
    write(
        host,
        """
        import logging, os, subprocess, sys
        class Hook:
            def on_phase_start(self, phase, tracker):
                print("printed \\ud800")
                sys.stdout.buffer.write(b"\\x00\\xff garbage\\n")
                sys.stdout.flush()
                os.write(1, b"written\\n")
                logging.getLogger("mine").info("logged")
                logging.getLogger("mine").debug("not logged")
                print("read", repr(sys.stdin.read()))
                listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, close_fds=False).stdout
                print("sockets", listing.count("socket:"))
        """,
    )
    handle = host.open("phase_hook", "mine:Hook")["handle"]
    host.phase(handle, "start")
    log = host.log.read_bytes().decode(errors="replace").splitlines()
    expected = ["printed \\ud800", "\0\ufffd garbage", "written", "INFO mine: logged", "read ''", "sockets 0"]
    assert log == expected


def test_a_child_that_comes_back_from_a_fork_does_not_answer(host: Host) -> None:
    write(
        host,
        """
        import os
        class Hook:
            def on_phase_start(self, phase, tracker):
                self.child = os.fork()
            def on_phase_complete(self, phase, tracker):
                print("child", os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1]))
        """,
    )
    handle = host.open("phase_hook", "mine:Hook")["handle"]
    host.phase(handle, "start")
    host.phase(handle, "complete")
    assert host.log.read_text().endswith("child 1\n")


def test_a_plugin_that_ends_its_process_ends_the_stream_though_its_children_live(host: Host) -> None:
    write(
        host,
        """
        import os, time
        class Hook:
            def on_phase_start(self, phase, tracker):
                child = os.fork()
                if child == 0:
                    while os.path.exists("plugin.log"): time.sleep(0.01)
                    os._exit(0)
                os.abort()
        """,
    )
    handle = host.open("phase_hook", "mine:Hook")["handle"]
    phase = {"name": "a", "is_warmup": False, "number": 0}
    parameters = {"handle": handle, "phase": phase, "stats": {}}
    host.send(json.dumps({"id": 9, "method": "phase_hook.start", "params": parameters}).encode())
    assert host.stream.recv(1) == b""
    # The child ends then.
    host.log.unlink()


# The example plugin.


def check_example(host: Host) -> None:
    """Opens and calls all of the example plugin."""
    one = host.open("phase_hook", "aiperf_example_plugin.hooks:ExampleLoggingHook", log_file="phases.log", verbose=True)
    two = host.open("phase_hook", "aiperf_example_plugin.hooks:ExampleMetricsCollectorHook", metrics_file="metrics.json")
    assert len(one["methods"]) == len(two["methods"]) == 4
    stats = {"sent": 10, "completed": 9, "cancelled": 0, "in_flight": 1, "start_ns": 10**9, "end_ns": 3 * 10**9}
    for event in ("start", "sending_complete", "complete", "timeout"):
        for opened in (one, two):
            host.phase(opened["handle"], event, is_warmup=True, **stats)
    log = (host.folder / "phases.log").read_text().splitlines()
    assert len(log) == 4
    assert "WARMUP completed 9 requests in 2.000 s sent=10" in log[2]
    assert [one["event"] for one in json.loads((host.folder / "metrics.json").read_text())["phases"]["warmup"]["timeline"]][-1] == "timeout"
    rows = lines({"latency_ms": 1.0, "timestamp": 1.0}, {"latency_ms": 3.0, "timestamp": 2.0}, {"error": "x", "timestamp": 3.0})
    processor = host.open("post_processor", "aiperf_example_plugin.processors:ExampleMetricsProcessor", output_file="out.json")
    host.call("post_processor.records", rows, handle=processor["handle"])
    result = host.call("post_processor.process", handle=processor["handle"])
    assert (result["record_count"], result["error_count"], result["metrics"]["latency_ms"]["mean"]) == (3, 1, 2.0)
    assert Path(result["output_path"]).is_file()
    aggregator = host.open("post_processor", "aiperf_example_plugin.processors:ExampleResultsAggregator")
    host.call("aggregator.records", rows, handle=aggregator["handle"], set=0)
    found = host.call("aggregator.aggregate", handle=aggregator["handle"])
    assert (found["total_requests"], found["throughput_rps"]) == (3, 1.5)
    assert "requests       3" in host.call("aggregator.report", handle=aggregator["handle"], aggregated=found)["text"]


def environment_with_example(folder: Path, python: str) -> str:
    """The interpreter of a new environment with the example plugin."""
    source = folder / "example-plugin"
    shutil.copytree(EXAMPLE, source)
    if python == sys.executable:
        venv.create(folder / "env", with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", folder / "env"], check=True)
        where = "import site; print(site.getsitepackages()[0])"
        packages = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
        next((folder / "env" / "lib").glob("python*/site-packages")).joinpath("aiperf.pth").write_text(packages.stdout)
    new = str(folder / "env" / "bin" / "python")
    installed = subprocess.run([new, "-m", "pip", "install", "-q", "--no-deps", source], capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    return new


def test_the_example_plugin_without_aiperf(tmp_path: Path) -> None:
    python = environment_with_example(tmp_path, sys.executable)
    assert subprocess.run([python, "-c", "import aiperf"], capture_output=True).returncode != 0
    with running(tmp_path, python) as host:
        check_example(host)


@needs_aiperf
def test_the_example_plugin_with_aiperf(tmp_path: Path) -> None:
    python = environment_with_example(tmp_path, str(AIPERF_PYTHON))
    with running(tmp_path, python) as host:
        check_example(host)
    # It disturbs nothing of AIPerf's own.
    listed = subprocess.run([python, "-m", "aiperf", "plugins"], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert "Plugin discovery" not in listed.stderr + listed.stdout


def test_only_modules_that_are_missing_are_stood_in_for(host: Host) -> None:
    files = {
        "__init__": "",
        "common/__init__": "",
        "common/enums": "class CreditPhase:\n    WARMUP = 'real'\n",
        "timing/__init__": "real = True",
    }
    for name, text in files.items():
        file = host.folder / "aiperf" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    write(
        host,
        """
        from aiperf.timing import real
        from aiperf.timing.phase_hooks import PhaseHookRegistry
        from aiperf.timing.phase_lifecycle_hooks import BasePhaseLifecycleHook
        class Hook(BasePhaseLifecycleHook):
            def on_phase_start(self, phase, tracker): print(phase, real, PhaseHookRegistry.__module__)
        """,
    )
    host.phase(host.open("phase_hook", "mine:Hook")["handle"], "start", is_warmup=True)
    assert host.log.read_text() == "real True aiperf.timing.phase_hooks\n"


@needs_aiperf
def test_modules_of_aiperf_that_are_installed_are_the_ones_that_are_imported(tmp_path: Path) -> None:
    with running(tmp_path, str(AIPERF_PYTHON)) as host:
        write(
            host,
            """
            import aiperf.common.enums
            from aiperf.timing.phase_lifecycle_hooks import BasePhaseLifecycleHook
            from pydantic import BaseModel, Field
            import aiperf.timing, numpy
            class Config(BaseModel):
                number: int = Field(ge=0)
            class Hook(BasePhaseLifecycleHook):
                def __init__(self, config: Config): self.config = config
                async def on_phase_start(self, phase, tracker):
                    print(type(phase) is aiperf.common.enums.CreditPhase, bool(aiperf.common.enums.__file__), bool(aiperf.timing.__file__))
            class Aggregator:
                def aggregate(self, sets):
                    return {"model": Config(number=3), "arrays": [numpy.array([1.5, numpy.nan]), numpy.float32(0.5), numpy.int64(2)]}
            """,
        )
        opened = host.open("phase_hook", "mine:Hook", number="3")
        assert opened["methods"] == ["phase_hook.start"]
        host.phase(opened["handle"], "start", is_warmup=True)
        assert host.log.read_text().endswith("True True True\n")
        with pytest.raises(RpcError, match="greater than or equal to 0") as failed:
            host.open("phase_hook", "mine:Hook", number=-3)
        assert failed.value.type == "ValidationError"
        handle = host.open("aggregator", "mine:Aggregator")["handle"]
        assert host.call("aggregator.aggregate", handle=handle) == {"model": {"number": 3}, "arrays": [[1.5, None], 0.5, 2]}


@pytest.mark.parametrize("shims", [False, True])
@pytest.mark.parametrize("python", [sys.executable, pytest.param(AIPERF_PYTHON, marks=needs_aiperf)])
def test_the_tests_of_the_example_plugin(tmp_path: Path, python: str, shims: bool) -> None:
    (tmp_path / "aiperfd_shims.py").write_text(MODULES["aiperfd_shims"])
    install = "import aiperfd_shims; aiperfd_shims.install()" if shims else ""
    code = f"""if True:
        import sys
        {install}
        import pytest, aiperf_example_plugin.hooks as hooks
        assert ({shims} or hooks.BasePhaseLifecycleHook is object), "it has a base class"
        sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", {str(EXAMPLE)!r}]))"""
    path = os.pathsep.join([str(tmp_path), str(EXAMPLE)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run([python, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "31 passed" in run.stdout
