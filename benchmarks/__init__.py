"""Benchmarks of the warehouse, side by side with what a user would write instead."""
