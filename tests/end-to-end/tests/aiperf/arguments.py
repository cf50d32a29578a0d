"""Reads command lines of `aiperf profile` from standard input, a JSON array of words per line; prints for each whether AIPerf's
own parser and resolver accept it. Nothing is run, and the network is not used."""

import contextlib
import io
import json
import logging
import os
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
os.environ["HF_HUB_OFFLINE"] = "1"

from cyclopts import App  # noqa: E402

from aiperf.config.flags import CLIConfig  # noqa: E402
from aiperf.config.flags.resolver import resolve_config  # noqa: E402
from aiperf.config.loader import build_benchmark_plan  # noqa: E402

app = App(name="profile", result_action="return_value")


@app.default
def profile(*, cli_config: CLIConfig):
    return cli_config


def take(words):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        given = app(words, exit_on_error=False, print_error=False)
        build_benchmark_plan(resolve_config(given, given.config_file))


for line in sys.stdin:
    try:
        take(json.loads(line))
        verdict = {"taken": True}
    except (Exception, SystemExit) as error:
        verdict = {"taken": False, "why": " ".join(str(error).split())[:300]}
    print(json.dumps(verdict), flush=True)
