"""A phase hook: called when a phase starts, has sent everything, ends, or runs out of time."""

from pathlib import Path


class {{class}}:
    """Writes a line for each event into the run's artifact directory."""

    def __init__(self, directory: str, file: str = "{{package}}.log") -> None:
        self._file = Path(directory) / file

    async def on_phase_start(self, phase, tracker) -> None:
        self._note("start", phase, tracker)

    async def on_phase_sending_complete(self, phase, tracker) -> None:
        self._note("sending complete", phase, tracker)

    async def on_phase_complete(self, phase, tracker) -> None:
        self._note("complete", phase, tracker)

    async def on_phase_timeout(self, phase, tracker) -> None:
        self._note("timeout", phase, tracker)

    def _note(self, event: str, phase, tracker) -> None:
        stats = tracker.create_stats()
        with self._file.open("a") as file:
            file.write(f"{phase}: {event}, {stats.sent} requests sent\n")
