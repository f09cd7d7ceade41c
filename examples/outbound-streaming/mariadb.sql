-- Each new reading is handed to the function lambdaTempReadingTrigger.
-- The functions of crates/lambda_udf/sql/install.sql must be there.

-- The times are in UTC. DATETIME and not TIMESTAMP, which MariaDB changes by itself.
CREATE TABLE temp_reading (reading_time DATETIME, reading_value DECIMAL(10, 2));

DELIMITER //
CREATE TRIGGER temp_reading_trigger AFTER INSERT ON temp_reading FOR EACH ROW
BEGIN
    DECLARE res TEXT;
    -- A reading with a part missing is none.
    IF NEW.reading_time IS NOT NULL AND NEW.reading_value IS NOT NULL THEN
        -- SET and not DO, which would forget an error.
        SET res = awslambda_fn_async('lambdaTempReadingTrigger', JSON_OBJECT(
            'reading_time', DATE_FORMAT(NEW.reading_time, '%Y-%m-%d %H:%i:%s'),
            'reading_value', CAST(NEW.reading_value AS CHAR)));
    END IF;
END //
DELIMITER ;
