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
-- meant.
group_codes as (
    select
        treatment_class_code as prior_treatment_code,
        bool_or(substance_code = 'ciclosporin') as may_be_ciclosporin,
        bool_or(substance_code = 'methotrexate') as may_be_methotrexate,
        bool_or(substance_code = 'alitretinoin') as may_be_alitretinoin,
        bool_or(substance_code = 'azathioprine') as may_be_azathioprine
    from atc_codes
    group by treatment_class_code
),

possible_prior_treatments as (
    select
        cohort_prior_treatments.*,
        group_codes.may_be_ciclosporin,
        group_codes.may_be_methotrexate,
        group_codes.may_be_alitretinoin,
        group_codes.may_be_azathioprine
    from cohort_prior_treatments
    left join group_codes
        on cohort_prior_treatments.prior_treatment_code = group_codes.prior_treatment_code
),

-- A flag is null without a course, and false where the treatment or its time is not certain.
prior_treatment_flags as (
    select
        patient_id,
        bool_or(prior_treatment_code = 'unmapped') as has_unmapped,
        bool_or(is_certainly_earlier and prior_treatment_code = 'ciclosporin') filter (
            prior_treatment_code = 'ciclosporin' or may_be_ciclosporin
        ) as has_prior_ciclosporin,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'systemic_corticosteroid')
            as has_prior_systemic_corticosteroids,
        bool_or(is_certainly_earlier) filter (prior_treatment_code = 'phototherapy')
            as has_prior_phototherapy,
        bool_or(is_certainly_earlier and prior_treatment_code = 'methotrexate') filter (
            prior_treatment_code = 'methotrexate' or may_be_methotrexate
        ) as has_prior_methotrexate,
        bool_or(is_certainly_earlier and prior_treatment_code = 'alitretinoin') filter (
            prior_treatment_code = 'alitretinoin' or may_be_alitretinoin
        ) as has_prior_alitretinoin,
        bool_or(is_certainly_earlier and prior_treatment_code = 'azathioprine') filter (
            prior_treatment_code = 'azathioprine' or may_be_azathioprine
        ) as has_prior_azathioprine
    from possible_prior_treatments
    group by patient_id
),

-- What is not recorded is absent (false) where all that is recorded is understood, else unknown
-- (null): a term or drug on the worklist may be it, and so may what was never delivered. True or
-- null is true, false or null is null.
recorded as (
    select
        cohort_patients.*,
        cohort_delivery.reference_key,
        comorbidity_flags.n_comorbidities,
        comorbidity_flags.has_certain,
        comorbidity_flags.has_doubtful,
        comorbidity_flags.has_rhinitis,
        comorbidity_flags.has_conjunctivitis,
        comorbidity_flags.has_asthma,
        comorbidity_flags.has_food_allergy,
        prior_treatment_flags.has_prior_ciclosporin,
        prior_treatment_flags.has_prior_systemic_corticosteroids,
        prior_treatment_flags.has_prior_phototherapy,
        prior_treatment_flags.has_prior_methotrexate,
        prior_treatment_flags.has_prior_alitretinoin,
        prior_treatment_flags.has_prior_azathioprine,
        case when cohort_delivery.has_comorbidities_export then false end
            as unrecorded_comorbidity,
        case
            when
                comorbidity_flags.has_unmapped is not true
                and cohort_delivery.has_comorbidities_export
                then false
        end as unrecorded_named_comorbidity,
        case when prior_treatment_flags.has_unmapped is not true then false end
            as unrecorded_prior_treatment
    from cohort_patients
    cross join cohort_delivery
    left join comorbidity_flags
        on cohort_patients.patient_id = comorbidity_flags.patient_id
    left join prior_treatment_flags
        on cohort_patients.patient_id = prior_treatment_flags.patient_id
),

