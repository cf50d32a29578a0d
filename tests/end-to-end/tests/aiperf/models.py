"""Reads the given artifact directories with the models of AIPerf that wrote the same files; prints validation errors."""

import json
import pathlib
import sys

from pydantic import ValidationError

from aiperf.common.models.dataset_models import InputsFile
from aiperf.common.models.export_models import JsonExportData, TimesliceCollectionExportData
from aiperf.common.models.record_models import MetricRecordInfo, RawRecordInfo
from aiperf.common.models.server_metrics_models import ServerMetricsExportData, SlimRecord
from aiperf.common.models.telemetry_models import TelemetryRecord

WHOLE = {
    "profile_export_aiperf.json": JsonExportData,
    "profile_export_aiperf_timeslices.json": TimesliceCollectionExportData,
    "inputs.json": InputsFile,
    "server_metrics_export.json": ServerMetricsExportData,
}
LINES = {
    "profile_export.jsonl": MetricRecordInfo,
    "profile_export_raw.jsonl": RawRecordInfo,
    "server_metrics_export.jsonl": SlimRecord,
    "gpu_telemetry_export.jsonl": TelemetryRecord,
}


def check(model, text, place):
    try:
        model.model_validate_json(text)
    except ValidationError as error:
        for one in error.errors():
            print(place, model.__name__, ".".join(map(str, one["loc"])), one["msg"], repr(one["input"])[:80])


read = 0
for directory in map(pathlib.Path, sys.argv[1:]):
    for path in sorted(directory.rglob("*")):
        if path.name in WHOLE:
            read += 1
            check(WHOLE[path.name], path.read_text(), path)
        if path.name in LINES:
            read += 1
            for number, line in enumerate(path.read_text().splitlines(), 1):
                check(LINES[path.name], line, f"{path}:{number}")
        if path.name == "outputs.json":
            read += 1
            assert isinstance(json.loads(path.read_text())["data"], list), path
print(f"{read} files are read", file=sys.stderr)
sys.exit(0 if read else 1)
