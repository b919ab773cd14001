"""Cohorts of any size from a model whose truth is declared in one YAML file."""
