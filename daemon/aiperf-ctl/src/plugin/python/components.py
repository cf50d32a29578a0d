"""Makes components of a plugin's classes, and calls them: one class here for each kind."""

import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import aiperfd_shims
from aiperfd_wire import encode, plain, rows

ROWS_SETS_MAX = 65_536
# Of one answer.
CONVERSATIONS_MAX, CONVERSATIONS_BYTES_MAX = 1000, 4 << 20
# Those that a phase does not have yet are `None`.
STATS = (
    *("sent", "sent_sessions", "completed", "cancelled", "failed", "in_flight", "start_ns", "end_ns"),
    *("start_monotonic_ns", "end_monotonic_ns", "kernel_first_sent_ns", "kernel_last_received_ns"),
)
RESULT = {"success": bool, "record_count": int, "error_count": int, "metrics": dict, "output_path": str}


class ParametersError(Exception):
    """A request's parameters are not those of its method."""


class PluginError(Exception):
    """A plugin does not keep to the contract, or its configuration does not fit it."""


async def settled(result: Any) -> Any:
    """The result of a method that may be async."""
    return await result if inspect.isawaitable(result) else result


def parameter(parameters: dict[str, Any], name: str, kind: type) -> Any:
    """A parameter of a request, of this kind. Raises ParametersError."""
    value = parameters.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ParametersError(f"the parameter `{name}` is {type(value).__name__}, not {kind.__name__}")
    return value


class Component:
    """An open component: what the class of a plugin makes, and the methods of its kind."""

    # The protocol's methods, without the kind, and the plugin's. The first is required.
    METHODS: ClassVar[dict[str, str]] = {}
    # The protocol's methods that the host answers for every plugin.
    OF_HOST: ClassVar[tuple[str, ...]] = ()

    def __init__(self, instance: Any, directory: Path) -> None:
        self.instance = instance
        self.directory = directory
        for method in list(self.METHODS.values())[:1]:
            self.require(method)

    def methods(self) -> list[str]:
        """The methods of the kind that it has."""
        return [*self.OF_HOST, *(ours for ours, theirs in self.METHODS.items() if self.has(theirs))]

    def has(self, method: str) -> bool:
        """Whether the plugin has this method."""
        return callable(getattr(self.instance, method, None))

    def require(self, method: str) -> Callable[..., Any]:
        """The plugin's method. Raises PluginError without it."""
        if not self.has(method):
            raise PluginError(f"`{name_of(self.instance)}` has no method `{method}`")
        return getattr(self.instance, method)

    async def call(self, method: str, parameters: dict[str, Any], body: bytes) -> Any:
        """Answers one method of the protocol, by its name without the kind."""
        return await getattr(self, method)(parameters, body)

    async def close(self) -> None:
        """Lets the plugin end, if it has something for that."""
        if self.has("close"):
            await settled(self.instance.close())


class PhaseHook(Component):
    """Calls what an object has, or registered, for the events of a phase."""

    METHODS: ClassVar = {event: f"on_phase_{event}" for event in aiperfd_shims.EVENTS}

    def __init__(self, instance: Any, directory: Path, registered: dict[str, list[Any]]) -> None:
        self.instance = instance
        self.directory = directory
        self.registered = registered
        if not any(registered.values()) and not any(hasattr(instance, method) for method in self.METHODS.values()):
            raise PluginError(f"`{name_of(instance)}` has none of {', '.join(self.METHODS.values())}")
        # AIPerf takes a second to import: here, not at the phase's start.
        try:
            self._phases = importlib.import_module("aiperf.common.enums").CreditPhase
        except ImportError:  # An installation that is not whole.
            self._phases = aiperfd_shims.CreditPhase

    def methods(self) -> list[str]:
        if any(self.registered.values()):
            return [event for event in self.METHODS if self.registered[event]]
        return super().methods()

    def has(self, method: str) -> bool:
        # What is inherited from the base class does nothing.
        function = getattr(getattr(self.instance, method, None), "__func__", None)
        inherited = function is not None and function is getattr(aiperfd_shims.BasePhaseLifecycleHook, method, None)
        return super().has(method) and not inherited

    async def call(self, method: str, parameters: dict[str, Any], body: bytes) -> None:
        phase, stats = parameter(parameters, "phase", dict), parameter(parameters, "stats", dict)
        callbacks = self.registered[method]
        if not any(self.registered.values()) and self.has(self.METHODS[method]):
            callbacks = [getattr(self.instance, self.METHODS[method])]
        credit_phase = self._phases.WARMUP if phase.get("is_warmup") else self._phases.PROFILING
        for callback in callbacks:
            await settled(callback(credit_phase, Tracker(phase, stats)))


