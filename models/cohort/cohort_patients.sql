-- The enrolled patients with what does not change over time, their ages, and whether their topical
-- therapy can be analysed. The day of the extraction goes no further: later models know its season,
-- so that comparing two deliveries reveals no date. One row per enrolled patient.

with stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

cohort_recorded_visits as (
    select * from {{ ref('cohort_recorded_visits') }}
),

stg_clinic__refused_visits as (
    select * from {{ ref('stg_clinic__refused_visits') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

cohort_eligibility as (
    select * from {{ ref('cohort_eligibility') }}
),

cohort_index_dates as (
    select * from {{ ref('cohort_index_dates') }}
),

seasons as (
    select * from {{ ref('seasons') }}
),

-- Data are collected on the extraction day; where none is declared, on the day of the newest visit.
-- Days that are counted from an unknown one have no season, and nothing else of the calendar.
data_collection_day as (
    select
        coalesce(
            max(cohort_delivery.extraction_date), max(cohort_recorded_visits.visit_date)
        ) as data_collection_date
    from cohort_delivery
    left join cohort_recorded_visits on true
    where cohort_delivery.are_dates_relative is not true
),

days as (
    select data_collection_date as calendar_date from data_collection_day
    union distinct
    select cohort_index_dates.index_date as calendar_date from cohort_index_dates
    cross join cohort_delivery
    where cohort_delivery.are_dates_relative is not true
),

register_size as (
    select count(*) as n_register from stg_clinic__patients
),

contact_dates as (
    select
        last_contact_date,
        count(*) as n_patients
    from stg_clinic__patients
    where last_contact_date is not null
    group by last_contact_date
),

-- A last contact that many patients share, or on the day of the extraction, is a cut-off and no
-- contact.
cut_off_dates as (
    select contact_dates.last_contact_date
    from contact_dates
    cross join register_size
    where
        contact_dates.n_patients > {{ var('most_patients_of_a_last_contact_date') }}
        and contact_dates.n_patients
        > {{ var('largest_share_of_a_last_contact_date') }} * register_size.n_register
    union distinct
    select extraction_date as last_contact_date from cohort_delivery
),

-- A winter starts in the year before its January.
seasons_of_days as (
    select
        days.calendar_date,
        seasons.season_code,
        seasons.season_label,
        make_date(
            year(days.calendar_date)
            - if(seasons.first_month_number > month(days.calendar_date), 1, 0),
            seasons.first_month_number,
            1
        ) as season_start_date,
        last_day(make_date(
            year(days.calendar_date)
            + if(seasons.last_month_number < month(days.calendar_date), 1, 0),
            seasons.last_month_number,
            1
        )) as season_end_date
    from days
    inner join seasons
        on month(days.calendar_date) = seasons.month_number
),

data_collection as (
    select
        data_collection_day.data_collection_date,
        seasons_of_days.season_start_date
    from data_collection_day
    left join seasons_of_days
        on data_collection_day.data_collection_date = seasons_of_days.calendar_date
),

-- Not adherent to topical therapy at any visit, also a refused one, since its day does not matter:
-- enrolled, not evaluable.
non_adherent_patients as (
    select patient_id from cohort_recorded_visits
    where topical_adherence_code = 'non_adherent'
    union distinct
    select patient_id from stg_clinic__refused_visits
    where topical_adherence_code = 'non_adherent'
),

final as (
    select
        stg_clinic__patients.patient_id,
        stg_clinic__patients.pseudonym,
        stg_clinic__patients.sex_code,
        stg_clinic__patients.disease_course_code,
        stg_clinic__patients.clinical_phenotype_code,
        stg_clinic__patients.end_of_observation_reason_code,
        stg_clinic__patients.treatment_arm,
        stg_clinic__patients.involves_face,
        stg_clinic__patients.involves_hands,
        stg_clinic__patients.involves_genitalia,
        stg_clinic__patients.is_birth_date_partial,
        stg_clinic__patients.is_ad_diagnosis_date_partial,
        seasons_of_days.season_code as index_season_code,
        seasons_of_days.season_start_date as index_season_start_date,
        seasons_of_days.season_label as index_season_label,
        cohort_index_dates.index_date,
        stg_clinic__patients.source_file,
        stg_clinic__patients.record_number,
        -- The involved critical areas as one value; null where one of the three was not recorded.
        case
            when
                stg_clinic__patients.involves_face is null
                or stg_clinic__patients.involves_hands is null
                or stg_clinic__patients.involves_genitalia is null
                then null
            else
                coalesce(
                    nullif(
                        replace(
                            concat_ws(
                                '_and_',
                                case when stg_clinic__patients.involves_face then 'face' end,
                                case when stg_clinic__patients.involves_hands then 'hands' end,
                                case
                                    when stg_clinic__patients.involves_genitalia then 'genitalia'
                                end
                            ),
                            'face_and_hands_and_genitalia',
                            'face_hands_and_genitalia'
                        ),
                        ''
                    ),
                    'none'
                )
        end as critical_area_code,
        case
            when non_adherent_patients.patient_id is not null then 'non_adherent_to_topical_therapy'
        end as not_evaluable_reason_code,
        coalesce(
            {{ completed_years(
                'stg_clinic__patients.birth_date', 'cohort_index_dates.index_date'
            ) }},
            stg_clinic__patients.recorded_age_at_index_years
        ) as age_at_index_years,
        -- Not completed years: those grow on the birthday, which two deliveries would reveal.
        year(data_collection.data_collection_date) - year(stg_clinic__patients.birth_date)
            as age_at_data_collection_years,
        {{ completed_years(
            'stg_clinic__patients.birth_date', 'stg_clinic__patients.ad_diagnosis_date'
        ) }}
            as age_at_diagnosis_years,
        data_collection.season_start_date - seasons_of_days.season_end_date as observable_days,
        case
            when
                not stg_clinic__patients.is_last_contact_date_partial
                and cut_off_dates.last_contact_date is null
                then stg_clinic__patients.last_contact_date - cohort_index_dates.index_date
        end as last_contact_day,
        stg_clinic__patients.birth_date is null
        and stg_clinic__patients.recorded_age_at_index_years is not null as is_age_as_recorded,
        non_adherent_patients.patient_id is null as is_evaluable
    from stg_clinic__patients
    inner join cohort_eligibility
        on
            stg_clinic__patients.patient_id = cohort_eligibility.patient_id
            and cohort_eligibility.is_enrolled
    inner join cohort_index_dates
        on stg_clinic__patients.patient_id = cohort_index_dates.patient_id
    left join seasons_of_days
        on cohort_index_dates.index_date = seasons_of_days.calendar_date
    left join non_adherent_patients
        on stg_clinic__patients.patient_id = non_adherent_patients.patient_id
    left join cut_off_dates
        on stg_clinic__patients.last_contact_date = cut_off_dates.last_contact_date
    cross join data_collection
)

select * from final
