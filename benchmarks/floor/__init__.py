"""The floor: a bare DuckDB script without dbt, tests or quarantine."""
