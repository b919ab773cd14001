-- What each drug is, as it was written: treatment class from the ATC code first, the mapping's own
-- words second, the product list third, always with the route respected. Drugs are few where
-- prescriptions are many: each is decided once. One row per drug name, ATC code and route.

with stg_pharmacy__prescriptions as (
    select * from {{ ref('stg_pharmacy__prescriptions') }}
),

stg_intake__source_words as (
    select * from {{ ref('stg_intake__source_words') }}
),

atc_codes as (
    select * from {{ ref('atc_codes') }}
),

drug_products as (
    select * from {{ ref('drug_products') }}
),

word_list as (
    select * from {{ ref('word_list') }}
),

distinct_drugs as (
    select distinct
        drug_name,
        atc_code,
        route_code
    from stg_pharmacy__prescriptions
),

-- The three together are unique, so the numbers are the same every time.
written_drugs as (
    select
        drug_name,
        atc_code,
        route_code,
        row_number() over (
            order by drug_name, atc_code nulls last, route_code nulls last
        ) as drug_number
    from distinct_drugs
),

written_codes as (
    select atc_code
    from written_drugs
    where atc_code is not null
    union distinct
    select atc_code
    from drug_products
    where atc_code is not null
),

-- The longest prefix says most: D11AH01 before D11AH.
classified_codes as (
    select
        written_codes.atc_code,
        atc_codes.treatment_class_code,
        atc_codes.substance_code,
        atc_codes.steroid_potency_code
    from written_codes
    inner join atc_codes
        on starts_with(written_codes.atc_code, atc_codes.atc_prefix)
    qualify
        row_number() over (
            partition by written_codes.atc_code
            order by length(atc_codes.atc_prefix) desc
        ) = 1
),

-- Where no route is recorded, a word of the name may tell it: ointment, tablets. Two routes tell
-- nothing.
name_words as (
    select
        drug_number,
        unnest(string_split_regex(drug_name, '[^\pL\d]+')) as word
    from written_drugs
    where route_code is null
),

name_routes as (
    select
        name_words.drug_number,
        any_value(word_list.code) as route_code
    from name_words
    inner join word_list
        on name_words.word = word_list.word and word_list.word_kind = 'route'
    group by name_words.drug_number
    having count(distinct word_list.code) = 1
),

routed_drugs as (
    select
        written_drugs.drug_number,
        written_drugs.drug_name,
        coalesce(written_drugs.route_code, name_routes.route_code) as known_route_code
    from written_drugs
    left join name_routes
        on written_drugs.drug_number = name_routes.drug_number
),

-- A name means a product when it starts with the product's name as whole words: "protopic 0.1%
-- ointment". The longest product name wins, and a product of the known route wins over one of any
-- route.
named_products as (
    select
        routed_drugs.drug_number,
        drug_products.atc_code as product_atc_code,
        classified_codes.steroid_potency_code,
        coalesce(
            drug_products.treatment_class_code, classified_codes.treatment_class_code
        ) as treatment_class_code,
        coalesce(drug_products.substance_code, classified_codes.substance_code) as substance_code
    from routed_drugs
    inner join drug_products
        on
            starts_with(routed_drugs.drug_name, drug_products.product_name)
            and not regexp_matches(
                substr(routed_drugs.drug_name, length(drug_products.product_name) + 1, 1),
                '[\pL\d]'
            )
            and drug_products.route_code in ('any', routed_drugs.known_route_code)
    left join classified_codes
        on drug_products.atc_code = classified_codes.atc_code
    qualify
        row_number() over (
            partition by routed_drugs.drug_number
            order by length(drug_products.product_name) desc, drug_products.route_code = 'any'
        ) = 1
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
        written_drugs.*,
        classified_codes.treatment_class_code as code_class,
        classified_codes.substance_code as code_substance,
        classified_codes.steroid_potency_code as code_potency,
        coalesce(
            own_words.treatment_class_code, named_products.treatment_class_code
        ) as name_class,
        -- The mapping's own word gives a class only; the product list does not speak for it.
        case when own_words.drug_name is null then named_products.substance_code end
            as name_substance,
        case when own_words.drug_name is null then named_products.steroid_potency_code end
            as name_potency,
        -- A group code such as D11AH says less than a name whose own code lies in the group.
        coalesce(
            starts_with(named_products.product_atc_code, written_drugs.atc_code)
            and named_products.product_atc_code != written_drugs.atc_code,
            false
        ) as is_name_more_precise
    from written_drugs
    left join classified_codes
        on written_drugs.atc_code = classified_codes.atc_code
    left join own_words
        on written_drugs.drug_name = own_words.drug_name
    left join named_products
        on written_drugs.drug_number = named_products.drug_number
),

decided as (
    select
        *,
        code_class is not null and not is_name_more_precise as is_decided_by_code
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
            when atc_code is not null then 'other'
            else 'unmapped'
        end as treatment_class_code,
        case when is_decided_by_code then code_substance else name_substance end
            as substance_code,
        case when is_decided_by_code then code_potency else name_potency end
            as steroid_potency_code,
        case
            when is_decided_by_code then 'atc_code'
            when name_class is not null then 'drug_name'
            when atc_code is not null then 'atc_code'
            else 'none'
        end as class_source_code,
        coalesce(code_class != name_class and not is_name_more_precise, false)
            as has_code_name_contradiction
    from decided
)

select * from final
