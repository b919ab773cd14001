{% test ledger_balances(model) %}
select
    source_file,
    balance
from {{ model }}
where balance != 0
{% endtest %}
