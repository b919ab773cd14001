-- Every enrolled patient at every timepoint, attended or not: scores, changes, responses and
-- regimen side by side. A missed visit is a row with its reason. One row per enrolled patient and
-- timepoint.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_scores as (
    select * from {{ ref('cohort_scores') }}
),

easi_bands as (
    select * from {{ ref('cohort_score_bands') }}
    where score_code = 'easi'
),

dlqi_bands as (
    select * from {{ ref('cohort_score_bands') }}
    where score_code = 'dlqi'
),

cohort_topical_regimens as (
    select * from {{ ref('cohort_topical_regimens') }}
),

cohort_refused_visits as (
    select * from {{ ref('cohort_refused_visits') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

dim_timepoints as (
    select * from {{ ref('dim_timepoints') }}
),

patient_timepoints as (
    select
        cohort_patients.patient_id,
        cohort_patients.pseudonym,
        cohort_patients.is_evaluable,
        dim_timepoints.timepoint_code,
        dim_timepoints.timepoint_number,
        dim_timepoints.nominal_month,
        dim_timepoints.last_day < cohort_patients.observable_days as is_window_over
    from cohort_patients
    cross join dim_timepoints
),

final as (
    select
        patient_timepoints.pseudonym as patient_id,
        patient_timepoints.timepoint_code,
        cohort_topical_regimens.topical_regimen_code,
        easi_bands.study_band_code as easi_study_band_code,
        easi_bands.instrument_band_code as easi_leshem_band_code,
        dlqi_bands.instrument_band_code as dlqi_band_code,
        cohort_scores.nominal_timepoint_code,
        {{ record_reference(
            'cohort_delivery.reference_key',
            'cohort_scores.record_number',
            'cohort_scores.source_file'
        ) }} as record_reference,
        patient_timepoints.timepoint_number,
        patient_timepoints.nominal_month,
        cohort_scores.easi_score,
        cohort_scores.easi_baseline_score,
        cohort_scores.easi_percent_change_from_baseline,
        cohort_scores.easi_first_visit_score,
        cohort_scores.easi_last_visit_score,
        cohort_scores.itch_nrs_score,
        cohort_scores.itch_nrs_baseline_score,
        cohort_scores.itch_nrs_change_from_baseline,
        cohort_scores.itch_nrs_percent_change_from_baseline,
        cohort_scores.sleep_nrs_score,
        cohort_scores.sleep_nrs_baseline_score,
        cohort_scores.sleep_nrs_change_from_baseline,
        cohort_scores.sleep_nrs_percent_change_from_baseline,
        cohort_scores.dlqi_score,
        cohort_scores.dlqi_baseline_score,
        cohort_scores.dlqi_change_from_baseline,
        cohort_scores.dlqi_percent_change_from_baseline,
        cohort_scores.iga_score,
        cohort_scores.iga_baseline_score,
        cohort_scores.iga_change_from_baseline,
        cohort_scores.iga_percent_change_from_baseline,
        cohort_scores.poem_score,
        cohort_scores.poem_baseline_score,
        cohort_scores.poem_change_from_baseline,
        cohort_scores.poem_percent_change_from_baseline,
        patient_timepoints.is_evaluable,
        cohort_topical_regimens.is_on_tacrolimus,
        cohort_topical_regimens.is_on_corticosteroids,
        cohort_scores.has_easi_50_response,
        cohort_scores.has_easi_75_response,
        cohort_scores.has_easi_90_response,
        cohort_scores.is_easi_below_7,
        cohort_scores.is_easi_at_most_7,
        cohort_scores.is_easi_above_21,
        cohort_scores.has_itch_nrs_response as has_itch_response,
        cohort_scores.has_sleep_nrs_response as has_sleep_response,
        cohort_scores.is_dlqi_below_10,
        cohort_scores.is_nominal_timepoint_agreed,
        cohort_scores.is_placed_by_label,
        cast(cohort_scores.n_visits_in_window as integer) as n_visits_in_window,
        cast(cohort_scores.visit_day as integer) as visit_day,
        cast(cohort_scores.days_from_target as integer) as days_from_target,
        cast(cohort_scores.easi_change_from_baseline as decimal(4, 1))
            as easi_change_from_baseline,
        case
            when cohort_scores.patient_id is not null then null
            when cohort_refused_visits.patient_id is not null then 'visit_refused'
            when patient_timepoints.is_window_over then 'no_visit_in_window'
            else 'window_after_extraction'
        end as not_attended_reason_code,
        case
            when cohort_scores.patient_id is null then 'not_attended'
            when not patient_timepoints.is_evaluable then 'patient_not_evaluable'
            else cohort_topical_regimens.regimen_not_evaluable_reason_code
        end as regimen_not_evaluable_reason_code,
        cohort_scores.patient_id is not null as is_attended,
        -- No row: not attended, or the patient is not evaluable.
        coalesce(cohort_topical_regimens.is_regimen_evaluable, false) as is_regimen_evaluable
    from patient_timepoints
    cross join cohort_delivery
    left join cohort_scores
        on
            patient_timepoints.patient_id = cohort_scores.patient_id
            and patient_timepoints.timepoint_code = cohort_scores.timepoint_code
    left join cohort_refused_visits
        on
            patient_timepoints.patient_id = cohort_refused_visits.patient_id
            and patient_timepoints.timepoint_code = cohort_refused_visits.timepoint_code
    left join easi_bands
        on cohort_scores.easi_score = easi_bands.score_value
    left join dlqi_bands
        on cohort_scores.dlqi_score = dlqi_bands.score_value
    left join cohort_topical_regimens
        on
            patient_timepoints.patient_id = cohort_topical_regimens.patient_id
            and patient_timepoints.timepoint_code = cohort_topical_regimens.timepoint_code
)

select * from final
