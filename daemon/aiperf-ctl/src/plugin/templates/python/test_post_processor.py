import asyncio

from {{package}}.component import {{class}}


def test_slow_requests_are_counted():
    rows = [{"latency_ms": 5.0, "status": "success"}, {"latency_ms": 2000.0, "status": "success"}, {"status": "error"}]
    result = asyncio.run({{class}}(limit_ms=1000.0).process(rows))
    assert (result["record_count"], result["error_count"]) == (3, 1)
    assert result["metrics"] == {"slow_requests": 1}
