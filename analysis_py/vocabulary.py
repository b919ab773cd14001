"""The words that results use: timepoints, regimens, populations, groups, and their labels.

A code that is not listed here (a new comorbidity, say) still gets a readable label from
:func:`label`.
"""

from __future__ import annotations

from analysis_py.conventions import READING_STEPS

ANY_TIME = "any"
ALL = "all"

INDEX_TREATMENT = "dupilumab"
"""The study's; a source with another one is shown with its own."""

BASELINE = "baseline"
WEEK_04 = "week_04"
WEEK_16 = "week_16"
WEEK_52 = "week_52"
TIMEPOINTS = (BASELINE, WEEK_04, WEEK_16, WEEK_52)

NONE = "none"
CORTICOSTEROIDS = "corticosteroids"
TACROLIMUS = "tacrolimus"
CORTICOSTEROIDS_AND_TACROLIMUS = "corticosteroids_and_tacrolimus"
REGIMENS = (NONE, CORTICOSTEROIDS, TACROLIMUS, CORTICOSTEROIDS_AND_TACROLIMUS)
NOT_EVALUABLE = "not_evaluable"

POPULATIONS = {
    "register": "Every patient of the register",
    "enrolled": "Enrolled patients",
    "assessed": "Enrolled patients with the score recorded at the timepoint",
    "assessed_twice": "Enrolled patients with the score recorded at baseline and the timepoint",
    "complete_cases": "Enrolled patients with the score recorded at every timepoint",
    "evaluable": "Evaluable patients: enrolled and adherent to topical therapy",
    "evaluable_at_visit": "Evaluable patients whose topical regimen is known at the timepoint",
    "evaluable_pairs": (
        "Evaluable patients whose topical regimen is known at baseline and at the timepoint"
    ),
    "assessed_early": "Evaluable patients with EASI recorded at week 4",
    "at_risk_week_04": "No tacrolimus at baseline, regimen known at week 4",
    "at_risk_week_16": "No tacrolimus before week 16, regimen known at week 16",
    "attended": "Enrolled patients seen at the timepoint",
    "recommended": (
        "Evaluable patients with a recommendation of the paper's scheme and a known regimen at the "
        "timepoint"
    ),
}

_LABELS = {
    ALL: "All",
    ANY_TIME: "Any time",
    BASELINE: "Baseline",
    WEEK_04: "Week 4",
    WEEK_16: "Week 16",
    WEEK_52: "Week 52",
    NONE: "None (emollients only)",
    CORTICOSTEROIDS: "Corticosteroids",
    TACROLIMUS: "Tacrolimus",
    CORTICOSTEROIDS_AND_TACROLIMUS: "Corticosteroids and tacrolimus",
    NOT_EVALUABLE: "Not evaluable",
    "any_tacrolimus": "Tacrolimus, alone or with corticosteroids",
    "female": "Female",
    "sex": "Sex",
    "male": "Male",
    "easi": "EASI",
    "itch_nrs": "Itch NRS",
    "sleep_nrs": "Sleep NRS",
    "dlqi": "DLQI",
    "tacrolimus_at_baseline": "Tacrolimus at baseline",
    "no_tacrolimus_at_baseline": "No tacrolimus at baseline",
    "generalized": "Generalized disease",
    "not_generalized": "Non-generalized disease",
    "relapsing": "Relapsing disease",
    "not_relapsing": "Persistent or late-onset disease",
    "global": "All terms together",
    "dlqi_baseline_score": "DLQI at baseline (per point)",
    "age_at_index_years": "Age at dupilumab initiation (per year)",
    "dlqi_baseline_score_per_5_points": "DLQI at baseline (per 5 points)",
    "age_at_index_years_per_10_years": "Age at dupilumab initiation (per 10 years)",
    "is_female": "Female sex (reference: male)",
    "is_relapsing": "Relapsing disease (reference: persistent or late onset)",
    "is_generalized": "Generalized disease (reference: not generalized)",
    "easi_above_21": "EASI > 21",
    "easi_below_7": "EASI < 7",
    "easi_at_most_7": "EASI ≤ 7",
    "easi_50": "EASI-50 response",
    "easi_75": "EASI-75 response",
    "easi_90": "EASI-90 response",
    "itch_nrs_response": "Itch NRS lower by 4 points or more",
    "sleep_nrs_response": "Sleep NRS lower by 4 points or more",
    "dlqi_below_10": "DLQI < 10",
    "tacrolimus_start": "Start of tacrolimus, alone or with corticosteroids",
    "prior_ciclosporin": "Earlier ciclosporin",
    "prior_systemic_corticosteroids": "Earlier systemic corticosteroids",
    "prior_phototherapy": "Earlier phototherapy",
    "prior_methotrexate": "Earlier methotrexate",
    "prior_alitretinoin": "Earlier alitretinoin",
    "prior_azathioprine": "Earlier azathioprine",
    "any_comorbidity": "At least one comorbidity",
    "age_at_data_collection_years": "Age at data collection (year less year of birth)",
    "age_at_diagnosis_years": "Age at diagnosis",
    "any_adverse_event": "Any adverse event",
    "serious_adverse_event": "Any serious adverse event",
    "recommendation": "Recommendation of the paper's scheme",
    "iga_not_recorded": "No recommendation: IGA not recorded",
    "index_in_summer": "No recommendation: dupilumab begun in summer",
    "index_season_not_known": "No recommendation: season of the start not known",
    "agreement": "Prescription agrees with the recommendation",
    "emollients_only": "Emollients only",
    "tacrolimus_then_proactive": "Tacrolimus, then proactively",
    "corticosteroid_course_then_tacrolimus": "Course of corticosteroids, then tacrolimus",
}

