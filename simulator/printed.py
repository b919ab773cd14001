"""Facts of the study that shape the twin, each as it is printed.

Source: S.M. Ferrucci, L. Angileri, A.V. Marzano, E. Berti, S. Tavecchio (2022), the study's text,
its Tables I and II. The reconstruction (which test, which denominator, which corrected count)
is explained in docs/study.md. Counts by sex are (male, female).
"""

from __future__ import annotations

N_ENROLLED = 342
N_NON_ADHERENT = 35
N_BY_SEX = (190, 152)

COURSE_BY_SEX = {"relapsing": (51, 39), "persistent": (80, 87), "late_onset": (59, 26)}
PHENOTYPE_BY_SEX = {
    "classic": (89, 83),
    "generalized": (81, 51),
    "nodular_prurigo": (14, 13),
    "nummular": (6, 5),
}
# (face, hands, genitalia) -> males, females; the last row are the four without a critical area
AREAS_BY_SEX = {
    (0, 0, 1): (2, 0),
    (0, 1, 0): (15, 6),
    (0, 1, 1): (6, 1),
    (1, 0, 0): (33, 16),
    (1, 0, 1): (7, 2),
    (1, 1, 0): (72, 84),
    (1, 1, 1): (54, 40),
    (0, 0, 0): (1, 3),
}
N_ANY_COMORBIDITY = 311
COMORBIDITIES = {"rhinitis": 248, "conjunctivitis": 176, "asthma": 144, "food_allergy": 54}
PRIOR_TREATMENTS = {
    "ciclosporin": 294,
    "systemic_corticosteroids": 273,
    "phototherapy": 152,
    "methotrexate": 31,
    "alitretinoin": 9,
    "azathioprine": 8,
}
AGE_AT_INDEX = ("38", "17")
AGE_AT_DATA_COLLECTION = ("39", "17")
AGE_AT_DIAGNOSIS = ("12", "19")

TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")
N_SCORED = (342, 312, 274, 203)
N_DLQI_WEEK_52 = 204
SCORES = {
    "easi": (("29.5", "7.4"), ("8.4", "7"), ("5", "5"), ("3.2", "4.9")),
    "itch": (("8.5", "1.4"), ("3.9", "2.3"), ("3.3", "2.5"), ("2.9", "2.5")),
    "sleep": (("6.8", "3.1"), ("", ""), ("", ""), ("0.9", "1.9")),
    "dlqi": (("15.7", "6.6"), ("6.3", "5.5"), ("4.9", "4.9"), ("3.7", "4.7")),
}
EASI_ABOVE_21 = (340, 19, 4, 1)
SLEEP_RESPONDERS = (193, 175, 149)
ITCH_RESPONDERS_WEEK_04 = 206
RESPONSE_POINTS = 4
DLQI_BELOW_10_BASELINE = 56
DLQI_BELOW_10_WEEK_52 = 192
# EASI < 7 at week 4 among the evaluable with EASI: (n, below 7)
EASI_7_TACROLIMUS = (54, 39)
EASI_7_NO_TACROLIMUS = (226, 126)

# Where the 35 non-adherent patients were seen: they complete the evaluable to N_SCORED
N_NON_ADHERENT_SEEN = (35, 32, 28, 19)

DATA_COLLECTION_DATE = (2020, 12, 31)
FIRST_INDEX_DATE = (2018, 6, 4)
