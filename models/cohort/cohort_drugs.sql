-- What each drug is: treatment class from the ATC code first, the mapping's own words second, the
-- product list third. A name that says two drugs or "stopped" is no running course of one:
-- unmapped. One row per drug name, ATC code and route.

with cohort_drug_names as (
    select * from {{ ref('cohort_drug_names') }}
),

cohort_atc_classes as (
    select * from {{ ref('cohort_atc_classes') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

own_words as (
    select
        source_word as drug_name,
        code as treatment_class_code
    from stg_intake__source_words
    where word_kind = 'drug'
),

classified as (
    select
        cohort_drug_names.drug_number,
        cohort_drug_names.drug_name,
        cohort_drug_names.atc_code,
        cohort_drug_names.route_code,
        cohort_drug_names.is_understood,
        cohort_atc_classes.treatment_class_code as code_class,
        cohort_atc_classes.substance_code as code_substance,
        cohort_atc_classes.steroid_potency_code as code_potency,
        coalesce(
            own_words.treatment_class_code, cohort_drug_names.treatment_class_code
        ) as mentioned_class,
        case
            when own_words.drug_name is not null then own_words.treatment_class_code
            when cohort_drug_names.is_understood then cohort_drug_names.treatment_class_code
        end as name_class,
        -- The mapping's own word gives a class only; the product list does not add to it.
        case
            when own_words.drug_name is null and cohort_drug_names.is_understood
                then cohort_drug_names.substance_code
        end as name_substance,
        case
            when own_words.drug_name is null and cohort_drug_names.is_understood
                then cohort_drug_names.steroid_potency_code
        end as name_potency,
        -- A group code such as D11AH says less than a name whose own code lies in the group.
        coalesce(
            starts_with(cohort_drug_names.product_atc_code, cohort_drug_names.atc_code)
            and cohort_drug_names.product_atc_code != cohort_drug_names.atc_code,
            false
        ) as is_product_in_code_group,
        -- A mapping's own word says what the whole cell means.
        own_words.drug_name is null
        and (cohort_drug_names.has_remark or cohort_drug_names.is_code_of_one_of_two)
            as is_not_one_course
    from cohort_drug_names
    left join cohort_atc_classes
        on cohort_drug_names.atc_code = cohort_atc_classes.atc_code
    left join own_words
        on cohort_drug_names.drug_name = own_words.drug_name
),

decided as (
    select
        *,
        code_class is not null
        and not (is_product_in_code_group and is_understood)
        and not is_not_one_course as is_decided_by_code
    from classified
),

final as (
    select
        drug_number,
        drug_name,
        atc_code,
        route_code,
        case
            when is_decided_by_code then code_class
            when name_class is not null then name_class
            when atc_code is not null and not is_not_one_course then 'other'
            else 'unmapped'
        end as treatment_class_code,
        case when is_decided_by_code then code_substance else name_substance end
            as substance_code,
        case when is_decided_by_code then code_potency else name_potency end
            as steroid_potency_code,
        case
            when is_decided_by_code then 'atc_code'
            when name_class is not null then 'drug_name'
            when atc_code is not null and not is_not_one_course then 'atc_code'
            else 'none'
        end as class_source_code,
        -- Without a code or without a product in the name there is nothing to contradict.
        coalesce(code_class != mentioned_class and not is_product_in_code_group, false)
            as has_code_name_contradiction
    from decided
)

select * from final
