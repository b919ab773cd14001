-- Bare script, part 3: the marts with patients' data, with the same columns as in the warehouse.

create schema marts;

create table marts.dim_patients as
with counted_comorbidities as (
    select distinct
        written.patient_id,
        unnest(string_split(
            coalesce(known.part_codes, comorbidity_terms.comorbidity_code, 'unmapped'), ' '
        )) as comorbidity_code
    from comorbidities as written
    left join comorbidity_terms
        on written.comorbidity_term = comorbidity_terms.term
    left join comorbidity_codes as known
        on comorbidity_terms.comorbidity_code = known.comorbidity_code
),

comorbidity_flags as (
    select
        patient_id,
        count(*) as n_comorbidities,
        bool_or(comorbidity_code = 'rhinitis') as has_rhinitis,
        bool_or(comorbidity_code = 'conjunctivitis') as has_conjunctivitis,
        bool_or(comorbidity_code = 'asthma') as has_asthma,
        bool_or(comorbidity_code = 'food_allergy') as has_food_allergy
    from counted_comorbidities
    group by patient_id
),

prior_flags as (
    select
        courses.patient_id,
        coalesce(bool_or(courses.substance_code = 'ciclosporin'), false) as ciclosporin,
        coalesce(bool_or(courses.treatment_class_code = 'systemic_corticosteroid'), false)
            as systemic_corticosteroids,
        coalesce(bool_or(courses.treatment_class_code = 'phototherapy'), false) as phototherapy,
        coalesce(bool_or(courses.substance_code = 'methotrexate'), false) as methotrexate,
        coalesce(bool_or(courses.substance_code = 'alitretinoin'), false) as alitretinoin,
        coalesce(bool_or(courses.substance_code = 'azathioprine'), false) as azathioprine
    from courses
    inner join enrolled
        on
            courses.patient_id = enrolled.patient_id
            and courses.start_date < enrolled.index_date
    where
        list_contains(getvariable('prior_classes'), courses.treatment_class_code)
    group by courses.patient_id
),

areas as (
    select
        patient_id,
        case
            when
                involves_face is not null
                and involves_hands is not null
                and involves_genitalia is not null
                then
                    coalesce(
                        nullif(
                            replace(
                                concat_ws(
                                    '_and_',
                                    case when involves_face then 'face' end,
                                    case when involves_hands then 'hands' end,
                                    case when involves_genitalia then 'genitalia' end
                                ),
                                'face_and_hands_and_genitalia',
                                'face_hands_and_genitalia'
                            ), ''
                        ), 'none'
                    )
        end as critical_area_code
    from enrolled
),

labels as (
    select map_from_entries(list((code_kind || ':' || code, code_label))) as label_of
    from code_labels
)

select
    enrolled.pseudonym as patient_id,
    enrolled.sex as sex_code,
    labels.label_of['sex:' || sex_code] as sex_label,
    enrolled.disease_course as disease_course_code,
    labels.label_of['disease_course:' || disease_course_code] as disease_course_label,
    enrolled.clinical_phenotype as clinical_phenotype_code,
    labels.label_of['clinical_phenotype:' || clinical_phenotype_code]
        as clinical_phenotype_label,
    areas.critical_area_code,
    labels.label_of['critical_area:' || areas.critical_area_code] as critical_area_label,
    case when not enrolled.is_evaluable then 'non_adherent_to_topical_therapy' end
        as not_evaluable_reason_code,
    enrolled.index_season_code,
    enrolled.index_season_label,
    cast(completed_years(enrolled.birth_date, enrolled.index_date) as integer)
        as age_at_index_years,
    cast(year(getvariable('extraction_date')) - year(enrolled.birth_date) as integer)
        as age_at_data_collection_years,
    cast(completed_years(enrolled.birth_date, enrolled.ad_diagnosis_date) as integer)
        as age_at_diagnosis_years,
    cast(coalesce(comorbidity_flags.n_comorbidities, 0) as integer) as n_comorbidities,
    enrolled.is_evaluable,
    false as is_birth_date_partial,
    false as is_ad_diagnosis_date_partial,
    false as is_age_as_recorded,
    cast(null as varchar) as treatment_arm,
    enrolled.involves_face,
    enrolled.involves_hands,
    enrolled.involves_genitalia,
    comorbidity_flags.patient_id is not null as has_comorbidity,
    coalesce(comorbidity_flags.has_rhinitis, false) as has_rhinitis,
    coalesce(comorbidity_flags.has_conjunctivitis, false) as has_conjunctivitis,
    coalesce(comorbidity_flags.has_asthma, false) as has_asthma,
    coalesce(comorbidity_flags.has_food_allergy, false) as has_food_allergy,
    coalesce(prior_flags.ciclosporin, false) as has_prior_ciclosporin,
    coalesce(prior_flags.systemic_corticosteroids, false) as has_prior_systemic_corticosteroids,
    coalesce(prior_flags.phototherapy, false) as has_prior_phototherapy,
    coalesce(prior_flags.methotrexate, false) as has_prior_methotrexate,
    coalesce(prior_flags.alitretinoin, false) as has_prior_alitretinoin,
    coalesce(prior_flags.azathioprine, false) as has_prior_azathioprine,
    left(sha256(getvariable('reference_key') || enrolled.record_number || ' patients.csv'), 16)
        as record_reference,
    enrolled.index_season_start_date
from enrolled
inner join areas
    on enrolled.patient_id = areas.patient_id
left join comorbidity_flags
    on enrolled.patient_id = comorbidity_flags.patient_id
left join prior_flags
    on enrolled.patient_id = prior_flags.patient_id
cross join labels;
