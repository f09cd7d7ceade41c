"""Fails as code does: with an exception."""


def lambda_handler(event, context):
    raise ValueError("this function always raises")
