-- Reads a Kinesis stream of temperature readings, one record after the other, into a table.
-- The functions of crates/lambda_udf/sql/install.sql must be there.

CREATE TABLE temp_reading (reading_time DATETIME, reading_value DECIMAL(10, 2));

-- Where the next run begins.
CREATE TABLE sensor_position (sequence_number VARCHAR(128) NOT NULL);
INSERT INTO sensor_position VALUES ('');

DELIMITER //

-- Reads the records after the one of this sequence number, all of them if it is empty, and leaves
-- the number of the last in it, for the next call.
CREATE PROCEDURE processSensorReadings(INOUT sequenceNumber VARCHAR(128))
BEGIN
    DECLARE request, answer LONGTEXT;
    SET request = JSON_OBJECT(
        'StreamName', 'MySensorReadings', 'SequenceNumber', sequenceNumber);
    readings: LOOP
        SET answer = awslambda_fn('lambdaReadKinesisStream', request);
        IF JSON_VALUE(answer, '$.SequenceNumber') = '' THEN
            LEAVE readings;
        END IF;
        SELECT JSON_VALUE(answer, '$.Data.time') AS `Time`, JSON_VALUE(answer, '$.Data.temp') AS `Temp`;
        INSERT INTO temp_reading
        VALUES (JSON_VALUE(answer, '$.Data.time'), JSON_VALUE(answer, '$.Data.temp'));
        -- JSON_EXTRACT alone keeps the quotes of JSON: the number could not be passed back in.
        SET sequenceNumber = JSON_UNQUOTE(JSON_EXTRACT(answer, '$.SequenceNumber'));
        -- A shard that was closed has no next record.
        IF JSON_VALUE(answer, '$.NextShardIterator') IS NULL THEN
            LEAVE readings;
        END IF;
        SET request = JSON_OBJECT('StreamName', 'MySensorReadings',
            'NextShardIterator', JSON_VALUE(answer, '$.NextShardIterator'));
    END LOOP;
END //

-- Reads what is new, and remembers how far it came in the same transaction: a record is in the
-- table once, also after an error, and if two sessions call this at the same time.
CREATE PROCEDURE readNewSensorReadings(OUT lastRead VARCHAR(128))
BEGIN
    DECLARE EXIT HANDLER FOR SQLEXCEPTION
    BEGIN
        ROLLBACK;
        RESIGNAL;
    END;
    START TRANSACTION;
    SELECT sequence_number INTO lastRead FROM sensor_position FOR UPDATE;
    CALL processSensorReadings(lastRead);
    UPDATE sensor_position SET sequence_number = lastRead;
    COMMIT;
END //

DELIMITER ;
