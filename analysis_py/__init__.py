"""Estimates of the study: marts in, results out; tables, figures and the report from results."""
