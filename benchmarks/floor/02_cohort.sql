-- Bare script, part 2: treatment classes of courses, eligibility, the visit for each timepoint, topical
-- regimens. Words and codes of the exports are used unchanged.

-- The birthday of 29 February is 1 March in other years.
create temp macro completed_years(birth_date, on_day) as
    year(on_day) - year(birth_date)
    - (100 * month(on_day) + day(on_day) < 100 * month(birth_date) + day(birth_date))::integer;

create temp macro season_start(on_day, first_month) as
    make_date(year(on_day) - (first_month > month(on_day))::integer, first_month, 1);

create temp macro season_end(on_day, last_month) as
    last_day(make_date(year(on_day) + (last_month < month(on_day))::integer, last_month, 1));

-- Each distinct drug is classified once, by its ATC code or its name.
create temp table drugs as
with written as (
    select distinct
        atc_code,
        drug_name,
        route
    from prescriptions
),

by_code as (
    select
        codes.atc_code,
        atc_codes.treatment_class_code,
        atc_codes.substance_code,
        atc_codes.steroid_potency_code
    from (
        select atc_code from written
        union
        select atc_code from drug_products
    ) as codes
    inner join atc_codes
        on starts_with(codes.atc_code, atc_codes.atc_prefix)
    qualify
        row_number() over (
            partition by codes.atc_code order by length(atc_codes.atc_prefix) desc
        ) = 1
),

by_name as (
    select
        written.drug_name,
        written.route,
        coalesce(
            drug_products.treatment_class_code, by_code.treatment_class_code
        ) as treatment_class_code,
        coalesce(drug_products.substance_code, by_code.substance_code) as substance_code,
        by_code.steroid_potency_code
    from (select distinct drug_name, route from written) as written
    left join word_list as routes
        on routes.word_kind = 'route' and lower(written.route) = routes.word
    inner join drug_products
        on
            starts_with(lower(written.drug_name), drug_products.product_name)
            and drug_products.route_code in ('any', routes.code)
    left join by_code
        on drug_products.atc_code = by_code.atc_code
    qualify
        row_number() over (
            partition by written.drug_name, written.route
            order by length(drug_products.product_name) desc, drug_products.route_code = 'any'
        ) = 1
)

select
    written.atc_code,
    written.drug_name,
    written.route,
    coalesce(by_code.treatment_class_code, by_name.treatment_class_code, 'unmapped')
        as treatment_class_code,
    coalesce(by_code.substance_code, by_name.substance_code) as substance_code,
    list_position(
        ['mild', 'moderate', 'potent', 'very_potent'],
        coalesce(by_code.steroid_potency_code, by_name.steroid_potency_code)
    ) as potency_rank
from written
left join by_code
    on written.atc_code = by_code.atc_code
left join by_name
    on
        written.drug_name = by_name.drug_name
        and written.route is not distinct from by_name.route;

create temp table courses as
select
    prescriptions.patient_id,
    prescriptions.start_date,
    coalesce(prescriptions.end_date, date 'infinity') as end_date,
    drugs.treatment_class_code,
    drugs.substance_code,
    drugs.potency_rank,
    prescriptions.rowid + 1 as record_number
from prescriptions
inner join drugs
    on
        prescriptions.drug_name = drugs.drug_name
        and prescriptions.atc_code is not distinct from drugs.atc_code
        and prescriptions.route is not distinct from drugs.route;

create temp table eligibility as
with index_dates as (
    select
        patient_id,
        min(start_date) filter (treatment_class_code = getvariable('index_class')) as index_date,
        min(start_date) as first_start_date,
        max(start_date) as last_start_date
    from courses
    group by patient_id
),

study_period as (
    select * from criteria where criterion_code = 'is_index_date_in_study_period'
),

adult as (
    select * from criteria where criterion_code = 'is_adult'
),

baseline as (
    select * from criteria where criterion_code = 'has_baseline_visit'
),

severe as (
    select * from criteria where criterion_code = 'has_severe_disease'
),

systemic as (
    select * from criteria where criterion_code = 'has_no_concomitant_systemic'
),

