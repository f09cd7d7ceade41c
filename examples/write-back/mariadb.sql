-- Readings that the function lambdaCalibrateReading writes a calibrated value to.
-- The functions of crates/lambda_udf/sql/install.sql must be there.

CREATE TABLE temp_reading (
    id INT PRIMARY KEY,
    reading_value DECIMAL(10, 1) NOT NULL,
    calibrated_value DECIMAL(10, 1)
);

-- The function's own account, which can do what the function is for and change nothing else. Give it
-- a password where the server is not your own machine's.
CREATE USER lambda_writer@'127.0.0.1';
GRANT SELECT, UPDATE (calibrated_value) ON temp_reading TO lambda_writer@'127.0.0.1';
