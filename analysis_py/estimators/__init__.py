"""Estimators: arrays in, one result object out.

Each module does one job and knows nothing of patients, marts or files. A method is chosen by the
analysis that calls it, never from the data. What statsmodels, scipy or lifelines estimate is left
to them; what they lack is written here once and checked against R (tests/oracle).
"""
