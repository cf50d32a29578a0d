"""llama.cpp's own server, which the package brings as a library: it serves until this program is ended."""

import argparse
import signal

import xllamacpp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--port", required=True, type=int, help="port of 127.0.0.1 to listen on")
    args = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.n_ctx = 8192
    params.n_parallel = 4
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    print(f"llama.cpp serves at {server.listening_address}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
