-- What the figures call. Times are microseconds, taken in the server around each call, so that no
-- client and no network to it is measured.

CREATE EXTENSION IF NOT EXISTS plpython3u;

CREATE FUNCTION bench_calls(calls int) RETURNS SETOF float8 LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz;
    answer json;
BEGIN
    FOR i IN 1 .. calls LOOP
        begun := clock_timestamp();
        SELECT payload INTO answer
        FROM aws_lambda.invoke('echo', '{"body": "Hello from Postgres!"}'::json);
        RETURN NEXT extract(epoch FROM clock_timestamp() - begun) * 1e6;
    END LOOP;
END $$;

-- The peer: what a team without the extension writes, at its best. The client is made once for
-- each session and kept.
CREATE FUNCTION bench_peer(function_name text, payload text) RETURNS text LANGUAGE plpython3u AS $$
client = GD.get('client')
if client is None:
    import boto3
    import os
    client = GD['client'] = boto3.client('lambda', endpoint_url=os.environ['BENCH_ENDPOINT'])
answer = client.invoke(FunctionName=function_name, Payload=payload)
return answer['Payload'].read().decode()
$$;

CREATE FUNCTION bench_peer_calls(calls int) RETURNS SETOF float8 LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz;
    answer json;
BEGIN
    FOR i IN 1 .. calls LOOP
        begun := clock_timestamp();
        answer := bench_peer('echo', '{"body": "Hello from Postgres!"}');
        RETURN NEXT extract(epoch FROM clock_timestamp() - begun) * 1e6;
    END LOOP;
END $$;

-- Cancels: the waiter notes when the error reached it, the canceller when it sent the cancel.
CREATE TABLE bench_caught (number int, at timestamptz);
CREATE TABLE bench_sent (number int, at timestamptz);

CREATE FUNCTION bench_wait_for_cancels(cancels int, endpoint text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('aws_lambda.endpoint_override', endpoint, false);
    PERFORM set_config('aws_lambda.request_timeout_ms', '60000', false);
    FOR i IN 1 .. cancels LOOP
        BEGIN
            PERFORM aws_lambda.invoke('sleeps', '{"seconds": 60}'::json);
        EXCEPTION WHEN query_canceled THEN
            INSERT INTO bench_caught VALUES (i, clock_timestamp());
        END;
    END LOOP;
END $$;

CREATE FUNCTION bench_send_cancels(cancels int, waiter int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. cancels LOOP
        -- The waiter is in its next call after far less than this.
        PERFORM pg_sleep(0.02);
        INSERT INTO bench_sent VALUES (i, clock_timestamp());
        PERFORM pg_cancel_backend(waiter);
    END LOOP;
END $$;
