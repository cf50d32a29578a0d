"""Reads the Parquet files of a directory with pyarrow, DuckDB and Polars, and prints what each found, as JSON."""

import json
import sys

import duckdb
import polars
import pyarrow.parquet

FIGURES = """
    count(*) AS rows,
    count(kernel_received_ns) AS stamped,
    sum(reaped_ns - kernel_received_ns)::BIGINT AS waited,
    min(reaped_ns) AS first,
    max(reaped_ns) AS last,
    sum(bytes)::BIGINT AS bytes,
    count(DISTINCT request_id) AS requests,
    count(DISTINCT kind) AS kinds
"""


def with_pyarrow(folder):
    tokens = pyarrow.parquet.read_table(f"{folder}/tokens.parquet")
    import pyarrow.compute as compute

    waited = compute.subtract(tokens["reaped_ns"], tokens["kernel_received_ns"])
    return {
        "rows": tokens.num_rows,
        "stamped": tokens.num_rows - tokens["kernel_received_ns"].null_count,
        "waited": compute.sum(waited).as_py(),
        "first": compute.min(tokens["reaped_ns"]).as_py(),
        "last": compute.max(tokens["reaped_ns"]).as_py(),
        "bytes": compute.sum(tokens["bytes"]).as_py(),
        "requests": compute.count_distinct(tokens["request_id"]).as_py(),
        "kinds": compute.count_distinct(tokens["kind"]).as_py(),
    }


def with_duckdb(folder):
    found = duckdb.sql(f"SELECT {FIGURES} FROM '{folder}/tokens.parquet'")
    return dict(zip(found.columns, found.fetchall()[0]))


def with_polars(folder):
    tokens = polars.scan_parquet(f"{folder}/tokens.parquet")
    column = polars.col
    found = tokens.select(
        rows=polars.len(),
        stamped=column("kernel_received_ns").count(),
        waited=(column("reaped_ns") - column("kernel_received_ns")).sum(),
        first=column("reaped_ns").min(),
        last=column("reaped_ns").max(),
        bytes=column("bytes").cast(polars.Int64).sum(),
        requests=column("request_id").n_unique(),
        kinds=column("kind").n_unique(),
    )
    return found.collect().to_dicts()[0]


def joined(folder):
    """A user's typical first query: each request's time to first token, by DuckDB, joining events and requests."""
    query = f"""
        SELECT count(*), sum(first_token)::BIGINT, count(input_tokens), any_value(outcome)
        FROM '{folder}/requests.parquet'
        JOIN (SELECT request_id, min(reaped_ns) AS first_token FROM '{folder}/tokens.parquet' GROUP BY request_id)
        USING (request_id)
    """
    return list(duckdb.sql(query).fetchall()[0])


def layout(folder):
    """The physical layout of the file."""
    metadata = pyarrow.parquet.ParquetFile(f"{folder}/tokens.parquet").metadata
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    columns = [groups[0].column(place) for place in range(groups[0].num_columns)]
    pairs = {key.decode(): value.decode() for key, value in (metadata.metadata or {}).items()}
    return {
        "groups": [group.num_rows for group in groups],
        "encodings": {column.path_in_schema: sorted(column.encodings) for column in columns},
        "compressions": sorted({column.compression for column in columns}),
        "bounded": all(column.statistics is not None for column in columns),
        "metadata": {key: value for key, value in pairs.items() if key.startswith("aiperfd.")},
    }


def main():
    folder = sys.argv[1]
    found = {
        "pyarrow": with_pyarrow(folder),
        "duckdb": with_duckdb(folder),
        "polars": with_polars(folder),
        "joined": joined(folder),
        "layout": layout(folder),
    }
    print(json.dumps(found))


main()
