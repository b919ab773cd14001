{% test has_codes(model, column, codes) %}
select named.code
from (values ('{{ codes | join("'), ('") }}')) as named (code)
anti join (select {{ column }} as code from {{ model }}) as listed
    on named.code = listed.code
{% endtest %}
