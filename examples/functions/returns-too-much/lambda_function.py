"""Fails by answering with more than 6 MB."""


def lambda_handler(event, context):
    return "x" * (7 * 1024 * 1024)