# Statistics whose code does not read as words.
_STATISTICS = {
    "n": "patients",
    "n_flow": "patients",
    "n_patients": "patients left",
    "n_missing": "not recorded",
    "n_at_baseline": "on it at baseline",
    "n_at_visit": "on it at the timepoint",
    "n_entered": "came to it",
    "n_left": "left it",
    "n_never": "on it at neither",
    "n_lost": "lost from baseline",
    "n_failing": "do not meet it",
    "n_several_visits": "several visits in the window",
    "mean_nearest_visit": "mean, nearest scored visit answers",
    "mean_first_visit": "mean, first scored visit answers",
    "mean_last_visit": "mean, last scored visit answers",
    "percent": "share",
    "percentage_point_difference": "difference of shares",
    "sd": "standard deviation",
    "survival": "share that has not started",
    "f_statistic": "F",
    "f_statistic_uncorrected": "F, uncorrected",
    "t_statistic": "t",
    "chi_square": "chi-square",
    "log_rank_chi_square": "log-rank chi-square",
    "restricted_mean_se": "standard error of the restricted mean",
    "hazard_ratio_efron": "hazard ratio, Efron's ties",
    "hazard_ratio_univariable": "hazard ratio, this term alone",
    "odds_ratio_joint": "odds ratio, terms together",
    "greenhouse_geisser_epsilon": "Greenhouse-Geisser ε",
    "mauchly_w": "sphericity: Mauchly's W",
    "standardised_difference_from_all": "complete cases against all, in SD",
    "proportional_hazards_chi_square": "proportional hazards: chi-square",
    "largest_standardised_dfbeta": "influence of one patient, in standard errors",
    "hazard_ratio_lowest_without_one_patient": "lowest hazard ratio without one patient",
    "hazard_ratio_highest_without_one_patient": "highest hazard ratio without one patient",
}


def statistic_label(code: str) -> str:
    """Readable label of a kind of number, for the middle of a sentence.

    Examples
    --------
    >>> statistic_label("n_lost"), statistic_label("n_at_risk"), statistic_label("mean_change")
    ('lost from baseline', 'at risk', 'mean change')
    """
    known = _STATISTICS.get(code.partition("_per_")[0])
    return known or code.partition("_per_")[0].removeprefix("n_").replace("_", " ")


def statistic_heading(code: str) -> str:
    """Readable label of a kind of number, with a capital."""
    text = statistic_label(code)
    return text[0].upper() + text[1:]


def per_step(term: str) -> str:
    """End of the statistic of a ratio that is shown per a larger step; empty for other terms.

    Examples
    --------
    >>> per_step("age_at_index_years"), per_step("is_female")
    ('_per_10_years', '')
    """
    return "_per_{}_{}".format(*READING_STEPS[term]) if term in READING_STEPS else ""


def label(code: str) -> str:
    """Readable label of a code; an unknown code with blanks for its underscores.

    Examples
    --------
    >>> label("easi_above_21"), label("food_allergy")
    ('EASI > 21', 'Food allergy')
    """
    known = _LABELS.get(code)
    return known if known is not None else code.replace("_", " ").capitalize()
