"""Writes synthetic deliveries: the study's twin, cohorts with a declared truth, faults.

Everything that this package writes is synthetic and says so in its ``delivery.yml``.
"""
