-- A class has every mark that a rule needs: one class is the index treatment, each simple regimen
-- has a class, systemic anti-inflammatory classes count as prior treatment, only topical classes
-- make a regimen, and each prior treatment that dim_patients has a column for can be found.
with treatment_classes as (
    select * from {{ ref('treatment_classes') }}
),

atc_codes as (
    select * from {{ ref('atc_codes') }}
),

prior_treatments_of_dim_patients as (
    select
        unnest(
            [
                'ciclosporin', 'systemic_corticosteroid', 'phototherapy',
                'methotrexate', 'alitretinoin', 'azathioprine'
            ]
        ) as prior_treatment_code
),

countable_prior_treatments as (
    select treatment_class_code as prior_treatment_code
    from treatment_classes
    where prior_treatment_level = 'class'
    union all
    select atc_codes.substance_code as prior_treatment_code
    from atc_codes
    inner join treatment_classes
        on atc_codes.treatment_class_code = treatment_classes.treatment_class_code
    where treatment_classes.prior_treatment_level = 'substance'
),

simple_regimens as (
    select unnest(['tacrolimus', 'corticosteroids']) as topical_regimen_code
),

faults as (
    select
        'not one index treatment' as broken_rule,
        'is_index_treatment' as column_name
    from treatment_classes
    having count(*) filter (is_index_treatment) != 1
    union all
    select
        'index treatment marked as another treatment' as broken_rule,
        treatment_class_code as column_name
    from treatment_classes
    where
        is_index_treatment
        and (is_topical or is_systemic_anti_inflammatory or prior_treatment_level != 'none')
    union all
    select
        'systemic anti-inflammatory that is no prior treatment' as broken_rule,
        treatment_class_code as column_name
    from treatment_classes
    where is_systemic_anti_inflammatory and prior_treatment_level = 'none'
    union all
    select
        'topical and systemic, or topical and prior treatment' as broken_rule,
        treatment_class_code as column_name
    from treatment_classes
    where is_topical and (is_systemic_anti_inflammatory or prior_treatment_level != 'none')
    union all
    select
        'regimen of a class that is not topical' as broken_rule,
        treatment_class_code as column_name
    from treatment_classes
    where topical_regimen_code is not null and not is_topical
    union all
    select
        'regimen other than tacrolimus or corticosteroids' as broken_rule,
        treatment_classes.treatment_class_code as column_name
    from treatment_classes
    anti join simple_regimens
        on treatment_classes.topical_regimen_code = simple_regimens.topical_regimen_code
    where treatment_classes.topical_regimen_code is not null
    union all
    select
        'regimen without a class' as broken_rule,
        simple_regimens.topical_regimen_code as column_name
    from simple_regimens
    anti join treatment_classes
        on simple_regimens.topical_regimen_code = treatment_classes.topical_regimen_code
    union all
    select
        'prior treatment that no class counts' as broken_rule,
        named.prior_treatment_code as column_name
    from prior_treatments_of_dim_patients as named
    anti join countable_prior_treatments
        on named.prior_treatment_code = countable_prior_treatments.prior_treatment_code
    union all
    select
        'potency of a class that makes no corticosteroid regimen' as broken_rule,
        atc_codes.atc_prefix as column_name
    from atc_codes
    inner join treatment_classes
        on atc_codes.treatment_class_code = treatment_classes.treatment_class_code
    where
        atc_codes.steroid_potency_code is not null
        and treatment_classes.topical_regimen_code is distinct from 'corticosteroids'
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
