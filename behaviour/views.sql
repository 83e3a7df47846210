-- The tables of behaviour as DuckDB views. Read the views of weft's lake first: they
-- define lake_rows and say how to name the lake.
--
--   SELECT type, count(*) FROM events GROUP BY type;
--   SELECT product, avg(rating) FROM product_reviews GROUP BY product;

CREATE OR REPLACE VIEW events          AS SELECT * FROM lake_rows('events');
CREATE OR REPLACE VIEW reviews         AS SELECT * FROM lake_rows('reviews');
CREATE OR REPLACE VIEW product_reviews AS SELECT * FROM lake_rows('product_reviews');
CREATE OR REPLACE VIEW users           AS SELECT * FROM lake_rows('users');
