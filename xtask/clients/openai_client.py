"""Streams chat completions with the openai package and reports when it noticed each chunk.

usage: openai_client.py BASE_URL STREAMS REQUESTS RESULT

The result has the names of `vllm bench serve --save-result --save-detailed`: ttfts in seconds to the first chunk, itls the
seconds between chunks, and percentiles of both in milliseconds.
"""

import json
import sys
import threading
import time

from openai import OpenAI

base_url, streams, requests, result = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
client = OpenAI(base_url=base_url, api_key="none", max_retries=0)
message = {"role": "user", "content": "Tell me something."}
lock = threading.Lock()
left = requests
ttfts, itls = [], []


def work():
    global left
    while True:
        with lock:
            if left == 0:
                return
            left -= 1
        begun = last = time.perf_counter()
        first, gaps = 0.0, []
        for _ in client.chat.completions.create(model="mock-model", stream=True, messages=[message]):
            now = time.perf_counter()
            if first:
                gaps.append(now - last)
            else:
                first = now - begun
            last = now
        with lock:
            ttfts.append(first)
            itls.append(gaps)


begun = time.perf_counter()
workers = [threading.Thread(target=work) for _ in range(streams)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
seconds = time.perf_counter() - begun


def percentiles(name, values):
    values = sorted(values)
    at = lambda percent: values[min(len(values) * percent // 100, len(values) - 1)] * 1e3
    return {f"p{percent}_{name}_ms": at(percent) for percent in (50, 90, 99)} if values else {}


result = {"completed": len(ttfts), "request_throughput": len(ttfts) / seconds, "ttfts": ttfts, "itls": itls}
result |= percentiles("ttft", ttfts) | percentiles("itl", [gap for gaps in itls for gap in gaps])
with open(result, "w", encoding="utf-8") as file:
    json.dump(result, file)