final as (
    select
        recorded.pseudonym as patient_id,
        recorded.sex_code,
        sex_labels.code_label as sex_label,
        recorded.disease_course_code,
        course_labels.code_label as disease_course_label,
        recorded.clinical_phenotype_code,
        phenotype_labels.code_label as clinical_phenotype_label,
        recorded.critical_area_code,
        area_labels.code_label as critical_area_label,
        recorded.not_evaluable_reason_code,
        case
            when arms.n_patients >= {{ var('smallest_published_arm') }} then arms.treatment_arm
            when arms.n_patients is not null then 'other'
        end as treatment_arm,
        {{ record_reference(
            'recorded.reference_key',
            'recorded.record_number',
            'recorded.source_file'
        ) }} as record_reference,
        recorded.index_season_code,
        recorded.index_season_label,
        cast(recorded.age_at_index_years as integer) as age_at_index_years,
        cast(recorded.age_at_data_collection_years as integer)
            as age_at_data_collection_years,
        cast(recorded.age_at_diagnosis_years as integer) as age_at_diagnosis_years,
        -- No record of a comorbidity is none where the export has come.
        cast(
            case
                when
                    not recorded.unrecorded_named_comorbidity
                    and recorded.has_doubtful is not true
                    then coalesce(recorded.n_comorbidities, 0)
            end as integer
        ) as n_comorbidities,
        recorded.is_evaluable,
        recorded.is_birth_date_partial,
        recorded.is_age_as_recorded,
        recorded.is_ad_diagnosis_date_partial,
        recorded.involves_face,
        recorded.involves_hands,
        recorded.involves_genitalia,
        recorded.index_season_start_date,
        case
            when recorded.has_certain is null then recorded.unrecorded_comorbidity
            when recorded.has_certain then true
        end as has_comorbidity,
        case
            when recorded.has_rhinitis is null then recorded.unrecorded_named_comorbidity
            when recorded.has_rhinitis then true
        end as has_rhinitis,
        case
            when recorded.has_conjunctivitis is null then recorded.unrecorded_named_comorbidity
            when recorded.has_conjunctivitis then true
        end as has_conjunctivitis,
        case
            when recorded.has_asthma is null then recorded.unrecorded_named_comorbidity
            when recorded.has_asthma then true
        end as has_asthma,
        case
            when recorded.has_food_allergy is null then recorded.unrecorded_named_comorbidity
            when recorded.has_food_allergy then true
        end as has_food_allergy,
        case
            when recorded.has_prior_ciclosporin is null
                then recorded.unrecorded_prior_treatment
            when recorded.has_prior_ciclosporin then true
        end as has_prior_ciclosporin,
        case
            when recorded.has_prior_systemic_corticosteroids is null
                then recorded.unrecorded_prior_treatment
            when recorded.has_prior_systemic_corticosteroids then true
        end as has_prior_systemic_corticosteroids,
        case
            when recorded.has_prior_phototherapy is null
                then recorded.unrecorded_prior_treatment
            when recorded.has_prior_phototherapy then true
        end as has_prior_phototherapy,
        case
            when recorded.has_prior_methotrexate is null
                then recorded.unrecorded_prior_treatment
            when recorded.has_prior_methotrexate then true
        end as has_prior_methotrexate,
        case
            when recorded.has_prior_alitretinoin is null
                then recorded.unrecorded_prior_treatment
            when recorded.has_prior_alitretinoin then true
        end as has_prior_alitretinoin,
        case
            when recorded.has_prior_azathioprine is null
                then recorded.unrecorded_prior_treatment
            when recorded.has_prior_azathioprine then true
        end as has_prior_azathioprine
    from recorded
    left join arms
        on recorded.treatment_arm = arms.treatment_arm
    left join code_labels as sex_labels
        on sex_labels.code_kind = 'sex' and recorded.sex_code = sex_labels.code
    left join code_labels as course_labels
        on
            course_labels.code_kind = 'disease_course'
            and recorded.disease_course_code = course_labels.code
    left join code_labels as phenotype_labels
        on
            phenotype_labels.code_kind = 'clinical_phenotype'
            and recorded.clinical_phenotype_code = phenotype_labels.code
    left join code_labels as area_labels
        on
            area_labels.code_kind = 'critical_area'
            and recorded.critical_area_code = area_labels.code
)

select * from final
