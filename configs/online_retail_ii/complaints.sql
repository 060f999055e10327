-- A credit note for goods is an account's dissatisfaction. Nobody recorded when it was answered or
-- resolved, so the stages are not mapped: their latency is unknown, never zero.
SELECT
    Invoice AS complaint_id,
    "Customer ID" AS account_id,
    min(InvoiceDate) AS opened_at
FROM invoices
WHERE "Customer ID" IS NOT NULL
  AND regexp_matches(StockCode, '^[0-9]{5}')
  AND Invoice LIKE 'C%'
  AND Quantity < 0
GROUP BY Invoice, "Customer ID"
