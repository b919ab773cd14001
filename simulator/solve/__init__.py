"""Finds the twin: 342 people whose data print every number of the study (needs ortools)."""
