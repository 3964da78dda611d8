-- An item's records, with the values that libraries take from them.
SELECT r.item_id, r.subject_key, r.record_key, r.first_period, r.last_period, r.county_code
{% if fields %}
     , {{ day }} AS day, { {%- for field in fields %}'{{ field }}': v."{{ field }}"{{ ", " if not loop.last }}{% endfor -%} } AS value
{% endif %}
FROM {{ ledger }} r
{% if fields %}
JOIN rec."{{ item }}" v ON v.batch_id = r.batch_id AND v.row_number = r.row_number
{% endif %}
WHERE r.item_id = '{{ item }}'
