"""What every room shares: DuckDB connections, settings, exit codes, files and progress."""
