"""A stream exporter: receives each request during a run."""

from pathlib import Path


class {{class}}:
    """Counts requests by how they ended."""

    def __init__(self, directory: str, file: str = "{{package}}.txt") -> None:
        self._file = Path(directory) / file
        self._counts = {"success": 0, "error": 0}

    def rows(self, rows: list[dict], dropped: int) -> None:
        for row in rows:
            self._counts["error" if row.get("error") else "success"] += 1

    def finish(self, dropped: int) -> None:
        self._file.write_text(f"{self._counts['success']} succeeded, {self._counts['error']} failed, {dropped} dropped\n")
