"""Tests of the phase hooks."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aiperf_example_plugin import ExampleLoggingHook, ExampleMetricsCollectorHook
from aiperf_example_plugin.hooks import LoggingConfig

SECOND = 1_000_000_000


class FakeTracker:
    """A phase with 10 sent and 8 completed requests that took 2.5 s."""

    def create_stats(self) -> SimpleNamespace:
        return SimpleNamespace(
            sent=10,
            sent_sessions=5,
            completed=8,
            cancelled=1,
            in_flight=1,
            start_ns=100 * SECOND,
            end_ns=100 * SECOND + 5 * SECOND // 2,
        )


@pytest.fixture
def tracker() -> FakeTracker:
    return FakeTracker()


@pytest.fixture
def run_phase(tracker: FakeTracker) -> Any:
    """Sends a hook the events of a phase."""

    def run(hook: Any, *events: str, phase: str = "profiling") -> None:
        async def all_of_them() -> None:
            for event in events:
                await getattr(hook, f"on_phase_{event}")(phase, tracker)

        asyncio.run(all_of_them())

    return run


class TestExampleLoggingHook:
    @pytest.fixture
    def hook(self, tmp_path: Path) -> ExampleLoggingHook:
        return ExampleLoggingHook(LoggingConfig(log_file=tmp_path / "phases.log"))

    def test_init_creates_log_file_directory(self, tmp_path: Path) -> None:
        ExampleLoggingHook(LoggingConfig(log_file=tmp_path / "a" / "b" / "phases.log"))
        assert (tmp_path / "a" / "b").is_dir()

    def test_phase_start_writes_log(self, hook: ExampleLoggingHook, run_phase: Any) -> None:
        run_phase(hook, "start")
        assert hook.log_file.read_text().rstrip().endswith("PROFILING started")

    def test_phase_complete_writes_log(self, hook: ExampleLoggingHook, run_phase: Any) -> None:
        run_phase(hook, "start", "complete")
        assert hook.log_file.read_text().rstrip().endswith("PROFILING completed 8 requests in 2.500 s")

    def test_phase_timeout_writes_log(self, hook: ExampleLoggingHook, run_phase: Any) -> None:
        run_phase(hook, "timeout", phase="warmup")
        assert hook.log_file.read_text().rstrip().endswith("WARMUP timed out with 1 requests in flight")

    def test_verbose_logging_includes_stats(self, tmp_path: Path, run_phase: Any) -> None:
        hook = ExampleLoggingHook.from_config(log_file=str(tmp_path / "phases.log"), verbose=True)
        run_phase(hook, "sending_complete")
        assert hook.log_file.read_text().rstrip().endswith("sent=10 completed=8 cancelled=1 in_flight=1")

    def test_multiple_events_appends_to_log(self, hook: ExampleLoggingHook, run_phase: Any) -> None:
        run_phase(hook, "start", "sending_complete", "complete")
        run_phase(hook, "start", phase="warmup")
        lines = hook.log_file.read_text().splitlines()
        assert [line.split()[1] for line in lines] == ["PROFILING"] * 3 + ["WARMUP"]

    def test_get_phase_metrics_returns_tracked_times(self, hook: ExampleLoggingHook, run_phase: Any) -> None:
        run_phase(hook, "start", "complete")
        assert hook.get_phase_metrics() == {
            "profiling": {"start_ns": 100 * SECOND, "end_ns": 100 * SECOND + 5 * SECOND // 2, "duration_s": 2.5}
        }


class TestExampleMetricsCollectorHook:
    @pytest.fixture
    def hook(self, tmp_path: Path) -> ExampleMetricsCollectorHook:
        return ExampleMetricsCollectorHook(metrics_file=tmp_path / "metrics.json")

    def test_init_creates_metrics_file_directory(self, tmp_path: Path) -> None:
        ExampleMetricsCollectorHook(metrics_file=str(tmp_path / "a" / "b" / "metrics.json"))
        assert (tmp_path / "a" / "b").is_dir()

    def test_phase_events_write_metrics_json(self, hook: ExampleMetricsCollectorHook, run_phase: Any) -> None:
        run_phase(hook, "start")
        assert json.loads(hook.metrics_file.read_text())["phases"]["profiling"]["stats"]["sent"] == 10

    def test_phase_timeline_events_recorded(self, hook: ExampleMetricsCollectorHook, run_phase: Any) -> None:
        run_phase(hook, "start", "sending_complete", "complete")
        timeline = json.loads(hook.metrics_file.read_text())["phases"]["profiling"]["timeline"]
        assert [one["event"] for one in timeline] == ["start", "sending_complete", "complete"]

    def test_phase_timeout_recorded(self, hook: ExampleMetricsCollectorHook, run_phase: Any) -> None:
        run_phase(hook, "start", "timeout")
        timeline = json.loads(hook.metrics_file.read_text())["phases"]["profiling"]["timeline"]
        assert [one["event"] for one in timeline] == ["start", "timeout"]

    def test_phase_durations_calculated(self, hook: ExampleMetricsCollectorHook) -> None:
        times = {"start": 100, "sending_complete": 101, "complete": 103}
        timeline = [{"event": event, "time_ns": time * SECOND} for event, time in times.items()]
        assert hook._calculate_phase_durations(timeline) == {"sending_complete": 1.0, "complete": 3.0}
        assert hook._calculate_phase_durations(timeline[1:]) == {}

    def test_get_aggregated_metrics(self, hook: ExampleMetricsCollectorHook, run_phase: Any) -> None:
        run_phase(hook, "start", "complete", phase="warmup")
        run_phase(hook, "start", "complete")
        metrics = hook.get_aggregated_metrics()
        assert list(metrics["phases"]) == ["warmup", "profiling"]
        assert metrics["totals"] == {"sent": 20, "completed": 16, "cancelled": 2}
