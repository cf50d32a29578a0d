"""An exporter: writes a file of its own after a run, or sends results elsewhere."""

import csv
from pathlib import Path


class {{class}}:
    """Writes one line with the run's verdict and its mean latency."""

    def __init__(self, file: str = "{{package}}.csv") -> None:
        self._file = file

    def export(self, summary: dict, run: dict, directory: Path) -> list[Path]:
        path = directory / self._file
        latency = summary.get("request_latency", {}).get("avg")
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["run", "verdict", "request_latency_avg_ms"])
            writer.writerow([run.get("run_id"), run.get("verdict", {}).get("standing"), latency])
        return [path]
