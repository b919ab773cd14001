-- Which product of the list the name of each drug mentions, and whether the name is one drug and
-- nothing else. One row per drug name, ATC code and route.

with stg_pharmacy__prescriptions as (
    select * from {{ ref('stg_pharmacy__prescriptions') }}
),

stg_pharmacy__refused_courses as (
    select * from {{ ref('stg_pharmacy__refused_courses') }}
),

cohort_atc_classes as (
    select * from {{ ref('cohort_atc_classes') }}
),

drug_products as (
    select * from {{ ref('drug_products') }}
),

word_list as (
    select * from {{ ref('word_list') }}
),

drug_name_words as (
    select * from {{ ref('drug_name_words') }}
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
    from (
        select
            drug_name,
            atc_code,
            route_code
        from stg_pharmacy__prescriptions
        union distinct
        select
            drug_name,
            atc_code,
            route_code
        from stg_pharmacy__refused_courses
    ) as courses
),

names as (
    select drug_name as written_name from written_drugs
    union distinct
    select product_name as written_name from drug_products
),

-- The words of a name are its runs of letters and digits; a question mark stays with its word, and
-- a stroke between two letters is left out: "tacrolimus 0,1% s/c" is tacrolimus, 0, 1, sc.
split_names as (
    select
        written_name,
        regexp_extract_all(
            regexp_replace(written_name, '\b([a-z])/([a-z])\b', '\1\2', 'g'), '[\pL\pM\d?]+'
        ) as parts
    from names
),

-- The words of each drug, and what follows each of them.
placed_words as (
    select
        written_drugs.drug_number,
        split_names.parts,
        unnest(split_names.parts) as word,
        generate_subscripts(split_names.parts, 1) as word_place
    from written_drugs
    inner join split_names
        on written_drugs.drug_name = split_names.written_name
),

name_words as (
    select
        drug_number,
        word,
        word_place,
        array_to_string(parts[word_place:], ' ') || ' ' as text_from_here
    from placed_words
),

-- Where no route is recorded, a word of the name may tell it: ointment, tablets. Two routes tell
-- nothing.
name_routes as (
    select
        name_words.drug_number,
        min(word_list.code) as route_code
    from name_words
    inner join word_list
        on name_words.word = word_list.word and word_list.word_kind = 'route'
    group by name_words.drug_number
    having count(distinct word_list.code) = 1
),

routed_drugs as (
    select
        written_drugs.drug_number,
        written_drugs.atc_code,
        coalesce(written_drugs.route_code, name_routes.route_code) as known_route_code
    from written_drugs
    left join name_routes
        on written_drugs.drug_number = name_routes.drug_number
),

product_meanings as (
    select
        drug_products.route_code,
        drug_products.atc_code,
        cohort_atc_classes.steroid_potency_code,
        split_names.parts[1] as first_word,
        array_to_string(split_names.parts, ' ') || ' ' as product_text,
        array_length(split_names.parts, 1) as n_words,
        coalesce(drug_products.treatment_class_code, cohort_atc_classes.treatment_class_code)
            as treatment_class_code,
        coalesce(drug_products.substance_code, cohort_atc_classes.substance_code) as substance_code
    from drug_products
    inner join split_names
        on drug_products.product_name = split_names.written_name
    left join cohort_atc_classes
        on drug_products.atc_code = cohort_atc_classes.atc_code
),

-- Where a name has the words of a product, whatever its route.
product_places as (
    select
        name_words.drug_number,
        name_words.word_place as first_place,
        product_meanings.route_code,
        product_meanings.atc_code,
        product_meanings.treatment_class_code,
        product_meanings.substance_code,
        product_meanings.steroid_potency_code,
        product_meanings.treatment_class_code
        || '/' || coalesce(product_meanings.substance_code, '') as drug_code,
        name_words.word_place + product_meanings.n_words - 1 as last_place
    from name_words
    inner join product_meanings
        on
            name_words.word = product_meanings.first_word
            and starts_with(name_words.text_from_here, product_meanings.product_text)
),

-- A longer product name says more than one inside it: "hydrocortisone butyrate".
named_places as (
    select
        product_places.*,
        routed_drugs.known_route_code,
        coalesce(routed_drugs.atc_code, '') != ''
        and starts_with(product_places.atc_code, routed_drugs.atc_code) as is_in_written_code
    from product_places
    inner join routed_drugs
        on product_places.drug_number = routed_drugs.drug_number
    where
        not exists (
            select 1
            from product_places as longer
            where
                longer.drug_number = product_places.drug_number
                and longer.first_place <= product_places.first_place
                and longer.last_place >= product_places.last_place
                and longer.last_place - longer.first_place
                > product_places.last_place - product_places.first_place
        )
),

