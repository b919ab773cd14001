{% test relationships(model, column_name, to, field) %}
with recorded_values as (
    select distinct {{ column_name }} as recorded_value
    from {{ model }}
    where {{ column_name }} is not null
)

select recorded_values.recorded_value
from recorded_values
anti join {{ to }} as known
    on recorded_values.recorded_value = known.{{ field }}
{% endtest %}
