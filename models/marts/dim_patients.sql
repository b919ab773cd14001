-- The enrolled patients as a reader needs them: no identifier of the clinic, and of all dates only
-- the season of the index date. One row per patient.

with cohort_patients as (
    select * from {{ ref('cohort_patients') }}
),

cohort_comorbidities as (
    select * from {{ ref('cohort_comorbidities') }}
),

cohort_prior_treatments as (
    select * from {{ ref('cohort_prior_treatments') }}
),

atc_codes as (
    select * from {{ ref('atc_codes') }}
),

code_labels as (
    select * from {{ ref('code_labels') }}
),

cohort_delivery as (
    select * from {{ ref('cohort_delivery') }}
),

-- Too few patients could be recognised by their arm.
arms as (
    select
        treatment_arm,
        count(*) as n_patients
    from cohort_patients
    where treatment_arm is not null
    group by treatment_arm
),

-- A flag is null without a record, and false where only a doubt is recorded.
comorbidity_flags as (
    select
        patient_id,
        count(*) as n_comorbidities,
        bool_or(is_certain) as has_certain,
        bool_or(not is_certain) as has_doubtful,
        bool_or(comorbidity_code = 'unmapped') as has_unmapped,
        bool_or(is_certain) filter (comorbidity_code = 'rhinitis') as has_rhinitis,
        bool_or(is_certain) filter (comorbidity_code = 'conjunctivitis') as has_conjunctivitis,
        bool_or(is_certain) filter (comorbidity_code = 'asthma') as has_asthma,
        bool_or(is_certain) filter (comorbidity_code = 'food_allergy') as has_food_allergy
    from cohort_comorbidities
    group by patient_id
),

-- A group code such as L04A is recorded as its class: any substance of the class may have been
-- meant. Duplicates change no flag.
possible_prior_treatments as (
    select
        patient_id,
        prior_treatment_code,
        is_certainly_earlier
    from cohort_prior_treatments
    union all
    select
        cohort_prior_treatments.patient_id,
        atc_codes.substance_code as prior_treatment_code,
        false as is_certainly_earlier
    from cohort_prior_treatments
    inner join atc_codes
        on cohort_prior_treatments.prior_treatment_code = atc_codes.treatment_class_code
),

-- A flag is null without a course, and false where the treatment or its time is not certain.
prior_treatment_flags as (
    select
        patient_id,
        bool_or(prior_treatment_code = 'unmapped') as has_unmapped,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'ciclosporin')
            as has_prior_ciclosporin,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'systemic_corticosteroid')
            as has_prior_systemic_corticosteroids,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'phototherapy')
            as has_prior_phototherapy,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'methotrexate')
            as has_prior_methotrexate,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'alitretinoin')
            as has_prior_alitretinoin,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'azathioprine')
            as has_prior_azathioprine
    from possible_prior_treatments
    group by patient_id
),

-- What is not recorded is absent (false) where all that is recorded is understood, else unknown
-- (null): a term or drug on the worklist may be it, and so may what was never delivered. True or
-- null is true, false or null is null.
unrecorded as (
    select
        cohort_patients.patient_id,
        case when cohort_delivery.has_comorbidities_export then false end as comorbidity,
        case
            when
                comorbidity_flags.has_unmapped is not true
                and cohort_delivery.has_comorbidities_export
                then false
        end as named_comorbidity,
        case when prior_treatment_flags.has_unmapped is not true then false end
            as prior_treatment
    from cohort_patients
    cross join cohort_delivery
    left join comorbidity_flags
        on cohort_patients.patient_id = comorbidity_flags.patient_id
    left join prior_treatment_flags
        on cohort_patients.patient_id = prior_treatment_flags.patient_id
),

