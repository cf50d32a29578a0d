"""Prints each configuration template of AIPerf, and what its own `config expand` makes of it, as one JSON object a line."""

import json
import subprocess
import sys
from pathlib import Path

import aiperf.config.templates as templates

aiperf = Path(sys.executable).with_name("aiperf")
for path in sorted(Path(templates.__file__).parent.glob("*.yaml")):
    expand = [aiperf, "config", "expand", path, "--full", "--format", "json"]
    text = path.read_text()
    # What has a sweep has no plan of its own; one of them AIPerf itself cannot expand.
    if "\nsweep:" in text:
        expanded = subprocess.run([a for a in expand if a != "--full"], capture_output=True, text=True)
        variations = json.loads(expanded.stdout)["variations"] if expanded.returncode == 0 else None
        print(json.dumps({"path": str(path), "text": text, "variations": variations}))
        continue
    expanded = subprocess.run(expand, capture_output=True, text=True, check=True)
    found = json.loads(expanded.stdout)
    # One object a variation.
    while isinstance(found, list):
        found = found[0]
    for key in ("variations", "runs"):
        if key in found:
            found = found[key][0]
    body = found.get("config") or found.get("benchmark") or found.get("body") or found
    print(json.dumps({"path": str(path), "text": text, "body": body}))
