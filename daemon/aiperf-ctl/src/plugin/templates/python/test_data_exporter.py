from {{package}}.component import {{class}}


def test_a_line_of_a_run(tmp_path):
    run = {"run_id": "r", "verdict": {"standing": "valid"}}
    [path] = {{class}}().export({"request_latency": {"avg": 5.5}}, run, tmp_path)
    assert path.read_text().splitlines()[1] == "r,valid,5.5"
