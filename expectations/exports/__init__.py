"""The first door: suites over the raw text of each export."""