class Tracker:
    """What a phase hook asks for the phase's numbers."""

    def __init__(self, phase: dict[str, Any], stats: dict[str, Any]) -> None:
        self.phase = SimpleNamespace(**phase)
        self._stats = {**dict.fromkeys(STATS), **stats}

    def create_stats(self) -> SimpleNamespace:
        """The numbers as they were at the event."""
        return SimpleNamespace(**self._stats)


class PostProcessor(Component):
    """Collects a run's rows and has them processed."""

    METHODS: ClassVar = {"process": "process"}
    OF_HOST = ("records",)

    def __init__(self, instance: Any, directory: Path) -> None:
        super().__init__(instance, directory)
        self._rows: list[dict[str, Any]] = []

    async def records(self, parameters: dict[str, Any], body: bytes) -> None:
        self._rows += parsed_rows(body)

    async def process(self, parameters: dict[str, Any], body: bytes) -> dict[str, Any]:
        taken, self._rows = self._rows, []
        result = await settled(self.instance.process(taken))
        answer = {"record_count": len(taken), "error_count": 0, "metrics": {}, "output_path": None}
        found = {name: field(result, name) for name in RESULT}
        answer |= {name: plain(value, name) for name, value in found.items() if value is not None}
        for name, kind in RESULT.items():
            value = answer.get(name)
            if not isinstance(value, kind) and (name, value) != ("output_path", None):
                kinds = f"{type(value).__name__}, not {kind.__name__}"
                raise PluginError(f"`process` returned a {type(result).__name__} whose `{name}` is {kinds}")
        if answer["output_path"] is not None:
            answer["output_path"] = os.path.abspath(answer["output_path"])
        return answer


class Aggregator(Component):
    """Collects the rows of each phase and has them aggregated."""

    METHODS: ClassVar = {"aggregate": "aggregate", "report": "generate_report"}
    OF_HOST = ("records",)

    def __init__(self, instance: Any, directory: Path) -> None:
        super().__init__(instance, directory)
        self._sets: list[list[dict[str, Any]]] = []

    async def records(self, parameters: dict[str, Any], body: bytes) -> None:
        number = parameter(parameters, "set", int)
        if not 0 <= number < ROWS_SETS_MAX:
            raise ParametersError(f"the parameter `set` is {number}, not in 0..{ROWS_SETS_MAX}")
        self._sets += [[] for _ in range(len(self._sets), number + 1)]
        self._sets[number] += parsed_rows(body)

    async def aggregate(self, parameters: dict[str, Any], body: bytes) -> Mapping[str, Any]:
        taken, self._sets = self._sets, []
        result = await settled(self.instance.aggregate(taken))
        if not isinstance(result, Mapping):
            raise PluginError(f"`aggregate` returned {type(result).__name__}, not a dict")
        return result

    async def report(self, parameters: dict[str, Any], body: bytes) -> dict[str, str]:
        report = self.require("generate_report")
        return text(await settled(report(parameter(parameters, "aggregated", dict))), "generate_report")


class DataExporter(Component):
    """Writes files from a run's results."""

    METHODS: ClassVar = {"export": "export"}

    async def export(self, parameters: dict[str, Any], body: bytes) -> dict[str, list[str]]:
        summary, run = parameter(parameters, "summary", dict), parameter(parameters, "run", dict)
        files = await settled(self.instance.export(summary, run, self.directory))
        if isinstance(files, (str, os.PathLike)):
            files = [files]
        if not isinstance(files, (list, tuple, type(None))):
            raise PluginError(f"`export` returned {type(files).__name__}, not a list of paths")
        return {"files": [os.path.abspath(file) for file in files or []]}


class ConsoleExporter(Component):
    """Makes a text from a run's results."""

    METHODS: ClassVar = {"export": "export"}

    async def export(self, parameters: dict[str, Any], body: bytes) -> dict[str, str]:
        summary, run = parameter(parameters, "summary", dict), parameter(parameters, "run", dict)
        return text(await settled(self.instance.export(summary, run, parameter(parameters, "width", int))), "export")


class StreamExporter(Component):
    """Takes rows while a run goes on."""

    METHODS: ClassVar = {"rows": "rows", "finish": "finish"}

    async def rows(self, parameters: dict[str, Any], body: bytes) -> None:
        await settled(self.instance.rows(parsed_rows(body), parameter(parameters, "dropped", int)))

    async def finish(self, parameters: dict[str, Any], body: bytes) -> None:
        if self.has("finish"):
            await settled(self.instance.finish(parameter(parameters, "dropped", int)))


