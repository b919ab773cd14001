-- A word of word_list leads to a code that code_labels accepts, or to a timepoint; a code that
-- patients can have is the meaning of some word.
with word_list as (
    select * from {{ ref('word_list') }}
),

accepted_codes as (
    select
        code_kind,
        code
    from {{ ref('code_labels') }}
    union all
    select
        'timepoint' as code_kind,
        timepoint_code as code
    from {{ ref('visit_windows') }}
),

faults as (
    select
        'word of a code that is not accepted' as broken_rule,
        word_list.word_kind as column_name
    from word_list
    anti join accepted_codes
        on word_list.word_kind = accepted_codes.code_kind and word_list.code = accepted_codes.code
    union all
    select
        'code without a word' as broken_rule,
        accepted_codes.code_kind as column_name
    from accepted_codes
    semi join word_list
        on accepted_codes.code_kind = word_list.word_kind
    anti join word_list as words
        on accepted_codes.code_kind = words.word_kind and accepted_codes.code = words.code
)

select
    broken_rule,
    column_name,
    count(*) as n_rows
from faults
group by broken_rule, column_name