-- A product of the known route wins over one of any route; without either the place is undecided.
decided_places as (
    select *
    from named_places
    where route_code = 'any' or route_code = known_route_code
    qualify
        row_number() over (
            partition by drug_number, first_place
            order by route_code = 'any' asc, last_place desc, drug_code asc, atc_code asc nulls last
        ) = 1
),

-- The drug that the decided places mean together, if it is one.
decided_drugs as (
    select
        drug_number,
        min(drug_code) as drug_code,
        min(first_place) as first_place
    from decided_places
    group by drug_number
    having count(distinct drug_code) = 1
),

-- A name with two drugs is no drug: every place must be able to mean the one that was decided, as
-- in "tacrolimus (Protopic)".
place_verdicts as (
    select
        named_places.drug_number,
        named_places.first_place,
        bool_or(named_places.is_in_written_code) as is_in_written_code,
        count(decided_drugs.drug_number) > 0 as is_of_decided_drug
    from named_places
    left join decided_drugs
        on
            named_places.drug_number = decided_drugs.drug_number
            and named_places.drug_code = decided_drugs.drug_code
    group by named_places.drug_number, named_places.first_place
),

several_drugs as (
    select
        drug_number,
        -- A code of its own beside two names is a combination; the code of one of them is not.
        -- A product without a code has none that could be that code.
        coalesce(bool_or(is_in_written_code), false) as is_code_of_one
    from place_verdicts
    group by drug_number
    having count(*) > 1 and not bool_and(is_of_decided_drug)
),

-- What the marks of a name say: a date, which may be that of a stop (10/20 before a unit is a
-- strength); or no, as "(-)", ": 0" and a cross do.
name_marks as (
    select
        drug_number,
        regexp_matches(
            drug_name,
            '(^|\D)(19[5-9]\d|20(0[1-9]|[1-4]\d))(\D|$)'
            || '|(^|[^\d.,/])(0?[1-9]|[12]\d|3[01])[./-](0?[1-9]|1[0-2])[./-]\d\d(\D|$)'
            || '|(^|[^\d.,/])(0?[1-9]|1[0-2])/[0-3]\d\s*($|[^\s\d/.,%\pL])|[''’´`][0-3]\d(\D|$)'
        ) as has_date,
        regexp_matches(drug_name, '[✗✘❌†]|\(\s*[-–—]\s*\)|[\s:=(]0\s*(\)|$)') as has_denial
    from written_drugs
),

-- What is no product must be a form, a strength or a schedule. Numbers are strengths; "stopped" and
-- "never" are remarks, as is a question mark. Any other word is not understood.
other_words as (
    select
        name_words.drug_number,
        bool_or(drug_name_words.meaning_code = 'remark' or name_words.word like '%?%')
            as has_remark
    from name_words
    left join drug_name_words
        on regexp_replace(name_words.word, '^\d+|\d+$', '', 'g') = drug_name_words.word
    left join word_list
        on name_words.word = word_list.word and word_list.word_kind = 'route'
    where
        word_list.word is null
        and (drug_name_words.word is null or drug_name_words.meaning_code = 'remark')
        and not regexp_full_match(name_words.word, '\d+')
        and not exists (
            select 1
            from named_places
            where
                named_places.drug_number = name_words.drug_number
                and name_words.word_place
                between named_places.first_place and named_places.last_place
        )
    group by name_words.drug_number
),

-- Only a name of known words says what the course is; any name may contradict its code.
final as (
    select
        written_drugs.drug_number,
        written_drugs.drug_name,
        written_drugs.atc_code,
        written_drugs.route_code,
        decided_places.atc_code as product_atc_code,
        decided_places.treatment_class_code,
        decided_places.substance_code,
        decided_places.steroid_potency_code,
        decided_places.drug_number is not null
        and several_drugs.drug_number is null
        and other_words.drug_number is null
        and not name_marks.has_date
        and not name_marks.has_denial as is_understood,
        -- No further word is no remark; no second drug, no code of one of two.
        coalesce(other_words.has_remark, false) or name_marks.has_denial as has_remark,
        coalesce(several_drugs.is_code_of_one, false) as is_code_of_one_of_two
    from written_drugs
    inner join name_marks
        on written_drugs.drug_number = name_marks.drug_number
    left join decided_drugs
        on written_drugs.drug_number = decided_drugs.drug_number
    left join decided_places
        on
            decided_drugs.drug_number = decided_places.drug_number
            and decided_drugs.first_place = decided_places.first_place
    left join several_drugs
        on written_drugs.drug_number = several_drugs.drug_number
    left join other_words
        on written_drugs.drug_number = other_words.drug_number
)

select * from final
