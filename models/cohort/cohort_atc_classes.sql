-- What each ATC code of the prescriptions and of the product list means. One row per ATC code that
-- a prefix of seed atc_codes starts.

with stg_pharmacy__prescriptions as (
    select * from {{ ref('stg_pharmacy__prescriptions') }}
),

stg_pharmacy__refused_courses as (
    select * from {{ ref('stg_pharmacy__refused_courses') }}
),

drug_products as (
    select * from {{ ref('drug_products') }}
),

atc_codes as (
    select * from {{ ref('atc_codes') }}
),

written_codes as (
    select atc_code
    from stg_pharmacy__prescriptions
    union distinct
    select atc_code
    from stg_pharmacy__refused_courses
    union distinct
    select atc_code
    from drug_products
),

-- The longest prefix says most: D11AH01 before D11AH.
final as (
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
)

select * from final
