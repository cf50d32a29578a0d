"""Stands in for the few modules of AIPerf that plugins import, where they are not installed.

Its finder is the last one that Python asks: a module that is installed is always the one that is imported.
"""

import enum
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, ClassVar, Protocol, runtime_checkable

PhaseCallback = Callable[[Any, Any], Awaitable[None] | None]
EVENTS = ("start", "sending_complete", "complete", "timeout")


class CreditPhase(str, enum.Enum):
    """What a phase of the load is for. Compared, and made from text, without regard to case."""

    WARMUP = "warmup"
    PROFILING = "profiling"

    @classmethod
    def _missing_(cls, value: object) -> "CreditPhase | None":
        return cls.__members__.get(str(value).upper())

    def __str__(self) -> str:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.value == str(other).lower()

    def __hash__(self) -> int:
        return hash(self.value)


class BasePhaseLifecycleHook:
    """A hook that does nothing: subclasses override what they need."""

    async def on_phase_start(self, phase: CreditPhase, tracker: Any) -> None:
        """The phase's first request is about to be sent."""

    async def on_phase_sending_complete(self, phase: CreditPhase, tracker: Any) -> None:
        """The phase's last request was sent."""

    async def on_phase_complete(self, phase: CreditPhase, tracker: Any) -> None:
        """The phase's last request is complete."""

    async def on_phase_timeout(self, phase: CreditPhase, tracker: Any) -> None:
        """The phase's time was over before its requests were complete."""


@runtime_checkable
class PhaseLifecycleHook(Protocol):
    """Any class with these methods is a hook."""

    async def on_phase_start(self, phase: CreditPhase, tracker: Any) -> None:
        """See BasePhaseLifecycleHook."""

    async def on_phase_sending_complete(self, phase: CreditPhase, tracker: Any) -> None:
        """See BasePhaseLifecycleHook."""

    async def on_phase_complete(self, phase: CreditPhase, tracker: Any) -> None:
        """See BasePhaseLifecycleHook."""

    async def on_phase_timeout(self, phase: CreditPhase, tracker: Any) -> None:
        """See BasePhaseLifecycleHook."""


class PhaseHookRegistry:
    """The callbacks of all phases, in the order in which they were registered."""

    _callbacks: ClassVar[dict[str, list[PhaseCallback]]] = {event: [] for event in EVENTS}

    @classmethod
    def register_phase_start(cls, callback: PhaseCallback) -> None:
        """Calls it with (phase, tracker) when a phase starts."""
        cls._callbacks["start"].append(callback)

    @classmethod
    def register_phase_sending_complete(cls, callback: PhaseCallback) -> None:
        """Calls it with (phase, tracker) when a phase's last request was sent."""
        cls._callbacks["sending_complete"].append(callback)

    @classmethod
    def register_phase_complete(cls, callback: PhaseCallback) -> None:
        """Calls it with (phase, tracker) when a phase's last request is complete."""
        cls._callbacks["complete"].append(callback)

    @classmethod
    def register_phase_timeout(cls, callback: PhaseCallback) -> None:
        """Calls it with (phase, tracker) when a phase's time was over first."""
        cls._callbacks["timeout"].append(callback)

    @classmethod
    def get_phase_start_callbacks(cls) -> list[PhaseCallback]:
        """A copy of what was registered."""
        return list(cls._callbacks["start"])

    @classmethod
    def get_phase_sending_complete_callbacks(cls) -> list[PhaseCallback]:
        """A copy of what was registered."""
        return list(cls._callbacks["sending_complete"])

    @classmethod
    def get_phase_complete_callbacks(cls) -> list[PhaseCallback]:
        """A copy of what was registered."""
        return list(cls._callbacks["complete"])

    @classmethod
    def get_phase_timeout_callbacks(cls) -> list[PhaseCallback]:
        """A copy of what was registered."""
        return list(cls._callbacks["timeout"])

    @classmethod
    def clear(cls) -> None:
        """Forgets all callbacks."""
        for callbacks in cls._callbacks.values():
            callbacks.clear()


# What each module holds. Those with nothing are packages.
MODULES: dict[str, list[type]] = {
    "aiperf": [],
    "aiperf.common": [],
    "aiperf.common.enums": [CreditPhase],
    "aiperf.timing": [],
    "aiperf.timing.phase_hooks": [PhaseHookRegistry],
    "aiperf.timing.phase_lifecycle_hooks": [BasePhaseLifecycleHook, PhaseLifecycleHook],
}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and fills the modules."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The module of that name, if it is one of these."""
        if name not in MODULES:
            return None
        return importlib.util.spec_from_loader(name, self, origin="stands in for AIPerf", is_package=not MODULES[name])

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As Python makes it."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Puts the module's classes into it."""
        for one in MODULES[module.__name__]:
            one.__module__ = module.__name__
            setattr(module, one.__name__, one)


def install() -> None:
    """Offers the modules from now on. A second call changes nothing."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
