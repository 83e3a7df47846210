-- The tables of weft's lake as DuckDB views: for each key the row that counts.
--
--   SET VARIABLE lake = 'bucket/default/lake/v1';   -- or 's3://bucket/default/lake/v1'
--   .read views.sql
--   SELECT modality, count(*) FROM features GROUP BY modality;
--
-- Of the rows of one key the highest version counts, then the one written last, then
-- a tombstone; rows equal in all of that are copies of one row. While weft compacts, a
-- file may disappear under a query; run it again.

CREATE OR REPLACE MACRO lake_rows(name) AS TABLE
  SELECT * EXCLUDE (place) FROM (
    SELECT *, row_number() OVER (PARTITION BY key ORDER BY version DESC, written DESC, deleted DESC) AS place
    FROM read_parquet(getvariable('lake') || '/' || name || '/**/*.parquet', union_by_name = true, hive_partitioning = false))
  WHERE place = 1 AND NOT deleted;

CREATE OR REPLACE VIEW features AS SELECT * FROM lake_rows('features');
CREATE OR REPLACE VIEW objects  AS SELECT * FROM lake_rows('objects');
CREATE OR REPLACE VIEW products AS SELECT * FROM lake_rows('products');
CREATE OR REPLACE VIEW user_vectors AS SELECT * FROM lake_rows('user_vectors');
CREATE OR REPLACE VIEW dead     AS SELECT * FROM lake_rows('dead');
CREATE OR REPLACE VIEW receipts AS SELECT * FROM lake_rows('receipts');
