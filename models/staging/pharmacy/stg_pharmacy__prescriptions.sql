-- The prescribed courses of registered patients: sound records only, one row per prescription line.

with base_pharmacy__prescriptions as (
    select * from {{ ref('base_pharmacy__prescriptions') }}
),

stg_clinic__patients as (
    select * from {{ ref('stg_clinic__patients') }}
),

final as (
    select
        base_pharmacy__prescriptions.prescription_id,
        base_pharmacy__prescriptions.patient_id,
        base_pharmacy__prescriptions.drug_name,
        base_pharmacy__prescriptions.atc_code,
        base_pharmacy__prescriptions.route_code,
        base_pharmacy__prescriptions.strength,
        base_pharmacy__prescriptions.body_site,
        base_pharmacy__prescriptions.is_start_date_partial,
        base_pharmacy__prescriptions.is_end_date_partial,
        base_pharmacy__prescriptions.start_date,
        base_pharmacy__prescriptions.end_date,
        base_pharmacy__prescriptions.source_file,
        base_pharmacy__prescriptions.record_number
    from base_pharmacy__prescriptions
    -- A record without its patient cannot be used; rejected_records says which patient is missing.
    inner join stg_clinic__patients
        on base_pharmacy__prescriptions.patient_id = stg_clinic__patients.patient_id
    where
        base_pharmacy__prescriptions.record_disposition = 'staged'
        and base_pharmacy__prescriptions.start_date >= stg_clinic__patients.earliest_birth_date
)

select * from final
