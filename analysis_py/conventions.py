"""Conventions that every analysis shares; each is a choice, stated once.

The study's Statistical Analysis section gives neither the level of the assumption checks nor a rule
for small samples. The rules below are ours and are printed with the results.
"""

CONFIDENCE_LEVEL = 0.95
"""Two-sided level of every interval, as printed in the paper ("95% CI")."""

ASSUMPTION_LEVEL = 0.05
"""An assumption test with a p-value below this level is called doubtful."""

MIN_EVENTS_PER_TERM = 5
"""A model with fewer events per term carries a warning (Vittinghoff and McCulloch, Am J
Epidemiol 2007;165:710-718, found 5 to 9 events per term often acceptable)."""

SMALL_SAMPLE = 30
"""A t-test of fewer differences is called doubtful: its mean may not be normal."""

MIN_EXPECTED_COUNT = 5.0
"""Pearson's chi-square is doubtful when an expected cell count is below this (Cochran 1954)."""

MAX_STANDARDISED_DFBETA = 1.0
"""A patient is influential when leaving them out moves a coefficient by more than one standard
error (Belsley, Kuh and Welsch 1980, absolute cut-off)."""

MAX_STANDARDISED_DIFFERENCE = 0.1
"""Complete cases differ from all available cases when their means are more than a tenth of a
standard deviation apart (Austin, Stat Med 2009;28:3083-3107)."""

READING_STEPS = {"dlqi_baseline_score": (5, "points"), "age_at_index_years": (10, "years")}
"""Covariate -> the step per which its ratios are shown: a ratio per point or per year is so near 1
that two decimals do not show on which side of 1 its interval ends."""

DAYS_PER_MONTH = 30.4375
"""Days in a mean Gregorian month, 365.25 / 12."""
