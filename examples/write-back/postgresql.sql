-- Readings that the function lambdaCalibrateReading writes a calibrated value to.

CREATE EXTENSION IF NOT EXISTS awslambda_fn CASCADE;

CREATE TABLE temp_reading (
    id int PRIMARY KEY,
    reading_value numeric NOT NULL,
    calibrated_value numeric
);

-- The function's own role, which can do what the function is for and nothing else. It has no right
-- to call functions: a function could not call itself through the database.
CREATE ROLE lambda_writer LOGIN;
GRANT SELECT, UPDATE (calibrated_value) ON temp_reading TO lambda_writer;
