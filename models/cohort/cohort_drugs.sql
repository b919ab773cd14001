-- What each drug is: treatment class from the ATC code first, the mapping's own words second, the
-- product list third. The role of the index treatment is given by the mapping before all of them.
-- A name that says two drugs or "stopped" is no running course of one: unmapped. One that only
-- denies ("none", "no treatment") is no course: none. One row per drug name, ATC code and route.

with cohort_drug_names as (
    select * from {{ ref('cohort_drug_names') }}
),

cohort_atc_classes as (
    select * from {{ ref('cohort_atc_classes') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

drug_products as (
    select * from {{ ref('drug_products') }}
),

treatment_classes as (
    select * from {{ ref('treatment_classes') }}
),

denial_words as (
    select * from {{ ref('denial_words') }}
),

name_words as (
    select
        drug_number,
        unnest(regexp_extract_all(drug_name, '[\pL\d?]+')) as word
    from cohort_drug_names
    where atc_code is null
),

denied_names as (
    select name_words.drug_number
    from name_words
    left join denial_words
        on name_words.word = denial_words.word
    group by name_words.drug_number
    having
        count(*) = count(denial_words.word)
        and bool_or(denial_words.word_role = 'denial')
),

own_words as (
    select
        source_word as drug_name,
        code as treatment_class_code
    from stg_intake__source_words
    where word_kind = 'drug'
),

-- A word of the mapping that gives the role of the index treatment to a product, or takes it, is
-- meant of every drug of its substance, whatever name and code it has.
index_roles as (
    select
        cohort_atc_classes.substance_code,
        min(own_words.treatment_class_code) as treatment_class_code
    from own_words
    inner join drug_products
        on own_words.drug_name = drug_products.product_name
    inner join cohort_atc_classes
        on drug_products.atc_code = cohort_atc_classes.atc_code
    inner join treatment_classes as listed_classes
        on cohort_atc_classes.treatment_class_code = listed_classes.treatment_class_code
    inner join treatment_classes as own_classes
        on own_words.treatment_class_code = own_classes.treatment_class_code
    where cohort_atc_classes.substance_code is not null
    group by cohort_atc_classes.substance_code
    having
        bool_or(listed_classes.is_index_treatment or own_classes.is_index_treatment)
        and min(own_words.treatment_class_code) = max(own_words.treatment_class_code)
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
        case when cohort_drug_names.is_understood then cohort_drug_names.substance_code end
            as mentioned_substance,
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
        decided.drug_number,
        decided.drug_name,
        decided.atc_code,
        decided.route_code,
        case
            when index_roles.substance_code is not null then index_roles.treatment_class_code
            when decided.is_decided_by_code then decided.code_class
            when decided.name_class is not null then decided.name_class
            when decided.atc_code is not null and not decided.is_not_one_course then 'other'
            when denied_names.drug_number is not null then 'none'
            else 'unmapped'
        end as treatment_class_code,
        case
            when index_roles.substance_code is not null then index_roles.substance_code
            when decided.is_decided_by_code then decided.code_substance
            else decided.name_substance
        end as substance_code,
        case
            when decided.is_decided_by_code then decided.code_potency
            else decided.name_potency
        end as steroid_potency_code,
        case
            when index_roles.substance_code is not null then 'drug_name'
            when decided.is_decided_by_code then 'atc_code'
            when decided.name_class is not null then 'drug_name'
            when decided.atc_code is not null and not decided.is_not_one_course then 'atc_code'
            else 'none'
        end as class_source_code,
        -- Without a code or without a product in the name there is nothing to contradict.
        index_roles.substance_code is null
        and coalesce(
            decided.code_class != decided.mentioned_class and not decided.is_product_in_code_group,
            false
        ) as has_code_name_contradiction
    from decided
    left join denied_names
        on decided.drug_number = denied_names.drug_number
    left join index_roles
        on
            index_roles.substance_code = case
                when decided.is_decided_by_code then decided.code_substance
                else decided.mentioned_substance
            end
)

select * from final
