"""Frames on the socket to aiperf-ctl, and Python values as the JSON that they carry."""

import asyncio
import contextlib
import dataclasses
import datetime
import decimal
import enum
import json
import math
import os
import socket
import struct
import traceback
import uuid
from collections.abc import Mapping
from typing import Any

MESSAGE_BYTES_MAX = 16 << 20
BODY_BYTES_MAX = 64 << 20
# Readers of JSON refuse what is nested deeper than 128.
DEPTH_MAX = 100


class NotJsonError(Exception):
    """A value has no form in JSON; the text names its key."""


class RefusedError(Exception):
    """A frame is longer than the protocol allows. It was read to its end, and the next one can be read."""


class Connection:
    """Reads and writes frames. Reading runs the event loop, so that a plugin's own tasks go on between calls."""

    def __init__(self, stream: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        self._received = bytearray()
        self._refused: RefusedError | None = None
        self._skip = 0

    def read(self) -> tuple[bytes, bytes] | None:
        """The next frame's message and body, or `None` at the end of the stream. Raises RefusedError."""
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            if not self._receive():
                return None

    def write(self, message: bytes) -> None:
        """Sends a frame without a body."""
        self._stream.sendall(struct.pack("<II", len(message), 0) + message)

    def _receive(self) -> bool:
        """Waits for bytes; false at the end of the stream."""
        arrived = self._loop.create_future()

        def on_readable() -> None:
            if not arrived.done():
                arrived.set_result(None)

        self._loop.add_reader(self._stream, on_readable)
        try:
            self._loop.run_until_complete(arrived)
        except (SystemExit, KeyboardInterrupt, RuntimeError) as error:
            # A task that a plugin left running ends or stops the loop: that is not the end of the host.
            if self._loop.is_closed():
                raise
            log_error(error)
        finally:
            self._loop.remove_reader(self._stream)
        try:
            data = self._stream.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self._received += data
        return bool(data)

    def _take(self) -> tuple[bytes, bytes] | None:
        """The first frame of what was received, if all of it is there."""
        if self._refused is None and len(self._received) >= 8:
            message_length, body_length = struct.unpack_from("<II", self._received)
            if message_length > MESSAGE_BYTES_MAX or body_length > BODY_BYTES_MAX:
                self._skip = 8 + message_length + body_length
                self._refused = RefusedError(
                    f"a message of {message_length} bytes with a body of {body_length} is refused: "
                    f"they are at most {MESSAGE_BYTES_MAX} and {BODY_BYTES_MAX} long"
                )
            elif len(self._received) >= 8 + message_length + body_length:
                end = 8 + message_length + body_length
                message, body = bytes(self._received[8 : 8 + message_length]), bytes(self._received[8 + message_length : end])
                del self._received[:end]
                return message, body
        if self._refused is not None:
            dropped = min(self._skip, len(self._received))
            del self._received[:dropped]
            self._skip -= dropped
            if self._skip == 0:
                refused, self._refused = self._refused, None
                raise refused
        return None


def log_error(error: BaseException) -> None:
    """Writes it with its traceback to standard error, which is the plugin's log."""
    with contextlib.suppress(Exception):  # A plugin may have closed it.
        traceback.print_exception(type(error), error, error.__traceback__)


def rows(body: bytes) -> list[dict[str, Any]]:
    """The rows of a body: one JSON object a line."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    # One call for all of them: it takes half as long as one for each.
    found = json.loads(b"[%b]" % b",".join(lines))
    for row in found:
        if not isinstance(row, dict):
            raise ValueError(f"a row is a {type(row).__name__}, not an object")
    return found


def encode(message: dict[str, Any]) -> bytes:
    """A message of plain values as bytes. What is no text in UTF-8 becomes a question mark."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(errors="replace")


def plain(value: Any, key: str, depth: int = 0) -> Any:
    """A value made of what JSON has: numbers that are not finite become null. Raises NotJsonError with the key."""
    if depth > DEPTH_MAX:
        raise NotJsonError(f"`{key}` is nested deeper than {DEPTH_MAX}")
    if isinstance(value, enum.Enum):
        return plain(value.value, key, depth + 1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(name, key): plain(inner, f"{key}.{name}", depth + 1) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, f"{key}[{index}]", depth + 1) for index, inner in enumerate(value)]
    return plain(_simpler(value, key), key, depth + 1)


def _key(name: Any, key: str) -> str:
    """An object's key as JSON has it."""
    if isinstance(name, enum.Enum):
        name = name.value
    if isinstance(name, str):
        return str(name)
    if isinstance(name, (bool, int, float)):
        return json.dumps(name)
    raise NotJsonError(f"`{key}` has the key {name!r:.80}, a {type(name).__name__}, which JSON has no form for")


def _simpler(value: Any, key: str) -> Any:
    """What stands for a value that JSON has no form for."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    # Models of pydantic; arrays and numbers of numpy and what imitates them.
    for name in ("model_dump", "tolist", "item"):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            return method()
    raise NotJsonError(f"`{key}` is a {type(value).__name__}, which JSON has no form for")