class DatasetLoader(Component):
    """Makes conversations of a file: by one method of ours, or the two of AIPerf's loaders."""

    METHODS: ClassVar = {"load": "load"}
    OF_HOST = ("next",)

    def __init__(self, instance: Any, directory: Path) -> None:
        self.instance = instance
        self.directory = directory
        if not self.has("load"):
            self.require("load_dataset")
            self.require("convert_to_conversations")
        self._rows: Iterator[Any] = iter(())

    def methods(self) -> list[str]:
        return ["load", "next"]

    async def load(self, parameters: dict[str, Any], body: bytes) -> None:
        if self.has("load"):
            found = await settled(self.instance.load(Path(parameter(parameters, "path", str))))
        else:
            data = await settled(self.instance.load_dataset())
            found = await settled(self.instance.convert_to_conversations(data))
        if not isinstance(found, Iterable):
            raise PluginError(f"`{name_of(self.instance)}` returned {type(found).__name__}, not conversations")
        self._rows = iter(found)

    async def next(self, parameters: dict[str, Any], body: bytes) -> dict[str, Any]:
        made, size = [], 0
        for one in self._rows:
            row = conversation(one)
            made.append(row)
            size += len(encode(row))
            if len(made) >= CONVERSATIONS_MAX or size >= CONVERSATIONS_BYTES_MAX:
                return {"rows": made, "is_done": False}
        return {"rows": made, "is_done": True}


def conversation(one: Any) -> dict[str, Any]:
    """A conversation as a row of the format `multi_turn`: a dict as it is, an object of AIPerf by its fields."""
    if isinstance(one, Mapping):
        row = dict(one)
        if "turns" not in row:
            row = {"turns": [{key: value for key, value in row.items() if key != "session_id"}]} | {
                key: value for key, value in row.items() if key == "session_id"
            }
        return plain(row, "conversation")
    if not hasattr(one, "turns"):
        raise PluginError(f"a conversation is a dict or has `turns`, and {type(one).__name__} is neither")
    row = {"turns": [turn_of(turn) for turn in one.turns]}
    if getattr(one, "session_id", None):
        row["session_id"] = one.session_id
    return plain(row, "conversation")


def turn_of(turn: Any) -> dict[str, Any]:
    """A turn of AIPerf by the keys of a row."""
    row: dict[str, Any] = {}
    for kind in ("texts", "images", "audios", "videos"):
        media = getattr(turn, kind, None) or []
        if media:
            row[kind] = [{"name": getattr(one, "name", "") or "", "contents": list(one.contents)} for one in media]
    for ours, theirs in (("timestamp", "timestamp"), ("delay", "delay"), ("role", "role"), ("output_length", "max_tokens")):
        value = getattr(turn, theirs, None)
        if value is not None:
            row[ours] = value
    return row


async def open_component(parameters: dict[str, Any]) -> tuple[str, Component]:
    """The component that an `open` asks for, and its kind: imports its class, and constructs it with its configuration.

    Older manifests have aggregators among the post-processors: one without `process` but with `aggregate` is opened as one.
    """
    kind, path = parameter(parameters, "kind", str), parameter(parameters, "class", str)
    if kind not in KINDS:
        raise ParametersError(f"the kind `{kind}` is not one that runs in Python: {', '.join(KINDS)}")
    config = parameters.get("config") if parameters.get("config") is not None else {}
    if not isinstance(config, dict):
        raise ParametersError(f"the parameter `config` is {type(config).__name__}, not dict")
    directory = Path(parameter(parameters, "directory", str))
    before = registered_callbacks()
    found = load(path)
    extra = {"directory": directory}
    if parameters.get("path") is not None:
        extra["filename"] = Path(parameter(parameters, "path", str))
    instance = await construct(found, config, extra, path)
    if kind == "post_processor" and not hasattr(instance, "process") and hasattr(instance, "aggregate"):
        kind = "aggregator"
    if kind != "phase_hook":
        return kind, KINDS[kind](instance, directory)
    for name in ("register_with_global_registry", "register_hooks"):
        if callable(getattr(instance, name, None)):
            await settled(getattr(instance, name)())
            break
    known = {id(callback) for callbacks in before.values() for callback in callbacks}
    new = {event: [one for one in callbacks if id(one) not in known] for event, callbacks in registered_callbacks().items()}
    return kind, PhaseHook(instance, directory, new)


def registered_callbacks() -> dict[str, list[Any]]:
    """What is in the registry of phase hooks. It is not imported for that."""
    module = sys.modules.get("aiperf.timing.phase_hooks")
    if module is None:
        return {event: [] for event in aiperfd_shims.EVENTS}
    registry = module.PhaseHookRegistry
    return {event: list(getattr(registry, f"get_phase_{event}_callbacks")()) for event in aiperfd_shims.EVENTS}


