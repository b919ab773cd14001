"""The second door: suites over the marts. dbt tests hold our logic; these ask for plausibility."""
