-- Order lines and returns of Online Retail II (doi:10.24432/C5CG6D), from its columns as published.
-- Goods have codes that begin with five digits; postage, fees, samples and corrections have not.
-- A line without a customer cannot be attributed to an account. Lines of credit notes (`C...`)
-- carry a negative quantity and stay: as returns, never as orders.
SELECT
    "Customer ID" AS account_id,
    Invoice AS order_id,
    InvoiceDate AS occurred_at,
    Quantity * Price AS amount,
    Quantity AS quantity,
    StockCode AS product_id
FROM invoices
WHERE "Customer ID" IS NOT NULL
  AND regexp_matches(StockCode, '^[0-9]{5}')
  AND Price > 0
  AND CASE WHEN Invoice LIKE 'C%' THEN Quantity < 0 ELSE Quantity > 0 END
