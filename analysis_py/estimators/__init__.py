"""Estimators: arrays in, one result object out; nothing here knows patients, marts or files.

The analysis chooses the method, never the data. statsmodels, scipy and lifelines estimate; what
they lack is written here once and compared with R (tests/oracle).
"""
