"""Benchmarks: the build of the warehouse beside a bare DuckDB script and Polars."""
