"""A processor: makes metrics of its own from a run's requests."""


class {{class}}:
    """Counts requests that took longer than a limit."""

    def __init__(self, limit_ms: float = 1000.0) -> None:
        self._limit_ms = limit_ms

    async def process(self, rows: list[dict]) -> dict:
        slow = [row for row in rows if row.get("latency_ms", 0.0) > self._limit_ms]
        errors = [row for row in rows if row.get("status") == "error"]
        return {
            "success": True,
            "record_count": len(rows),
            "error_count": len(errors),
            "metrics": {"slow_requests": len(slow)},
        }
