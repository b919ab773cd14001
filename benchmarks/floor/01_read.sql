-- Bare script, part 1: exports and seeds as tables, with declared types and without checks. A cell
-- that does not fit its type stops the script; a record is identified by its position in the file.

create temp table patients as
select *
from read_csv(
    getvariable('delivery') || '/patients.csv',
    auto_detect = false, header = true, delim = ',', quote = '"',
    columns = {
        'patient_id': 'varchar', 'sex': 'varchar', 'birth_date': 'date',
        'ad_diagnosis_date': 'date', 'disease_course': 'varchar',
        'clinical_phenotype': 'varchar', 'involves_face': 'varchar',
        'involves_hands': 'varchar', 'involves_genitalia': 'varchar'
    }
);

create temp table visits as
select *
from read_csv(
    getvariable('delivery') || '/visits.csv',
    auto_detect = false, header = true, delim = ',', quote = '"',
    columns = {
        'visit_id': 'varchar', 'patient_id': 'varchar', 'visit_date': 'date',
        'nominal_timepoint': 'varchar', 'easi_score': 'decimal(4, 1)',
        'itch_nrs_score': 'integer', 'sleep_nrs_score': 'integer', 'dlqi_score': 'integer',
        'iga_score': 'integer', 'poem_score': 'integer', 'topical_adherence': 'varchar'
    }
);

create temp table prescriptions as
select *
from read_csv(
    getvariable('delivery') || '/prescriptions.csv',
    auto_detect = false, header = true, delim = ',', quote = '"',
    columns = {
        'prescription_id': 'varchar', 'patient_id': 'varchar', 'drug_name': 'varchar',
        'atc_code': 'varchar', 'route': 'varchar', 'strength': 'varchar',
        'body_site': 'varchar', 'start_date': 'date', 'end_date': 'date'
    }
);

create temp table comorbidities as
select *
from read_csv(
    getvariable('delivery') || '/comorbidities.csv',
    auto_detect = false, header = true, delim = ',', quote = '"',
    columns = {'patient_id': 'varchar', 'comorbidity_term': 'varchar', 'onset_date': 'date'}
);

create temp table adverse_events as
select *
from read_csv(
    getvariable('delivery') || '/adverse_events.csv',
    auto_detect = false, header = true, delim = ',', quote = '"',
    columns = {
        'adverse_event_id': 'varchar', 'patient_id': 'varchar', 'event_term': 'varchar',
        'onset_date': 'date', 'is_serious': 'varchar', 'outcome': 'varchar'
    }
);

create temp table visit_windows as
select *
from read_csv(
    getvariable('seeds') || '/protocol/visit_windows.csv',
    types = {
        'timepoint_number': 'integer', 'nominal_month': 'integer', 'target_day': 'integer',
        'first_day': 'integer', 'last_day': 'integer'
    }
);

create temp table criteria as
select
    criteria.* replace (
        coalesce(criteria.first_day, visit_windows.first_day) as first_day,
        coalesce(criteria.last_day, visit_windows.last_day) as last_day
    )
from read_csv(
    getvariable('seeds') || '/protocol/eligibility_criteria.csv',
    types = {
        'criterion_number': 'integer', 'threshold_value': 'decimal(4, 1)',
        'first_day': 'integer', 'last_day': 'integer', 'first_date': 'date', 'last_date': 'date'
    }
) as criteria
left join visit_windows
    on criteria.timepoint_code = visit_windows.timepoint_code;

create temp table score_definitions as
select *
from read_csv(
    getvariable('seeds') || '/protocol/score_definitions.csv',
    types = {
        'min_value': 'decimal(4, 1)', 'max_value': 'decimal(4, 1)', 'step': 'decimal(4, 1)'
    }
);

create temp table score_responses as
select *
from read_csv(
    getvariable('seeds') || '/protocol/score_responses.csv',
    types = {'threshold_value': 'decimal(4, 1)', 'is_primary': 'boolean'}
);

set variable threshold_of = (
    select map_from_entries(list((response_code, threshold_value))) from score_responses
);

create temp table score_bands as
select *
from read_csv(
    getvariable('seeds') || '/protocol/score_bands.csv',
    types = {'lower_value': 'decimal(4, 1)', 'upper_value': 'decimal(4, 1)'}
);

create temp table seasons as
select * from read_csv(getvariable('seeds') || '/protocol/seasons.csv');

create temp table algorithm as
select *
from read_csv(
    getvariable('seeds') || '/protocol/treatment_algorithm.csv',
    types = {
        'lower_iga_score': 'integer', 'upper_iga_score': 'integer',
        'is_index_in_summer': 'boolean'
    }
);

set variable indication_of = (
    select
        map_from_entries(
            list((score_code, {'operator': operator, 'threshold_value': threshold_value}))
        )
    from read_csv(
        getvariable('seeds') || '/protocol/systemic_indications.csv',
        types = {'threshold_value': 'decimal(4, 1)'}
    )
    where score_code is not null
);

create temp table atc_codes as
select * from read_csv(getvariable('seeds') || '/codelists/atc_codes.csv');

create temp table drug_products as
select *
from read_csv(
    getvariable('seeds') || '/codelists/drug_products.csv',
    types = {'atc_code': 'varchar'}
);

create temp table treatment_classes as
select * from read_csv(getvariable('seeds') || '/codelists/treatment_classes.csv');

set variable index_class = (
    select treatment_class_code from treatment_classes where is_index_treatment
);

set variable topical_class_of = (
    select map_from_entries(list((topical_regimen_code, treatment_class_code)))
    from treatment_classes
    where topical_regimen_code is not null
);

set variable prior_classes = (
    select list(treatment_class_code) from treatment_classes where prior_treatment_level != 'none'
);

create temp table word_list as
select * from read_csv(getvariable('seeds') || '/codelists/word_list.csv');

create temp table code_labels as
select * from read_csv(getvariable('seeds') || '/codelists/code_labels.csv');

create temp table comorbidity_terms as
select * from read_csv(getvariable('seeds') || '/codelists/comorbidity_terms.csv');
create temp table comorbidity_codes as
select * from read_csv(getvariable('seeds') || '/codelists/comorbidities.csv');

create temp table adverse_event_terms as
select
    terms.term,
    codes.adverse_event_code,
    codes.adverse_event_label
from read_csv(getvariable('seeds') || '/codelists/adverse_event_terms.csv') as terms
inner join read_csv(getvariable('seeds') || '/codelists/adverse_event_codes.csv') as codes
    on terms.adverse_event_code = codes.adverse_event_code;
