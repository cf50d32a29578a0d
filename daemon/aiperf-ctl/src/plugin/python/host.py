"""Runs Python plugins for aiperf-ctl: speaks the plugin protocol, version 1, on a socket, one request after the other.

What a plugin raises, SystemExit included, is the answer to the call that it was raised in. The host ends at the end of the stream.
"""

import asyncio
import contextlib
import json
import logging
import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import aiperfd_shims
from aiperfd_components import KINDS, Component, ParametersError, open_component, parameter
from aiperfd_wire import MESSAGE_BYTES_MAX, Connection, RefusedError, encode, log_error, plain

PROTOCOL = 1
NO_JSON, NO_REQUEST, NO_METHOD, NO_PARAMETERS, PLUGIN_RAISED = -32700, -32600, -32601, -32602, 1
ERROR_CHARACTERS_MAX = 8192
CLOSE_SECONDS, END_SECONDS = 1.0, 3.0


class RpcError(Exception):
    """An answer that is an error of the request, not of a plugin."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def serve(stream: socket.socket) -> None:
    """Answers requests until the stream ends, then closes what is open. Returns at the end of the process."""
    # aiperf-ctl decides what Ctrl-C ends. What plugins start does not inherit this handler.
    signal.signal(signal.SIGINT, lambda *_: None)
    # A process that a plugin forks holds no end of the socket.
    os.register_at_fork(after_in_child=stream.close)
    # Last, so that nothing in the current folder stands in for what is installed, and not with PYTHONSAFEPATH.
    with contextlib.suppress(OSError):
        sys.path += [] if getattr(sys.flags, "safe_path", False) else [os.getcwd()]
    aiperfd_shims.install()
    for log in (sys.stdout, sys.stderr):
        if log is not None:
            log.reconfigure(line_buffering=True, errors="backslashreplace")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    host = Host(Connection(stream, loop), loop)
    host.run()
    host.end()


class Host:
    """The open components, and the loop that their calls run in."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._process = os.getpid()
        self._components: dict[int, tuple[str, Component]] = {}
        self._handles = 0

    def run(self) -> None:
        """Answers requests until the stream ends."""
        while True:
            try:
                frame = self._connection.read()
            except RefusedError as error:
                answer = failure(None, NO_REQUEST, str(error))
            else:
                if frame is None:
                    return
                answer = self._answer(*frame)
            if os.getpid() != self._process:  # A plugin forked, and its child came back here.
                os._exit(1)
            try:
                if answer is not None:
                    self._connection.write(answer)
            except OSError:
                return

    def end(self) -> None:
        """Closes what is open, for a bounded time, and ends the process if a plugin keeps it alive."""
        watchdog = threading.Timer(END_SECONDS, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        for handle in list(self._components):
            try:
                self._call(asyncio.wait_for(self._close({"handle": handle}), CLOSE_SECONDS))
            except BaseException as error:
                log_error(error)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._call(asyncio.wait(tasks, timeout=CLOSE_SECONDS))

    def _answer(self, message: bytes, body: bytes) -> bytes | None:
        """The answer to a message, none to a notification."""
        identity = None
        try:
            request = parsed(message)
            identity = request.get("id")
            result = self._call(self._dispatch(request["method"], request.get("params", {}), body))
            answer = encode({"jsonrpc": "2.0", "id": identity, "result": plain(result, "result")})
            if len(answer) > MESSAGE_BYTES_MAX:
                text = f"the result is a message of {len(answer)} bytes: it is at most {MESSAGE_BYTES_MAX} long"
                raise RpcError(PLUGIN_RAISED, text)
        except RpcError as error:
            answer = failure(identity, error.code, str(error))
            return answer if error.code in (NO_JSON, NO_REQUEST) or identity is not None else None
        except ParametersError as error:
            answer = failure(identity, NO_PARAMETERS, str(error))
        except BaseException as error:
            log_error(error)
            answer = failure(identity, PLUGIN_RAISED, text_of(error), type(error).__name__)
        return None if identity is None else answer

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Runs it in a task of its own. What it raises, SystemExit too, is raised here and stops nothing else."""
        raised: list[BaseException] = []

        async def caught() -> Any:
            try:
                return await coroutine
            except BaseException as error:
                raised.append(error)

        task = self._loop.create_task(caught())
        while not task.done():
            try:
                self._loop.run_until_complete(task)
            except BaseException as error:  # Of another task of a plugin, or of a loop that it stopped.
                if task.done() or self._loop.is_closed():
                    raise
                log_error(error)
        if raised:
            raise raised[0]
        return task.result()

    async def _dispatch(self, method: str, parameters: Any, body: bytes) -> Any:
        """The result of a method."""
        if not isinstance(parameters, dict):
            raise ParametersError("the parameters are no object")
        if method in ("hello", "open", "close"):
            return await getattr(self, f"_{method}")(parameters)
        kind, _, name = method.partition(".")
        if name not in METHODS.get(kind, ()):
            raise RpcError(NO_METHOD, f"there is no method `{method}`")
        handle = self._handle(parameters)
        opened, component = self._components[handle]
        if opened != kind:
            raise ParametersError(f"the handle {handle} is of a {opened}, which has no `{method}`")
        return await component.call(name, parameters, body)

    async def _hello(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Agrees on a version of the protocol."""
        asked = parameter(parameters, "protocol", int)
        if asked < PROTOCOL:
            raise ParametersError(f"this host speaks the plugin protocol {PROTOCOL}, and aiperf-ctl at most {asked}")
        version = platform.python_version()
        return {"protocol": PROTOCOL, "name": "python", "version": version, "components": []}

    async def _open(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Makes a component."""
        kind, component = await open_component(parameters)
        self._handles += 1
        self._components[self._handles] = (kind, component)
        methods = [f"{kind}.{method}" for method in component.methods()]
        return {"handle": self._handles, "kind": kind, "methods": methods, "rows": "json"}

    async def _close(self, parameters: dict[str, Any]) -> None:
        """Forgets a component. It is gone even if its own end fails."""
        _, component = self._components.pop(self._handle(parameters))
        await component.close()

    def _handle(self, parameters: dict[str, Any]) -> int:
        """The handle among the parameters, of an open component."""
        handle = parameter(parameters, "handle", int)
        if handle not in self._components:
            raise ParametersError(f"there is no open component with the handle {handle}")
        return handle


def parsed(message: bytes) -> dict[str, Any]:
    """A request of JSON-RPC. Raises RpcError."""
    try:
        request = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise RpcError(NO_JSON, f"the message is no JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise RpcError(NO_REQUEST, "the message is no request of JSON-RPC: an object with a method")
    if not isinstance(request.get("id"), (int, str, type(None))):
        raise RpcError(NO_REQUEST, "the request's id is neither a number nor a string")
    return request


def failure(identity: Any, code: int, message: str, kind: str | None = None) -> bytes:
    """An answer that is an error."""
    error: dict[str, Any] = {"code": code, "message": message[:ERROR_CHARACTERS_MAX]}
    if kind is not None:
        error["data"] = {"type": kind}
    return encode({"jsonrpc": "2.0", "id": identity, "error": error})


def text_of(error: BaseException) -> str:
    """What an exception says, its type if that is nothing."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # It is the plugin's code that says it.
        return type(error).__name__


# By kind, those that a class of it answers.
METHODS = {kind: {*component.METHODS, *component.OF_HOST} for kind, component in KINDS.items()}
