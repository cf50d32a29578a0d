import asyncio
from types import SimpleNamespace

from {{package}}.component import {{class}}


def test_a_line_for_each_event(tmp_path):
    hook = {{class}}(directory=str(tmp_path))
    tracker = SimpleNamespace(create_stats=lambda: SimpleNamespace(sent=7))
    asyncio.run(hook.on_phase_start("profiling", tracker))
    asyncio.run(hook.on_phase_complete("profiling", tracker))
    lines = (tmp_path / "{{package}}.log").read_text().splitlines()
    assert lines == ["profiling: start, 7 requests sent", "profiling: complete, 7 requests sent"]