seen as (
    select
        visits.patient_id,
        bool_or(
            visits.visit_date - index_dates.index_date
            between baseline.first_day and baseline.last_day
        ) as has_baseline_visit,
        max(visits.easi_score) filter (
            visits.visit_date - index_dates.index_date
            between severe.first_day and severe.last_day
        ) as highest_easi,
        bool_or(visits.topical_adherence = 'non_adherent') as is_non_adherent,
        min(visits.visit_date) as first_visit_date,
        max(visits.visit_date) as last_visit_date
    from visits
    left join index_dates
        on visits.patient_id = index_dates.patient_id
    cross join baseline
    cross join severe
    group by visits.patient_id
),

treated as (
    select distinct courses.patient_id
    from courses
    inner join treatment_classes
        on
            courses.treatment_class_code = treatment_classes.treatment_class_code
            and treatment_classes.is_systemic_anti_inflammatory
    inner join index_dates
        on courses.patient_id = index_dates.patient_id
    cross join systemic
    where
        courses.start_date <= index_dates.index_date + systemic.last_day
        and courses.end_date >= index_dates.index_date + systemic.first_day
)

select
    patients.patient_id,
    index_dates.index_date,
    not coalesce(seen.is_non_adherent, false) as is_evaluable,
    [
        index_dates.index_date is not null,
        coalesce(
            index_dates.index_date between study_period.first_date and study_period.last_date, false
        ),
        coalesce(
            completed_years(patients.birth_date, index_dates.index_date) >= adult.threshold_value,
            false
        ),
        coalesce(seen.has_baseline_visit, false),
        coalesce(seen.highest_easi >= severe.threshold_value, false),
        index_dates.index_date is not null and treated.patient_id is null
    ] as verdicts,
    list_position(verdicts, false) as first_failed,
    first_failed is null as is_enrolled,
    least(index_dates.first_start_date, seen.first_visit_date) as first_recorded_date,
    greatest(index_dates.last_start_date, seen.last_visit_date) as last_recorded_date,
    patients.rowid + 1 as record_number
from patients
left join index_dates
    on patients.patient_id = index_dates.patient_id
left join seen
    on patients.patient_id = seen.patient_id
left join treated
    on patients.patient_id = treated.patient_id
cross join study_period
cross join adult
cross join severe;

-- The pseudonym is an HMAC-SHA256 (RFC 2104): a hash of the outer pad and the inner hash.
create temp table enrolled as
select
    patients.* exclude (involves_face, involves_hands, involves_genitalia),
    patients.involves_face = 'yes' as involves_face,
    patients.involves_hands = 'yes' as involves_hands,
    patients.involves_genitalia = 'yes' as involves_genitalia,
    eligibility.index_date,
    seasons.season_code as index_season_code,
    seasons.season_label as index_season_label,
    season_start(eligibility.index_date, seasons.first_month_number) as index_season_start_date,
    season_end(eligibility.index_date, seasons.last_month_number) as index_season_end_date,
    eligibility.is_evaluable,
    eligibility.first_recorded_date,
    eligibility.last_recorded_date,
    eligibility.record_number,
    'p' || substr(
        sha256(
            getvariable('outer_pad')
            || unhex(
                sha256(getvariable('inner_pad') || encode('patient:' || patients.patient_id))
            )
        ), 1, 16
    ) as pseudonym
from patients
inner join eligibility
    on patients.patient_id = eligibility.patient_id
inner join seasons
    on month(eligibility.index_date) = seasons.month_number
where eligibility.is_enrolled;

-- Of the visits in a window the one nearest to its target day.
create temp table attended as
with in_window as (
    select
        visits.*,
        visits.rowid + 1 as record_number,
        enrolled.pseudonym,
        enrolled.is_evaluable,
        visits.visit_date - enrolled.index_date as visit_day
    from visits
    inner join enrolled
        on visits.patient_id = enrolled.patient_id
)

