-- Reads a Kinesis stream of temperature readings, one record after the other, into a table.

CREATE EXTENSION IF NOT EXISTS awslambda_fn CASCADE;

CREATE TABLE temp_reading (reading_time timestamp, reading_value numeric);

-- Reads the records after the one of this sequence number, all of them if it is empty, and returns
-- the number of the last: the argument of the next call.
CREATE FUNCTION processSensorReadings(sequenceNumber text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    request jsonb := jsonb_build_object(
        'StreamName', 'MySensorReadings', 'SequenceNumber', sequenceNumber);
    answer jsonb;
    reading jsonb;
BEGIN
    LOOP
        answer := awslambda_fn('lambdaReadKinesisStream', request::text);
        EXIT WHEN answer->>'SequenceNumber' = '';
        reading := answer->'Data';
        RAISE NOTICE 'Time "%", Temp "%"', reading->>'time', reading->>'temp';
        INSERT INTO temp_reading
        VALUES ((reading->>'time')::timestamp, (reading->>'temp')::numeric);
        -- ->> and not ->, which keeps the quotes of JSON: the number could not be passed back in.
        sequenceNumber := answer->>'SequenceNumber';
        -- A shard that was closed has no next record.
        EXIT WHEN answer->>'NextShardIterator' IS NULL;
        request := jsonb_build_object(
            'StreamName', 'MySensorReadings', 'NextShardIterator', answer->'NextShardIterator');
    END LOOP;
    RETURN sequenceNumber;
END $$;

-- Where the next run begins.
CREATE TABLE sensor_position (sequence_number text NOT NULL);
INSERT INTO sensor_position VALUES ('');

-- Reads what is new, and remembers how far it came in the same transaction: a record is in the
-- table once, also after an error, and if two sessions call this at the same time.
CREATE FUNCTION readNewSensorReadings() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    begin_after text;
    last_read text;
BEGIN
    SELECT sequence_number INTO begin_after FROM sensor_position FOR UPDATE;
    last_read := processSensorReadings(begin_after);
    UPDATE sensor_position SET sequence_number = last_read;
    RETURN last_read;
END $$;
