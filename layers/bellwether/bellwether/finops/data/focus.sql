-- Line items of FOCUS 1.0 to 1.2, judged. `lines` holds the columns as text, NULL where the export has no value.
WITH typed AS (
    SELECT
        lines.*,
        TRY_CAST(billed_cost AS decimal(38, 18)) AS billed,
        TRY_CAST(effective_cost AS decimal(38, 18)) AS effective,
        TRY_CAST(list_cost AS decimal(38, 18)) AS listed,
        COALESCE(charge_class, '') = 'Correction' AS correction,
        ROW_NUMBER() OVER (
            PARTITION BY
                charge_start, charge_end, charge_category, charge_class, charge_description, billing_account, sub_account,
                service_code, service_name, usage_type, operation, region, resource, sku_price, commitment,
                commitment_status, capacity_reservation, consumed_quantity, pricing_quantity, billed_cost, effective_cost,
                currency, invoice, tags_text
        ) AS copy
    FROM lines
), found AS (
    SELECT
        typed.*,
        CASE
            WHEN NOT regexp_like(
                COALESCE(charge_start, ''),
                '^\d{4}-\d{2}-\d{2}([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?)? ?(Z|UTC|[+-]00:?00)?$'
            ) OR TRY_CAST(substr(charge_start, 1, 10) AS date) IS NULL THEN 'ChargePeriodStart is no time in UTC'
            WHEN billed IS NULL THEN 'BilledCost is no number'
            WHEN effective IS NULL THEN 'EffectiveCost is no number'
            WHEN COALESCE(charge_category, '') NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment', 'Refund')
                THEN 'unknown ChargeCategory'
            WHEN charge_category = 'Usage' AND NOT correction AND (billed < 0 OR effective < 0) THEN 'negative usage'
            WHEN charge_category = 'Usage'
                AND TRY_CAST(substr(charge_start, 1, 10) AS date) > date_add('day', 1, current_date) THEN 'usage in the future'
            ELSE ''
        END AS problem
    FROM typed
)
SELECT
    TRY_CAST(substr(charge_start, 1, 10) AS date) AS day,
    COALESCE(sub_account, billing_account, '') AS account,
    COALESCE(service_code, service_name, '') AS service,
    COALESCE(usage_type, '') AS usage_type,
    CASE WHEN lower(region) = 'global' THEN '' ELSE COALESCE(region, '') END AS region,
    cost_center,
    CASE -- FOCUS has no category for refunds: they are purchases with a negative amount
        WHEN charge_category = 'Purchase' AND billed < 0 AND NOT correction THEN 'Refund'
        ELSE COALESCE(charge_category, '')
    END AS category,
    correction,
    COALESCE(currency, '') AS currency,
    tag_key,
    other_tag_keys,
    problem,
    CASE WHEN problem <> '' THEN file ELSE '' END AS file,
    CASE WHEN problem <> '' THEN reference ELSE '' END AS reference,
    billed,
    effective,
    listed,
    billed AS exported,
    1 AS line_items,
    CASE WHEN invoice IS NULL THEN 1 ELSE 0 END AS not_invoiced,
    CASE WHEN copy > 1 THEN 1 ELSE 0 END AS repeated -- counted, not left out: without line item ids equal lines may both be right
FROM found
