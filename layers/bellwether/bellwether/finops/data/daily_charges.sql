-- Daily aggregates of the judged line items, and each rejected line item by itself. Days and amounts are text, because the
-- result is a CSV file. A line item with a problem counts in no total; duplicates and split costs are added up by key.
SELECT
    CAST(day AS varchar) AS day,
    account,
    service,
    usage_type,
    region,
    cost_center,
    category,
    CASE WHEN correction THEN 'true' ELSE 'false' END AS correction,
    currency,
    tag_key,
    other_tag_keys,
    problem,
    file,
    reference,
    CAST(SUM(billed) AS varchar) AS billed,
    CAST(SUM(effective) AS varchar) AS effective,
    CAST(SUM(listed) AS varchar) AS listed,
    CAST(SUM(exported) AS varchar) AS exported,
    CAST(SUM(line_items) AS varchar) AS line_items,
    CAST(SUM(not_invoiced) AS varchar) AS not_invoiced,
    CAST(SUM(repeated) AS varchar) AS repeated
FROM judged
GROUP BY day, account, service, usage_type, region, cost_center, category, correction, currency, tag_key, other_tag_keys,
    problem, file, reference
