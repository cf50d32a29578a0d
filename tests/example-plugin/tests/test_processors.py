"""Tests of the post-processors."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from aiperf_example_plugin import ExampleMetricsProcessor, ExampleResultsAggregator, ProcessingResult
from aiperf_example_plugin.processors import MetricsConfig


@pytest.fixture
def results() -> list[dict[str, Any]]:
    """Four requests in 3 s, of which one failed."""
    return [
        {"latency_ms": 100.0, "status": "success", "timestamp": 1000.0},
        {"latency_ms": 200.0, "status": "success", "timestamp": 1001.0},
        {"latency_ms": 300.0, "status": "success", "timestamp": 1002.0},
        {"latency_ms": 9000.0, "status": "error", "error": "HTTP 500", "timestamp": 1003.0},
    ]


class TestExampleMetricsProcessor:
    @pytest.fixture
    def processor(self, tmp_path: Path) -> ExampleMetricsProcessor:
        return ExampleMetricsProcessor(MetricsConfig(output_file=tmp_path / "metrics.json"))

    def test_init_creates_output_directory(self, tmp_path: Path) -> None:
        ExampleMetricsProcessor(MetricsConfig(output_file=str(tmp_path / "a" / "b" / "metrics.json")))
        assert (tmp_path / "a" / "b").is_dir()

    def test_process_empty_results(self, processor: ExampleMetricsProcessor) -> None:
        assert asyncio.run(processor.process([])) == ProcessingResult(success=False)
        assert not processor.output_file.exists()

    def test_process_results_calculates_metrics(self, processor: ExampleMetricsProcessor, results: list) -> None:
        result = asyncio.run(processor.process(results))
        assert (result.success, result.record_count, result.error_count) == (True, 4, 1)
        latency = result.metrics["latency_ms"]
        assert (latency["min"], latency["mean"], latency["max"], latency["stdev"]) == (100.0, 200.0, 300.0, 100.0)

    def test_process_writes_output_file(self, processor: ExampleMetricsProcessor, results: list) -> None:
        result = asyncio.run(processor.process(results))
        assert result.output_path == processor.output_file
        assert json.loads(processor.output_file.read_text()) == result.metrics

    def test_calculate_request_stats(self, processor: ExampleMetricsProcessor, results: list) -> None:
        stats = processor._calculate_request_stats(results)
        assert stats == {"total": 4, "successful": 3, "failed": 1, "success_rate": 0.75, "error_rate": 0.25}

    def test_calculate_latency_percentiles(self, processor: ExampleMetricsProcessor) -> None:
        latencies = [float(value) for value in range(101)]
        expected = {"p50": 50.0, "p75": 75.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}
        assert processor._calculate_percentiles(latencies) == expected

    def test_error_rate_calculation(self, processor: ExampleMetricsProcessor) -> None:
        rows = [{"error": "timeout"}, {"status": "error"}, {"error": None}, {"status": "success"}]
        assert processor._calculate_request_stats(rows)["error_rate"] == 0.5
        assert processor._calculate_request_stats([])["error_rate"] == 0.0

    def test_no_latency_data(self, processor: ExampleMetricsProcessor) -> None:
        result = asyncio.run(processor.process([{"status": "success"}]))
        assert result.success
        assert "latency_ms" not in result.metrics

    def test_percentile_calculation_edge_cases(self, processor: ExampleMetricsProcessor) -> None:
        assert processor._percentile([], 50) == 0.0
        assert processor._percentile([7.0], 99) == 7.0
        assert processor._percentile([1.0, 2.0], 50) == 1.5
        assert processor._percentile([1.0, 2.0], 0) == 1.0
        assert processor._percentile([1.0, 2.0], 100) == 2.0

    def test_latency_keys_of_other_exporters(self, processor: ExampleMetricsProcessor) -> None:
        rows = [{"latency": 2}, {"response_time": 3.0}, {"latency_ms": 0.0}]
        assert processor._extract_latencies(rows) == [0.0, 2.0, 3.0]


class TestExampleResultsAggregator:
    @pytest.fixture
    def aggregator(self) -> ExampleResultsAggregator:
        return ExampleResultsAggregator()

    def test_aggregate_single_result_set(self, aggregator: ExampleResultsAggregator, results: list) -> None:
        found = asyncio.run(aggregator.aggregate([results]))
        assert (found["phase_count"], found["total_requests"], found["failed_requests"]) == (1, 4, 1)

    def test_aggregate_multiple_result_sets(self, aggregator: ExampleResultsAggregator, results: list) -> None:
        found = asyncio.run(aggregator.aggregate([results[:1], results]))
        assert (found["phase_count"], found["total_requests"]) == (2, 5)
        assert found["phases"] == [{"requests": 1, "success_rate": 1.0}, {"requests": 4, "success_rate": 0.75}]

    def test_calculate_success_rate(self, aggregator: ExampleResultsAggregator, results: list) -> None:
        assert aggregator._calculate_success_rate(results) == 0.75
        assert aggregator._calculate_success_rate([]) == 0.0

    def test_calculate_throughput(self, aggregator: ExampleResultsAggregator, results: list) -> None:
        assert aggregator._calculate_throughput(results) == pytest.approx(4 / 3)
        assert aggregator._calculate_throughput(results[:1]) == 0.0

    def test_aggregate_empty_results(self, aggregator: ExampleResultsAggregator) -> None:
        found = asyncio.run(aggregator.aggregate([]))
        assert (found["phase_count"], found["total_requests"], found["success_rate"]) == (0, 0, 0.0)

    def test_generate_report(self, aggregator: ExampleResultsAggregator, results: list) -> None:
        report = asyncio.run(aggregator.generate_report(asyncio.run(aggregator.aggregate([results]))))
        assert "success rate   75.00%" in report
        assert "phase 1: 4 requests" in report

    def test_processing_result_dataclass(self) -> None:
        result = ProcessingResult(True, 3, 1, {"a": 1}, Path("out.json"))
        assert (result.success, result.record_count, result.error_count) == (True, 3, 1)
        assert (result.metrics, result.output_path) == ({"a": 1}, Path("out.json"))

    def test_processing_result_defaults(self) -> None:
        result = ProcessingResult(success=True)
        assert (result.record_count, result.error_count, result.metrics, result.output_path) == (0, 0, {}, None)
        assert ProcessingResult(success=True).metrics is not result.metrics
