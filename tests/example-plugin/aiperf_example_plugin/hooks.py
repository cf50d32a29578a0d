"""Hooks for the events of a phase: one writes lines of text, one keeps a JSON file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

try:
    from aiperf.timing.phase_lifecycle_hooks import BasePhaseLifecycleHook
except ImportError:
    # Any class with the four methods is a hook.
    BasePhaseLifecycleHook = object

NS_PER_SECOND = 1_000_000_000


class Tracker(Protocol):
    """What a hook asks for the phase's numbers."""

    def create_stats(self) -> Any:
        """An object with `sent`, `completed`, `start_ns` and others."""


@dataclass
class LoggingConfig:
    """What `example_logging` can be configured with."""

    log_file: str | Path = "aiperf_phases.log"
    verbose: bool = False


class ExampleLoggingHook(BasePhaseLifecycleHook):
    """Appends a line to a file for each event of a phase."""

    def __init__(self, config: LoggingConfig | None = None) -> None:
        config = config or LoggingConfig()
        self.log_file = Path(config.log_file)
        self.verbose = config.verbose
        self._metrics: dict[str, dict[str, Any]] = {}
        self.log_file.parent.mkdir(parents=True, exist_ok=True)

    @classmethod
    def from_config(cls, **config: Any) -> ExampleLoggingHook:
        """A hook of what stands under `config` in a configuration file."""
        return cls(LoggingConfig(**config))

    async def on_phase_start(self, phase: Any, tracker: Tracker) -> None:
        """Notes when the phase started."""
        stats = tracker.create_stats()
        self._metrics[str(phase)] = {"start_ns": stats.start_ns}
        self._write_log(phase, "started", stats)

    async def on_phase_sending_complete(self, phase: Any, tracker: Tracker) -> None:
        """All requests were sent."""
        stats = tracker.create_stats()
        self._write_log(phase, f"sent {stats.sent} requests", stats)

    async def on_phase_complete(self, phase: Any, tracker: Tracker) -> None:
        """All requests are complete."""
        stats = tracker.create_stats()
        duration = self._calculate_duration(stats)
        self._metrics.setdefault(str(phase), {}).update(end_ns=stats.end_ns, duration_s=duration)
        took = "" if duration is None else f" in {duration:.3f} s"
        self._write_log(phase, f"completed {stats.completed} requests{took}", stats)

    async def on_phase_timeout(self, phase: Any, tracker: Tracker) -> None:
        """The phase's time was over first."""
        stats = tracker.create_stats()
        self._write_log(phase, f"timed out with {stats.in_flight} requests in flight", stats)

    def get_phase_metrics(self) -> dict[str, dict[str, Any]]:
        """By phase: when it started and ended, in nanoseconds, and how many seconds it took."""
        return {phase: dict(metrics) for phase, metrics in self._metrics.items()}

    def _write_log(self, phase: Any, event: str, stats: Any) -> None:
        """Appends a line."""
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {str(phase).upper()} {event}"
        if self.verbose:
            names = ("sent", "completed", "cancelled", "in_flight")
            line += "".join(f" {name}={getattr(stats, name, None)}" for name in names)
        with self.log_file.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    @staticmethod
    def _calculate_duration(stats: Any) -> float | None:
        """Seconds from the phase's start to its end, `None` if it has not ended."""
        if stats.start_ns is None or stats.end_ns is None:
            return None
        return (stats.end_ns - stats.start_ns) / NS_PER_SECOND


class ExampleMetricsCollectorHook(BasePhaseLifecycleHook):
    """Keeps a JSON file with each phase's events, numbers and durations."""

    def __init__(self, metrics_file: str | Path = "aiperf_phase_metrics.json") -> None:
        self.metrics_file = Path(metrics_file)
        self._phases: dict[str, dict[str, Any]] = {}
        self.metrics_file.parent.mkdir(parents=True, exist_ok=True)

    async def on_phase_start(self, phase: Any, tracker: Tracker) -> None:
        """Starts the phase's timeline."""
        self._record(phase, "start", tracker)

    async def on_phase_sending_complete(self, phase: Any, tracker: Tracker) -> None:
        """All requests were sent."""
        self._record(phase, "sending_complete", tracker)

    async def on_phase_complete(self, phase: Any, tracker: Tracker) -> None:
        """All requests are complete."""
        self._record(phase, "complete", tracker)

    async def on_phase_timeout(self, phase: Any, tracker: Tracker) -> None:
        """The phase's time was over first."""
        self._record(phase, "timeout", tracker)

    def get_aggregated_metrics(self) -> dict[str, Any]:
        """What is in the file: the phases, and the sums of their requests."""
        last = [phase["stats"] for phase in self._phases.values()]
        totals = {name: sum(stats[name] or 0 for stats in last) for name in ("sent", "completed", "cancelled")}
        return {"phases": self._phases, "totals": totals}

    def _record(self, phase: Any, event: str, tracker: Tracker) -> None:
        """Adds an event to the phase's timeline."""
        stats = tracker.create_stats()
        metrics = self._phases.setdefault(str(phase), {"timeline": [], "durations_s": {}, "stats": {}})
        metrics["timeline"].append({"event": event, "time_ns": time.time_ns()})
        names = ("sent", "sent_sessions", "completed", "cancelled", "in_flight", "start_ns", "end_ns")
        metrics["stats"] = {name: getattr(stats, name, None) for name in names}
        metrics["durations_s"] = self._calculate_phase_durations(metrics["timeline"])
        self._write_metrics_checkpoint()

    def _write_metrics_checkpoint(self) -> None:
        """Replaces the file, so that a reader always finds a whole one."""
        whole = self.metrics_file.with_name(self.metrics_file.name + ".part")
        whole.write_text(json.dumps(self.get_aggregated_metrics(), indent=2), encoding="utf-8")
        whole.replace(self.metrics_file)

    @staticmethod
    def _calculate_phase_durations(timeline: list[dict[str, Any]]) -> dict[str, float]:
        """Seconds from the phase's start to each of its later events."""
        if not timeline or timeline[0]["event"] != "start":
            return {}
        start = timeline[0]["time_ns"]
        return {one["event"]: (one["time_ns"] - start) / NS_PER_SECOND for one in timeline[1:]}