final as (
    select
        cohort_patients.pseudonym as patient_id,
        cohort_patients.sex_code,
        sex_labels.code_label as sex_label,
        cohort_patients.disease_course_code,
        course_labels.code_label as disease_course_label,
        cohort_patients.clinical_phenotype_code,
        phenotype_labels.code_label as clinical_phenotype_label,
        cohort_patients.critical_area_code,
        area_labels.code_label as critical_area_label,
        cohort_patients.not_evaluable_reason_code,
        case
            when arms.n_patients >= {{ var('smallest_published_arm') }} then arms.treatment_arm
            when arms.n_patients is not null then 'other'
        end as treatment_arm,
        {{ record_reference(
            'cohort_delivery.reference_key',
            'cohort_patients.record_number',
            'cohort_patients.source_file'
        ) }} as record_reference,
        cohort_patients.index_season_code,
        cohort_patients.index_season_label,
        cast(cohort_patients.age_at_index_years as integer) as age_at_index_years,
        cast(cohort_patients.age_at_data_collection_years as integer)
            as age_at_data_collection_years,
        cast(cohort_patients.age_at_diagnosis_years as integer) as age_at_diagnosis_years,
        -- No record of a comorbidity is none where the export has come.
        cast(
            case
                when
                    not unrecorded.named_comorbidity
                    and comorbidity_flags.has_doubtful is not true
                    then coalesce(comorbidity_flags.n_comorbidities, 0)
            end as integer
        ) as n_comorbidities,
        cohort_patients.is_evaluable,
        cohort_patients.is_birth_date_partial,
        cohort_patients.is_age_as_recorded,
        cohort_patients.is_ad_diagnosis_date_partial,
        cohort_patients.involves_face,
        cohort_patients.involves_hands,
        cohort_patients.involves_genitalia,
        cohort_patients.index_season_start_date,
        case
            when comorbidity_flags.has_certain is null then unrecorded.comorbidity
            when comorbidity_flags.has_certain then true
        end as has_comorbidity,
        case
            when comorbidity_flags.has_rhinitis is null then unrecorded.named_comorbidity
            when comorbidity_flags.has_rhinitis then true
        end as has_rhinitis,
        case
            when comorbidity_flags.has_conjunctivitis is null then unrecorded.named_comorbidity
            when comorbidity_flags.has_conjunctivitis then true
        end as has_conjunctivitis,
        case
            when comorbidity_flags.has_asthma is null then unrecorded.named_comorbidity
            when comorbidity_flags.has_asthma then true
        end as has_asthma,
        case
            when comorbidity_flags.has_food_allergy is null then unrecorded.named_comorbidity
            when comorbidity_flags.has_food_allergy then true
        end as has_food_allergy,
        case
            when prior_treatment_flags.has_prior_ciclosporin is null
                then unrecorded.prior_treatment
            when prior_treatment_flags.has_prior_ciclosporin then true
        end as has_prior_ciclosporin,
        case
            when prior_treatment_flags.has_prior_systemic_corticosteroids is null
                then unrecorded.prior_treatment
            when prior_treatment_flags.has_prior_systemic_corticosteroids then true
        end as has_prior_systemic_corticosteroids,
        case
            when prior_treatment_flags.has_prior_phototherapy is null
                then unrecorded.prior_treatment
            when prior_treatment_flags.has_prior_phototherapy then true
        end as has_prior_phototherapy,
        case
            when prior_treatment_flags.has_prior_methotrexate is null
                then unrecorded.prior_treatment
            when prior_treatment_flags.has_prior_methotrexate then true
        end as has_prior_methotrexate,
        case
            when prior_treatment_flags.has_prior_alitretinoin is null
                then unrecorded.prior_treatment
            when prior_treatment_flags.has_prior_alitretinoin then true
        end as has_prior_alitretinoin,
        case
            when prior_treatment_flags.has_prior_azathioprine is null
                then unrecorded.prior_treatment
            when prior_treatment_flags.has_prior_azathioprine then true
        end as has_prior_azathioprine
    from cohort_patients
    cross join cohort_delivery
    inner join unrecorded
        on cohort_patients.patient_id = unrecorded.patient_id
    left join arms
        on cohort_patients.treatment_arm = arms.treatment_arm
    left join comorbidity_flags
        on cohort_patients.patient_id = comorbidity_flags.patient_id
    left join prior_treatment_flags
        on cohort_patients.patient_id = prior_treatment_flags.patient_id
    left join code_labels as sex_labels
        on sex_labels.code_kind = 'sex' and cohort_patients.sex_code = sex_labels.code
    left join code_labels as course_labels
        on
            course_labels.code_kind = 'disease_course'
            and cohort_patients.disease_course_code = course_labels.code
    left join code_labels as phenotype_labels
        on
            phenotype_labels.code_kind = 'clinical_phenotype'
            and cohort_patients.clinical_phenotype_code = phenotype_labels.code
    left join code_labels as area_labels
        on
            area_labels.code_kind = 'critical_area'
            and cohort_patients.critical_area_code = area_labels.code
)

select * from final
