-- Line items of CUR 2.0 and of the legacy CUR, judged. Amortised cost by line item type: usage at what it costs under its
-- plan or reservation, negations nothing, fees only the part of the commitment that nobody used. That part is usage, the
-- fee itself a purchase, so that a fee with an unused part becomes two rows. As in FOCUS, covered usage is billed nothing.
WITH typed AS (
    SELECT
        lines.*,
        TRY_CAST(unblended_cost AS decimal(38, 18)) AS exported,
        COALESCE(TRY_CAST(plan_effective_cost AS decimal(38, 18)), CAST(0 AS decimal(38, 18))) AS covered_by_plan,
        COALESCE(TRY_CAST(reservation_effective_cost AS decimal(38, 18)), CAST(0 AS decimal(38, 18))) AS reserved,
        COALESCE(TRY_CAST(plan_commitment AS decimal(38, 18)), CAST(0 AS decimal(38, 18)))
            - COALESCE(TRY_CAST(plan_used_commitment AS decimal(38, 18)), CAST(0 AS decimal(38, 18))) AS unused_plan,
        COALESCE(TRY_CAST(unused_upfront AS decimal(38, 18)), CAST(0 AS decimal(38, 18)))
            + COALESCE(TRY_CAST(unused_recurring AS decimal(38, 18)), CAST(0 AS decimal(38, 18))) AS unused_reservation,
        TRY_CAST(public_cost AS decimal(38, 18)) AS public_amount,
        COALESCE(
            plan_arn IS NOT NULL OR reservation_arn IS NOT NULL OR product_code = 'ComputeSavingsPlans', false
        ) AS of_commitment,
        TRY_CAST(substr(usage_start, 1, 10) AS date) AS day,
        COALESCE(
            TRY_CAST(substr(usage_start, 1, 10) AS date) < TRY_CAST(substr(period_start, 1, 10) AS date)
                AND line_type NOT IN ('Fee', 'RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee'),
            false
        ) AS correction,
        ROW_NUMBER() OVER (
            PARTITION BY
                line_id, time_interval, line_type, usage_start, usage_account, product_code, usage_type, operation,
                resource, description, usage_amount, unblended_cost, currency, split_parent, tags_text
        ) AS copy
    FROM lines
), found AS (
    SELECT
        typed.*,
        CASE
            WHEN NOT regexp_like(
                COALESCE(usage_start, ''),
                '^\d{4}-\d{2}-\d{2}([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?)? ?(Z|UTC|[+-]00:?00)?$'
            ) OR day IS NULL THEN 'line_item_usage_start_date is no time in UTC'
            WHEN split_parent IS NOT NULL THEN 'split cost allocation'
            WHEN exported IS NULL THEN 'line_item_unblended_cost is no number'
            WHEN COALESCE(line_type, '') NOT IN (
                'Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'SavingsPlanUpfrontFee',
                'SavingsPlanRecurringFee', 'RIFee', 'Fee', 'Tax', 'Credit', 'Refund', 'EdpDiscount', 'BundledDiscount',
                'PrivateRateDiscount', 'RiVolumeDiscount', 'SppDiscount', 'DistributorDiscount', 'Adjustment'
            ) THEN 'unknown line_item_line_item_type'
            WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') AND NOT correction AND exported < 0
                THEN 'negative usage'
            WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') AND day > date_add('day', 1, current_date)
                THEN 'usage in the future'
            WHEN copy > 1 AND line_id IS NOT NULL THEN 'duplicate line item'
            ELSE ''
        END AS problem,
        CASE
            WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Usage'
            WHEN line_type IN ('SavingsPlanUpfrontFee', 'SavingsPlanRecurringFee', 'RIFee', 'Fee') THEN 'Purchase'
            WHEN line_type IN ('Tax', 'Credit', 'Refund') THEN line_type
            ELSE 'Adjustment'
        END AS category
    FROM typed
), valued AS (
    SELECT
        found.*,
        CASE
            WHEN line_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN CAST(0 AS decimal(38, 18))
            ELSE exported
        END AS billed,
        CASE
            WHEN line_type = 'SavingsPlanCoveredUsage' THEN covered_by_plan
            WHEN line_type = 'DiscountedUsage' THEN reserved
            WHEN line_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee', 'SavingsPlanRecurringFee', 'RIFee')
                THEN CAST(0 AS decimal(38, 18))
            WHEN line_type IN ('Fee', 'Refund') AND of_commitment THEN CAST(0 AS decimal(38, 18))
            ELSE exported
        END AS effective,
        CASE
            WHEN line_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN public_amount
        END AS listed,
        1 AS line_items
    FROM found
    UNION ALL
    SELECT
        found.*,
        CAST(0 AS decimal(38, 18)) AS billed,
        CASE WHEN line_type = 'RIFee' THEN unused_reservation ELSE unused_plan END AS effective,
        CAST(NULL AS decimal(38, 18)) AS listed,
        0 AS line_items
    FROM found
    WHERE problem = '' AND (
        (line_type = 'RIFee' AND unused_reservation <> CAST(0 AS decimal(38, 18)))
        OR (line_type = 'SavingsPlanRecurringFee' AND unused_plan <> CAST(0 AS decimal(38, 18)))
    )
)
SELECT
    day,
    COALESCE(usage_account, payer_account, '') AS account,
    COALESCE(product_code, '') AS service,
    COALESCE(usage_type, '') AS usage_type,
    CASE WHEN lower(region) = 'global' THEN '' ELSE COALESCE(region, '') END AS region,
    cost_center,
    CASE WHEN line_items = 0 THEN 'Usage' ELSE category END AS category,
    correction,
    COALESCE(currency, '') AS currency,
    tag_key,
    other_tag_keys,
    problem,
    CASE WHEN problem NOT IN ('', 'split cost allocation') THEN file ELSE '' END AS file,
    CASE WHEN problem NOT IN ('', 'split cost allocation', 'duplicate line item') THEN reference ELSE '' END AS reference,
    billed,
    effective,
    listed,
    CASE WHEN line_items = 0 THEN CAST(0 AS decimal(38, 18)) ELSE exported END AS exported,
    line_items,
    CASE WHEN invoice IS NULL THEN line_items ELSE 0 END AS not_invoiced,
    CASE WHEN copy > 1 THEN line_items ELSE 0 END AS repeated
FROM valued
