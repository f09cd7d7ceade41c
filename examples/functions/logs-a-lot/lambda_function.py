"""Logs far more than the 4 KB that a log tail can hold."""


def lambda_handler(event, context):
    lines = event.get("lines", 1000)
    for number in range(lines):
        print(f"line {number} of {lines}")
    return lines