def load(path: str) -> Any:
    """What `package.module:Class` names. Raises PluginError if it is not there."""
    module_name, _, names = path.partition(":")
    if not names or not all(part.isidentifier() for part in [*module_name.split("."), *names.split(".")]):
        raise ParametersError(f"`{path}` is no class: write it as package.module:Class")
    module = imported(module_name)
    found: Any = module
    for name in names.split("."):
        if not hasattr(found, name):
            raise PluginError(f"`{module_name}` has no `{names}` ({getattr(module, '__file__', 'no file')})")
        found = getattr(found, name)
    return found


def imported(name: str) -> ModuleType:
    """The module. An error of its own code is raised as it is."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise PluginError(f"there is no module `{error.name}` for {sys.executable}: install it there") from error


async def construct(found: Any, config: dict[str, Any], extra: dict[str, Path], path: str) -> Any:
    """An object of the class: by `from_config(**config)`, `Class(Config(**config))` or `Class(**config)`.

    A function is called in the same way; what it returns, or itself if that is `None`, is the object. What is neither is one already.
    """
    factory = getattr(found, "from_config", None) if inspect.isclass(found) else None
    if callable(factory):
        return await settled(call_with_config(factory, config, extra, f"{path}.from_config"))
    if inspect.isclass(found) or inspect.isroutine(found):
        made = await settled(call_with_config(found, config, extra, path))
        return found if made is None else made
    if config:
        raise PluginError(f"`{path}` is a {type(found).__name__} and no class: it takes no configuration")
    return found


def call_with_config(target: Callable[..., Any], config: dict[str, Any], known: dict[str, Path], path: str) -> Any:
    """Calls it with one object of its configuration class if that is all it takes, else with the configuration's keys.

    A parameter `directory` that the configuration does not give is the run's artifact directory, and of a dataset loader `filename`
    the file.
    """
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return target(**config)
    parameters = signature.parameters
    # AIPerf's loaders pass on what they do not name.
    takes_all = any(one.kind == inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    extra = {
        name: value for name, value in known.items() if name not in config and (name in parameters or (takes_all and name == "filename"))
    }
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [one for one in signature.parameters.values() if one.kind not in variadic and one.name not in extra]
    model = model_of(target, named[0]) if len(named) == 1 else None
    if model is None:
        check_fits(target, {**config, **extra}, path)
        return target(**config, **extra)
    check_fits(model, config, f"{model.__module__}:{model.__qualname__}")
    argument = model(**config)
    if named[0].kind == inspect.Parameter.POSITIONAL_ONLY:
        return target(argument, **extra)
    return target(**{named[0].name: argument}, **extra)


def check_fits(target: Callable[..., Any], config: dict[str, Any], path: str) -> None:
    """Raises PluginError if the configuration's keys are not those that it takes."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(**config)
    except TypeError as error:
        raise PluginError(f"the configuration does not fit `{path}{signature}`: {error}") from error


def model_of(target: Callable[..., Any], parameter: inspect.Parameter) -> type | None:
    """The dataclass or model of pydantic that a parameter is annotated with."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        function = target.__init__ if inspect.isclass(target) else target
        try:
            annotation = typing.get_type_hints(function).get(parameter.name)
        except Exception:  # An annotation may name what is imported for type checkers only.
            annotation = getattr(sys.modules.get(target.__module__), annotation.split("|")[0].strip(), None)
    for one in (annotation, *typing.get_args(annotation)):
        if inspect.isclass(one) and (hasattr(one, "__dataclass_fields__") or hasattr(one, "model_fields")):
            return one
    return None


def parsed_rows(body: bytes) -> list[dict[str, Any]]:
    """The rows of a request's body. Raises ParametersError."""
    try:
        return rows(body)
    except ValueError as error:
        raise ParametersError(f"the body is not one JSON object a line: {error}") from error


def field(result: Any, name: str) -> Any:
    """A field of a result: an object's attribute or a dict's key, `None` without it."""
    return result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)


def name_of(instance: Any) -> str:
    """What to call it in a message."""
    return getattr(instance, "__qualname__", type(instance).__qualname__)


def text(value: Any, method: str) -> dict[str, str]:
    """The answer with a text."""
    if not isinstance(value, (str, type(None))):
        raise PluginError(f"`{method}` returned {type(value).__name__}, not a str")
    return {"text": value or ""}


KINDS: dict[str, type[Component]] = {
    "phase_hook": PhaseHook,
    "post_processor": PostProcessor,
    "aggregator": Aggregator,
    "data_exporter": DataExporter,
    "console_exporter": ConsoleExporter,
    "stream_exporter": StreamExporter,
    "custom_dataset_loader": DatasetLoader,
}