select
    in_window.*,
    visit_windows.timepoint_code,
    visit_windows.timepoint_number,
    visit_windows.nominal_month,
    in_window.visit_day - visit_windows.target_day as days_from_target,
    count(*) over (partition by in_window.patient_id, visit_windows.timepoint_code)
        as n_visits_in_window,
    first_value(in_window.easi_score) over (
        partition by in_window.patient_id, visit_windows.timepoint_code
        order by in_window.visit_date
    ) as easi_first_visit_score,
    first_value(in_window.easi_score) over (
        partition by in_window.patient_id, visit_windows.timepoint_code
        order by in_window.visit_date desc
    ) as easi_last_visit_score
from in_window
inner join visit_windows
    on in_window.visit_day between visit_windows.first_day and visit_windows.last_day
qualify
    row_number() over (
        partition by in_window.patient_id, visit_windows.timepoint_code
        order by
            abs(in_window.visit_day - visit_windows.target_day),
            in_window.visit_date,
            in_window.visit_id
    ) = 1;

create temp table regimens as
with active as (
    select
        attended.patient_id,
        attended.timepoint_code,
        count(*) as n_active_courses,
        bool_or(courses.treatment_class_code = getvariable('topical_class_of')['tacrolimus']) as is_on_tacrolimus,
        bool_or(courses.treatment_class_code = getvariable('topical_class_of')['corticosteroids'])
            as is_on_corticosteroids,
        max(courses.potency_rank) as potency_rank,
        min((courses.start_date, courses.record_number))
            filter (courses.treatment_class_code = getvariable('topical_class_of')['tacrolimus'])[2]
            as tacrolimus_record_number
    from attended
    inner join courses
        on
            attended.patient_id = courses.patient_id
            and attended.visit_date between courses.start_date and courses.end_date
    where
        attended.is_evaluable
        and list_contains(
            map_values(getvariable('topical_class_of')), courses.treatment_class_code
        )
    group by attended.patient_id, attended.timepoint_code
)

select
    attended.patient_id,
    attended.pseudonym,
    attended.timepoint_code,
    attended.timepoint_number,
    attended.nominal_month,
    attended.visit_day,
    coalesce(attended.topical_adherence = 'adherent', false) as is_reviewed,
    case when is_reviewed then coalesce(active.is_on_tacrolimus, false) end as is_on_tacrolimus,
    case when is_reviewed then coalesce(active.is_on_corticosteroids, false) end
        as is_on_corticosteroids,
    case
        when not is_reviewed then null
        when active.is_on_tacrolimus and active.is_on_corticosteroids
            then 'corticosteroids_and_tacrolimus'
        when active.is_on_tacrolimus then 'tacrolimus'
        when active.is_on_corticosteroids then 'corticosteroids'
        else 'none'
    end as topical_regimen_code,
    case
        when is_reviewed
            then ['mild', 'moderate', 'potent', 'very_potent'][active.potency_rank]
    end as steroid_potency_code,
    coalesce(active.n_active_courses, 0) as n_active_courses,
    active.tacrolimus_record_number
from attended
left join active
    on
        attended.patient_id = active.patient_id
        and attended.timepoint_code = active.timepoint_code
where attended.is_evaluable;

-- Every value that a score can take, with its bands: at most 721 per score.
create temp table banded_values as
with possible_values as (
    select
        score_definitions.score_code,
        cast(steps.step * score_definitions.step as decimal(4, 1)) as score_value
    from score_definitions
    inner join range(0, 721) as steps (step)
        on steps.step * score_definitions.step <= score_definitions.max_value
)

select
    possible_values.score_code,
    possible_values.score_value,
    any_value(score_bands.band_code) filter (
        score_bands.scheme_code = 'study'
        and (
            score_value > lower_value or score_value = lower_value and is_lower_inclusive
        )
        and (
            score_value < upper_value or score_value = upper_value and is_upper_inclusive
        )
    ) as study_band_code,
    any_value(score_bands.band_code) filter (
        score_bands.scheme_code != 'study' and score_value between lower_value and upper_value
    ) as instrument_band_code
from possible_values
left join score_bands
    on possible_values.score_code = score_bands.score_code
group by possible_values.score_code, possible_values.score_value;
