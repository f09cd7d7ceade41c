"""Answers with everything that the function was told."""

import os


def lambda_handler(event, context):
    client = context.client_context
    return {
        "event": event,
        "client_context": client and {"custom": client.custom, "env": client.env},
        "invoked_function_arn": context.invoked_function_arn,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "aws_request_id": context.aws_request_id,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "deadline_ms": context._epoch_deadline_time_in_ms,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "environment": dict(os.environ),
        "working_directory": os.getcwd(),
        "pid": os.getpid(),
    }
