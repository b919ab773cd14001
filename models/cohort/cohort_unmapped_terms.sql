-- The worklist: names and terms that no code list knows, most frequent first. A term leaves it when
-- it is added to a seed or to the words of a mapping. One row per kind of term and term.

with cohort_unmapped_records as (
    select * from {{ ref('cohort_unmapped_records') }}
),

final as (
    select
        term_kind,
        term,
        count(*) as n_records,
        count(distinct patient_id) as n_patients
    from cohort_unmapped_records
    group by term_kind, term
)

select * from final
order by term_kind asc, n_records desc, term asc
