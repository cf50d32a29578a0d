from {{package}}.component import {{class}}


def test_requests_are_counted(tmp_path):
    exporter = {{class}}(directory=str(tmp_path))
    exporter.rows([{"id": "a"}, {"id": "b", "error": "timeout"}], 0)
    exporter.finish(3)
    assert (tmp_path / "{{package}}.txt").read_text() == "1 succeeded, 1 failed, 3 dropped\n"
