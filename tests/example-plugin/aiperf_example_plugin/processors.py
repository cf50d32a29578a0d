"""What is done with a run's rows after it: metrics of one run, and a summary of several phases."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
LATENCY_KEYS = ("latency_ms", "latency", "response_time")


@dataclass
class ProcessingResult:
    """What a processor returns."""

    success: bool
    record_count: int = 0
    error_count: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    output_path: Path | None = None


@dataclass
class MetricsConfig:
    """What `example_metrics` can be configured with."""

    output_file: str | Path = "aiperf_example_metrics.json"
    percentiles: tuple[float, ...] = (50, 75, 90, 95, 99)


def is_error(row: dict[str, Any]) -> bool:
    """Whether a row is of a request that failed."""
    return bool(row.get("error")) or row.get("status") == "error"


class ExampleMetricsProcessor:
    """Counts requests and errors, calculates percentiles of latency, and writes both to a file."""

    def __init__(self, config: MetricsConfig) -> None:
        self.output_file = Path(config.output_file)
        self.percentiles = tuple(config.percentiles)
        self.output_file.parent.mkdir(parents=True, exist_ok=True)

    async def process(self, results: Rows) -> ProcessingResult:
        """The metrics of all rows. Without rows it is no success, and nothing is written."""
        if not results:
            return ProcessingResult(success=False)
        metrics = self._calculate_metrics(results)
        self._write_metrics(metrics)
        return ProcessingResult(
            success=True,
            record_count=len(results),
            error_count=metrics["requests"]["failed"],
            metrics=metrics,
            output_path=self.output_file,
        )

    def _calculate_metrics(self, results: Rows) -> dict[str, Any]:
        """Counts and, of rows that have a latency, its distribution in milliseconds."""
        metrics: dict[str, Any] = {"requests": self._calculate_request_stats(results)}
        latencies = self._extract_latencies(results)
        if latencies:
            metrics["latency_ms"] = {
                "min": min(latencies),
                "max": max(latencies),
                "mean": statistics.fmean(latencies),
                "stdev": statistics.stdev(latencies) if len(latencies) > 1 else 0.0,
                **self._calculate_percentiles(latencies),
            }
        return metrics

    @staticmethod
    def _calculate_request_stats(results: Rows) -> dict[str, Any]:
        """How many requests there were, and how many failed; rates from 0 to 1."""
        failed = sum(map(is_error, results))
        total = len(results)
        return {
            "total": total,
            "successful": total - failed,
            "failed": failed,
            "success_rate": (total - failed) / total if total else 0.0,
            "error_rate": failed / total if total else 0.0,
        }

    @staticmethod
    def _extract_latencies(results: Rows) -> list[float]:
        """Latencies of requests that did not fail, in ascending order."""
        found = (
            next((row[key] for key in LATENCY_KEYS if row.get(key) is not None), None)
            for row in results
            if not is_error(row)
        )
        return sorted(float(latency) for latency in found if latency is not None)

    def _calculate_percentiles(self, latencies: list[float]) -> dict[str, float]:
        """By name, such as `p99`."""
        return {f"p{percentile:g}": self._percentile(latencies, percentile) for percentile in self.percentiles}

    @staticmethod
    def _percentile(ordered: list[float], percentile: float) -> float:
        """Of values in ascending order, interpolated between the two nearest ones; 0 without values."""
        if not ordered:
            return 0.0
        position = (len(ordered) - 1) * min(max(percentile, 0.0), 100.0) / 100.0
        below = math.floor(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (position - below)

    def _write_metrics(self, metrics: dict[str, Any]) -> None:
        """Writes the file."""
        self.output_file.write_text(json.dumps(metrics, indent=2), encoding="utf-8")


class ExampleResultsAggregator:
    """Sums up the rows of several phases."""

    def __init__(self, title: str = "Results of all phases") -> None:
        self.title = title

    async def aggregate(self, result_sets: list[Rows]) -> dict[str, Any]:
        """Counts, success rate from 0 to 1 and requests a second, of all phases and of each."""
        rows = [row for one in result_sets for row in one]
        return {
            "phase_count": len(result_sets),
            "total_requests": len(rows),
            "failed_requests": sum(map(is_error, rows)),
            "success_rate": self._calculate_success_rate(rows),
            "throughput_rps": self._calculate_throughput(rows),
            "phases": [
                {"requests": len(one), "success_rate": self._calculate_success_rate(one)} for one in result_sets
            ],
        }

    async def generate_report(self, aggregated: dict[str, Any]) -> str:
        """The result as text."""
        lines = [
            self.title,
            f"phases         {aggregated['phase_count']}",
            f"requests       {aggregated['total_requests']}",
            f"failed         {aggregated['failed_requests']}",
            f"success rate   {aggregated['success_rate']:.2%}",
            f"throughput     {aggregated['throughput_rps']:.2f} requests/s",
        ]
        for number, phase in enumerate(aggregated["phases"], start=1):
            lines.append(f"  phase {number}: {phase['requests']} requests, {phase['success_rate']:.2%} successful")
        return "\n".join(lines)

    @staticmethod
    def _calculate_success_rate(rows: Rows) -> float:
        """From 0 to 1; 0 without rows."""
        return 1.0 - sum(map(is_error, rows)) / len(rows) if rows else 0.0

    @staticmethod
    def _calculate_throughput(rows: Rows) -> float:
        """Requests a second between the first and the last time stamp; 0 with less than two times."""
        times = [row["timestamp"] for row in rows if row.get("timestamp") is not None]
        span = max(times) - min(times) if times else 0.0
        return len(times) / span if span > 0 else 0.0
