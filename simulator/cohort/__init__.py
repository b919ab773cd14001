"""Cohorts of any size, drawn from a truth that one YAML file declares."""
